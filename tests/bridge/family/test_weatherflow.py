"""WeatherFlow's stations: rows by their places, strikes, the first drop, and what of a sensor does not work."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Incident, Observation
from firmware_bridge.family.weatherflow import FAMILY
from tests.bridge.family.hearing import changed, outcome
from tests.bridge.family.told import Conversation
from tests.conftest import examples

TEMPEST: dict[str, Any] = {
    "serial_number": "ST-00000001",
    "type": "obs_st",
    "hub_sn": "HB-00000001",
    "obs": [[1665138647, 0.5, 1.5, 2.5, 90, 3, 1006.9, 8.3, 97.7, 31, 0.1, 2, 0.2, 1, 12, 3, 2.646, 1]],
    "firmware_revision": 165,
}
AT = datetime(2022, 10, 7, 10, 30, 47, tzinfo=UTC)


def heard(said: Any) -> list[Observation]:
    return Conversation(FAMILY).tell("roof/tempest", said)


def readings(said: Any) -> dict[str, tuple[float, str]]:
    return {
        f"{seen.metric}.{seen.channel}".rstrip("."): (seen.value, seen.unit)
        for seen in heard(said)
        if isinstance(seen, EnvironmentReading)
    }


def of(kind: str, **members: Any) -> dict[str, Any]:
    return {"serial_number": "ST-00000001", "type": kind, "hub_sn": "HB-00000001", **members}


def test_a_row_of_a_tempest_is_read_by_its_places() -> None:
    assert readings(TEMPEST) == {
        "wind_lull": (0.5, "m/s"),
        "wind_speed": (1.5, "m/s"),
        "wind_gust": (2.5, "m/s"),
        "wind_direction": (90, "deg"),
        "pressure": (1006.9, "hPa"),
        "temperature": (8.3, "Cel"),
        "humidity": (97.7, "%"),
        "illuminance": (31, "lx"),
        "uv_index": (0.1, "1"),
        "solar_irradiance": (2, "W/m2"),
        "rain.interval": (0.2, "mm"),
        "precipitation_type": (1, "1"),
        "lightning_strikes": (3, "1"),
        "distance.lightning": (12_000, "m"),
    }
    assert heard(TEMPEST)[0] == DeviceHealth(
        device="weatherflow/ST-00000001",
        observed_at=AT,
        manufacturer="WeatherFlow",
        firmware="165",
        serial="ST-00000001",
        via="weatherflow/HB-00000001",
        voltage_v=2.646,
        interval_s=60,
    )


def test_the_cloud_adds_the_days_rain_and_what_it_reckons() -> None:
    row = [*TEMPEST["obs"][0], 4.2, None, None, 0]
    told = readings({**TEMPEST, "obs": [row], "summary": {"feels_like": 6.5, "pressure_trend": "steady"}})
    assert (told["rain.daily"], told["apparent_temperature"]) == ((4.2, "mm"), (6.5, "Cel"))


def test_air_and_sky_have_places_of_their_own() -> None:
    assert readings(of("obs_air", obs=[[1493164835, 835.0, 10.0, 45, 0, 0, 3.46, 1]])) == {
        "pressure": (835, "hPa"),
        "temperature": (10, "Cel"),
        "humidity": (45, "%"),
        "lightning_strikes": (0, "1"),  # and none is at no distance
    }
    sky = readings(of("obs_sky", obs=[[1493321340, 9000, 10, 0.5, 2.6, 4.6, 7.4, 187, 3.12, 1, 130, None, 0, 3]]))
    assert (sky["illuminance"], sky["rain.interval"], sky["wind_gust"]) == ((9000, "lx"), (0.5, "mm"), (7.4, "m/s"))
    assert "rain.daily" not in sky


def test_the_wind_of_every_few_seconds_is_apart_from_that_of_the_minute() -> None:
    assert readings(of("rapid_wind", ob=[1493322445, 2.3, 128])) == {
        "wind_speed.rapid": (2.3, "m/s"),
        "wind_direction.rapid": (128, "deg"),
    }


def test_a_strike_and_the_first_drop_happen_at_their_time() -> None:
    at = datetime(2017, 4, 27, 19, 47, 25, tzinfo=UTC)
    assert heard(of("evt_strike", evt=[1493322445, 27, 3848])) == [
        Incident(
            device="weatherflow/ST-00000001",
            observed_at=at,
            event_type="lightning_strike",
            attributes={"distance_km": 27.0, "energy": 3848.0},
        )
    ]
    assert heard(of("evt_precip", evt=[1493322445])) == [
        Incident(device="weatherflow/ST-00000001", observed_at=at, event_type="rain_started")
    ]


def test_a_sensor_tells_which_of_its_parts_failed_and_a_hub_how_it_is() -> None:
    status = of("device_status", timestamp=1665138647, uptime=100, voltage=2.6, rssi=-72, sensor_status=0b1_0000_0100)
    health, fault = heard(status)
    assert isinstance(health, DeviceHealth)
    assert (health.uptime_s, health.voltage_v, health.signal_dbm) == (100, 2.6, -72)
    assert isinstance(fault, Alarm)
    assert (fault.name, fault.active) == ("sensor_fault", True)
    assert fault.attributes == {"faults": ["lightning disturber", "light failed"]}
    _, noise = heard({**status, "sensor_status": 655_364})  # a disturber, and bits of the maker's own
    assert isinstance(noise, Alarm)
    assert not noise.active
    hub = {"serial_number": "HB-00000001", "type": "hub_status", "firmware_revision": "177", "rssi": -58, "uptime": 9}
    assert [seen.device for seen in heard(hub)] == ["weatherflow/HB-00000001"]


@settings(max_examples=examples(100))
@given(
    changed([TEMPEST, of("evt_strike", evt=[1, 2, 3]), of("device_status", sensor_status=4), of("rapid_wind", ob=[1])])
)
def test_nothing_raises(said: Any) -> None:
    outcome(FAMILY, said)
