"""What the kernel says of the time: boot id, CLOCK_BOOTTIME, the system clock, and whether it is to be believed.

Reads `/proc`, `/sys` and `adjtimex(2)`; needs no rights and writes nothing. Called by `box_clock` once a second.
"""

import ctypes
import platform
import time
from pathlib import Path

from appliance.timekeeping import Glance

RTC_FOLDER = Path("/sys/class/rtc")
STA_UNSYNC = 0x40  # timex.h: nobody disciplines the clock, or nobody has for long
ZONE_S, RTC_AGREES_S = 900, 5  # a battery clock may tell local time, which is off by quarters of an hour
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class _Timex(ctypes.Structure):
    """The beginning of `struct timex`; the rest is only room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("room", ctypes.c_byte * 512),
    )


class Machine:
    """This machine. Holds what does not change while it runs."""

    def __init__(self) -> None:
        self.boot_id = BOOT_ID.read_text(encoding="ascii").strip()

    def boottime_us(self) -> int:
        """CLOCK_BOOTTIME: since the machine started, sleep included."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000

    def glance(self, *, known: bool) -> Glance:
        """How it is now; whether it keeps the time is only looked up while the time is not `known`."""
        return Glance(
            boot_id=self.boot_id,
            boottime_us=self.boottime_us(),
            wall_us=time.time_ns() // 1_000,
            synchronised=is_synchronised(),
            keeps_time=not known and keeps_time(RTC_FOLDER, platform.machine(), time.time()),
        )


def is_synchronised() -> bool:
    """Whether somebody disciplines the kernel's clock: timesyncd, ntpd, or chrony with `rtcsync`, as Debian has it."""
    timex = _Timex()
    libc = ctypes.CDLL(None)
    try:
        answer: int = libc.adjtimex(ctypes.byref(timex))
    except AttributeError:
        return False
    return answer != -1 and not timex.status & STA_UNSYNC


def keeps_time(folder: Path, machine: str, wall_s: float) -> bool:
    """Whether the machine has a clock that runs while it is off, and the system clock is that.

    A PC always has one, and a virtual one asks its host, though the kernel may show no device; a small board has one
    only where there is a device that agrees: without a battery it says 1970 and the system clock something else.
    """
    devices = sorted(folder.glob("rtc*/since_epoch"))
    if not devices:
        return machine in ("x86_64", "i686", "i386", "AMD64")
    return any(_agrees(device, wall_s) for device in devices)


def _agrees(device: Path, wall_s: float) -> bool:
    try:
        off_s = int(device.read_text(encoding="ascii")) - wall_s
    except (OSError, ValueError):
        return False  # its battery is empty, and the driver says so
    beyond_zone_s = abs(off_s - round(off_s / ZONE_S) * ZONE_S)
    return abs(off_s) <= 26 * 3_600 and beyond_zone_s <= RTC_AGREES_S
