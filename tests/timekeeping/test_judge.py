"""When the box believes a time, line by line; hand-worked."""

from datetime import UTC, datetime, timedelta

import pytest

from appliance.clock import from_us, to_us
from appliance.timekeeping import (
    DAY_US,
    SECOND_US,
    YEAR_US,
    Boot,
    Glance,
    Verdict,
    Word,
    begin,
    boot_of,
    distance,
    estimate,
    judge,
    misdated_days,
)

LAST = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # when the time was last known
UP_US = 20 * SECOND_US
MINUTE, HOUR, DAY, YEAR = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(microseconds=YEAR_US)


def seen(wall: datetime, *, up_us: int = UP_US, synchronised: bool = False, keeps_time: bool = False) -> Glance:
    return Glance(boot_id="b", boottime_us=up_us, wall_us=to_us(wall), synchronised=synchronised, keeps_time=keeps_time)


def started(wall: datetime, last: datetime | None = LAST) -> Boot:
    """A boot first seen twenty seconds after its start, when the system clock said this."""
    return begin(seen(wall), to_us(last) if last else None)


def known(at: datetime) -> Boot:
    """The same boot, whose time was found to be this at that moment."""
    return Boot(
        boot_id="b",
        base_us=to_us(LAST) - UP_US,
        floor_us=to_us(LAST),
        wall_us=0,
        seen_us=UP_US,
        last_us=UP_US,
        offset_us=to_us(at) - UP_US,
        evidence="battery",
        known_us=UP_US,
    )


def box_time(verdict: Verdict, up_us: int = UP_US) -> datetime:
    return from_us(verdict.offset_us + up_us)


@pytest.mark.parametrize(
    ("wall", "synchronised", "keeps_time", "evidence", "words"),
    [
        # A small board without a battery: it wakes where it went to sleep, or long before.
        (LAST + MINUTE, False, False, "", "no clock that runs while it is off"),
        (LAST + 3 * DAY, False, False, "", "no clock that runs while it is off"),
        (datetime(1970, 1, 1, tzinfo=UTC), False, False, "", "1970-01-01T00:00:00Z, and that is before 2026-11-20"),
        (LAST - HOUR, False, False, "", "2026-11-20T07:00:00Z, and that is before 2026-11-20T08:00:00Z"),
        # A machine that keeps the time: believed where it goes on.
        (LAST + MINUTE, False, True, "battery", "runs while it is off"),
        (LAST + 399 * DAY, False, True, "battery", "runs while it is off"),
        (LAST + 401 * DAY, False, True, "", "401.0 days after 2026-11-20T08:00:00Z"),
        (LAST - MINUTE, False, True, "battery", "runs while it is off"),  # it loses seconds a week
        (LAST - 3 * MINUTE, False, True, "", "before 2026-11-20T08:00:00Z, when the time was last known"),
        (LAST + 10 * YEAR, False, True, "", "10.0 years after"),
        (LAST - 10 * YEAR, False, True, "", "before 2026-11-20"),
        # A network's time counts whatever the machine, also where what was known before was wrong.
        (LAST + MINUTE, True, False, "network", "NTP"),
        (LAST - 9 * YEAR, True, False, "network", "NTP"),
        (LAST + 9 * YEAR, True, True, "network", "NTP"),
        (LAST - 19.6 * YEAR, True, False, "", "a time server set the system clock to 2007"),
        (LAST + 11 * YEAR, True, True, "", "11.0 years from 2026-11-20"),
    ],
)
def test_at_the_start(wall: datetime, synchronised: bool, keeps_time: bool, evidence: str, words: str) -> None:
    verdict = judge(seen(wall, synchronised=synchronised, keeps_time=keeps_time), started(wall))
    assert (verdict.evidence, verdict.trusted) == (evidence, evidence != "")
    assert words in verdict.reason
    assert box_time(verdict) == (wall if evidence else LAST)
    assert evidence or "hexpost clock set TIME" in verdict.reason


@pytest.mark.parametrize(
    ("wall", "keeps_time", "evidence", "first"),
    [
        (datetime(2026, 11, 26, tzinfo=UTC), True, "battery", datetime(2026, 11, 26, tzinfo=UTC)),
        (datetime(2031, 1, 1, tzinfo=UTC), True, "battery", datetime(2031, 1, 1, tzinfo=UTC)),
        (datetime(2026, 11, 26, tzinfo=UTC), False, "", datetime(2026, 11, 26, tzinfo=UTC)),
        (datetime(2025, 12, 31, tzinfo=UTC), True, "", datetime(2026, 1, 1, tzinfo=UTC)),
        (datetime(2037, 1, 1, tzinfo=UTC), True, "", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_box_that_never_knew_the_time_believes_what_can_be_true(
    wall: datetime, keeps_time: bool, evidence: str, first: datetime
) -> None:
    verdict = judge(seen(wall, keeps_time=keeps_time), started(wall, last=None))
    assert (verdict.evidence, box_time(verdict)) == (evidence, first)
    assert evidence or "when this program was made" in verdict.reason or "no clock that runs" in verdict.reason


def test_while_it_is_not_known_box_time_goes_on_from_the_last_known_time_however_the_system_clock_leaps() -> None:
    boot = started(datetime(1970, 1, 1, tzinfo=UTC))
    for minutes, wall in ((0, 1970), (1, 2060), (2, 1980)):
        up_us = UP_US + minutes * 60 * SECOND_US
        verdict = judge(seen(datetime(wall, 1, 1, tzinfo=UTC), up_us=up_us), boot)
        assert (verdict.trusted, box_time(verdict, up_us)) == (False, LAST + minutes * MINUTE)


def test_a_clock_that_is_set_while_we_look_on_is_believed_where_it_can_be_true() -> None:
    boot, up_us = started(datetime(1970, 1, 1, tzinfo=UTC)), UP_US + 60 * SECOND_US
    assert judge(seen(LAST + 5 * DAY, up_us=up_us), boot).evidence == "set"
    assert judge(seen(LAST - 5 * DAY, up_us=up_us), boot).evidence == ""
    assert judge(seen(LAST + 401 * DAY, up_us=up_us), boot).evidence == ""
    assert judge(seen(datetime(1970, 1, 1, 0, 1, tzinfo=UTC), up_us=up_us), boot).evidence == ""


@pytest.mark.parametrize("leap", [10 * YEAR, -10 * YEAR, HOUR, -HOUR, timedelta(seconds=3), -timedelta(seconds=3)])
def test_a_leap_that_nobody_confirms_moves_nothing_and_is_told(leap: timedelta) -> None:
    truth = LAST + 2 * DAY
    verdict = judge(seen(truth + leap, keeps_time=True), known(truth))
    assert (verdict.trusted, box_time(verdict)) == (True, truth)
    assert "nobody confirms it" in verdict.doubt and "hexpost clock trust" in verdict.doubt
    assert ("ahead of" if leap > timedelta() else "behind") in verdict.doubt


def test_a_leap_that_the_network_confirms_moves_box_time() -> None:
    verdict = judge(seen(LAST + 2 * YEAR, synchronised=True), known(LAST + DAY))
    assert (verdict.evidence, verdict.doubt, box_time(verdict)) == ("network", "", LAST + 2 * YEAR)


def test_a_time_server_that_lost_nineteen_years_moves_nothing() -> None:
    truth = LAST + DAY
    verdict = judge(seen(truth - 19.6 * YEAR, synchronised=True), known(truth))
    assert box_time(verdict) == truth
    assert "19.6 years behind the box" in verdict.doubt


def test_drift_below_two_seconds_is_no_leap() -> None:
    truth = LAST + DAY
    verdict = judge(seen(truth + timedelta(seconds=1.9)), known(truth))
    assert (box_time(verdict), verdict.doubt) == (truth, "")


@pytest.mark.parametrize(
    ("off", "taken"),
    [(DAY, True), (-DAY, True), (timedelta(seconds=0.9), False), (11 * YEAR, False), (-11 * YEAR, False)],
)
def test_a_receivers_word_is_taken_where_it_teaches_something_that_can_be_true(off: timedelta, taken: bool) -> None:
    truth = LAST + DAY
    word = Word(evidence="satellite", offset_us=to_us(truth + off) - UP_US)
    assert box_time(judge(seen(truth), known(truth), word)) == (truth + off if taken else truth)


def test_a_receiver_tells_a_machine_without_a_clock_the_time() -> None:
    boot = started(datetime(1970, 1, 1, tzinfo=UTC))
    word = Word(evidence="satellite", offset_us=to_us(LAST + DAY) - UP_US)
    verdict = judge(seen(datetime(1970, 1, 1, tzinfo=UTC)), boot, word)
    assert (verdict.evidence, box_time(verdict)) == ("satellite", LAST + DAY)
    assert "behind the box" in verdict.doubt


def test_boots_that_never_knew_are_set_as_evenly_as_can_be() -> None:
    # Known until 0 h; three runs of one hour each; the next machine start is known to be at 15 h: 12 h are free.
    hour = 3_600 * SECOND_US
    runs = [Boot(boot_id=str(n), base_us=0, floor_us=0, wall_us=0, seen_us=0, last_us=hour) for n in range(3)]
    made = estimate(0, runs, 15 * hour)
    assert [boot.offset_us for boot in made] == [3 * hour, 7 * hour, 11 * hour]
    assert [boot.spread_us for boot in made] == [9 * hour, 6 * hour, 9 * hour]
    assert {boot.evidence for boot in made} == {"estimate"}


def test_an_estimate_never_runs_backwards_where_the_times_contradict_each_other() -> None:
    hour = 3_600 * SECOND_US
    run = Boot(boot_id="x", base_us=0, floor_us=0, wall_us=0, seen_us=0, last_us=5 * hour)
    (made,) = estimate(10 * hour, [run], 11 * hour)
    assert (made.offset_us, made.spread_us) == (10 * hour, 0)


def test_a_stamp_belongs_to_the_last_boot_that_began_before_it() -> None:
    runs = [Boot(boot_id=str(n), base_us=n * 100, floor_us=0, wall_us=0, seen_us=10, last_us=10) for n in range(3)]
    found = {at: boot.boot_id if (boot := boot_of(runs, at)) else None for at in (9, 10, 109, 110, 5_000)}
    assert found == {9: None, 10: "0", 109: "0", 110: "1", 5_000: "2"}


def test_days_named_too_early_are_known_until_they_are_as_old_as_they_seem() -> None:
    # Stamped 20 and 21 November; in truth 4 and 5 December.
    boot = Boot(
        boot_id="b",
        base_us=to_us(LAST),
        floor_us=to_us(LAST),
        wall_us=0,
        seen_us=0,
        last_us=DAY_US,
        offset_us=to_us(LAST) + 14 * DAY_US,
        evidence="network",
        known_us=DAY_US,
    )
    days = [LAST.date(), (LAST + DAY).date()]
    assert misdated_days([boot], to_us(LAST)) == set(days)
    assert misdated_days([boot], to_us(LAST + 14 * DAY + HOUR)) == set(days)
    assert misdated_days([boot], to_us(LAST + 15 * DAY)) == {days[1]}
    assert misdated_days([boot], to_us(LAST + 16 * DAY)) == set()


@pytest.mark.parametrize(
    ("us", "words"),
    [
        (0, "0 s"),
        (-119 * SECOND_US, "119 s"),
        (120 * SECOND_US, "2 min"),
        (-7_200 * SECOND_US, "2.0 h"),
        (2 * DAY_US, "2.0 days"),
        (10 * YEAR_US, "10.0 years"),
    ],
)
def test_distances_are_told_in_the_unit_that_a_person_would_use(us: int, words: str) -> None:
    assert distance(us) == words
