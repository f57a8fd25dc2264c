"""A machine whose clocks the test turns: what `store.machine_clock` is for a real one."""

from datetime import datetime, timedelta

from appliance.clock import from_us, to_us
from appliance.timekeeping import Glance


class Board:
    """It was started a minute before `wall`, which its system clock says, and stands still until `advance`.

    Without further words its clock is disciplined by a network, so the box knows the time.
    """

    def __init__(self, wall: datetime, *, synchronised: bool = True, keeps_time: bool = False) -> None:
        self.boots = 1
        self.up_us = 60_000_000
        self.wall_us = to_us(wall)
        self.synchronised, self.keeps_time = synchronised, keeps_time

    def boottime_us(self) -> int:
        return self.up_us

    def glance(self, *, known: bool) -> Glance:
        return Glance(
            boot_id=f"boot-{self.boots}",
            boottime_us=self.up_us,
            wall_us=self.wall_us,
            synchronised=self.synchronised,
            keeps_time=self.keeps_time and not known,
        )

    @property
    def wall(self) -> datetime:
        return from_us(self.wall_us)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.up_us += round(seconds * 1_000_000)
        self.wall_us += round(seconds * 1_000_000)

    def leap(self, by: timedelta) -> None:
        """Somebody sets the system clock; the kernel then counts as disciplined by nobody."""
        self.wall_us += by // timedelta(microseconds=1)
        self.synchronised = False

    def restart(self, wall: datetime) -> None:
        """Off and on again: nobody knows for how long, and the system clock says this."""
        self.boots += 1
        self.up_us, self.wall_us, self.synchronised = 20_000_000, to_us(wall), False
