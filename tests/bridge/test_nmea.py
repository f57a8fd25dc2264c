"""Sentences of GNSS receivers, with the values their makers' manuals give."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Rejected
from firmware_bridge.notation.nmea import GnssFix, read_sentence


def sentence(body: str) -> str:
    total = 0
    for character in body.encode():
        total ^= character
    return f"${body}*{total:02X}"


def test_rmc_gives_time_place_speed_and_course() -> None:
    fix = read_sentence(sentence("GPRMC,092750.250,A,5321.6802,N,00630.3372,W,10.0,31.66,280526,,,A"))
    assert fix is not None
    assert fix.observed_at == datetime(2026, 5, 28, 9, 27, 50, 250_000, tzinfo=UTC)
    assert fix.latitude == pytest.approx(53.36133667, abs=1e-7)
    assert fix.longitude == pytest.approx(-6.50562, abs=1e-7)
    assert fix.speed_mps == pytest.approx(5.144444, abs=1e-5)
    assert fix.heading_deg == 31.66


def test_gga_gives_place_height_and_quality_but_no_date() -> None:
    fix = read_sentence(sentence("GNGGA,092750.000,5321.6802,S,00630.3372,E,1,8,1.03,61.7,M,55.2,M,,"))
    assert fix is not None
    assert (fix.observed_at, fix.satellites, fix.hdop, fix.altitude_m) == (None, 8, 1.03, 61.7)
    assert (round(fix.latitude or 0, 6), round(fix.longitude or 0, 6)) == (-53.361337, 6.50562)


@pytest.mark.parametrize(
    "body",
    [
        "GPRMC,092750.000,V,,,,,,,280526,,,N",
        "GPGGA,092750.000,,,,,0,00,99.9,,,,,,",
        "GNGNS,092750.00,,,,,NNN,00,99.9,,,,",
        "GPGLL,,,,,092750.00,V,N",
        "GPZDA,,,,,,",
        "GPGSV,3,1,11,10,63,137,17,07,61,098,15,05,59,290,20,08,54,157,30",
    ],
)
def test_a_sentence_without_a_fix_says_nothing(body: str) -> None:
    assert read_sentence(sentence(body)) is None


def test_zda_gives_the_time_alone() -> None:
    assert read_sentence(sentence("GPZDA,201530.00,04,07,2026,00,00")) == GnssFix(
        observed_at=datetime(2026, 7, 4, 20, 15, 30, tzinfo=UTC)
    )


def test_the_leap_second_is_the_one_after_it() -> None:
    fix = read_sentence(sentence("GPZDA,235960.00,31,12,2026,00,00"))
    assert fix is not None and fix.observed_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_receiver_whose_week_count_began_again_is_set_right() -> None:
    fix = read_sentence(sentence("GPZDA,120000.00,23,02,2007,00,00"))  # 1,024 weeks before 9 October 2026
    assert fix is not None and fix.observed_at == datetime(2026, 10, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("$GPRMC,092750.000,A,5321.6802,N,00630.3372,W,0.02,31.66,280511,,,A*44", "checksum"),
        (sentence("GPRMC,092750.000,A,9921.6802,N,00630.3372,W,0.02,31.66,280526,,,A"), "not an angle"),
        (sentence("GPRMC,092750.000,A,5321.6802,X,00630.3372,W,0.02,31.66,280526,,,A"), "hemisphere"),
        (sentence("GPRMC,092750.000,A"), "GPRMC"),
        ("hello", "not an NMEA sentence"),
        ("$" + "x" * 200, "not an NMEA sentence"),
    ],
)
def test_a_disturbed_line_is_refused_and_says_how(line: str, reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        read_sentence(line)


@given(
    st.lists(st.text(alphabet="0123456789.,NSEWAV-", max_size=12), max_size=14),
    st.sampled_from(["RMC", "GGA", "ZDA", "GNS"]),
)
def test_no_line_breaks_the_reader(fields: list[str], kind: str) -> None:
    try:
        fix = read_sentence(sentence(f"GP{kind},{','.join(fields)}"))
    except Rejected:
        return
    assert fix is None or isinstance(fix, GnssFix)
