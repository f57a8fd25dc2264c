"""What of an intake is kept when room is scarce: events always, of the rest less and less, all of it counted.

The rules by step are in `model/space`. Called by the recorder before it writes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from appliance.model.intake import Fix, Intake, RawMessage, Reading
from appliance.model.space import Step

THIN_S = 60  # of one series, one value in so many seconds of its own time
MAX_KNOWN = 20_000  # series and devices remembered; one forgotten is only kept once more


class Admission:
    """Thins intakes by the step of the disk. One a thread; it remembers what it kept last."""

    def __init__(self, step: Callable[[], Step]) -> None:
        self._step = step
        self._kept: dict[tuple[str, ...], int] = {}

    def __call__(self, intake: Intake) -> Intake:
        """The intake as it may be written; what is taken away is counted in its `shed`.

        What a person retries from quarantine is kept whole.
        """
        step = self._step()
        if step < Step.CRITICAL or intake.retried:
            return intake
        readings, fixes = self._thin(intake.readings, intake.fixes) if step is Step.CRITICAL else ([], [])
        rejections = intake.rejections if step is Step.CRITICAL else []
        shed = Counter(intake.shed)
        shed["disk_full_readings"] += len(intake.readings) - len(readings)
        shed["disk_full_positions"] += len(intake.fixes) - len(fixes)
        shed["disk_full_quarantine"] += len(intake.rejections) - len(rejections)
        return msgspec.structs.replace(
            intake,
            readings=readings,
            fixes=fixes,
            rejections=rejections,
            shed={reason: items for reason, items in shed.items() if items},
        )

    def _thin(self, readings: Iterable[Reading], fixes: Iterable[Fix]) -> tuple[list[Reading], list[Fix]]:
        if len(self._kept) > MAX_KNOWN:
            self._kept.clear()
        return (
            [one for one in readings if self._is_due((one.device, one.metric, one.unit), one.observed_at)],
            [one for one in fixes if self._is_due((one.device,), one.observed_at)],
        )

    def _is_due(self, key: tuple[str, ...], observed_at: datetime) -> bool:
        minute = int(observed_at.timestamp()) // THIN_S
        if self._kept.get(key) == minute:
            return False
        self._kept[key] = minute
        return True


class Archive(Protocol):
    """Where what came is kept as it came."""

    def append(self, messages: Sequence[RawMessage]) -> None:
        """Keep messages."""


class SparingArchive:
    """An archive that takes nothing of a full disk: what room is left there is the store's."""

    def __init__(self, archive: Archive, step: Callable[[], Step], count_missed: Callable[[int], None]) -> None:
        self._archive = archive
        self._step = step
        self._count_missed = count_missed

    def append(self, messages: Sequence[RawMessage]) -> None:
        """Keep messages, or on a full disk count them."""
        if self._step() is Step.FULL:
            self._count_missed(len(messages))
        else:
            self._archive.append(messages)
