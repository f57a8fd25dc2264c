"""Messages to archive, and what is found in an archive afterwards."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.model.intake import RawMessage
from appliance.store.archive.read import Unread, read_archive
from appliance.store.archive.spool import SPOOL, Frame, list_spools, read_frames
from appliance.store.sealing import Sealer

HOUR = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Counted:
    """Adds up what it is told."""

    def __init__(self) -> None:
        self.total = 0

    def __call__(self, more: int) -> None:
        self.total += more


def message(n: int, *, at: datetime | None = None, payload: bytes = b"", **members: object) -> RawMessage:
    """The nth message of the hour, n seconds into it."""
    return RawMessage(
        topic=f"hexpost/v1/city/cam{n % 5}/event",
        payload=payload or b'{"n":%d}' % n,
        received_at=at or HOUR + timedelta(seconds=n),
        **members,  # type: ignore[arg-type]
    )


def messages(first: int, end: int) -> list[RawMessage]:
    """Those from `first` up to before `end`."""
    return [message(n) for n in range(first, end)]


def spooled(folder: Path) -> list[Frame]:
    """The frames in the spool files of an archive."""
    return [frame for file in list_spools(folder / SPOOL) for frame, _ in read_frames(file)]


def archived(folder: Path, sealer: Sealer, unread: Unread | None = None) -> list[RawMessage]:
    """Every message that is sealed in an archive."""
    found = read_archive(folder, start=EARLIEST, end=LATEST, sealer=sealer, unread=unread or Unread(faults=[]))
    return [one for batch in found for one in batch]
