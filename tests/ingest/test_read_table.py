"""CSV to events: the seed columns, foreign columns, and all that is wrong with real files."""

import csv
import io
import json
import string
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.ingest.files import Row
from appliance.model.event import Event
from appliance.model.native import read_event

Read = Callable[..., list[Row]]
Told = Callable[[list[Row]], list[tuple[int, str]]]

SEED = "event_type,event_timestamp,longitude,latitude,attributes_json\n"
SHORT = "event_type,event_timestamp,longitude,latitude\n"
GOOD = "motion,2026-11-21T10:00:00Z,47.97,29.37\n"


def only(rows: list[Row]) -> Event:
    ((_, event),) = rows
    assert isinstance(event, Event), event
    return event


def test_a_row_in_the_seed_columns_is_the_native_event(read: Read, options: Callable[..., Any]) -> None:
    row = 'motion,2026-11-21T13:00:00+03:00,47.97,29.37,"{""zone"": ""gate"", ""n"": [1, 2]}"\n'
    event = only(read("csv", SEED + row))
    native = {
        "event_type": "motion",
        "event_timestamp": "2026-11-21T10:00:00Z",
        "longitude": 47.97,
        "latitude": 29.37,
        "attributes": {"zone": "gate", "n": [1, 2]},
    }
    assert event == read_event(native, source="file", received_at=options().received_at)


def test_all_native_columns_are_read_and_empty_ones_are_absent(read: Read) -> None:
    header = "event_id,severity,value,rev," + SEED
    full, bare = read(
        "csv",
        header + "e-1,0.6,-12,3,motion,1795255200,47.97,29.37,{}\n" + ",,,,motion,1795255200, 47.97 ,29.37,\n",
    )
    assert isinstance(full[1], Event)
    assert isinstance(bare[1], Event)
    assert (full[1].event_id, full[1].severity, full[1].value, full[1].rev) == ("e-1", 0.6, -12.0, 3)
    assert (bare[1].severity, bare[1].value, bare[1].rev, bare[1].attributes) == (None, None, 0, {})
    assert full[1].event_timestamp == bare[1].event_timestamp == datetime(2026, 11, 21, 10, tzinfo=UTC)


def test_foreign_columns_are_mapped_and_the_rest_kept_as_attributes(read: Read) -> None:
    text = (
        "occurrencedate,occurrencehour,premises_type,MCI,Neighbourhood,note,Lat,Long\n"
        "2017/07/01 04:00:00+00,23,Outside,Theft Over,West Humber-Clairville   ,  ,43.69021298,-79.57702746\n"
    )
    maps = ["event_type=MCI", "longitude=Long", "latitude=Lat", "event_timestamp=occurrencedate+occurrencehour"]
    event = only(read("csv", text, *maps, tz="America/Toronto"))
    assert event.event_type == "Theft Over"
    assert event.event_timestamp == datetime(2017, 7, 2, 3, tzinfo=UTC)
    assert (event.longitude, event.latitude) == (-79.57702746, 43.69021298)
    assert event.attributes == {"premises_type": "Outside", "Neighbourhood": "West Humber-Clairville"}


def test_constants_hold_for_all_rows_and_a_named_column_can_be_left_out(read: Read) -> None:
    text = "event_type,t,longitude,latitude,severity\nK,2026-11-21,1,2,4\n"
    maps = ["event_type==crash", "event_timestamp=t", "severity=", "value==7.5"]
    event = only(read("csv", text, *maps, tz="UTC"))
    assert (event.event_type, event.severity, event.value) == ("crash", None, 7.5)
    assert event.attributes == {"event_type": "K", "severity": "4"}
    at = only(read("csv", text, *maps[:1], "event_timestamp==2026-11-21T00:00:00Z", "severity=", "value=severity"))
    assert (at.event_timestamp, at.value) == (event.event_timestamp, 4.0)


def test_a_name_may_hold_what_parts_the_columns_of_other_files(read: Read) -> None:
    text = 'event_type;event_timestamp;longitude;latitude;"Place, street, number";Injured, dead\na;0;1;2;x;3\n'
    assert only(read("csv", text)).attributes == {"Place, street, number": "x", "Injured, dead": "3"}


def test_the_same_row_twice_has_one_identity(read: Read) -> None:
    (_, first), (_, second) = read("csv", SHORT + GOOD + GOOD)
    assert isinstance(first, Event)
    assert first == second


def test_lines_are_physical_ones_also_across_breaks_in_quotes(read: Read, told: Told) -> None:
    text = (
        '\n\nnote,event_type,event_timestamp,longitude,latitude\n"two\r\nlines, ""quoted""",a,0,1,2\n'
        "\n,b,0,1,2\n,c,0,1\n,d,0,1,2"
    )
    rows = read("csv", text)
    short = "the row has 4 fields, the header 5; a field with the delimiter or a line break in it needs quotes"
    assert told(rows) == [(4, "a"), (7, "b"), (8, short), (9, "d")]
    assert isinstance(rows[0][1], Event)
    assert rows[0][1].attributes == {"note": 'two\r\nlines, "quoted"'}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_line_end_delimiter_and_a_byte_order_mark(read: Read, end: str, delimiter: str, mark: str) -> None:
    text = mark + (SHORT + GOOD).replace("\n", end).replace(",", delimiter)
    assert only(read("csv", text)).latitude == 29.37


@pytest.mark.parametrize(
    ("row", "path", "says"),
    [
        (",0,1,2,", "event_type", "required, and missing"),
        ("a,,1,2,", "event_timestamp", "required, and missing"),
        ("a,soon,1,2,", "event_timestamp", "'soon' is not a time"),
        ("a,0,,2,", "longitude", "required, and missing"),
        ("a,0,1,,", "latitude", "required, and missing"),
        ("a,0,181,2,", "longitude", "181.0 is not between -180 and 180"),
        ("a,0,1,nan,", "latitude", "required, and missing"),
        ("a,0,1_0,2,", "longitude", "'1_0' is not a number"),
        ('a,0,"1,5,0",2,', "longitude", "'1,5,0' is not a number"),
        ("a,0,1,2,{", "attributes_json", "not JSON"),
        ("a,0,1,2,[1]", "attributes_json", r"'\[1\]' is not a JSON object"),
        ("a,0,1,2," + '{""a"":'.replace('""', '"') * 50 + "1" + "}" * 50, "attributes_json", "nested deeper than 32"),
        ("a,0,1,2,1,5", "$", "the row has 6 fields, the header 5"),
        ("a\0,0,1,2,", "event_type", "holds a NUL byte"),
        ('a,0,1,2,"{""k"": ""\0""}"', "attributes_json", "holds a NUL byte"),
        ("a" * 300 + ",0,1,2,", "event_type", "longer than 200 characters"),
        ('a,0,1,2,"' + "x" * 200_000 + '"', "$", "not CSV: field larger than field limit"),
    ],
)
def test_a_bad_row_is_refused_by_its_column_and_the_next_is_read(read: Read, row: str, path: str, says: str) -> None:
    rows = read("csv", f"{SEED}{row}\n{GOOD[:-1]},\n")
    assert [line for line, _ in rows] == [2, 3]
    _, rejected = rows[0]
    assert isinstance(rejected, Rejected)
    assert rejected.path == path
    with pytest.raises(Rejected, match=says):
        raise rejected
    assert isinstance(rows[1][1], Event)


def test_a_refusal_names_the_column_that_was_mapped_and_the_way_out_of_one_that_was_not(read: Read) -> None:
    text = "kind,event_timestamp,Long,latitude,severity\nA,0,x,2,\nA,0,200,2,\nA,0,1,2,4\nA,0,1,2,high\n"
    complaints = [str(one) for _, one in read("csv", text, "event_type=kind", "longitude=Long")]
    way_out = "; if the column means something else, --map severity= keeps it as an attribute"
    assert complaints == [
        "Long: 'x' is not a number",
        "Long: 200.0 is not between -180 and 180",
        "severity: 4.0 is not between 0 and 1" + way_out,
        "severity: 'high' is not a number" + way_out,
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [("-75,5698540000", -75.569854), ("6,25", 6.25), ("+1,234", 1.234), ("41.5", 41.5), ("0,5", 0.5)],
)
def test_coordinates_may_have_a_decimal_comma(read: Read, text: str, number: float) -> None:
    event = only(read("csv", f"event_type;event_timestamp;longitude;latitude\na;0;{text};{text}\n"))
    assert (event.longitude, event.latitude) == (number, number)


def test_a_value_with_a_comma_that_could_part_thousands_is_refused(read: Read, told: Told) -> None:
    head = "event_type;event_timestamp;longitude;latitude;value;severity\n"
    rows = read("csv", head + "a;0;1;2;12,5;0,125\na;0;1;2;1,234;\na;0;1;2;0,234;\na;0;1;2;1,234,567;\n")
    assert [(one.value, one.severity) for _, one in rows if isinstance(one, Event)] == [(12.5, 0.125), (0.234, None)]
    assert told(rows)[1][1].startswith("value: '1,234' may be 1234 or 1.234: write it with a point or without a comma")
    assert told(rows)[3][1].startswith("value: '1,234,567' is not a number")


@pytest.mark.parametrize("word", ["NA", "n/a", "null", "NULL", "None", "-", "NaN"])
def test_a_word_for_nothing_is_no_number(read: Read, told: Told, word: str) -> None:
    text = f"event_type,event_timestamp,longitude,latitude,value\na,0,1,2,{word}\na,0,{word},2,5\n"
    rows = read("csv", text)
    assert isinstance(rows[0][1], Event)
    assert rows[0][1].value is None
    assert told(rows)[1] == (3, "longitude: required, and missing")


def test_coordinates_the_other_way_round_are_told_where_it_shows(read: Read, told: Told) -> None:
    text = "event_type,event_timestamp,x,y\na,0,41.9,-97.6\na,0,41.9,-197.6\na,0,141.9,-97.6\n"
    complaints = [said for _, said in told(read("csv", text, "longitude=x", "latitude=y"))]
    assert complaints == [
        "y: -97.6 is not between -90 and 90; longitude and latitude may be the other way round",
        "y: -197.6 is not between -90 and 90",
        "y: -97.6 is not between -90 and 90",
    ]


def test_metres_of_a_projection_are_told_from_degrees(read: Read, told: Told) -> None:
    text = "event_type,event_timestamp,X,Y\na,0,490320.299,5458606.9208\n"
    assert told(read("csv", text, "longitude=X", "latitude=Y")) == [
        (2, "X: '490320.299' is not degrees but looks like metres of a map projection; convert the file to WGS 84 "
         "longitude and latitude (EPSG:4326) first")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        '"(29.37, 47.97)"',
        '"29.37,47.97"',
        "29.37 47.97",
        '"[29.37, 47.97]"',
        "POINT (47.97 29.37)",  # WKT always writes x first, whatever order is said
        "SRID=4326;point z(47.97 29.37 12)",
        '"200 E MAIN ST\nSALMIYA, KW\n(29.37, 47.97)"',
    ],
)
def test_a_place_may_stand_in_one_column(read: Read, text: str) -> None:
    event = only(read("csv", f"event_type,event_timestamp,where\na,0,{text}\n", "latitude+longitude=where"))
    assert (event.longitude, event.latitude) == (47.97, 29.37)
    assert event.attributes == {}


def test_the_order_within_one_column_is_the_one_that_was_said(read: Read, told: Told) -> None:
    text = 'event_type,event_timestamp,where\na,0,"(-97.769871,30.178386)"\n'
    event = only(read("csv", text, "longitude+latitude=where"))
    assert (event.longitude, event.latitude) == (-97.769871, 30.178386)
    assert told(read("csv", text, "latitude+longitude=where"))[0][1] == (
        "where: -97.769871 is not between -90 and 90; the longitude may come first: --map longitude+latitude=where"
    )
    assert (
        "holds two numbers: say their order, as in --map latitude+longitude=where"
        in (told(read("csv", text, "longitude=where", "latitude=where"))[0][1])
    )
    for nothing in ("nowhere", "(1)", "POINT EMPTY"):
        said = told(read("csv", text.replace('"(-97.769871,30.178386)"', nothing), "latitude+longitude=where"))
        assert said[0][1].startswith(f"where: {nothing!r} is not a place")


def test_bytes_that_are_not_utf8_cost_only_their_row(read: Read, told: Told) -> None:
    data = SHORT.encode() + "motión,0,1,2\n".encode("latin-1") + "motión,0,1,2\n".encode()
    rows = told(read("csv", data))
    assert [line for line, _ in rows] == [2, 3]
    assert rows[0][1].startswith("event_type: holds bytes that are not UTF-8; convert the file to UTF-8, or")
    assert rows[1][1] == "motión"


def test_a_quote_that_never_closes_does_not_swallow_the_rows_in_silence(read: Read, told: Told) -> None:
    text = SHORT + GOOD + '"motion,0,1,2\n' + GOOD * 3
    rows = told(read("csv", text))
    assert rows[0] == (2, "motion")
    assert len(rows) == 2
    assert "(lines 3 to 6 were taken for one row); look for a quote that is not closed" in rows[1][1]
    many = told(read("csv", SHORT + '"motion,0,1,2\n' + GOOD * 10_000))
    assert "field larger than field limit" in many[0][1]
    assert many[-1] == (10_002, "motion")  # reading goes on after the longest field there may be


def test_a_quote_inside_a_field_is_refused_and_not_dropped(read: Read, told: Told) -> None:
    rows = told(read("csv", SHORT + '"MAIN" ST,0,1,2\n' + GOOD))
    assert "not CSV" in rows[0][1]
    assert rows[1] == (3, "motion")


@pytest.mark.parametrize(
    ("text", "maps", "says"),
    [
        ("", [], "the file is empty: expected a header row"),
        ("\n \n", [], "the file is empty"),
        (
            SHORT.replace("longitude", "Long") + GOOD,
            [],
            "no column gives the longitude: name it .* did you mean 'Long'",
        ),
        (SHORT.replace("longitude", "x,y") + GOOD, [], "name it with --map longitude=Column; there are x, y"),
        (GOOD, [], "no column gives the event_type"),
        (
            SHORT + GOOD,
            ["event_type=Type"],
            "--map event_type=Type: the header has no 'Type'; did you mean 'event_type'",
        ),
        (SHORT + GOOD, ["event_timestamp=event_timestamp+hour"], "the header has no 'hour'; there are event_type"),
        (SHORT + GOOD, ["value==high"], "--map value==high: 'high' is not a number"),
        ("event_type," + SHORT + GOOD, [], "the header names 'event_type' 2 times"),
        ("note,note," + SHORT + GOOD, ["value=note"], "the header names 'note' 2 times"),
        ("caf\0," + SHORT + GOOD, [], "the header holds a NUL byte"),
        ('"event"type,' + SHORT + GOOD, [], "the header row cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_says_why(read: Read, text: str, maps: list[str], says: str) -> None:
    with pytest.raises(Rejected, match=says):
        read("csv", text, *maps)


def test_a_header_alone_is_a_file_of_no_rows(read: Read) -> None:
    assert read("csv", SHORT) == []


def test_a_column_without_a_name_is_kept_by_its_place(read: Read) -> None:
    assert only(read("csv", "," + SHORT + "17," + GOOD)).attributes == {"column 1": "17"}


def test_columns_of_one_name_that_nothing_maps_are_told_apart_by_their_place(read: Read) -> None:
    text = "note," + SHORT[:-1] + ",note,note (2)\nx," + GOOD[:-1] + ",y,z\n"
    assert only(read("csv", text)).attributes == {"note": "x", "note (column 6)": "y", "note (2)": "z"}


# What a spreadsheet may hold: everything that UTF-8 can write but NUL.
FROM, TO = datetime(1901, 1, 1), datetime(2199, 1, 1)  # noqa: DTZ001 - hypothesis takes naive bounds
cell_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(
    event_type=st.text(string.ascii_letters + " é-,;\"'", min_size=1, max_size=20).filter(str.strip),
    when=st.datetimes(FROM, TO, timezones=st.just(UTC)),
    longitude=st.floats(-180, 180).filter(bool),  # 0, 0 is no place
    latitude=st.floats(-90, 90),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    attributes=st.dictionaries(cell_text, cell_text | st.integers(-(2**60), 2**60) | st.booleans(), max_size=3),
    note=cell_text,
)
def test_a_row_that_csv_wrote_is_read_back(
    *,
    event_type: str,
    when: datetime,
    longitude: float,
    latitude: float,
    value: float | None,
    attributes: dict[str, Any],
    note: str,
    read: Read,
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([*SEED.strip().split(","), "value", "my note"])
    cells = [event_type, when.isoformat(), repr(longitude), repr(latitude), json.dumps(attributes)]
    writer.writerow([*cells, "" if value is None else repr(value), note])
    event = only(read("csv", out.getvalue()))
    assert (event.event_type, event.event_timestamp) == (event_type.strip(), when)
    assert (event.longitude, event.latitude, event.value) == (longitude, latitude, value)
    assert event.attributes == ({"my note": note.strip()} if note.strip() else {}) | attributes


ODD = st.sampled_from(
    ["", " ", "a ", "\u00e9t\u00e9", "x" * 201, "\u2028", "1_0", "nan", "inf", "-0", "1e3", "181", "0.5"]
)
TIMES = st.sampled_from(
    ["2026-11-21T10:00:00Z", " 2026-11-21 10:00:00+03:00", "0", "1899-12-31T00:00:00Z", "2026-11-21", "x"]
)
FIELDS = st.tuples(
    *(st.one_of(ODD, st.text(max_size=12)), TIMES),
    *(st.one_of(ODD, st.floats(-200, 200).map(str)) for _ in range(4)),
    *(st.one_of(ODD, st.text(max_size=12)) for _ in range(2)),
)


@given(st.lists(FIELDS, min_size=1, max_size=5))
@settings(max_examples=300)
def test_a_row_reads_the_same_beside_a_column_that_makes_it_unusual(read: Read, rows: list[tuple[str, ...]]) -> None:
    """With a column of revisions the file is read carefully, row by row; without one, at once."""
    names = ["event_type", "event_timestamp", "longitude", "latitude", "severity", "value", "event_id", "note"]
    careful, quick = (write(names + more, [[*row, *[""] * len(more)] for row in rows]) for more in (["rev"], []))
    assert [_say(item) for _, item in read("csv", quick)] == [_say(item) for _, item in read("csv", careful)]


def write(header: list[str], rows: list[list[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([header, *rows])
    return out.getvalue()


def _say(item: Event | Rejected) -> object:
    return item if isinstance(item, Event) else (item.path, item.reason)


def test_minutes_after_midnight_without_leading_zeros_are_no_hours(read: Read) -> None:
    text = "lat,lng,day,hhmm\n" + "".join(f"1,2,2025-07-22,{clock}\n" for clock in ("5", "24", "", "830", "1948"))
    maps = ("latitude=lat", "longitude=lng", "event_type==fire", "event_timestamp=day+hhmm")
    five, late, missing, morning, evening = (item for _, item in read("csv", text, *maps, tz="UTC"))
    assert isinstance(missing, Rejected)
    assert [event.event_timestamp.strftime("%H:%M") for event in (five, late, morning, evening)] == [
        "00:05",
        "00:24",
        "08:30",
        "19:48",
    ]


@pytest.mark.parametrize("number", ["43831.99", "842708", "201901"])
def test_a_number_in_a_column_that_somebody_chose_is_seldom_seconds_of_1970(read: Read, number: str) -> None:
    text = f"latitude,longitude,event_type,{{}}\n1,2,a,{number}\n"
    ((_, chosen),) = read("csv", text.format("when"), "event_timestamp=when")
    assert isinstance(chosen, Rejected)
    assert chosen.path == "when"
    ((_, native),) = read("csv", text.format("event_timestamp"))
    assert isinstance(native, Event)
    assert native.event_timestamp.year == 1970
