"""What the routes are given: the store, the settings and what has been computed from them. Built by `wiring`."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from appliance.clock import Clock, site_day, to_us
from appliance.errors import Unavailable
from appliance.model.intake import Intake, Receipt, RetryReport
from appliance.model.settings import Settings
from appliance.store.basemaps import Basemap
from appliance.store.clock.box_clock import ClockState
from appliance.store.engine import Store
from appliance.store.intake.batch import Recorder

Pulses = Callable[[], Mapping[str, Mapping[str, Any]]]
"""Part -> what it last said of itself, with `up` saying whether it is alive."""


class Retry(Protocol):
    """Decodes entries of quarantine once more: these ids, else those whose topic the filter names."""

    def __call__(self, *, ids: Sequence[int] | None, topic: str | None, who: str) -> RetryReport:
        """What became of them."""


def refuse_retry(*, ids: Sequence[int] | None, topic: str | None, who: str) -> RetryReport:
    """Where nobody gave the mappings.

    raises  Unavailable
    """
    raise Unavailable(f"retrying {ids or topic} for {who} needs the mappings of firmware, which were not given")


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """Handed to every route by name; holds no mutable state of its own. `plate_key` hashes number plates.

    disk_trouble  why the disk takes no writes, in words; '' where it does
    """

    settings: Settings
    store: Store
    recorder: "SharedRecorder"
    basemaps: dict[str, Basemap]
    map_folder: Path
    archive_folder: Path
    secret: bytes
    plate_key: bytes
    clock: Clock
    clock_trusted: Callable[[], bool]
    clock_state: Callable[[int], ClockState]
    pulses: Pulses
    retry: Retry = refuse_retry
    disk_trouble: Callable[[], str] = lambda: ""

    def today(self) -> str:
        """The site's calendar day, ISO."""
        return site_day(to_us(self.clock()), self.settings.zone).isoformat()


class SharedRecorder:
    """One recorder for the threads that serve uploads, used by one at a time: SQLite has one writer anyway."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._lock = threading.Lock()

    def record(self, intake: Intake) -> Receipt:
        """As `Recorder.record`."""
        with self._lock:
            return self._recorder.record(intake)
