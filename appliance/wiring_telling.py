"""What the bridge tells of itself: floods and the disk, in its report, in the log and on the topic of alerts."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from appliance.clock import Clock, rfc3339
from appliance.model.space import Step
from appliance.store.disk import DiskWatch
from firmware_bridge.flood import FloodGuard

log = logging.getLogger(__name__)


def with_floods(
    report: Callable[[Mapping[str, Any]], None], flood: FloodGuard, alert: Callable[[bytes], bool], clock: Clock
) -> Callable[[Mapping[str, Any]], None]:
    """The bridge's report, each flood announced and logged when it begins, and when it is over with what it cost."""

    def report_with_floods(state: Mapping[str, Any]) -> None:
        for one in flood.news():
            over = one.ended_at is not None
            words: dict[str, Any] = {
                "kind": "flood_ended" if over else "flood",
                "device": one.source,
                "at": rfc3339(clock()),
            }
            words |= {"messages": one.messages, "items_shed": one.items} if over else {}
            alert(msgspec.json.encode(words))
            log.warning("%s: %s", "a flood is over" if over else "a flood is thinned", words)
        report(state)

    return report_with_floods


def with_disk(
    report: Callable[[Mapping[str, Any]], None], watch: DiskWatch, alert: Callable[[bytes], bool], clock: Clock
) -> Callable[[Mapping[str, Any]], None]:
    """The bridge's report with the disk in it; each step of the ladder is announced once, and that it takes no writes.

    What cannot be announced, because there is no broker now, is announced when there is.
    """
    told = (Step.NORMAL, "")

    def report_with_disk(state: Mapping[str, Any]) -> None:
        nonlocal told
        now = (watch.look(), watch.trouble)
        if now != told and alert(msgspec.json.encode({"kind": "disk", "at": rfc3339(clock()), **watch.words})):
            told = now
        report({**state, **watch.words})

    return report_with_disk
