"""Sensor.Community's airrohr: each type by its sensor, where it stands, and records of the network."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings

from appliance.model.observation import DeviceHealth, EnvironmentReading, Observation, Position
from firmware_bridge.family.environment import FAMILY
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples


def values(**told: object) -> list[dict[str, object]]:
    return [{"value_type": name, "value": str(value)} for name, value in told.items()]


def heard(**told: object) -> list[Observation]:
    said = {"esp8266id": "1234567", "software_version": "NRZ-2020-133", "sensordatavalues": values(**told)}
    return Conversation(FAMILY).tell("air/feinstaub", said)


def readings(found: list[Observation]) -> dict[tuple[str, str], tuple[float, str]]:
    measured = [seen for seen in found if isinstance(seen, EnvironmentReading)]
    told = {(seen.metric, seen.channel): (round(seen.value, 3), seen.unit) for seen in measured}
    assert len(told) == len(measured), "two readings of one metric and channel"
    return told


def test_a_type_is_what_the_sensor_measures_in_our_units() -> None:
    assert readings(heard(SDS_P1="7.5", SDS_P2="3.2", BME280_pressure="101325", BME280_temperature="21.5")) == {
        ("pm10", ""): (7.5, "ug/m3"),
        ("pm2_5", ""): (3.2, "ug/m3"),
        ("pressure", ""): (1013.25, "hPa"),
        ("temperature", ""): (21.5, "Cel"),
    }
    assert readings(heard(IPS_P01=1, IPS_P5=4, IPS_N03=12, NPM_N25=3, DNMS_noise_LAeq=48.5, SCD30_co2_ppm=612)) == {
        ("pm0_1", ""): (1, "ug/m3"),
        ("pm5", ""): (4, "ug/m3"),
        ("particles_0_3", ""): (12, "/cm3"),
        ("particles_2_5", ""): (3, "/cm3"),
        ("sound_level", ""): (48.5, "dB"),
        ("co2", ""): (612, "[ppm]"),
    }


def test_the_second_sensor_of_one_kind_has_its_name() -> None:
    assert readings(heard(SDS_P1=5, PMS_P1=6, temperature=20, BMP280_temperature=22, HTU21D_temperature=21)) == {
        ("pm10", ""): (5, "ug/m3"),
        ("pm10", "pms"): (6, "ug/m3"),
        ("temperature", ""): (20, "Cel"),
        ("temperature", "bmp280"): (22, "Cel"),
        ("temperature", "htu21d"): (21, "Cel"),
    }


def test_a_ppd42_counts_particles_and_weighs_none() -> None:
    told = readings(heard(durP1=30000, ratioP1=0.1, P1=52.5, P2=0.62))
    assert (told["pm10_particles", ""], told["pm2_5_particles", ""]) == ((52.5, "{#}/cf"), (0.62, "{#}/cf"))
    assert readings(heard(P1=5)) == {("pm10", ""): (5, "ug/m3")}


def test_a_receiver_tells_where_all_was_measured() -> None:
    found = heard(
        SDS_P1=5, GPS_lat="48.800000", GPS_lon="9.003000", GPS_height="300.1", GPS_timestamp="2021-03-01T10:11:12"
    )
    fix = next(seen for seen in found if isinstance(seen, Position))
    assert (fix.longitude, fix.latitude, fix.altitude_m) == (9.003, 48.8, 300.1)
    assert {seen.longitude for seen in found if isinstance(seen, EnvironmentReading)} == {9.003}
    assert readings(found) == {("pm10", ""): (5, "ug/m3"), ("altitude", ""): (300.1, "m")}


def test_without_a_fix_there_is_no_place_and_no_height() -> None:
    found = heard(SDS_P1=5, GPS_lat="-200.000000", GPS_lon="-200.000000", GPS_height="-1000.00")
    assert readings(found) == {("pm10", ""): (5, "ug/m3")}
    assert [type(seen) for seen in found] == [DeviceHealth, EnvironmentReading]


def test_the_networks_records_have_their_time_and_place() -> None:
    record = {
        "id": 1,
        "timestamp": "2021-03-01 10:11:12",
        "location": {"longitude": "9.168", "latitude": "48.792"},
        "sensor": {"id": 140, "sensor_type": {"name": "BME280"}},
        "sensordatavalues": [
            {"value_type": "pressure", "value": "97294.09"},
            {"value_type": "pressure_at_sealevel", "value": 102089.58},
        ],
    }
    found = Conversation(FAMILY).tell("air/network", [record])
    assert readings(found) == {("pressure", ""): (972.941, "hPa"), ("sea_level_pressure", ""): (1020.896, "hPa")}
    assert {(seen.device, seen.observed_at) for seen in found} == {
        ("environment/140", datetime(2021, 3, 1, 10, 11, 12, tzinfo=UTC))
    }
    assert {(seen.longitude, seen.latitude) for seen in found if isinstance(seen, EnvironmentReading)} == {
        (9.168, 48.792)
    }


def test_a_tube_counts_what_decays() -> None:
    assert readings(heard(counts_per_minute=18, hv_pulses=5, tube="SBM-20", counts=18, sample_time_ms=60000)) == {
        ("radiation_counts", ""): (18, "/min")
    }


def test_how_well_it_is_heard_may_have_its_unit_behind() -> None:
    health = heard(SDS_P1=5, signal="-71 dBm")[0]
    assert isinstance(health, DeviceHealth)
    assert (health.device, health.signal_dbm, health.firmware) == ("environment/1234567", -71, "NRZ-2020-133")


MESSAGE: dict[str, Any] = {
    "esp8266id": "1",
    "sensordatavalues": values(SDS_P1=4, GPS_lat=48, GPS_lon=9, signal=-70),
}


@settings(max_examples=examples(100))
@given(changed([MESSAGE, [MESSAGE]]))
def test_nothing_raises(said: Any) -> None:
    outcome(FAMILY, said)
