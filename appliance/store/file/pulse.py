"""How a long-running part tells the others how it is: one small file per part, overwritten in place.

A part beats every second or so; the screen, `hexpost status` and `/health` read. The state is worth nothing after a
crash, so it is kept off the card: in systemd's runtime directory (memory) where there is one, else in `<data>/run`,
where writing the same 4 KB page without rename or fsync leaves it to the kernel to flush one page every half minute.
A reader can meet a half-written page; length and checksum tell, and it reads again.

Age is counted on the boot-time clock, because the wall clock of a box may be wrong or jump. Called by the loops of
the four parts (write) and by `cli` and `serve` (read).
"""

import os
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from appliance.clock import Clock, system_clock, to_us

PAGE_BYTES = 4096
MAGIC = b"HXP1"
HEADER_BYTES = 12  # magic, payload length, CRC-32 of the payload
TEXT_CHARACTERS = 300  # an error message in a state is cut here, so that no message can stop a heartbeat
READ_ATTEMPTS = 10
MAX_PARTS = 64
SUFFIX = ".pulse"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """What a part last said of itself.

    `beat_at_s` is on the boot-time clock (seconds, see `boot_time_s`), `wall_us` the wall clock's microseconds.
    `boot` and `process_start` tell this process from one of an earlier boot, or a later one with the same pid.
    """

    part: str
    pid: int
    boot: str
    process_start: int
    beat_at_s: float
    wall_us: int
    state: dict[str, Any]

    def age_s(self, now_s: float) -> float:
        """Seconds since the beat, `now_s` on the boot-time clock; infinite when the beat is of another boot."""
        return now_s - self.beat_at_s if self.boot == _boot_id() else float("inf")


class PulseWriter:
    """The one writer of a part's pulse; opens its file once and overwrites the first page of it."""

    def __init__(
        self, run_dir: Path, part: str, *, clock: Clock = system_clock, boot_time: Callable[[], float] | None = None
    ) -> None:
        if not part.isidentifier():
            raise ValueError(f"a part is named like an identifier, not {part!r}")
        run_dir.mkdir(parents=True, exist_ok=True)
        self._part = part
        self._clock = clock
        self._boot_time = boot_time or boot_time_s
        self._descriptor = os.open(run_dir / f"{part}{SUFFIX}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def beat(self, state: Mapping[str, Any]) -> None:
        """Overwrite the pulse: `state` is what JSON can hold, long texts are cut to 300 characters.

        raises  ValueError  the state does not fit one page (about 3.9 KB of JSON)
        """
        pulse = Pulse(
            part=self._part,
            pid=os.getpid(),
            boot=_boot_id(),
            process_start=_process_start(os.getpid()) or 0,
            beat_at_s=self._boot_time(),
            wall_us=to_us(self._clock()),
            state={key: _cut(value) for key, value in state.items()},
        )
        os.pwrite(self._descriptor, encode_page(pulse), 0)

    def close(self) -> None:
        """Close the file and leave it: the last words of a part that ended are worth reading."""
        os.close(self._descriptor)


def run_directory(data: Path, environment: Mapping[str, str]) -> Path:
    """Where the parts meet: systemd's `RUNTIME_DIRECTORY`, the first if it names several, else `<data>/run`."""
    given = environment.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(given) if given else data / "run"


def read_pulses(run_dir: Path) -> dict[str, Pulse]:
    """The last readable pulse of each part that ever beat here; a part that never did is absent."""
    paths = sorted(run_dir.glob(f"*{SUFFIX}"))[:MAX_PARTS]
    pulses = (_read(path) for path in paths)
    return {pulse.part: pulse for pulse in pulses if pulse is not None}


def is_alive(pulse: Pulse) -> bool:
    """Whether the very process that beat still runs: same boot, same pid, same start, not a zombie."""
    start = _process_start(pulse.pid)
    return pulse.boot == _boot_id() and start is not None and start == pulse.process_start


def boot_time_s() -> float:
    """Seconds since boot, suspended time included; nobody sets it, so differences hold whatever the wall clock does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def encode_page(pulse: Pulse) -> bytes:
    """One page: magic, length, checksum, JSON, zeros.

    raises  ValueError  it does not fit
    """
    payload = msgspec.json.encode(pulse)
    if len(payload) > PAGE_BYTES - HEADER_BYTES:
        raise ValueError(
            f"the state of {pulse.part} is {len(payload)} bytes, a pulse holds {PAGE_BYTES - HEADER_BYTES}"
        )
    header = MAGIC + len(payload).to_bytes(4, "little") + zlib.crc32(payload).to_bytes(4, "little")
    return (header + payload).ljust(PAGE_BYTES, b"\0")


def decode_page(page: bytes) -> Pulse | None:
    """The pulse in a page, or None where the page is torn, empty or not a pulse."""
    length = int.from_bytes(page[4:8], "little")
    payload = page[HEADER_BYTES : HEADER_BYTES + length]
    if page[:4] != MAGIC or len(payload) != length or zlib.crc32(payload) != int.from_bytes(page[8:12], "little"):
        return None
    try:
        return msgspec.json.decode(payload, type=Pulse)
    except msgspec.DecodeError:
        return None  # written by another version of Hexpost: unknown, hence down


def _read(path: Path) -> Pulse | None:
    for _ in range(READ_ATTEMPTS):
        try:
            pulse = decode_page(path.read_bytes()[:PAGE_BYTES])
        except FileNotFoundError:
            return None
        if pulse is not None:
            return pulse
    return None


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > TEXT_CHARACTERS:
        return value[: TEXT_CHARACTERS - 1] + "…"
    return value


def _boot_id() -> str:
    return BOOT_ID.read_text(encoding="ascii").strip()


def _process_start(pid: int) -> int | None:
    """Clock ticks after boot at which the process started (proc(5), stat field 22); None: it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and parentheses
    return None if fields[0] in ("Z", "X") else int(fields[19])
