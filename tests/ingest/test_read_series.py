"""A series as CSV: what the columns may be called, what a value may look like, and what is refused."""

import math
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from appliance.errors import Rejected
from appliance.ingest.series import SeriesRow, read_series
from appliance.ingest.text import decode_lines


def rows(text: str, **given: Any) -> list[SeriesRow]:
    return list(read_series(decode_lines([text.encode()]), **{"zone": ZoneInfo("UTC"), **given}))


def test_a_row_keeps_its_text_beside_what_it_means() -> None:
    (row,) = rows("timestamp,value\n2014-04-01 00:05:00, 18.50 \n")
    assert row == (2, "2014-04-01 00:05:00", " 18.50 ", datetime(2014, 4, 1, 0, 5, tzinfo=UTC), 18.5)


@pytest.mark.parametrize(
    "text",
    [
        "\ufefftimestamp,value\n2014-04-01T00:00:00Z,1\n",
        "Value;other;Timestamp\r\n1;x;2014-04-01T00:00:00Z\r\n",
        'timestamp\tvalue\n"2014-04-01T00:00:00Z"\t1\n\n',
        "timestamp,value\n1396310400,1e0",
        "timestamp,value\n1396310400000,1.0",
    ],
    ids=["bom", "semicolons_and_order", "tabs_and_quotes", "unix", "unix_ms"],
)
def test_forms_of_a_file(text: str) -> None:
    (row,) = rows(text, zone=None)
    assert (row.at, row.value) == (datetime(2014, 4, 1, tzinfo=UTC), 1.0)


@pytest.mark.parametrize("absent", ["", " ", "NaN", "nan", "NA", "null", "None", "-"])
def test_an_empty_value_is_no_value(absent: str) -> None:
    assert math.isnan(rows(f"timestamp,value\n1396310400,{absent}\n")[0].value)


def test_columns_may_have_other_names_and_times_a_form_and_a_zone() -> None:
    text = "when,temp\n01/04/2014 03:00,5\n"
    given = {"time_column": "when", "value_column": "temp", "formats": ("%d/%m/%Y %H:%M",)}
    assert rows(text, zone=ZoneInfo("Asia/Kuwait"), **given)[0].at == datetime(2014, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"line 1: the header has no column 'timestamp'"),
        ("time,value\n", r"line 1: .*did you mean 'time'\?; name it with --time"),
        ("timestamp,temp\n", r"line 1: the header has no column 'value'.*--value"),
        ("timestamp,value\n1396310400,1\n1396310700,1_0\n", r"line 3: value: '1_0' is not a number; leave it empty"),
        ("timestamp,value\nyesterday,1\n", r"line 2: timestamp: 'yesterday' is not a time: .*--time-format"),
        ("timestamp,value\n,1\n", r"line 2: timestamp: required, and missing"),
        ("timestamp,value\n\n1396310400\n", r"line 3: the row has 1 fields, the header 2"),
        ('timestamp,value\n1396310400,"1\n', r"line 2: unexpected end of data"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line_and_a_remedy(text: str, said: str) -> None:
    with pytest.raises(Rejected, match=said):
        rows(text)


def test_without_a_zone_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(Rejected, match=r"line 2: .*--tz"):
        rows("timestamp,value\n2014-04-01 00:00:00,1\n", zone=None)


def test_a_complete_line_is_given_before_the_next_one_comes() -> None:
    given = []

    def chunks() -> Any:
        yield b"timestamp,value\n1396310400,1\n"
        given.append("second chunk")
        yield b"1396310700,2\n"

    read = read_series(decode_lines(chunks()))
    assert next(read).value == 1.0 and given == []


def test_a_time_may_stand_in_several_columns() -> None:
    text = "No,year,month,day,hour,pm\n1,2010,1,31,0,NA\n2,2010,1,31,1,129\n"
    _, row = rows(text, time_column="year+month+day+hour", value_column="pm")
    assert (row.timestamp, row.at, row.value) == ("2010 1 31 1", datetime(2010, 1, 31, 1, tzinfo=UTC), 129.0)


def test_a_number_among_numbers_is_a_time_also_where_it_looks_like_a_year() -> None:
    text = "timestamp,value\n" + "".join(f"{step},1\n" for step in (0, 1899, 1900, 2199, 20190101))
    assert [row.at.timestamp() for row in rows(text)] == [0, 1899, 1900, 2199, 20190101]
