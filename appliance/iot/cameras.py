"""The share of a zone's cameras that are down by their own fault.

A camera that our broker, the box, or what it hangs on took down raises no risk: that is our side, or one fault of many.
It leaves the zone unwatched all the same, so where nothing but such cameras is left the share is unknown.
"""

import msgspec

from appliance.iot.zone_risk import Finding

MAX_NAMES = 20


class OfflineShare(msgspec.Struct, frozen=True, kw_only=True):
    """The cameras of a zone, without those in maintenance, ignored, or never heard.

    own_fault   names of those that fell silent by themselves
    ours        of those that are down, or not heard, by our side or with what they hang on
    outages     what took them down: `broker`, `box`, or a segment
    """

    cameras: int
    own_fault: list[str]
    ours: list[str]
    outages: list[str]


def judge_cameras(share: OfflineShare | None) -> Finding:
    """The part of the risk that cameras offline have; None: the zone has no camera."""
    if share is None or share.cameras == 0:
        return Finding(s=None, words="the zone has no camera")
    numbers = {
        "cameras": share.cameras,
        "offline_own_fault": len(share.own_fault),
        "offline_not_theirs": len(share.ours),
        "devices": share.own_fault[:MAX_NAMES],
        "outages": share.outages,
    }
    of = f"of {share.cameras} camera{'s' * (share.cameras != 1)}"
    excused = f"; {len(share.ours)} more by an outage of {', '.join(share.outages) or 'unknown'}, which raises nothing"
    words = f"{len(share.own_fault)} {of} offline by their own fault{excused if share.ours else ''}"
    if len(share.ours) == share.cameras:
        words = (
            f"every one {of} is out by an outage of {', '.join(share.outages) or 'unknown'}: not known, and not risk"
        )
        return Finding(s=None, words=words, numbers=numbers)
    return Finding(s=len(share.own_fault) / share.cameras, words=words, numbers=numbers)
