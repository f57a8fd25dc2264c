"""Typed readers of members, and units as firmware writes them."""

from typing import Any

import pytest
from hypothesis import given, settings

from firmware_bridge.notation.members import flag_of, list_of, number_of, object_of, text_of, whole_of
from firmware_bridge.notation.units import Scale, apply, scale_to
from tests.bridge.family.hearing import odd_json
from tests.conftest import examples


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (5, 5.0),
        (-2.5, -2.5),
        ("21.5", 21.5),
        (" -1e3 ", -1000.0),
        (".5", 0.5),
        ("", None),
        ("1,5", None),
        ("0x10", None),
        ("nan", None),
        ("1_000", None),
        ("1e999", None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        (True, None),
        (None, None),
        ([1], None),
    ],
)
def test_a_number_is_finite_and_not_a_flag(value: Any, number: float | None) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize(
    ("value", "whole"),
    [(7, 7), (7.0, 7), ("7", 7), (7.5, None), (2**63, None), (-(2**63), -(2**63)), (1e300, None), (True, None)],
)
def test_a_whole_number_has_64_bits(value: Any, whole: int | None) -> None:
    assert whole_of(value) == whole


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" a b ", "a b"),
        (5, "5"),
        ("a\x00b\n", "ab"),
        ("x" * 300, "x" * 200),
        (1.5, ""),
        (None, ""),
        (True, ""),
        ([], ""),
    ],
)
def test_text_is_printable_and_short(value: Any, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), ("ON", True), (" open ", True), (1, True), (0, False), ("closed", False), (2, None), ("x", None)],
)
def test_a_flag_in_the_spellings_of_firmware(value: Any, flag: bool | None) -> None:
    assert flag_of(value) is flag


@settings(max_examples=examples(300))
@given(odd_json())
def test_no_value_is_too_odd(value: Any) -> None:
    number, whole, text = number_of(value), whole_of(value), text_of(value)
    assert number is None or type(number) is float
    assert whole is None or type(whole) is int
    assert len(text) <= 200
    assert flag_of(value) in (True, False, None)
    assert object_of(value) == (value if isinstance(value, dict) else {})
    assert list_of(value) == (value if isinstance(value, list) else [])


@pytest.mark.parametrize(
    ("written", "wanted", "value", "scale", "result"),
    [
        ("°F", "Cel", 212, "Cel", 100.0),
        ("K", "Cel", 0, "Cel", -273.15),
        ("kPa", "hPa", 101.325, "hPa", 1013.25),
        ("psi", "hPa", 1, "hPa", 68.9475729),
        ("mph", "m/s", 10, "m/s", 4.4704),
        ("ft", "m", 10, "m", 3.048),
        ("mm", "m", 1500, "m", 1.5),
        ("cm", "m", 150, "m", 1.5),
        ("in", "mm", 2, "mm", 50.8),
        ("mg/m³", "ug/m3", 0.5, "ug/m3", 500.0),
        ("μg/m³", "ug/m3", 5, "ug/m3", 5),
        ("ug/m3", "ug/m3", 5, "ug/m3", 5),
        ("ppb", "[ppm]", 500, "[ppm]", 0.5),
        ("L/min", "m3/h", 10, "m3/h", 0.6),
        ("", "Cel", 5, "Cel", 5),
        ("lqi", "", 5, "lqi", 5),
    ],
)
def test_units_become_canonical(written: str, wanted: str, value: float, scale: str, result: float) -> None:
    found = scale_to(written, wanted)
    assert (found.unit, apply(found, value)) == (scale, result)


def test_an_unknown_unit_is_kept_as_it_is_written() -> None:
    assert scale_to("furlong/fortnight at dusk", "m/s") == Scale("furlong/fortnight at")


@pytest.mark.parametrize(
    ("written", "wanted", "expected"),
    [
        ("K", "Cel", Scale("Cel", 1.0, -273.15)),
        ("K", "", Scale("K")),
        ("g/m³", "", Scale("g/m3")),
        ("pH", "", Scale("[pH]")),
        ("rpm", "", Scale("/min")),
        ("oz", "kg", Scale("kg", 0.028349523125)),
        ("BTU/h", "W", Scale("W", 0.29307107017)),
        ("gal/h", "m3/h", Scale("m3/h", 0.003785411784)),
        ("kvarh", "", Scale("kvar.h")),
    ],
)
def test_the_light_of_a_lamp_is_no_temperature_and_rarer_units(written: str, wanted: str, expected: Scale) -> None:
    assert scale_to(written, wanted) == expected
