"""Times as files write them: what is read, what is refused, and what the refusal says."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.ingest.clocks import read_clock
from appliance.ingest.times import CACHED_TEXTS, TimeReader

TORONTO = ZoneInfo("America/Toronto")
NEW_YORK = ZoneInfo("America/New_York")
KUWAIT = ZoneInfo("Asia/Kuwait")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def read(*texts: str, formats: tuple[str, ...] = (), zone: ZoneInfo | None = None) -> datetime:
    columns = [f"column_{number}" for number in range(1, len(texts) + 1)]
    return TimeReader(columns=columns, formats=formats, zone=zone).read(texts)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-21T10:00:00Z", utc(2026, 11, 21, 10)),
        (" 2026-11-21T13:00:00+03:00 ", utc(2026, 11, 21, 10)),
        ("2026-11-21 10:00:00+00", utc(2026, 11, 21, 10)),
        ("2026-11-21 05:00:00-0500", utc(2026, 11, 21, 10)),
        ("2011-01-28 20:42:59 UTC", utc(2011, 1, 28, 20, 42, 59)),
        ("2009-07-16 17:41:00+00:00", utc(2009, 7, 16, 17, 41)),
        ("2017/01/01 05:00:00+00", utc(2017, 1, 1, 5)),
        ("2017/1/1 5:00 gmt", utc(2017, 1, 1, 5)),
        ("2017/1/1 5:00:30.25 PM +00:00", utc(2017, 1, 1, 17, 0, 30, 250_000)),
        ("1975-02-23T02:58:41.530Z", utc(1975, 2, 23, 2, 58, 41, 530_000)),
        ("1483246800", utc(2017, 1, 1, 5)),
        ("1483246800000", utc(2017, 1, 1, 5)),
        ("1483246800.5", utc(2017, 1, 1, 5, 0, 0, 500_000)),
        ("100000000", utc(1973, 3, 3, 9, 46, 40)),
    ],
)
def test_a_time_that_says_its_offset_needs_no_help(text: str, instant: datetime) -> None:
    assert read(text) == instant
    assert read(text, zone=TORONTO) == instant
    assert read(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2018-07-03 14:00:00", utc(2018, 7, 3, 18)),
        ("2018-12-03T14:00", utc(2018, 12, 3, 19)),
        ("2018/12/03", utc(2018, 12, 3, 5)),
        ("2018-03-11 02:30:00", utc(2018, 3, 11, 7, 30)),  # left out by the spring change: 03:30 EDT
        ("2018-03-11 03:30:00", utc(2018, 3, 11, 7, 30)),
        ("2018-11-04 01:30:00", utc(2018, 11, 4, 5, 30)),  # the first of two: EDT
        ("2018-11-04 02:00:00", utc(2018, 11, 4, 7)),
    ],
)
def test_a_local_time_is_placed_in_the_zone_of_the_file(text: str, instant: datetime) -> None:
    assert read(text, zone=TORONTO) == instant
    form = "%Y/%m/%d" if "/" in text else "%Y-%m-%dT%H:%M" if "T" in text else "%Y-%m-%d %H:%M:%S"
    assert read(text, formats=(form,), zone=TORONTO) == instant


@pytest.mark.parametrize("text", ["0", "1234", "43831.5", "201901", "-86400", "842708"])
def test_a_small_number_is_seconds_of_1970_only_where_a_device_or_a_person_says_so(text: str) -> None:
    with pytest.raises(Rejected, match=f"'{text}' is no time by itself: say --time-format excel .* unix .* %y%m%d"):
        read(text, zone=TORONTO)
    assert read(text, formats=("unix",)) == utc(1970, 1, 1) + timedelta(seconds=float(text))
    assert TimeReader(near_1970=True).read((text,)) == utc(1970, 1, 1) + timedelta(seconds=float(text))


@pytest.mark.parametrize(
    ("texts", "form", "instant"),
    [
        (("43831.5",), "excel", utc(2020, 1, 1, 17)),
        (("43831.99652777778",), "excel", utc(2020, 1, 2, 4, 55)),
        (("43831.0", "7:15 PM"), "excel+%I:%M %p", utc(2020, 1, 2, 0, 15)),
    ],
)
def test_days_of_a_spreadsheet_are_counted_on_the_clock_of_the_file(
    texts: tuple[str, ...], form: str, instant: datetime
) -> None:
    assert read(*texts, formats=(form,), zone=TORONTO) == instant
    with pytest.raises(Rejected, match="--tz"):
        read(*texts, formats=(form,))
    with pytest.raises(Rejected, match="does not have the form 'excel"):
        read("12/31/2019", *texts[1:], formats=(form,), zone=TORONTO)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("20180703", "%Y%m%d"),
        ("20180703.0", "%Y%m%d.0"),
        ("2018070314", "%Y%m%d%H"),
        ("201807031405", "%Y%m%d%H%M"),
        ("20180703140530", "%Y%m%d%H%M%S"),
    ],
)
def test_digits_that_spell_a_date_are_refused_with_the_format_that_reads_them(text: str, form: str) -> None:
    with pytest.raises(Rejected, match=f"may be a date or a Unix time: say --time-format {form}, or unix"):
        read(text)
    assert read(text, formats=(form,), zone=TORONTO).date() == utc(2018, 7, 3).date()


def test_digits_are_hours_and_minutes_where_one_of_them_can_be_nothing_else() -> None:
    hours, minutes = [TimeReader(columns=("day", "clock"), zone=KUWAIT) for _ in range(2)]
    for clock in ("5", "12"):
        hours.learn(("2019-12-31", clock))
    for clock in ("5", "1948"):
        minutes.learn(("2019-12-31", clock))
    assert [hours.read(("2019-12-31", clock)) for clock in ("5", "23")] == [utc(2019, 12, 31, 2), utc(2019, 12, 31, 20)]
    assert [minutes.read(("2019-12-31", clock)) for clock in ("5", "15", "830", "1948", "0.0")] == [
        utc(2019, 12, 30, 21, 5),
        utc(2019, 12, 30, 21, 15),
        utc(2019, 12, 31, 5, 30),
        utc(2019, 12, 31, 16, 48),
        utc(2019, 12, 30, 21),
    ]
    with pytest.raises(Rejected, match=r"'830' stands among hours .* '%Y-%m-%d\+%H%M'"):
        hours.read(("2019-12-31", "830"))
    assert read("2019-12-31", "5", formats=("%Y-%m-%d+%H%M",), zone=KUWAIT) == utc(2019, 12, 30, 21, 5)


def test_a_date_that_lacks_a_part_says_which() -> None:
    with pytest.raises(Rejected, match=r"'2019-01' is not a time: it has no day; --time-format %Y-%m takes it for"):
        read("2019-01", zone=KUWAIT)
    assert read("2019-01", formats=("%Y-%m",), zone=KUWAIT) == utc(2018, 12, 31, 21)
    with pytest.raises(Rejected, match=r"day is out of range for month .columns are year, month, day, and then"):
        read("2017", "07", "00", zone=KUWAIT)


def test_numbers_that_a_program_took_for_real_ones_are_a_date_all_the_same() -> None:
    assert read("2019.0", "7.0", "3.0", "14.0", zone=KUWAIT) == utc(2019, 7, 3, 11)
    with pytest.raises(Rejected, match="may be a year"):
        read("2019.0", zone=KUWAIT)


def test_a_local_time_without_a_zone_is_refused_naming_the_remedy() -> None:
    with pytest.raises(Rejected, match=r"'2018-07-03 14:00:00' has no offset.*--tz America/Toronto") as caught:
        read("2018-07-03 14:00:00")
    assert caught.value.path == "column_1"
    with pytest.raises(Rejected, match="--tz"):
        read("03.07.2018", formats=("%d.%m.%Y",))
    with pytest.raises(Rejected, match="--tz") as caught:
        read("2017/01/01 05:00:00+00", "7")
    assert caught.value.path == "column_1+column_2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "required, and missing"),
        ("  ", "required, and missing"),
        ("3/14/2025 1:20", "may begin with the day or the month.*--time-format"),
        ("31.12.2018", "may begin with the day or the month"),  # never judged by one row
        ("20180922", "may be a date or a Unix time.*--time-format %Y%m%d"),
        ("201809220035", "may be a date or a Unix time"),
        ("yesterday", "'yesterday' is not a time: expected a form like 2026.*--time-format"),
        ("2018-02-30 10:00:00Z", "'2018-02-30 10:00:00Z' is not a time"),
        ("2018-02-03 25:00:00Z", "is not a time"),
        ("2018-02-03 5:61 Z", "is not a time"),
        ("0001-01-01T00:00:00+14:00", "is not a time"),
        ("9" * 5_000, "is not a time"),
        ("99999999999999999999", "is not a time"),
    ],
)
def test_what_is_no_time_or_two_is_refused_in_its_own_words(text: str, says: str) -> None:
    with pytest.raises(Rejected, match=says) as caught:
        read(text, zone=TORONTO)
    assert caught.value.path == "column_1"
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("texts", "instant"),
    [
        (("2019", "1", "9", "15"), utc(2019, 1, 9, 14)),
        (("2020", "07", "01", "0", "5"), utc(2020, 6, 30, 22, 5)),
        (("2016", "2", "29", "23", "59", "58"), utc(2016, 2, 29, 22, 59, 58)),
        (("2019", "12", "31"), utc(2019, 12, 30, 23)),
        (("2019", "12", "31", "11:30 PM"), utc(2019, 12, 31, 22, 30)),
    ],
)
def test_year_month_and_day_may_stand_in_columns_of_their_own(texts: tuple[str, ...], instant: datetime) -> None:
    assert read(*texts, zone=ZoneInfo("Europe/Madrid")) == instant


def test_a_year_is_never_taken_for_seconds_of_1970() -> None:
    for texts in (("2019",), ("2019", "5"), ("1999", "13:00")):
        with pytest.raises(Rejected, match=f"'{texts[0]}' may be a year or a Unix time.*YEAR.MONTH.DAY"):
            read(*texts, zone=TORONTO)
    with pytest.raises(Rejected, match="'2019 2 30 5' is not a time: day is out of range"):
        read("2019", "2", "30", "5", zone=TORONTO)
    assert read("2019", formats=("unix",)) == utc(1970, 1, 1, 0, 33, 39)


@pytest.mark.parametrize(
    ("texts", "forms"),
    [
        (("6/15/2016 11:31:00 PM",), "'%m/%d/%Y %I:%M:%S %p'"),  # the day can only be the second
        (("27/12/2014 12:15",), "'%d/%m/%Y %H:%M'"),
        (("3/4/2016",), "'%m/%d/%Y' or '%d/%m/%Y'"),
        (("3/4/16 5:06:07.25",), "'%m/%d/%y %H:%M:%S.%f' or '%d/%m/%y %H:%M:%S.%f'"),
        (("3.4.2016 5:06AM",), "'%m.%d.%Y %I:%M%p' or '%d.%m.%Y %I:%M%p'"),
        (("9/30/2017", "3:57:00"), "'%m/%d/%Y+%H:%M:%S'"),
        (("1/31/2010", "0"), "'%m/%d/%Y+%H'"),
        (("01/31/2010", "45"), "'%m/%d/%Y+%H%M'"),  # of 00:45 a spreadsheet ate the zeros
        (("01/31/2010 12:00:00 AM", "2130"), "'%m/%d/%Y %I:%M:%S %p+%H%M'"),
        (("01/31/2010 00:00", "9:30 PM"), "'%m/%d/%Y %H:%M+%I:%M %p'"),
        (("01/31/2010", "0145"), "'%m/%d/%Y+%H%M'"),
        (("01/31/2010", "2:45", "PM"), "'%m/%d/%Y+%I:%M+%p'"),
    ],
)
def test_a_refusal_spells_the_format_that_reads_the_very_text(texts: tuple[str, ...], forms: str) -> None:
    with pytest.raises(Rejected, match="may begin with the day or the month") as caught:
        read(*texts, zone=TORONTO)
    assert caught.value.reason.endswith(f"--time-format {forms}")
    for form in forms.strip("'").split("' or '"):
        assert read(*texts, formats=(form,), zone=TORONTO).year in {2010, 2014, 2016, 2017}


@pytest.mark.parametrize(("hour", "minutes"), [("2130", 1290), ("945", 585), ("45", 45), ("0", 0)])
def test_a_day_written_as_its_midnight_takes_the_hour_from_the_next_column(hour: str, minutes: int) -> None:
    for form in ("%m/%d/%Y %I:%M:%S %p+%H%M", "%m/%d/%Y 12:00:00 AM+%H%M"):
        when = read("03/01/2020 12:00:00 AM", hour, formats=(form,), zone=KUWAIT)
        assert when == utc(2020, 2, 29, 21) + timedelta(minutes=minutes)
    assert read("2020-03-01 05", "30", formats=("%Y-%m-%d %H+%M",), zone=KUWAIT) == utc(2020, 3, 1, 2, 30)


@pytest.mark.parametrize(
    ("clock", "instant"), [("17:05", (14, 5)), ("5:05 PM", (14, 5)), ("1705", (14, 5)), ("17", (14, 0))]
)
def test_a_format_of_the_day_alone_leaves_the_clock_to_be_read_by_itself(clock: str, instant: tuple[int, int]) -> None:
    assert read("03/01/2020", clock, formats=("%m/%d/%Y",), zone=KUWAIT) == utc(2020, 3, 1, *instant)
    with pytest.raises(Rejected, match="does not have the form '%m/%d/%Y'"):
        read("03/01/2020", "late", formats=("%m/%d/%Y",), zone=KUWAIT)
    assert read("01", "03", "2020", formats=("%d %m %Y",), zone=KUWAIT) == utc(2020, 2, 29, 21)


@pytest.mark.parametrize("aided", [(), ("%Y/%m/%d %H:%M:%S%z+%H",)])
@pytest.mark.parametrize(
    ("day", "hour", "instant"),
    [
        ("2017/01/01 05:00:00+00", "0", utc(2017, 1, 1, 5)),
        ("2017/07/01 04:00:00+00", "0", utc(2017, 7, 1, 4)),
        ("2017/07/01 04:00:00+00", "23", utc(2017, 7, 2, 3)),
        ("2018/12/31 05:00:00+00", "23", utc(2019, 1, 1, 4)),
        ("2018/03/11 05:00:00+00", "1", utc(2018, 3, 11, 6)),  # the day begins in winter time ...
        ("2018/03/11 05:00:00+00", "3", utc(2018, 3, 11, 7)),  # ... and two hours later it is 03:00
        ("2018/03/11 05:00:00+00", "2", utc(2018, 3, 11, 7)),  # left out: moved forward
        ("2018/11/04 04:00:00+00", "1", utc(2018, 11, 4, 5)),  # repeated: the first
        ("2018/11/04 04:00:00+00", "2", utc(2018, 11, 4, 7)),
    ],
)
def test_local_midnight_written_in_utc_gives_its_local_day(
    day: str, hour: str, instant: datetime, aided: tuple[str, ...]
) -> None:
    assert read(day, hour, formats=aided, zone=TORONTO) == instant


def test_midnight_utc_is_the_day_it_names_and_not_the_evening_before() -> None:
    assert read("2017-01-01T00:00:00Z", "4", zone=TORONTO) == utc(2017, 1, 1, 9)
    assert read("14832288", "04:48", formats=("unix*100+%H:%M",), zone=NEW_YORK) == utc(2017, 1, 1, 9, 48)
    assert read("1483218000000", "4", zone=KUWAIT) == utc(2017, 1, 1, 1)  # 21:00Z is midnight in Kuwait


@pytest.mark.parametrize(
    ("texts", "instant"),
    [
        (("2018-09-22", "0035"), utc(2018, 9, 22, 0, 35)),
        (("2018-09-22", "5"), utc(2018, 9, 22, 5)),
        (("2018-09-22", "5.0"), utc(2018, 9, 22, 5)),
        (("2018-09-22", "05:06:07.5"), utc(2018, 9, 22, 5, 6, 7, 500_000)),
        (("2018-09-22", "12:11 AM"), utc(2018, 9, 22, 0, 11)),
        (("2018-09-22", "12:11 p.m."), utc(2018, 9, 22, 12, 11)),
        (("2018-09-22", "5 pm"), utc(2018, 9, 22, 17)),
        (("2018-09-22", "17", "5"), utc(2018, 9, 22, 17, 5)),
        (("2018-09-22", "5:28", "PM"), utc(2018, 9, 22, 17, 28)),
        (("2018-09-22T00:00:00.000", "13:05"), utc(2018, 9, 22, 13, 5)),
    ],
)
def test_the_first_column_gives_the_day_and_the_others_its_time(texts: tuple[str, ...], instant: datetime) -> None:
    assert read(*texts, zone=ZoneInfo("UTC")) == instant


@pytest.mark.parametrize("clock", ["24", "5:60", "13:00 PM", "0 AM", "noon", "-1", "5:5:5:5", "35000000"])
def test_a_time_of_day_that_does_not_exist_is_refused(clock: str) -> None:
    with pytest.raises(Rejected, match="is not a time") as caught:
        read("2018-09-22", clock, zone=TORONTO)
    assert caught.value.path == "column_1+column_2"


def test_an_empty_column_is_named() -> None:
    with pytest.raises(Rejected) as caught:
        read("01/02/2022", "", formats=("%m/%d/%Y+%I:%M %p",), zone=NEW_YORK)
    assert (caught.value.path, caught.value.reason) == ("column_2", "required, and missing")


@pytest.mark.parametrize(
    ("texts", "form", "instant"),
    [
        (("3/14/2025 1:20",), "%m/%d/%Y %H:%M", utc(2025, 3, 14, 5, 20)),
        (("14/3/2025 1:20",), "%d/%m/%Y %H:%M", utc(2025, 3, 14, 5, 20)),
        (("01/02/2022", "5:28 PM"), "%m/%d/%Y+%I:%M %p", utc(2022, 1, 2, 22, 28)),
        (("01/02/2022", "5:28 PM"), "%m/%d/%Y %I:%M %p", utc(2022, 1, 2, 22, 28)),
        (("2018-09-22", "35"), "%Y-%m-%d+%H%M", utc(2018, 9, 22, 4, 35)),  # 00:35, its zeros eaten
        (("2018", "9", "22", "7"), "%Y+%m+%d+%H", utc(2018, 9, 22, 11)),
        (("2018-09-22", "07:00:00+00"), "%Y-%m-%d+%H:%M:%S%z", utc(2018, 9, 22, 7)),
        (("22 Sep 2018 07:00 UTC",), "%d %b %Y %H:%M %Z", utc(2018, 9, 22, 7)),
        (("22 Sep 2018 07:00 -05",), "%d %b %Y %H:%M %z", utc(2018, 9, 22, 12)),
        (("20180922",), "%Y%m%d", utc(2018, 9, 22, 4)),
        (("20180922",), "unix", utc(1970, 8, 22, 13, 48, 42)),
        (("1483246800500",), "unix_ms", utc(2017, 1, 1, 5, 0, 0, 500_000)),
        (("14832468.25",), "unix*100", utc(2017, 1, 1, 5, 0, 25)),
    ],
)
def test_a_format_says_what_the_text_does_not(texts: tuple[str, ...], form: str, instant: datetime) -> None:
    assert read(*texts, formats=(form,), zone=NEW_YORK) == instant


def test_formats_are_tried_in_order_and_iso_with_an_offset_last() -> None:
    reader = TimeReader(formats=("%m/%d/%Y", "%d.%m.%Y"), zone=ZoneInfo("UTC"))
    assert reader.read(("01/02/1965",)) == utc(1965, 1, 2)
    assert reader.read(("02.01.1965",)) == utc(1965, 1, 2)
    assert reader.read(("1975-02-23T02:58:41.000Z",)) == utc(1975, 2, 23, 2, 58, 41)
    for text in ("1975-02-23T02:58:41", "13/13/1965", "162700000"):  # no offset; no such day; a number unasked for
        with pytest.raises(Rejected, match=rf"'{text}' is not a time: it does not have the form '%m/%d/%Y' or"):
            reader.read((text,))


@pytest.mark.parametrize(
    ("form", "columns", "says"),
    [
        ("%Q", 1, "there is no %Q"),
        ("%Y-%m-%d %", 1, "there is no %"),
        ("iso", 1, "lacks a year"),
        ("%H:%M", 1, "lacks a year"),
        ("%Y %d %d", 1, "says the same thing twice"),
        ("%Y+%m+%d", 2, "has 3 parts for 2 columns"),
        ("unix", 2, "stands for the first column"),
        ("%Y-%m-%d+unix", 2, "stands for the first column"),
        ("unix+late", 2, "lacks a time of day"),
    ],
)
def test_a_format_that_cannot_be_one_is_refused_before_any_row(form: str, columns: int, says: str) -> None:
    with pytest.raises(Rejected, match=says):
        TimeReader(columns=["a", "b"][:columns], formats=(form,), zone=TORONTO)


def test_a_zone_name_that_only_the_machine_knows_is_refused() -> None:
    with pytest.raises(Rejected, match="does not have the form"):
        read("22 Sep 2018 07:00 EST", formats=("%d %b %Y %H:%M %Z",), zone=TORONTO)


def test_more_texts_than_the_cache_holds_are_still_read_right() -> None:
    reader = TimeReader(columns=("day", "minute"), formats=("unix+%M",), zone=ZoneInfo("UTC"))
    for number in range(CACHED_TEXTS + 10):
        expected = utc(1970, 1, 1) + timedelta(days=number, minutes=number % 60)
        texts = (str(number * 86_400), str(number % 60))
        assert reader.read(texts) == reader.read(texts) == expected


FROM, TO = datetime(1901, 1, 1), datetime(2199, 1, 1)  # noqa: DTZ001 - hypothesis takes naive bounds


@given(st.datetimes(FROM, TO, timezones=st.just(UTC)), st.sampled_from([TORONTO, KUWAIT, NEW_YORK]))
def test_an_instant_written_in_any_zone_is_read_back(instant: datetime, zone: ZoneInfo) -> None:
    local = instant.astimezone(zone)
    whole_minutes = (local.utcoffset() or timedelta()) % timedelta(minutes=1) == timedelta()
    assert read(local.isoformat()) == instant
    if local.fold == 0 and whole_minutes:
        assert read(str(local.date()), str(local.time()), zone=zone) == instant
        form = "%d.%m.%Y+%H:%M:%S.%f"
        texts = (f"{local:%d.%m.}{local.year:04}", f"{local:%H:%M:%S.%f}")
        assert read(*texts, formats=(form,), zone=zone) == instant


@given(st.times())
def test_a_time_of_day_is_read_back(clock: time) -> None:
    assert read_clock([str(clock)]) == clock
    assert read_clock([f"{clock:%I:%M:%S.%f %p}"]) == clock
    assert read_clock([f"{clock:%H%M%S}"]) == clock.replace(microsecond=0)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=3), st.sampled_from([(), ("%Y-%m-%d %H",), ("%m/%d/%y",)]))
def test_any_text_is_a_time_or_refused(texts: list[str], formats: tuple[str, ...]) -> None:
    try:
        assert read(*texts, formats=formats, zone=TORONTO).tzinfo is UTC
    except Rejected as rejected:
        assert rejected.path.startswith("column_")
