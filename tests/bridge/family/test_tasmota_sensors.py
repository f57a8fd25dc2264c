"""What sensors and bridged devices tell through Tasmota that is easily lost or taken for something else."""

from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.model.observation import (
    Alarm,
    CommandOutcome,
    DeviceHealth,
    EnvironmentReading,
    Incident,
    Observation,
    PeopleCount,
)
from firmware_bridge.family.tasmota.family import FAMILY
from tests.bridge.family.told import Conversation

TIME = "2021-06-27T15:03:44"
AT = datetime(2021, 6, 27, 15, 3, 44, tzinfo=UTC)


def tell(topic: str, said: Any) -> list[Observation]:
    return Conversation(FAMILY).tell(topic, said)


def measured(found: list[Observation]) -> list[tuple[str, str, float, str]]:
    return [
        (seen.metric, seen.channel, seen.value, seen.unit) for seen in found if isinstance(seen, EnvironmentReading)
    ]


@pytest.mark.parametrize(
    ("sensors", "expected"),
    [
        ({"BME680": {"Gas": 1086.43}}, [("gas_resistance", "bme680", 1086.43, "kOhm")]),
        (
            {"AS3935": {"Distance": 12, "Energy": 58622}},
            [("distance", "as3935", 12_000.0, "m"), ("signal_energy", "as3935", 58622.0, "1")],
        ),
        (
            {"LD2410": {"Energy": [13, 100]}},
            [("signal_energy", "ld2410.1", 13.0, "1"), ("signal_energy", "ld2410.2", 100.0, "1")],
        ),
        (
            {
                "TX23": {
                    "Speed": {"Act": 14.4, "Max": 18.0},
                    "Dir": {"Card": "WSW", "Deg": 247.5, "Avg": 266.1, "Range": 0},
                },
                "SpeedUnit": "km/h",
            },
            [
                ("wind_speed", "tx23", 4.0, "m/s"),
                ("wind_speed", "tx23.max", 5.0, "m/s"),
                ("wind_direction", "tx23", 247.5, "deg"),
                ("wind_direction", "tx23.avg", 266.1, "deg"),
                ("wind_direction", "tx23.range", 0.0, "deg"),
            ],
        ),
        (
            {"RG-15": {"Active": 0.01, "FlowRate": 0.3}},
            [("rain", "rg-15.active", 0.01, "mm"), ("rain_rate", "rg-15", 0.3, "mm/h")],
        ),
        (
            {"PCF8574-1": {"D0": 1, "D7": 0}, "MCP230_OUT": {"OUT_D4": "OFF"}},
            [
                ("input", "pcf8574-1.d0", 1.0, "1"),
                ("input", "pcf8574-1.d7", 0.0, "1"),
                ("output", "mcp230_out.d4", 0.0, "1"),
            ],
        ),
        ({"ZbState": {"Status": 30, "PowerSource": False}}, []),
    ],
)
def test_a_sensors_values_have_their_own_names_and_units(sensors: Any, expected: list[Any]) -> None:
    assert measured(tell("tele/x/SENSOR", {"Time": TIME, **sensors})) == expected


def test_a_radar_counts_people() -> None:
    found = tell("tele/x/SENSOR", {"Time": TIME, "LD2410S": {"Distance": 196.0, "People": 2}})
    assert PeopleCount(device="tasmota/x", observed_at=AT, present=2, line="ld2410s") in found


def test_what_a_remote_control_sent_is_an_event_wherever_it_is_told() -> None:
    (sent,) = tell("tele/x/SENSOR", {"Time": TIME, "RfReceived": {"Data": "0x7028D5", "Bits": 24, "Protocol": 1}})
    assert isinstance(sent, Incident)
    assert (sent.event_type, sent.attributes, sent.observed_at) == (
        "rf_received",
        {"data": "0x7028D5", "protocol": "1"},
        AT,
    )


def test_a_pin_that_changed_is_no_answer_to_a_command() -> None:
    for topic, said in (
        ("stat/x/RESULT", {"Time": TIME, "MCP230XX_INT": {"D1": 0, "MS": 519}}),
        ("stat/x/PCF8574_INP", {"Time": TIME, "PCF8574-1_INP": {"D1": 0}}),
    ):
        found = tell(topic, said)
        assert [(value, at.observed_at) for value, at in zip(measured(found), found, strict=True)] == [
            (("input", f"{next(iter(dict(list(said.items())[1:]))).lower().rpartition('_')[0]}.d1", 0.0, "1"), AT)
        ]
        assert not any(isinstance(seen, CommandOutcome) for seen in found)


def test_old_firmware_tells_its_meter_on_a_topic_of_its_own() -> None:
    assert measured(tell("tele/x/ENERGY", {"Time": TIME, "Total": 0.64, "Power": 12, "Voltage": 230})) == [
        ("energy", "", 0.64, "kWh"),
        ("power", "", 12.0, "W"),
        ("voltage", "", 230.0, "V"),
    ]


def test_an_object_that_came_by_the_serial_port_is_measured_too() -> None:
    said = {"SSerialReceived": {"DeviceID": "TM182", "Temp": 25.3, "Hum": 50}}
    assert measured(tell("tele/x/RESULT", said)) == [
        ("temperature", "serial", 25.3, "Cel"),
        ("humidity", "serial", 50.0, "%"),
    ]


def test_a_lorawan_body_that_a_script_decoded_is_its_devices() -> None:
    decoded = {"TempC_Internal": 25.5, "Hum_Internal": 56, "BatV": 3.0, "Systimestamp": 1747038892, "Device": "LHT52"}
    found = tell("tele/gate/RESULT", {"LwDecoded": {"0xAE3D": decoded}})
    assert measured(found) == [("temperature", "internal", 25.5, "Cel"), ("humidity", "internal", 56.0, "%")]
    assert {seen.device for seen in found} == {"tasmota/gate/0xAE3D"}
    health = next(seen for seen in found if isinstance(seen, DeviceHealth))
    assert (health.via, health.voltage_v) == ("tasmota/gate", 3.0)


def test_what_the_zigbee_bridge_knows_of_a_device_is_that_devices_and_as_old_as_it_says() -> None:
    info = {
        "Device": "0x8959",
        "Name": "Plug",
        "IEEEAddr": "0x7CB03EAA0A0292DD",
        "ModelId": "Plug 01",
        "Manufacturer": "OSRAM",
        "Power": 0,
        "Reachable": False,
        "LastSeen": 16607299,
        "LastSeenEpoch": 1641742232,
        "LinkQuality": 147,
    }
    health, _ = tell("tele/gate/SENSOR", {"ZbInfo": {"0x8959": info}})
    assert isinstance(health, DeviceHealth)
    assert (health.device, health.model, health.serial, health.state) == (
        "tasmota/gate/Plug",
        "Plug 01",
        "0x7CB03EAA0A0292DD",
        "offline",
    )
    assert health.observed_at == datetime(2022, 1, 9, 15, 30, 32, tzinfo=UTC)


def test_a_zigbee_devices_flags_and_shakes_are_kept_and_raw_attributes_are_not() -> None:
    heard = {"Device": "0x5ADF", "Power": True, "0004<00": "006400", "0000/FF0D": 1, "AqaraVibrationMode": "tilt"}
    found = tell("tele/gate/SENSOR", {"ZbReceived": {"0x5ADF": heard}})
    assert measured(found) == [("switch", "", 1.0, "1")]
    assert [(seen.name, seen.momentary) for seen in found if isinstance(seen, Alarm)] == [("vibration", True)]


@pytest.mark.parametrize(
    ("sensor", "expected"),
    [
        ({"SGP30": {"aHumidity": 9.1}}, ("absolute_humidity", 9.1, "g/m3")),
        ({"Thermostat0": {"TempMeasured": 21.5}}, ("temperature", 21.5, "Cel")),
        ({"Thermostat0": {"TempTargetSet": 22.0}}, ("target_temperature", 22.0, "Cel")),
        ({"HX711": {"Weight": 1.25}}, ("weight", 1.25, "kg")),
        ({"TFminiPlus": {"Signal": 900}}, ("signal_strength", 900.0, "")),
        ({"INA226": {"Address": 64, "Voltage": 1.5}}, ("voltage", 1.5, "V")),
    ],
)
def test_values_of_further_drivers(sensor: Any, expected: tuple[str, float, str]) -> None:
    said = {"Time": "2024-01-01T10:00:00", **sensor}
    (seen,) = Conversation(FAMILY).tell("tele/hall/SENSOR", said)
    assert isinstance(seen, EnvironmentReading)
    assert (seen.metric, seen.value, seen.unit) == expected


def test_a_pools_values_are_named_by_what_their_group_measures() -> None:
    pool = {
        "Time": TIME,
        "Modules": {"pH": 1, "Redox": 1},
        "Temperature": 77.0,
        "Powerunit": {"Version": "V3.45", "12V": 12.1, "4-20mA": 4.0},
        "pH": {"Data": 7.2, "Max": 7.4, "Tank": 1},
        "Redox": {"Data": 752, "Setpoint": 750},
        "Conductivity": 0,
        "Hydrolysis": {"Data": 5.5, "Unit": "g/h", "State": "Pol1", "Low": 0, "Redox": 1},
        "Filtration": {"State": 1, "Speed": 2},
        "Light": 1,
        "Relay": {"State": [0, 1], "Aux": [1], "Acid": 1},
        "Connection": {"MBRequests": 9040},
    }
    assert measured(tell("tele/pool/SENSOR", {"Time": TIME, "NeoPool": pool, "TempUnit": "F"})) == [
        ("temperature", "neopool", 25.0, "Cel"),
        ("ph", "neopool", 7.2, "[pH]"),
        ("ph_max", "neopool", 7.4, "[pH]"),
        ("tank", "neopool.ph", 1.0, "1"),
        ("redox_potential", "neopool", 752.0, "mV"),
        ("redox_potential_setpoint", "neopool", 750.0, "mV"),
        ("conductivity", "neopool", 0.0, "%"),
        ("hydrolysis", "neopool", 5.5, "g/h"),
        ("low", "neopool.hydrolysis", 0.0, "1"),
        ("voltage", "neopool.12v", 12.1, "V"),
        ("current", "neopool.4-20ma", 0.004, "A"),
        ("light", "neopool", 1.0, "1"),
        ("switch", "neopool.filtration", 1.0, "1"),
        ("filtration_speed", "neopool", 2.0, "1"),
        ("output", "neopool.relay.1", 0.0, "1"),
        ("output", "neopool.relay.2", 1.0, "1"),
        ("output", "neopool.aux.1", 1.0, "1"),
    ]


def test_a_wind_meters_speeds_are_those_of_the_wind() -> None:
    wind = {"Time": TIME, "WINDMETER": {"Speed": 3.6, "SpeedAvg": 1.8}, "SpeedUnit": "km/h"}
    assert measured(tell("tele/mast/SENSOR", wind)) == [
        ("wind_speed", "windmeter", 1.0, "m/s"),
        ("wind_speed", "windmeter.avg", 0.5, "m/s"),
    ]


def test_on_prefixes_of_its_own_it_is_known_from_its_first_telemetry_on() -> None:
    talk = Conversation(FAMILY)
    assert "nor a payload of this shape" in talk.refusal("home/shed/telemetry/LWT", "Online")
    talk.tell("home/shed/telemetry/SENSOR", {"Time": TIME, "AM2301": {"Temperature": 20.5}, "TempUnit": "C"})
    assert talk.tell("home/shed/telemetry/LWT", "Offline") == [
        DeviceHealth(device="tasmota/home/shed/telemetry", state="offline")
    ]
    assert measured(talk.tell("home/shed/telemetry/RESULT", {"POWER": "ON"})) == [("switch", "", 1.0, "1")]
    assert "nor a payload of this shape" in talk.refusal("home/barn/telemetry/LWT", "Online")


def test_a_french_meters_indexes_are_kilowatt_hours_by_their_tariff() -> None:
    older = {"ADCO": "021500000000", "OPTARIF": "HC..", "ISOUSC": 15, "HCHC": 920750, "HCHP": "2275560", "PAPP": 170}
    more = {"IINST": 1, "IMAX": 2, "PTEC": "HP..", "HHPHC": "A", "MOTDETAT": 0, "BBRHCJW": 500}
    assert measured(tell("tele/meter/SENSOR", {"Time": TIME, "TIC": older | more})) == [
        ("current_subscribed", "tic", 15, "A"),
        ("energy", "tic.off_peak", 920.75, "kWh"),
        ("energy", "tic.peak", 2275.56, "kWh"),
        ("apparent_power", "tic", 170, "VA"),
        ("current", "tic", 1, "A"),
        ("current_max", "tic", 2, "A"),
        ("energy", "tic.white_off_peak", 0.5, "kWh"),
    ]
    newer = {"ADSC": "041900000000", "EAST": 9207501, "EASF01": 9207501, "EAIT": 1500, "IRMS1": 2, "URMS1": 234}
    newer |= {"PREF": 9, "SINSTS": 170, "SINSTI": 20, "SMAXSN": 3210, "STGE": "003A0001", "RELAIS": 0, "NTARF": 1}
    assert measured(tell("tele/meter/SENSOR", {"Time": TIME, "TIC": newer})) == [
        ("energy", "tic", 9207.501, "kWh"),
        ("energy", "tic.tariff_1", 9207.501, "kWh"),
        ("energy", "tic.exported", 1.5, "kWh"),
        ("current", "tic.1", 2, "A"),
        ("voltage", "tic.1", 234, "V"),
        ("apparent_power_subscribed", "tic", 9000, "VA"),
        ("apparent_power", "tic", 170, "VA"),
        ("apparent_power", "tic.exported", 20, "VA"),
        ("apparent_power_max", "tic", 3210, "VA"),
    ]
