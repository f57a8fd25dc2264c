"""The one entry: kinds by name, lines from bytes, and nothing that raises out."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.ingest import text as ingest_text
from appliance.ingest.files import FileKind, ReadOptions, Row, decode_lines, kind_of, read_rows
from appliance.ingest.text import known_encoding
from appliance.model.event import Event

Read = Callable[..., list[Row]]
KINDS: list[FileKind] = ["csv", "geojson", "jsonl"]
SEED = "event_type,event_timestamp,longitude,latitude\n"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "csv"),
        ("/data/b.2018.CSV.GZ", "csv"),
        ("a.tsv", "csv"),
        ("a.geojson", "geojson"),
        ("a.geojsonl.gz", "geojson"),
        ("a.jsonl", "jsonl"),
        ("a.ndjson.gz", "jsonl"),
        ("a.json", "jsonl"),
    ],
)
def test_the_name_tells_the_kind(name: str, kind: str) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize("name", ["a.parquet", "a", "a.gz", "csv", "a.csv.zip"])
def test_a_name_that_does_not_is_refused_with_those_that_do(name: str) -> None:
    with pytest.raises(Rejected, match=r"cannot tell the kind by its name; it may end in \.csv, "):
        kind_of(name)


@given(
    st.lists(st.sampled_from(["a", "é", "\n", "\r", "\r\n", "\u2028", "\x1e", "bc"]), max_size=12), st.integers(1, 5)
)
def test_lines_are_the_same_however_the_bytes_arrive(parts: list[str], size: int) -> None:
    data = "".join(parts).encode()
    expected = [line.decode() for line in data.splitlines(keepends=True)]
    assert list(decode_lines([data])) == expected
    assert list(decode_lines(data[at : at + size] for at in range(0, len(data), size))) == expected


def test_a_line_without_end_is_not_held_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_text, "MAX_LINE_BYTES", 1 << 20)
    taken = 0

    def chunks() -> Any:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 65_536

    with pytest.raises(Rejected, match="a line is longer than 1 MB; write one record a line"):
        list(decode_lines(chunks()))
    assert taken == 17


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-be"])
@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_utf16_with_its_mark_is_read(codec: str, size: int) -> None:
    text = SEED + "é\u4e00\U0001f600\r\nlast"
    data = text.encode(codec) if codec == "utf-16" else b"\xfe\xff" + text.encode(codec)
    chunks = [data[:2], *(data[at : at + size] for at in range(2, len(data), size))]
    assert list(decode_lines(chunks)) == text.splitlines(keepends=True)
    with pytest.raises(Rejected, match="says that it is UTF-16, and is not"):
        list(decode_lines([*chunks, b"\x00"]))


def test_rows_come_as_they_are_read(options: Callable[..., Any]) -> None:
    def lines() -> Any:
        yield SEED
        yield "a,0,1,2\n"
        pytest.fail("read further than asked")

    rows = read_rows("csv", lines(), options())
    line, event = next(rows)
    assert line == 2
    assert isinstance(event, Event)


def test_lines_of_a_body_need_no_ends(options: Callable[..., Any]) -> None:
    body = (SEED + "a,0,1,2\nb,0,1,2\n").splitlines()
    assert [line for line, _ in read_rows("csv", body, options())] == [2, 3]


def test_a_strict_decoder_of_the_caller_ends_in_a_refusal(options: Callable[..., Any]) -> None:
    lines = (line.decode() for line in [SEED.encode(), b"\xff\n"])
    with pytest.raises(Rejected, match="not UTF-8"):
        list(read_rows("csv", lines, options()))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.binary(max_size=200) | st.text('{}[]":,\x1e\n\r\0 01eEtnu-.\\\ud7ff', max_size=80).map(str.encode))
def test_no_bytes_raise_anything_but_a_refusal(read: Read, kind: FileKind, data: bytes) -> None:
    for prefix in (b"", SEED.encode(), b'{"type": "FeatureCollection", "features": [', b"["):
        try:
            rows = read(kind, prefix + data)
        except Rejected:
            continue
        assert all(isinstance(one, Event | Rejected) and line >= 1 for line, one in rows)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("latin-1", "Sant Martí\r\n"), ("cp1252", "Wałbrzych €".replace("ł", "l")), ("cp932", "渋谷\n")],
)
def test_a_file_in_another_encoding_is_read_where_it_is_named(encoding: str, text: str) -> None:
    assert list(decode_lines([text.encode(encoding)], known_encoding(encoding))) == [text]


@pytest.mark.parametrize("name", ["utf-16", "klingon", "", "hex", "cp037", "a\0b"])
def test_an_encoding_that_cannot_be_read_line_by_line_is_refused(name: str) -> None:
    with pytest.raises(Rejected, match="is not an encoding that can be read; write it as cp1252"):
        known_encoding(name)


def test_zero_zero_is_no_place_where_a_person_reads_an_export(options: Callable[..., ReadOptions]) -> None:
    text = "event_type,event_timestamp,longitude,latitude\na,0,0,0.0\nb,0,-1,-1\nc,0,0,51.5\nd,0,-1,-2\n"
    given = options()
    kept = list(read_rows("csv", decode_lines([text.encode()]), given))
    assert all(isinstance(one, Event) for _, one in kept)
    told = list(read_rows("csv", decode_lines([text.encode()]), msgspec.structs.replace(given, nowhere=True)))
    assert [str(one) for _, one in told if isinstance(one, Rejected)] == [
        "longitude, latitude: 0, 0 says that the place is not known",
        "longitude, latitude: -1, -1 says that the place is not known",
    ]
    assert [one.event_type for _, one in told if isinstance(one, Event)] == ["c", "d"]
