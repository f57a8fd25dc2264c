"""Shelly's notifications, statuses and answers (Gen2 and later), and the topics of the first generation."""

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
    Motion,
    Observation,
)
from firmware_bridge.family.shelly.family import FAMILY
from firmware_bridge.family.shelly.gen1 import FAMILY as GEN1
from tests.bridge.family.hearing import KIT, changed, kit_samples, outcome, refused
from tests.bridge.family.told import Conversation, well_typed
from tests.conftest import examples

ID = "shellyplus1-a8032ab12345"
PLUS = f"shelly_gen2/{ID}"
AT = datetime(2024, 12, 9, 20, 41, 24, 250_000, tzinfo=UTC)  # 1733776884.25
TS = 1733776884.25


def notify(method: str, **params: Any) -> dict[str, Any]:
    return {"src": ID, "dst": f"{ID}/events", "method": method, "params": {"ts": TS, **params}}


def status(**components: Any) -> dict[str, Any]:
    return notify("NotifyStatus", **components)


def event(component: str, name: str, **members: Any) -> dict[str, Any]:
    return notify("NotifyEvent", events=[{"component": component, "event": name, "ts": TS, **members}])


def reading(
    metric: str, value: float, unit: str, channel: str, device: str = PLUS, at: datetime | None = AT
) -> EnvironmentReading:
    return EnvironmentReading(device=device, observed_at=at, metric=metric, value=value, unit=unit, channel=channel)


def health(**members: Any) -> DeviceHealth:
    return DeviceHealth(**{"device": PLUS, "observed_at": AT, "model": "shellyplus1", **members})


SWITCH = {
    "id": 0,
    "source": "HTTP_in",
    "output": True,
    "apower": 8.5,
    "voltage": 230.25,
    "current": 0.05,
    "aenergy": {"total": 1234.5, "by_minute": [1, 2, 3], "minute_ts": 1733776860},
    "temperature": {"tC": 40.5, "tF": 104.9},
}
COMPONENTS: list[tuple[str, dict[str, Any], list[Observation]]] = [
    (
        "switch:0",
        SWITCH,
        [
            health(),
            reading("switch", 1, "1", "0"),
            reading("power", 8.5, "W", "0"),
            reading("voltage", 230.25, "V", "0"),
            reading("current", 0.05, "A", "0"),
            reading("energy", 1.2345, "kWh", "0"),
            reading("device_temperature", 40.5, "Cel", "0"),
        ],
    ),
    ("input:3", {"id": 3, "state": False}, [health(), reading("input", 0, "1", "3")]),
    ("input:1", {"id": 1, "percent": 42}, [health(), reading("analog", 42, "%", "1")]),
    ("cover:0", {"state": "opening", "current_pos": 55}, [
        health(attributes={"cover.0": "opening"}),
        reading("position", 55, "%", "0"),
    ]),
    ("light:0", {"output": True, "brightness": 30}, [
        health(),
        reading("light", 1, "1", "0"),
        reading("brightness", 30, "%", "0"),
    ]),
    ("temperature:100", {"id": 100, "tC": 21.5, "tF": 70.7}, [health(), reading("temperature", 21.5, "Cel", "100")]),
    ("humidity:0", {"id": 0, "rh": 55.5}, [health(), reading("humidity", 55.5, "%", "0")]),
    ("voltmeter:100", {"voltage": 4.2}, [health(), reading("voltage", 4.2, "V", "100")]),
    ("illuminance:0", {"lux": 12, "illumination": "dark"}, [health(), reading("illuminance", 12, "lx", "0")]),
    ("em:0", {"a_voltage": 229.5, "b_act_power": 12.5, "n_current": None, "total_act_power": 40.0}, [
        health(),
        reading("voltage", 229.5, "V", "0.a"),
        reading("power", 12.5, "W", "0.b"),
        reading("power", 40, "W", "0.total"),
    ]),
    ("emdata:0", {"a_total_act_energy": 1500.0, "total_act_ret": 500.0}, [
        health(),
        reading("energy", 1.5, "kWh", "0.a"),
        reading("energy", 0.5, "kWh", "0.total.returned"),
    ]),
    ("em1data:1", {"total_act_energy": 2000.0}, [health(), reading("energy", 2, "kWh", "1")]),
    ("pm1:0", {"apower": -3.5, "freq": 50.0}, [
        health(),
        reading("power", -3.5, "W", "0"),
        reading("frequency", 50, "Hz", "0"),
    ]),
    ("smoke:0", {"alarm": True, "mute": False}, [
        health(),
        Alarm(device=PLUS, observed_at=AT, name="smoke", active=True, area="0"),
    ]),
    ("flood:0", {"alarm": False}, [
        health(),
        Alarm(device=PLUS, observed_at=AT, name="water_leak", active=False, area="0"),
    ]),
    ("presencezone:200", {"value": True, "num_objects": 2}, [
        health(),
        Motion(device=PLUS, observed_at=AT, active=True, area="200"),
        reading("occupancy", 2, "1", "200"),
    ]),
    ("devicepower:0", {"battery": {"V": 5.3, "percent": 71}, "external": {"present": False}}, [
        health(battery_percent=71, voltage_v=5.3, attributes={"external_power": False}),
    ]),
    ("bthomesensor:200", {"id": 200, "value": True}, [health(), reading("bthome", 1, "", "200")]),
    ("bthomedevice:201", {"rssi": -66, "battery": 90}, [
        health(),
        reading("battery", 90, "%", "201"),
        reading("signal", -66, "dBm", "201"),
    ]),
    ("sys", {"mac": "A8032AB12345", "uptime": 60, "wakeup_period": 7200, "available_updates": {
        "stable": {"version": "1.4.4"},
    }}, [
        health(serial="A8032AB12345", uptime_s=60, interval_s=7200, attributes={"available_firmware": "1.4.4"}),
    ]),
    ("wifi", {"sta_ip": "10.0.0.8", "status": "got ip", "rssi": -58}, [health(address="10.0.0.8", signal_dbm=-58)]),
    ("cloud", {"connected": False}, [health(attributes={"cloud": False})]),
    ("script:1", {"running": False, "errors": ["out_of_memory"]}, [
        health(attributes={"script.1": False, "script.1.error": "out_of_memory"}),
    ]),
    ("temperature:0", {"tC": None, "errors": ["read"]}, [
        health(),
        Alarm(
            device=PLUS,
            observed_at=AT,
            name="problem",
            active=True,
            area="temperature:0",
            attributes={"errors": ["read"]},
        ),
    ]),
    ("knx", {}, [health()]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said", "expected"), COMPONENTS)
def test_each_component_says_its_own(name: str, said: dict[str, Any], expected: list[Observation]) -> None:
    assert Conversation(FAMILY).tell(f"{ID}/events/rpc", status(**{name: said})) == expected


def test_a_status_topic_tells_one_component_and_no_time() -> None:
    shelly = Conversation(FAMILY)
    assert shelly.tell("site/hall/gate/status/switch:0", {"id": 0, "output": False}) == [
        reading("switch", 0, "1", "0", device="shelly_gen2/site/hall/gate", at=None)
    ]
    assert shelly.tell(f"{ID}/status/mqtt", {"connected": True}) == [
        DeviceHealth(device=PLUS, attributes={"mqtt": True})
    ]


@pytest.mark.parametrize("prefix", [ID, "site/hall/gate"])
def test_birth_and_will(prefix: str) -> None:
    shelly, device = Conversation(FAMILY), f"shelly_gen2/{prefix}"
    assert shelly.tell(f"{prefix}/online", "true") == [DeviceHealth(device=device, state="online")]
    assert shelly.tell(f"{prefix}/online", "false") == [DeviceHealth(device=device, state="offline")]
    assert shelly.tell(f"{prefix}/online", "") == []


BLU = {"address": "3C:2E:F5:00:11:22", "rssi": -70, "battery": 100, "temperature": 21.5, "window": 1, "pid": 3}
EVENTS: list[tuple[dict[str, Any], list[Observation]]] = [
    (event("input:0", "btn_down", id=0), [health(), reading("input", 1, "1", "0")]),
    (
        event("input:0", "double_push", id=0),
        [
            health(),
            Alarm(
                device=PLUS,
                observed_at=AT,
                name="button",
                active=True,
                area="0",
                attributes={"action": "double"},
                momentary=True,
            ),
        ],
    ),
    (
        event("smoke:0", "alarm_off"),
        [health(), Alarm(device=PLUS, observed_at=AT, name="smoke", active=False, area="0")],
    ),
    (event("motion:0", "no_motion"), [health(), Motion(device=PLUS, observed_at=AT, active=False, area="0")]),
    (event("sys", "scheduled_restart", time_ms=996), [health(attributes={"event": "scheduled_restart"})]),
    (
        event("sys", "ota_progress", msg="in_progress", progress_percent=8),
        [
            health(),
            CommandOutcome(
                device=PLUS,
                observed_at=AT,
                outcome="running",
                method="ota_progress",
                message="in_progress",
                progress_percent=8,
            ),
        ],
    ),
    (
        event("sys", "ota_error", msg="error"),
        [
            health(),
            CommandOutcome(device=PLUS, observed_at=AT, outcome="failed", method="ota_error", message="error"),
        ],
    ),
    (
        event("script:1", "shelly-blu", data=BLU),
        [
            health(),
            DeviceHealth(
                device="shelly_gen2/3c:2e:f5:00:11:22",
                observed_at=AT,
                via=PLUS,
                battery_percent=100,
                signal_dbm=-70,
            ),
            reading("temperature", 21.5, "Cel", "", device="shelly_gen2/3c:2e:f5:00:11:22"),
            Alarm(device="shelly_gen2/3c:2e:f5:00:11:22", observed_at=AT, name="contact", active=True),
        ],
    ),
]


@pytest.mark.parametrize(("said", "expected"), EVENTS)
def test_each_event_says_its_own(said: dict[str, Any], expected: list[Observation]) -> None:
    assert Conversation(FAMILY).tell(f"{ID}/events/rpc", said) == expected


def test_an_answer_carries_the_commands_id_and_is_of_the_device_that_the_id_belongs_to() -> None:
    shelly = Conversation(FAMILY)
    answer = {"id": "c1", "src": ID, "dst": "hexpost", "result": {"restart_required": True}}
    assert shelly.tell("hexpost/rpc", answer) == [
        DeviceHealth(device=PLUS, attributes={"restart_required": True}),
        CommandOutcome(device=PLUS, outcome="done", command_id="c1"),
    ]
    shelly.tell("site/gate/events/rpc", status(cloud={"connected": True}))
    failed = {"id": "c2", "src": ID, "dst": "hexpost", "error": {"code": -103, "message": "Invalid argument"}}
    assert shelly.tell("hexpost/rpc", failed) == [
        DeviceHealth(device="shelly_gen2/site/gate"),
        CommandOutcome(device="shelly_gen2/site/gate", outcome="failed", command_id="c2", message="Invalid argument"),
    ]


def test_what_it_says_of_itself_when_asked() -> None:
    info = {"id": "x", "fw_id": "2024-1/1.4.4", "ver": "1.4.4", "mac": "A8032AB12345", "model": "SNSW-001X16EU"}
    answer = {"id": "c1", "src": ID, "dst": "hexpost", "result": info}
    assert Conversation(FAMILY).tell("hexpost/rpc", answer)[0] == DeviceHealth(
        device=PLUS, firmware="1.4.4", serial="A8032AB12345", model="SNSW-001X16EU"
    )


def test_a_question_says_nothing() -> None:
    question = {"id": "c1", "src": "hexpost", "method": "Shelly.Reboot", "params": {}}
    assert Conversation(FAMILY).tell(f"{ID}/rpc", question) == []


def test_without_a_topic_the_id_names_it() -> None:
    assert Conversation(FAMILY).tell("hexpost/v1/a/gateway/raw/shelly_gen2", status(wifi={"rssi": -50})) == [
        health(signal_dbm=-50)
    ]


@pytest.mark.parametrize(
    ("topic", "said", "reason"),
    [
        (f"{ID}/events/rpc", {"src": ID}, "$.method: expected an object with method and params"),
        (f"{ID}/events/rpc", {"src": ID, "method": "NotifyStatus"}, "$.params: expected an object"),
        ("kitchen/status/nonsense", {}, "'nonsense' is no component of a Shelly"),
        (f"{ID}/status/switch:0", [1], "expected an object with the component's status"),
        (f"{ID}/online", "maybe", "expected true or false"),
        (f"{ID}/rpc", "1", "expected an object: an answer"),
        ("hexpost/rpc", {"id": "c1", "result": None}, "$.src: an answer names the device"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(topic: str, said: Any, reason: str) -> None:
    assert Conversation(FAMILY).refusal(topic, said).startswith(reason)


DOCUMENTS = [
    *(status(**{name: said}) for name, said, _ in COMPONENTS),
    *(said for said, _ in EVENTS),
    {"id": "c1", "src": ID, "dst": "hexpost", "result": {"sys": {"uptime": 5}, "fw_id": "x", "ver": "1"}},
]


@settings(max_examples=examples(300))
@given(st.sampled_from([f"{ID}/events/rpc", f"{ID}/status/switch:0", "hexpost/rpc", None]), changed(DOCUMENTS))
def test_odd_members_cost_no_more_than_themselves(topic: str | None, said: Any) -> None:
    told = outcome(FAMILY, said, topic)
    assert told is None or isinstance(told, Rejected) or well_typed(told)


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_no_real_message_is_refused() -> None:
    samples = kit_samples("shelly_gen2")
    assert len(samples) == 34
    assert refused(FAMILY, samples) == {}


# --- the first generation ---

OLD = "shelly_gen1/shelly1-ABCDEF"


def old(metric: str, value: float, unit: str, channel: str = "") -> EnvironmentReading:
    return reading(metric, value, unit, channel, device=OLD, at=None)


ANNOUNCED = {
    "id": "shelly1-ABCDEF",
    "model": "SHSW-1",
    "mac": "ABCDEF",
    "ip": "10.0.0.9",
    "new_fw": False,
    "fw_ver": "1.14",
}
GEN1_TOPICS: list[tuple[str, Any, list[Observation]]] = [
    ("online", "true", [DeviceHealth(device=OLD, state="online")]),
    ("relay/0", "on", [old("switch", 1, "1", "0")]),
    ("relay/0", "overpower", [Alarm(device=OLD, name="overpower", active=True, area="0", momentary=True)]),
    ("relay/0/power", "12.5", [old("power", 12.5, "W", "0")]),
    ("relay/1/energy", "60000", [old("energy", 1, "kWh", "1")]),
    ("emeter/2/total", "1500.0", [old("energy_total", 1.5, "kWh", "2")]),
    ("input/0", "1", [old("input", 1, "1", "0")]),
    ("temperature", "48.5", [old("device_temperature", 48.5, "Cel")]),
    ("ext_temperature/0", "21.5", [old("temperature", 21.5, "Cel", "0")]),
    ("ext_temperature/1", "999", [DeviceHealth(device=OLD)]),
    ("overtemperature", "0", [Alarm(device=OLD, name="problem", active=False)]),
    ("sensor/temperature", "20.5", [old("temperature", 20.5, "Cel")]),
    ("sensor/battery", "88", [DeviceHealth(device=OLD, battery_percent=88)]),
    ("sensor/flood", "true", [Alarm(device=OLD, name="water_leak", active=True)]),
    ("sensor/state", "open", [Alarm(device=OLD, name="contact", active=True)]),
    ("sensor/gas", "heavy", [Alarm(device=OLD, name="gas", active=True)]),
    ("sensor/motion", "true", [Motion(device=OLD, active=True)]),
    (
        "input_event/0",
        {"event": "S", "event_cnt": 2},
        [Alarm(device=OLD, name="button", active=True, area="0", attributes={"action": "S"}, momentary=True)],
    ),
    (
        "longpush/0",
        "1",
        [Alarm(device=OLD, name="button", active=True, area="0", attributes={"action": "long"}, momentary=True)],
    ),
    ("roller/0", "open", [DeviceHealth(device=OLD, attributes={"roller.0": "open"})]),
    ("roller/0/pos", "40", [old("position", 40, "%", "0")]),
    ("light/0/status", {"ison": True, "brightness": 5}, [old("light", 1, "1", "0"), old("brightness", 5, "%", "0")]),
    (
        "announce",
        ANNOUNCED,
        [DeviceHealth(device=OLD, model="SHSW-1", serial="ABCDEF", address="10.0.0.9", firmware="1.14")],
    ),
    ("relay/0/command", "on", []),
    ("color/0", "unknown", [DeviceHealth(device=OLD)]),
]


@pytest.mark.parametrize(("leaf", "said", "expected"), GEN1_TOPICS)
def test_the_first_generation_has_a_topic_for_each_value(leaf: str, said: Any, expected: list[Observation]) -> None:
    assert Conversation(GEN1, FAMILY).tell(f"shellies/shelly1-ABCDEF/{leaf}", said) == expected


def test_they_announce_themselves_on_one_topic() -> None:
    assert Conversation(GEN1).tell("shellies/announce", ANNOUNCED) == GEN1_TOPICS[22][2]
    assert Conversation(GEN1).refusal("shellies/announce", {}).startswith("$.id:")
    assert Conversation(GEN1).refusal("shellies/x/online", "maybe") == "expected true or false"


@settings(max_examples=examples(200))
@given(
    st.sampled_from(["status", "announce", "input_event/0", "relay/0", "sensor/motion"]),
    changed([ANNOUNCED, {"motion": True, "bat": {"value": 5}, "unixtime": 1, "lux": 5}, {"event": "S"}]),
)
def test_odd_members_of_the_first_generation_cost_no_more_than_themselves(leaf: str, said: Any) -> None:
    told = outcome(GEN1, said, f"shellies/x/{leaf}")
    assert isinstance(told, list) and well_typed(told)
