"""Tasmota's topics as its documentation and its drivers write them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from appliance.model.observation import (
    Alarm,
    CommandOutcome,
    DeviceHealth,
    EnvironmentReading,
    Incident,
    Motion,
    Observation,
)
from firmware_bridge.family.tasmota.family import FAMILY
from tests.bridge.family.hearing import KIT, changed, kit_samples, outcome, refused
from tests.bridge.family.told import Conversation, well_typed
from tests.conftest import examples

PLUG = "tasmota/plug"
AT = datetime(2021, 6, 27, 15, 3, 44, tzinfo=UTC)
TIME = "2021-06-27T15:03:44"


def reading(
    metric: str, value: float, unit: str = "", channel: str = "", at: datetime | None = AT, device: str = PLUG
) -> EnvironmentReading:
    return EnvironmentReading(device=device, observed_at=at, metric=metric, value=value, unit=unit, channel=channel)


def done(method: str, message: str) -> CommandOutcome:
    return CommandOutcome(device=PLUG, outcome="done", method=method, message=message)


STATE = {
    "Time": TIME,
    "UptimeSec": 13,
    "Vcc": 3.4,
    "Heap": 28,
    "MqttCount": 2,
    "POWER1": "ON",
    "POWER2": "OFF",
    "Dimmer": 40,
    "Wifi": {"RSSI": 86, "Signal": -57},
}
STATE_TOLD: list[Observation] = [
    DeviceHealth(
        device=PLUG,
        observed_at=AT,
        voltage_v=3.4,
        signal_dbm=-57,
        link_quality=86,
        uptime_s=13,
        attributes={"heap": 28, "mqttcount": 2},
    ),
    reading("switch", 1, "1", "1"),
    reading("switch", 0, "1", "2"),
    reading("brightness", 40, "%"),
]
SENSORS: list[tuple[dict[str, Any], list[Observation]]] = [
    (
        {"AM2301": {"Temperature": 68, "Humidity": None, "DewPoint": 50.0}, "TempUnit": "F"},
        [reading("temperature", 20, "Cel", "am2301"), reading("dew_point", 10, "Cel", "am2301")],
    ),
    (
        {"BME280": {"Pressure": 750.0}, "PressureUnit": "mmHg", "TempUnit": "C"},
        [reading("pressure", 999.917906, "hPa", "bme280")],  # 750 * 1.33322387415
    ),
    (
        {"DS18B20-1": {"Id": "030597946B04", "Temperature": 20.9}},
        [reading("temperature", 20.9, "Cel", "ds18b20-030597946b04")],
    ),
    (
        {"ENERGY": {"Total": 3.185, "Today": 0.5, "Period": 7, "Power": [10, 0], "Voltage": 230, "Factor": 0.9}},
        [
            reading("energy", 3.185, "kWh"),
            reading("energy", 0.5, "kWh", "today"),
            reading("power", 10, "W", "1"),
            reading("power", 0, "W", "2"),
            reading("voltage", 230, "V"),
            reading("power_factor", 0.9, "1"),
        ],
    ),
    ({"SR04": {"Distance": 125.0}}, [reading("distance", 1.25, "m", "sr04")]),
    ({"VL53L0X": {"Distance": 263}}, [reading("distance", 0.263, "m", "vl53l0x")]),
    ({"VL53L0X": {"Distance": 26.3}}, [reading("distance", 0.263, "m", "vl53l0x")]),
    ({"COUNTER": {"C1": 4, "C2": 0}}, [reading("counter", 4, "1", "c1"), reading("counter", 0, "1", "c2")]),
    ({"ANALOG": {"A0": 512, "Temperature2": 21.5}}, [
        reading("analog", 512, "1", "analog.a0"),
        reading("temperature", 21.5, "Cel", "analog.2"),
    ]),
    ({"ESP32": {"Temperature": 43.3}}, [reading("device_temperature", 43.3, "Cel")]),
    ({"PMS5003": {"PM1": 2, "PM2.5": 3, "PM10": 4}}, [
        reading("pm1", 2, "ug/m3", "pms5003"),
        reading("pm2_5", 3, "ug/m3", "pms5003"),
        reading("pm10", 4, "ug/m3", "pms5003"),
    ]),
    (
        {"TX23": {"Speed": {"Act": 36.0}}, "SpeedUnit": "km/h"},
        [reading("wind_speed", 10, "m/s", "tx23")],
    ),
    ({"Switch1": "ON", "PIR2": "OFF"}, [
        reading("input", 1, "1", "1"),
        Motion(device=PLUG, observed_at=AT, active=False, area="2"),
    ]),
    ({"RC522": {"UID": "BA839D07", "Data": "mine", "Type": "MIFARE 1KB"}}, [
        Incident(device=PLUG, observed_at=AT, event_type="tag_read", attributes={"type": "MIFARE 1KB"}),
    ]),
    ({"IBEACON": {"MAC": "A4C1387FC1E1", "RSSI": -56, "STATE": "ON"}}, [
        Motion(device=PLUG, observed_at=AT, active=True, area="beacon"),
        reading("beacon_signal", -56, "dBm"),
    ]),
    ({}, [DeviceHealth(device=PLUG, observed_at=AT)]),
]  # fmt: skip


@pytest.mark.parametrize(("sensors", "expected"), SENSORS)
def test_each_sensor_is_swept_by_its_name(sensors: dict[str, Any], expected: list[Observation]) -> None:
    assert Conversation(FAMILY).tell("tele/plug/SENSOR", {"Time": TIME, **sensors}) == expected


def test_the_same_sensors_come_as_an_answer_to_status_8() -> None:
    said = {"StatusSNS": {"Time": TIME, "DS18B20": {"Temperature": 20.5}}}
    assert Conversation(FAMILY).tell("stat/plug/STATUS8", said) == [reading("temperature", 20.5, "Cel", "ds18b20")]


def test_a_state_tells_the_device_and_its_relays() -> None:
    tasmota = Conversation(FAMILY)
    assert tasmota.tell("tele/plug/STATE", STATE) == STATE_TOLD
    assert tasmota.tell("stat/plug/STATUS11", {"StatusSTS": STATE}) == STATE_TOLD
    assert tasmota.tell("tele/plug/STATE", {"Uptime": "1T02:03:04", "Wifi": {}})[0] == DeviceHealth(
        device=PLUG, uptime_s=93_784
    )


@pytest.mark.parametrize(
    ("topic", "device"),
    [
        ("tele/plug/LWT", "plug"),
        ("tele/site/hall/plug/LWT", "site/hall/plug"),
        ("site/plug/tele/LWT", "site/plug"),
    ],
)
def test_birth_and_will_on_any_usual_full_topic(topic: str, device: str) -> None:
    tasmota = Conversation(FAMILY)
    assert tasmota.tell(topic, "Online") == [DeviceHealth(device=f"tasmota/{device}", state="online")]
    assert tasmota.tell(topic, "Offline") == [DeviceHealth(device=f"tasmota/{device}", state="offline")]
    assert tasmota.tell(topic, "") == []


def test_a_clock_that_was_never_set_tells_no_time_and_epoch_goes_before_local_time() -> None:
    tasmota = Conversation(FAMILY)
    assert tasmota.tell("tele/plug/SENSOR", {"Time": "1970-01-01T00:00:08", "Switch1": "OFF"}) == [
        reading("input", 0, "1", "1", at=None)
    ]
    told = tasmota.tell("tele/plug/SENSOR", {"Time": TIME, "Epoch": 1567595328, "Switch1": "OFF"})
    assert told[0].observed_at == datetime(2019, 9, 4, 11, 8, 48, tzinfo=UTC)


RESULTS: list[tuple[str, Any, list[Observation]]] = [
    ("RESULT", {"POWER1": "OFF"}, [reading("switch", 0, "1", "1", at=None), done("POWER1", "OFF")]),
    ("POWER1", "ON", [reading("switch", 1, "1", "1", at=None)]),
    ("RESULT", {"TelePeriod": 60}, [DeviceHealth(device=PLUG, interval_s=60), done("TelePeriod", "60")]),
    ("RESULT", {"Restart": "Restarting"}, [done("Restart", "Restarting")]),
    ("RESULT", {"OtaUrl": "http://box/fw.bin"}, [done("OtaUrl", "http://box/fw.bin")]),
    ("RESULT", {"MqttPassword": "secret"}, [done("MqttPassword", "")]),
    (
        "RESULT",
        {"Command": "Unknown", "Input": "SLEPE"},
        [CommandOutcome(device=PLUG, outcome="failed", method="SLEPE", message="Unknown")],
    ),
    (
        "RESULT",
        {"Upgrade": "Version 14.2.0 from http://box/fw.bin"},
        [
            CommandOutcome(
                device=PLUG,
                outcome="accepted",
                method="Upgrade",
                message="Version 14.2.0 from http://box/fw.bin",
            )
        ],
    ),
    (
        "UPGRADE",
        {"Upgrade": "Successful. Restarting"},
        [CommandOutcome(device=PLUG, outcome="done", method="Upgrade", message="Successful. Restarting")],
    ),
    (
        "UPGRADE",
        {"Upgrade": "Failed wrong checksum"},
        [CommandOutcome(device=PLUG, outcome="failed", method="Upgrade", message="Failed wrong checksum")],
    ),
    (
        "RESULT",
        {"Button1": {"Action": "SINGLE"}},
        [Alarm(device=PLUG, name="button", active=True, area="1", attributes={"action": "single"}, momentary=True)],
    ),
    ("RESULT", {"Switch2": {"Action": "ON"}}, [reading("input", 1, "1", "2", at=None)]),
    (
        "STATUS0",
        {
            "Status": {"DeviceName": "Plug", "Module": 1},
            "StatusFWR": {"Version": "14.2.0(release-tasmota)", "Hardware": "ESP8285N08"},
            "StatusNET": {"IPAddress": "10.0.0.7", "Mac": "DC:4F:22:00:11:22"},
            "StatusLOG": {"TelePeriod": 300},
        },
        [
            DeviceHealth(
                device=PLUG,
                name="Plug",
                firmware="14.2.0(release-tasmota)",
                address="10.0.0.7",
                serial="DC:4F:22:00:11:22",
                interval_s=300,
                attributes={"hardware": "ESP8285N08"},
            )
        ],
    ),
    ("LOGGING", "00:00:01 something", [DeviceHealth(device=PLUG)]),
]


@pytest.mark.parametrize(("leaf", "said", "expected"), RESULTS)
def test_an_answer_names_the_command_it_is_for(leaf: str, said: Any, expected: list[Observation]) -> None:
    assert Conversation(FAMILY).tell(f"stat/plug/{leaf}", said) == expected


def test_what_tele_calls_a_result_answers_no_command() -> None:
    tasmota = Conversation(FAMILY)
    assert tasmota.tell("tele/station/RESULT", {"Gesture": "Off"}) == [
        DeviceHealth(device="tasmota/station", attributes={"gesture": "Off"})
    ]
    assert tasmota.tell("tele/plug/RESULT", {"RfReceived": {"Data": "0x70", "Bits": 24, "Protocol": 1}}) == [
        Incident(device=PLUG, event_type="rf_received", attributes={"data": "0x70", "protocol": "1"})
    ]


def test_a_start_tells_what_it_is_and_why_it_started() -> None:
    tasmota = Conversation(FAMILY)
    assert tasmota.tell("tele/plug/INFO1", {"Info1": {"Module": "Generic", "Version": "14.2.0"}}) == [
        DeviceHealth(device=PLUG, state="online", model="Generic", firmware="14.2.0")
    ]
    assert tasmota.tell("tele/plug/INFO3", {"RestartReason": "Power On"}) == [
        DeviceHealth(device=PLUG, state="online", attributes={"restartreason": "Power On"})
    ]


HEARD = {
    "Device": "0x5ADF",
    "Name": "Door",
    "Contact": 1,
    "Temperature": 20.5,
    "BatteryPercentage": 80,
    "LinkQuality": 7,
}


@pytest.mark.parametrize("topic", ["tele/bridge/SENSOR", "tele/bridge/Door/SENSOR", "tele/bridge/5ADF/SENSOR"])
def test_what_the_zigbee_bridge_hears_are_devices_of_their_own(topic: str) -> None:
    door = "tasmota/bridge/Door"
    assert Conversation(FAMILY).tell(topic, {"ZbReceived": {"0x5ADF": HEARD}}) == [
        DeviceHealth(
            device=door, name="Door", address="0x5ADF", via="tasmota/bridge", battery_percent=80, link_quality=7
        ),
        Alarm(device=door, name="contact", active=True),
        reading("temperature", 20.5, "Cel", at=None, device=door),
    ]


def test_a_lorawan_node_tells_its_battery_in_volts() -> None:
    node = {"Node": 1, "RSSI": -50.0, "DoorOpen": 1, "Battery": 3.0}
    assert Conversation(FAMILY).tell("tele/core2/SENSOR", {"LwReceived": {"0x4AD6": node}}) == [
        DeviceHealth(
            device="tasmota/core2/0x4AD6",
            address="0x4AD6",
            via="tasmota/core2",
            voltage_v=3,
            signal_dbm=-50,
        ),
        Alarm(device="tasmota/core2/0x4AD6", name="contact", active=True),
    ]


CONFIG = {
    "ip": "10.0.0.7",
    "dn": "Plug",
    "fn": ["Plug", None],
    "mac": "DC4F22001122",
    "md": "Sonoff Basic",
    "sw": "14.2.0",
    "t": "plug",
    "ft": "site/%prefix%/hall/%topic%/",
    "tp": ["cmnd", "stat", "tele"],
}


def test_discovery_tells_who_a_device_is_and_where_it_speaks() -> None:
    tasmota, device = Conversation(FAMILY), "tasmota/site/hall/plug"
    assert tasmota.refusal("site/tele/hall/plug/LWT", "Online")
    assert tasmota.tell("tasmota/discovery/DC4F22001122/config", CONFIG) == [
        DeviceHealth(
            device=device,
            name="Plug",
            model="Sonoff Basic",
            firmware="14.2.0",
            serial="DC4F22001122",
            address="10.0.0.7",
        )
    ]
    assert tasmota.tell("site/tele/hall/plug/LWT", "Online") == [DeviceHealth(device=device, state="online")]
    assert tasmota.tell("site/stat/hall/plug/RESULT", {"Sleep": 50}) == [
        DeviceHealth(device=device, attributes={"sleep": 50}),
        CommandOutcome(device=device, outcome="done", method="Sleep", message="50"),
    ]
    sensors = {"sn": {"Time": TIME, "ANALOG": {"A0": 3}}, "ver": 1}
    assert tasmota.tell("tasmota/discovery/DC4F22001122/sensors", sensors) == [
        reading("analog", 3, "1", "analog.a0", device=device)
    ]


def test_commands_say_nothing() -> None:
    assert Conversation(FAMILY).tell("cmnd/plug/POWER", "TOGGLE") == []


def test_an_unknown_topic_is_known_by_the_shape() -> None:
    told = Conversation(FAMILY).tell("base/plug/SENSOR", {"Time": TIME, "DS18B20": {"Temperature": 20.5}})
    assert told == [reading("temperature", 20.5, "Cel", "ds18b20", device="tasmota/base/plug")]


@pytest.mark.parametrize(
    ("topic", "said", "reason"),
    [
        ("tele/plug/SENSOR", '{"Time":"2021-', "not JSON"),
        ("tele/plug/STATE", "[]", "expected a JSON object in STATE"),
        ("tele/plug/LWT", "maybe", "expected Online or Offline"),
        ("tasmota/discovery/A/config", {"ip": "1"}, "$.t: expected an object with the device's topic"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(topic: str, said: Any, reason: str) -> None:
    assert Conversation(FAMILY).refusal(topic, said).startswith(reason)


TOPICS = ["tele/plug/SENSOR", "tele/plug/STATE", "tele/b/x/SENSOR", "stat/plug/RESULT", "stat/plug/STATUS0"]
DOCUMENTS = [
    STATE,
    *({"Time": TIME, **sensors} for sensors, _ in SENSORS),
    *(said for _, said, _ in RESULTS if isinstance(said, dict)),
    {"ZbReceived": {"0x5ADF": HEARD}},
    CONFIG,
]


@settings(max_examples=examples(300))
@given(st.sampled_from([*TOPICS, "tasmota/discovery/A/config", None]), changed(DOCUMENTS))
def test_odd_members_cost_no_more_than_themselves(topic: str | None, said: Any) -> None:
    told = outcome(FAMILY, said, topic)
    assert told is None or isinstance(told, Rejected) or well_typed(told)


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_no_real_message_is_refused() -> None:
    samples = kit_samples("tasmota")
    assert len(samples) == 44
    assert refused(FAMILY, samples) == {}
