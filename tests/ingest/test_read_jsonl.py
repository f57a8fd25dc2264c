"""JSONL to events: an object a line, arrays, and garbage that costs only itself."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from appliance.errors import Rejected
from appliance.ingest import documents
from appliance.ingest.files import Row, read_rows
from appliance.model.event import Event
from appliance.model.native import read_event

Read = Callable[..., list[Row]]
Told = Callable[[list[Row]], list[tuple[int, str]]]

A = '{"event_type": "a", "event_timestamp": 0, "longitude": 1, "latitude": 2}'
B = A.replace('"a"', '"b"')


def test_a_line_is_the_same_event_as_the_same_message(read: Read, options: Callable[..., Any]) -> None:
    native = {
        "event_type": "motion",
        "event_timestamp": "2026-11-21T13:00:00+03:00",
        "longitude": 47.97,
        "latitude": 29,
        "severity": 0.5,
        "attributes": {"zone": "gate"},
        "attributes_json": "kept as it is",
        "extra": [1, {"deep": None}],
    }
    ((line, event),) = read("jsonl", msgspec.json.encode(native))
    assert (line, event) == (1, read_event(native, source="file", received_at=options().received_at))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"{A}\n{B}\n", [1, 2]),
        (f"\n{A}\r\n\n{B}", [2, 4]),
        (f"\ufeff[{A},{B}]", [1, 1]),
        (f"[{A}]\n[{B}]\n", [1, 2]),
        (f"[\n  {A},\n\n  {B}\n]\n", [2, 4]),
        (f"\n[{A},\n{B.replace(', ', f',{chr(10)} ')}]", [2, 3]),
    ],
)
def test_objects_a_line_or_in_an_array_are_found_on_their_lines(
    read: Read, told: Told, text: str, lines: list[int]
) -> None:
    assert told(read("jsonl", text)) == list(zip(lines, "ab", strict=True))


def test_nothing_is_no_rows(read: Read) -> None:
    assert read("jsonl", "") == read("jsonl", "\n\n") == read("jsonl", "[]") == read("jsonl", "[\n]") == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"event_type": "a", ', "not JSON"),
        ("17", "expected an object, got a number"),
        ("null", "expected an object, got null"),
        ("[1]", "expected an object, got a number"),
        ("[1", "not JSON"),
        ("[" * 100_000, "not JSON|nested"),
        ('{"a":' * 100_000, "not JSON|nested"),
        ('{"a":' * 40 + "1" + "}" * 40, "nested deeper than 32"),
        (A.replace("0", "9" * 6_000), "not JSON"),
        (A.replace("0", "9" * 400), "is not a time"),
        (A.replace("0", '"2018-01-01 10:00"'), "--tz"),
        (A.replace("0", "true"), "expected a time"),
        (A.replace("2}", '"2"}'), r"\$\.latitude: expected a number, got text"),
        (A.replace('"a"', '"\ud800"').encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"), "not UTF-8"),
        (A.replace('"a"', '"\\ud800"'), "not JSON"),
        (A.replace('"a"', '"a\0"'), "NUL"),
    ],
)
def test_a_bad_line_costs_only_itself(read: Read, line: str, says: str) -> None:
    rows = read("jsonl", f"{A}\n{line}\n{B}\n".encode("utf-8", "surrogateescape"))
    assert [number for number, _ in rows] == [1, 2, 3]
    assert isinstance(rows[1][1], Rejected)
    assert isinstance(rows[2][1], Event)
    with pytest.raises(Rejected, match=says):
        raise rows[1][1]


def test_the_same_map_and_formats_as_for_a_table(read: Read) -> None:
    text = '{"kind": "A", "d": 14832288, "t": "04:48", "x": "41.3", "y": -72.9, "severity": "K", "p": {"n": 1}}'
    maps = ["event_type=kind", "longitude=y", "latitude=x", "event_timestamp=d+t", "severity=", "attributes_json=p"]
    ((_, event),) = read("jsonl", text, *maps, formats=("unix*100+%H:%M",), tz="America/New_York")
    assert isinstance(event, Event), event
    assert (event.event_type, event.longitude, event.latitude) == ("A", -72.9, 41.3)
    assert event.event_timestamp == datetime(2017, 1, 1, 9, 48, tzinfo=UTC)
    assert event.attributes == {"severity": "K", "n": 1}
    ((_, refused),) = read("jsonl", text, *maps[1:], "event_type==c", tz="America/New_York", formats=("%Y+%H",))
    assert str(refused) == "d+t: '14832288 04:48' is not a time: it does not have the form '%Y+%H'"
    ((_, refused),) = read("jsonl", text.replace("-72.9", "-720"), *maps, "value==3", tz="UTC", formats=("unix+%H:%M",))
    assert str(refused) == "y: -720 is not between -180 and 180"


def test_a_text_over_many_lines_is_held_only_so_far(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_DOCUMENT_BYTES", 1 << 20)
    with pytest.raises(Rejected, match=r"more than 1 MB, begun on line 1: write one record a line"):
        read("jsonl", "[\n" + f"{A},\n" * 20_000)
    assert len(read("jsonl", f"{A}\n" * 20_000)) == 20_000


@pytest.mark.parametrize(
    "where",
    [
        '"(29.37, 47.97)"',
        "[29.37, 47.97]",
        '{"type": "Point", "coordinates": [47.97, 29.37]}',
        '{"latitude": "29.37", "longitude": "47.97", "needs_recoding": false}',
    ],
)
def test_a_place_may_stand_in_one_member(read: Read, where: str) -> None:
    text = f'{{"event_type": "a", "event_timestamp": 0, "where": {where}}}'
    ((_, event),) = read("jsonl", text, "latitude+longitude=where")
    assert isinstance(event, Event)
    assert (event.longitude, event.latitude, event.attributes) == (47.97, 29.37, {})


@pytest.mark.parametrize("where", ["[29.37]", '{"type": "Point"}', "true", "[null, 2]"])
def test_a_member_that_is_no_place_is_refused(read: Read, told: Told, where: str) -> None:
    text = f'{{"event_type": "a", "event_timestamp": 0, "where": {where}}}'
    assert "where: expected a place" in told(read("jsonl", text, "latitude+longitude=where"))[0][1]


COLLECTION = (
    '{"type": "FeatureCollection", "features": ['
    '{"type": "Feature", "id": "q1", "properties": {"event_type": "a", "event_timestamp": 1517966773840},'
    ' "geometry": {"type": "Point", "coordinates": [2, 1]}}, '
    '{"type": "Feature", "properties": {"event_type": "b"}, "geometry": {"type": "Point", "coordinates": [2, 1]}}]}'
)


@pytest.mark.parametrize(
    "text",
    [
        COLLECTION,
        COLLECTION.replace("[{", "[\n{").replace(", {", ",\n{"),
        COLLECTION.replace("{", "{\n"),
        COLLECTION.replace('[{"type": "Feature"', '[\n{"type": "Feature"').replace(
            '{"type": "FeatureC', '{\n"type": "FeatureC'
        ),
    ],
)
def test_a_file_named_json_may_be_geojson(read: Read, text: str) -> None:
    (_, first), (_, second) = read("jsonl", text)
    assert isinstance(first, Event)
    assert (first.event_id, first.longitude, first.event_timestamp.year) == ("q1", 2.0, 2018)
    assert isinstance(second, Rejected)
    assert str(second) == "$.event_timestamp: required, and missing"


def test_a_script_that_holds_geojson_is_none(read: Read, told: Told) -> None:
    rows = told(read("jsonl", 'var data = {\n"type": "FeatureCollection",\n"features": []}\n'))
    assert [line for line, _ in rows] == [1, 2, 3]
    assert all("not JSON" in said for _, said in rows)


def test_an_object_over_many_lines_is_one_record_and_lines_cut_short_are_their_own(read: Read, told: Told) -> None:
    assert told(read("jsonl", A.replace(", ", ",\n").replace("{", "{\n", 1))) == [(1, "a")]
    (_, cut), (line, whole) = read("jsonl", f"{A[:-3]}\n{B}\n")
    assert isinstance(cut, Rejected)
    assert line == 2
    assert isinstance(whole, Event)


def test_an_object_that_holds_the_records_says_how_to_get_at_them(read: Read) -> None:
    ((_, wrapped),) = read("jsonl", f'{{"count": 2, "issues": [{A}, {B}]}}')
    assert "the object holds records in 'issues': write these one a line, as jq -c '.issues[]' does" in str(wrapped)
    esri = '{"geometryType": "esriGeometryPoint", "features": [{"attributes": {"a": 1}, "geometry": {"x": 1, "y": 2}}]}'
    ((_, wrapped),) = read("jsonl", esri)
    assert "this is Esri JSON: ask its service for f=geojson" in str(wrapped)


def test_an_element_is_named_where_its_line_does_not_tell_it_from_others(
    options: Callable[..., Any], told: Told
) -> None:
    asked = msgspec.structs.replace(options("severity=s"), places=True)
    bad = A.replace('"a"', '""')
    assert told(list(read_rows("jsonl", [f"[{A},{bad}]"], asked))) == [
        (1, "a"),
        (1, "$[1].event_type: required, and missing"),
    ]
    assert told(list(read_rows("jsonl", [f"[{A},\n", f"{bad}]"], asked)))[1] == (
        2,
        "$.event_type: required, and missing",
    )
    sea = A.replace('"longitude": 1, "latitude": 2', '"longitude": 0, "latitude": 0')
    ((_, nowhere),) = read_rows("jsonl", [f"[{sea}]"], msgspec.structs.replace(asked, nowhere=True))
    assert str(nowhere).startswith("$[0].longitude: 0, 0 is told where the place is not known")
    assert told(list(read_rows("jsonl", [COLLECTION], asked)))[1][1].startswith("$.features[1].event_timestamp: ")
    (_, foreign), (_, chosen) = read_rows(
        "jsonl", [f'[{A[:-1]}, "severity": 4, "s": 0.5}},', f'{A[:-1]}, "value": "much", "s": 0.5}}]'], asked
    )
    assert isinstance(foreign, Event)  # severity is taken from s: what stands under its own name is an attribute
    assert str(chosen).endswith("; if the member means something else, --map value= keeps it as an attribute")


def test_a_number_that_somebody_chose_is_seldom_seconds_of_1970(read: Read) -> None:
    for number, says in (("2015", "may be a year"), ("240835.0", "no time by itself"), ("20180922", "may be a date")):
        ((_, refused),) = read(
            "jsonl", f'{{"y": {number}, "longitude": 1, "latitude": 2}}', "event_timestamp=y", "event_type==a"
        )
        assert says in str(refused)
    ((_, event),) = read(
        "jsonl", '{"y": 1517966773840.0, "longitude": 1, "latitude": 2}', "event_timestamp=y", "event_type==a"
    )
    assert isinstance(event, Event)
    assert event.event_timestamp.year == 2018
    rows = [f'{{"d": "2025-07-22", "t": {clock}, "longitude": 1, "latitude": 2}}' for clock in (5, 1948)]
    early, late = (item for _, item in read("jsonl", "\n".join(rows), "event_timestamp=d+t", "event_type==a", tz="UTC"))
    assert (early.event_timestamp.hour, late.event_timestamp.hour) == (0, 19)
