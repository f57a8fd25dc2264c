"""Which cameras of a group are down, and whose fault that is: from their states and the outages that last.

The bridge has judged each silence (`firmware_bridge.liveness`): what an outage explains carries it in its cause. While
our own broker is gone it judges nothing, and devices stand as they were last heard: how they are nobody knows then, and
what went down since cannot be told from it, whatever its cause says. Called by `serve`.
"""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from appliance.iot.cameras import OfflineShare
from appliance.model.device import Device
from appliance.model.field import OutageNews
from appliance.store.device.field import fetch_open_outages

OUTAGE = "outage:"
"""How the cause of a device begins that an outage explains; as `firmware_bridge.liveness.vital` writes it."""
OURS = ("broker", "box")
LEFT_OUT = {"maintenance", "pending"}
CAMERA_FAMILIES = {"frigate", "hikvision_dahua", "onvif_axis", "lpr"}


def is_camera(device: Device) -> bool:
    """Whether a device is a camera: it said so, its family is one of cameras, or somebody said how it looks."""
    told = device.facts.get("camera") is True or device.family in CAMERA_FAMILIES
    return told or device.place.view_angle_deg is not None


def fetch_offline_shares(
    connection: sa.Connection, groups: Mapping[str, Sequence[Device]]
) -> dict[str, OfflineShare | None]:
    """Group -> the share of its cameras that are down by their own fault; None for a group without a camera."""
    outages = [outage for outage in fetch_open_outages(connection) if outage.kind in OURS]
    return {
        name: _share([device for device in devices if is_camera(device)], outages) for name, devices in groups.items()
    }


def _share(cameras: Sequence[Device], outages: Sequence[OutageNews]) -> OfflineShare | None:
    counted = [one for one in cameras if one.state not in LEFT_OUT and one.registration != "ignored"]
    if not counted:
        return None
    excused = {one.source: why for one in counted if (why := _excuse(one, outages))}
    return OfflineShare(
        cameras=len(counted),
        own_fault=sorted(one.source for one in counted if one.state == "offline" and one.source not in excused),
        ours=sorted(excused),
        outages=sorted(set(excused.values())),
    )


def _excuse(camera: Device, outages: Sequence[OutageNews]) -> str:
    """What took a camera down that is not itself, or keeps us from knowing how it is; or ''."""
    if camera.state == "offline" and camera.cause.startswith(OUTAGE):
        return camera.cause.removeprefix(OUTAGE)
    unheard = (one for one in outages if camera.state != "offline" or camera.state_at >= one.began_at)
    return next((outage.kind for outage in unheard), "")
