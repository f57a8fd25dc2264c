"""Whether the box knows the time, and what it takes the time to be. Pure: a glance at the machine in, a verdict out.

Many boxes have no clock that runs while they are off: after a power cut they wake in the past, until a network, a
satellite receiver or a person tells them the time, and then their system clock leaps. So the box does not count by
the system clock. It counts by CLOCK_BOOTTIME, which nobody can set, plus an offset that is constant within a boot:

1. While the time is not known the offset is `Boot.base_us`. Box time then goes on from the last time that was known
   to be right: it never runs back, lies behind the true time, and is off by one and the same amount for the whole
   boot. Once the time is known, everything that was stamped in that boot is off by exactly `offset_us - base_us`.
2. Whoever sets the kernel's clock from a network (NTP) says so to the kernel, and is believed; likewise a satellite
   receiver, the centre, and a person who names the time. Only what lies more than ten years from what is known needs
   a person: that is how satellite receivers and time servers fail when their week counter starts anew.
3. A machine with a clock of its own (a battery, or a hypervisor) is believed when that goes on from the last known
   time: not before it, and not more than `MAX_AWAY_US` after it.
4. A system clock that was not believed and is set while we look on is believed under the same bounds: somebody did
   that. One that merely stands where it stood when the machine started is not: images and shutdown scripts leave such
   times.
5. What is known stays known until the machine stops. If the system clock leaps while nothing confirms it, box time
   goes on by the steady clock, nothing is stamped wrongly, and the doubt is told.

    known   kernel synchronised  system clock                         verdict
    no      yes                  within 10 years                      known, `network`
    no      yes                  further off                          not known; a person must say
    no      no                   goes on, was set since first seen    known, `set`
    no      no                   goes on, machine keeps time          known, `battery`
    no      no                   stands, or before, or far ahead      not known
    yes     yes                  within 10 years                      known, `network`: box time follows it
    yes     otherwise            near box time                        as known
    yes     otherwise            elsewhere                            as known, and the system clock is doubted
    a word from a receiver, the centre or a person counts before the lines below the first

Called by `store.box_clock`. All values are microseconds; an offset is a time less CLOCK_BOOTTIME.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

import msgspec

from appliance.clock import from_us, rfc3339

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
YEAR_US = 31_556_952 * SECOND_US
BUILT_US = 1_767_225_600 * SECOND_US  # 2026-01-01: before this build's own year no clock is believed
ABSURD_US = 10 * YEAR_US
MAX_AWAY_US = 400 * DAY_US  # a box that lay in a store for longer is asked for its time
LATE_US = 120 * SECOND_US  # a battery clock may have lost so much against the network that set box time before
STEP_US = 2 * SECOND_US  # less is drift and slewing, and no leap
LAG_US = 5 * SECOND_US  # a part that looks late stamps on for so long after the time is known
HEARD_US = SECOND_US  # a receiver's word arrives over a slow line: nearer than this it teaches nothing

Evidence = Literal["", "network", "satellite", "centre", "person", "battery", "set", "estimate"]
"""By what the time of a boot is known; '' while it is not. `estimate`: it ended before anybody knew, see `estimate`."""

WORDS: dict[Evidence, str] = {
    "network": "the kernel's clock is synchronised with a network's (NTP)",
    "satellite": "a satellite receiver tells it",
    "centre": "the centre told it",
    "person": "a person told it",
    "battery": "this machine's own clock runs while it is off, and goes on from when the time was last known",
    "set": "the system clock was set after the machine had started",
    "estimate": "estimated from the boots before and after",
}
REMEDY = "give it a network with a time server or a satellite receiver, or say the time: hexpost clock set TIME"


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine says at one moment. `keeps_time`: it has a clock that runs while it is off, and that agrees."""

    boot_id: str
    boottime_us: int
    wall_us: int
    synchronised: bool = False
    keeps_time: bool = False

    @property
    def offset_us(self) -> int:
        """The system clock's."""
        return self.wall_us - self.boottime_us


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """The time as somebody tells it who is believed."""

    evidence: Evidence
    offset_us: int


class Boot(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger: one run of the machine, from one start to the next.

    base_us        the offset of box time while the time is not known
    floor_us       the last time known to be right when the boot was first seen; None where there was none
    wall_us        the system clock's offset when it was first seen
    seen_us        CLOCK_BOOTTIME when it was first seen, and `last_us` when it was last written down
    offset_us      that of the true time; None while it is not known
    known_us       CLOCK_BOOTTIME when it became known
    spread_us      by how much an estimate may be off, either way
    """

    boot_id: str
    base_us: int
    floor_us: int | None
    wall_us: int
    seen_us: int
    last_us: int
    offset_us: int | None = None
    evidence: Evidence = ""
    known_us: int | None = None
    spread_us: int = 0

    @property
    def known(self) -> bool:
        """Whether its time is known, be it by an estimate."""
        return self.offset_us is not None

    @property
    def shift_us(self) -> int:
        """What is to be added to times stamped before its time was known; 0 while it is not."""
        return 0 if self.offset_us is None else self.offset_us - self.base_us

    @property
    def stamps_from_us(self) -> int:
        """The first box time that could be stamped in it while its time was not known."""
        return self.base_us + self.seen_us

    @property
    def last_time_us(self) -> int:
        """Box time when it was last written down."""
        return (self.base_us if self.offset_us is None else self.offset_us) + self.last_us


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the time is taken to be, and why.

    offset_us  of box time
    evidence   by what it is known; '' where it is not
    reason     in words for a technician
    doubt      what is wrong with the system clock though the time is known; '' where nothing is
    """

    offset_us: int
    evidence: Evidence
    reason: str
    doubt: str = ""

    @property
    def trusted(self) -> bool:
        """Whether the time is known."""
        return self.evidence != ""


def begin(glance: Glance, floor_us: int | None) -> Boot:
    """The line of a boot that is seen for the first time; `floor_us` is the last time known to be right.

    Box time begins there. Where there is none, the system clock is the better guess if it can be true at all.
    """
    wall_us = glance.wall_us
    first = floor_us if floor_us is not None else wall_us if 0 <= wall_us - BUILT_US <= ABSURD_US else BUILT_US
    return Boot(
        boot_id=glance.boot_id,
        base_us=first - glance.boottime_us,
        floor_us=floor_us,
        wall_us=glance.offset_us,
        seen_us=glance.boottime_us,
        last_us=glance.boottime_us,
    )


def judge(glance: Glance, boot: Boot, word: Word | None = None) -> Verdict:
    """Whether the box knows the time at this glance, by the rules above; `boot` is the ledger's line of this boot."""
    believed = boot.offset_us if boot.offset_us is not None else boot.base_us
    wall_us = glance.offset_us
    if glance.synchronised and abs(wall_us - believed) <= ABSURD_US:
        return Verdict(offset_us=wall_us, evidence="network", reason=WORDS["network"])
    if word is not None and abs(word.offset_us - believed) <= ABSURD_US:
        taught = boot.offset_us is None or abs(word.offset_us - boot.offset_us) > HEARD_US
        if taught:
            return _with_doubt(
                glance, Verdict(offset_us=word.offset_us, evidence=word.evidence, reason=WORDS[word.evidence])
            )
    if boot.offset_us is not None:
        known = Verdict(offset_us=boot.offset_us, evidence=boot.evidence, reason=WORDS[boot.evidence])
        return _with_doubt(glance, known)
    return _judge_unknown(glance, boot)


def estimate(before_us: int, boots: Sequence[Boot], after_us: int) -> list[Boot]:
    """Boots that ended without knowing their time, set as evenly as can be between two times that are known.

    before_us  the last true time that is known before the first of them
    boots      in their order
    after_us   the true time at which the boot after the last of them began
    Each was at some time in the gap that all of them leave free; even distances make the greatest error the least.
    """
    free_us = max(0, after_us - before_us - sum(boot.last_us for boot in boots))
    made, at_us = [], before_us
    for n, boot in enumerate(boots, start=1):
        began_us = at_us + free_us * n // (len(boots) + 1)
        spread_us = free_us * max(n, len(boots) + 1 - n) // (len(boots) + 1)
        made.append(msgspec.structs.replace(boot, offset_us=began_us, evidence="estimate", spread_us=spread_us))
        at_us += boot.last_us
    return made


def boot_of(boots: Sequence[Boot], stamp_us: int) -> Boot | None:
    """The boot in which a time was stamped while that was not known; None where it is older than the ledger.

    boots   ascending; stamps of one lie before those of the next
    """
    return next((boot for boot in reversed(boots) if boot.stamps_from_us <= stamp_us), None)


def shift_of(boots: Sequence[Boot], stamp_us: int) -> int:
    """What is to be added to a time that was stamped at any time; 0 where that was known, or still is not."""
    boot = boot_of(boots, stamp_us)
    if boot is None:
        return 0
    until_us = boot.base_us + (boot.known_us if boot.known_us is not None else boot.last_us) + LAG_US
    return boot.shift_us if stamp_us <= until_us else 0


def misdated_days(boots: Sequence[Boot], since_us: int) -> set[date]:
    """UTC days whose name was stamped, before the time was known, on what is in truth not older than `since_us`."""
    days: set[date] = set()
    for boot in boots:
        if boot.shift_us <= 0:
            continue
        last_us = boot.base_us + (boot.known_us if boot.known_us is not None else boot.last_us)
        day, last = from_us(max(boot.stamps_from_us, since_us - boot.shift_us)).date(), from_us(last_us).date()
        while day <= last:
            days.add(day)
            day += timedelta(days=1)
    return days


def distance(us: int) -> str:
    """`3 h`, `12 days`, `9.9 years`: how far times lie apart, whichever way."""
    size = abs(us) / SECOND_US
    for unit, length, digits in (
        ("years", YEAR_US, 1),
        ("days", DAY_US, 1),
        ("h", 3_600 * SECOND_US, 1),
        ("min", 60 * SECOND_US, 0),
    ):
        if size * SECOND_US >= 2 * length:
            return f"{size * SECOND_US / length:.{digits}f} {unit}"
    return f"{size:.0f} s"


def _judge_unknown(glance: Glance, boot: Boot) -> Verdict:
    ahead_us = glance.offset_us - boot.base_us
    reach_us = MAX_AWAY_US if boot.floor_us is not None else ABSURD_US
    says, since = _told(glance.wall_us), _told(boot.floor_us if boot.floor_us is not None else BUILT_US)
    last = (
        f"{since}, when the time was last known"
        if boot.floor_us is not None
        else f"{since}, when this program was made"
    )
    reason = ""
    if glance.synchronised:
        reason = f"a time server set the system clock to {says}, {distance(ahead_us)} from {last}"
    elif _too_early(glance, boot):
        reason = f"the system clock says {says}, and that is before {last}"
    elif ahead_us > reach_us:
        reason = f"the system clock says {says}, and that is {distance(ahead_us)} after {last}"
    elif abs(glance.offset_us - boot.wall_us) > STEP_US:
        return Verdict(offset_us=glance.offset_us, evidence="set", reason=WORDS["set"])
    elif glance.keeps_time:
        return Verdict(offset_us=glance.offset_us, evidence="battery", reason=WORDS["battery"])
    else:
        reason = "this machine has no clock that runs while it is off, and nobody has told it the time since it started"
    return Verdict(offset_us=boot.base_us, evidence="", reason=f"{reason}; {REMEDY}")


def _too_early(glance: Glance, boot: Boot) -> bool:
    if boot.floor_us is None:
        return glance.wall_us < BUILT_US
    return glance.offset_us < boot.base_us - LATE_US


def _with_doubt(glance: Glance, known: Verdict) -> Verdict:
    off_us = glance.offset_us - known.offset_us
    if abs(off_us) <= STEP_US:
        return known
    doubt = (
        f"the system clock says {_told(glance.wall_us)}, {distance(off_us)} {'ahead of' if off_us > 0 else 'behind'} "
        "the box, and nobody confirms it; the box counts on by its steady clock. "
        "If the system clock is right: hexpost clock trust"
    )
    return msgspec.structs.replace(known, doubt=doubt)


def _told(us: int) -> str:
    try:
        return rfc3339(from_us(us - us % SECOND_US))
    except OverflowError:
        return f"second {us // SECOND_US} since 1970"
