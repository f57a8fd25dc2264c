"""A command in the words of each family: exact topics and payloads, and what each family does not take."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from appliance.errors import Rejected
from appliance.model.command import Command, Target
from firmware_bridge.downlink.orders import FAMILIES, Outbound, write_order

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "http://192.168.4.1:8080/v1/firmware/abc/image/fw.bin"
IMAGE = {"url": URL, "version": "2.0", "sha256": "00ff", "md5": "11", "size_bytes": 4}

NATIVE = Target(device="agency/cam7", family="native")
TASMOTA = Target(device="tasmota/kitchen", family="tasmota", topics=("tele/kitchen/SENSOR",))
OTHER_TASMOTA = Target(device="tasmota/x", family="tasmota", topics=("home/plug/tele/LWT", "home/plug/tele/STATE"))
SHELLY = Target(device="shelly_gen2/shellyplus1-a8", family="shelly_gen2", topics=("shellyplus1-a8/events/rpc",))
RENAMED_SHELLY = Target(device="shelly_gen2/shelly1-b", family="shelly_gen2", topics=("site/gate/status/switch:0",))
ZIGBEE = Target(device="zigbee2mqtt/hall/door", family="zigbee2mqtt", topics=("z2m/hall/door/availability",))
ESPRESENSE = Target(device="espresense/office", family="espresense")
ESPHOME = Target(
    device="homeassistant/porch",
    family="homeassistant",
    announced={
        "restart": {"topic": "porch/button/restart/command", "payload": "PRESS"},
        "update": {"topic": "porch/update/firmware/command", "payload": "INSTALL"},
    },
)
REPORTING = {
    "interval_s": 600,
    "minimum_s": 10,
    "cluster": "msTemperatureMeasurement",
    "attribute": "measuredValue",
    "endpoint": 1,
    "reportable_change": 50,
}


def make_command(command: str, target: Target, **parameters: Any) -> Command:
    """A command that was just queued for a device."""
    return Command(
        command_id="c1",
        device=target.device,
        family=target.family,
        command=command,
        parameters=parameters,
        state="queued",
        created_at=NOW,
        changed_at=NOW,
        expires_at=NOW + timedelta(minutes=5),
        requested_by="amal",
    )


def rpc(method: str, params: object) -> dict[str, object]:
    """A request in Shelly's RPC."""
    return {"id": "c1", "src": "hexpost", "method": method, "params": params}


@pytest.mark.parametrize(
    ("target", "command", "parameters", "messages"),
    [
        (TASMOTA, "interval", {"interval_s": 60}, [("cmnd/kitchen/TelePeriod", "60")]),
        (TASMOTA, "reboot", {}, [("cmnd/kitchen/Restart", "1")]),
        (
            TASMOTA,
            "config",
            {"SetOption65": True, "FriendlyName1": "Hall"},
            [("cmnd/kitchen/SetOption65", "1"), ("cmnd/kitchen/FriendlyName1", "Hall")],
        ),
        (TASMOTA, "firmware_update", IMAGE, [("cmnd/kitchen/OtaUrl", URL), ("cmnd/kitchen/Upgrade", "1")]),
        (OTHER_TASMOTA, "reboot", {}, [("home/plug/cmnd/Restart", "1")]),
        (Target(device="tasmota/shed", family="tasmota"), "reboot", {}, [("cmnd/shed/Restart", "1")]),
        (SHELLY, "reboot", {}, [("shellyplus1-a8/rpc", rpc("Shelly.Reboot", {}))]),
        (SHELLY, "firmware_update", IMAGE, [("shellyplus1-a8/rpc", rpc("Shelly.Update", {"url": URL}))]),
        (
            RENAMED_SHELLY,
            "config",
            {"method": "Sys.SetConfig", "params": {"config": {"device": {"name": "gate"}}}},
            [("site/gate/rpc", rpc("Sys.SetConfig", {"config": {"device": {"name": "gate"}}}))],
        ),
        (
            ZIGBEE,
            "interval",
            REPORTING,
            [
                (
                    "z2m/bridge/request/device/configure_reporting",
                    {
                        "id": "hall/door",
                        "cluster": "msTemperatureMeasurement",
                        "attribute": "measuredValue",
                        "endpoint": 1,
                        "minimum_report_interval": 10,
                        "maximum_report_interval": 600,
                        "reportable_change": 50,
                        "transaction": "c1",
                    },
                )
            ],
        ),
        (ZIGBEE, "config", {"sensitivity": "high"}, [("z2m/hall/door/set", {"sensitivity": "high"})]),
        (
            ZIGBEE,
            "firmware_update",
            IMAGE,
            [
                (
                    "z2m/bridge/request/device/ota_update/update",
                    {"id": "hall/door", "url": URL, "transaction": "c1"},
                )
            ],
        ),
        (ESPHOME, "reboot", {}, [("porch/button/restart/command", "PRESS")]),
        (ESPRESENSE, "reboot", {}, [("espresense/rooms/office/restart/set", "PRESS")]),
        (ESPRESENSE, "firmware_update", IMAGE, [("espresense/rooms/office/update/set", URL)]),
        (ESPHOME, "firmware_update", IMAGE, [("porch/update/firmware/command", "INSTALL")]),
        (
            NATIVE,
            "firmware_update",
            IMAGE,
            [
                (
                    "hexpost/v1/agency/cam7/cmd",
                    {
                        "command_id": "c1",
                        "command": "firmware_update",
                        "parameters": IMAGE,
                        "expires_at": "2026-11-22T12:05:00Z",
                    },
                )
            ],
        ),
        (
            NATIVE,
            "open_gate",
            {"seconds": 4},
            [
                (
                    "hexpost/v1/agency/cam7/cmd",
                    {
                        "command_id": "c1",
                        "command": "open_gate",
                        "parameters": {"seconds": 4},
                        "expires_at": "2026-11-22T12:05:00Z",
                    },
                )
            ],
        ),
    ],
)
def test_a_command_is_said_in_the_familys_own_words(
    target: Target, command: str, parameters: dict[str, Any], messages: list[tuple[str, Any]]
) -> None:
    order = write_order(make_command(command, target, **parameters), target)
    assert [
        (one.topic, read(one, wanted)) for one, (_, wanted) in zip(order.messages, messages, strict=True)
    ] == messages
    assert all(one.qos == 1 and not one.retain for one in order.messages)


def read(message: Outbound, wanted: object) -> object:
    """A payload as the case is written: JSON as an object, else text."""
    return json.loads(message.payload) if isinstance(wanted, dict) else message.payload.decode()


@pytest.mark.parametrize(
    ("target", "command", "parameters", "awaits"),
    [
        (NATIVE, "reboot", {}, {"": "final"}),
        (TASMOTA, "reboot", {}, {"Restart": "final"}),
        (TASMOTA, "firmware_update", IMAGE, {"OtaUrl": "interim", "Upgrade": "final"}),
        (TASMOTA, "config", {"Sleep": 50, "PowerOnState": 1}, {"Sleep": "interim", "PowerOnState": "final"}),
        (SHELLY, "reboot", {}, {"": "final"}),
        (
            SHELLY,
            "firmware_update",
            IMAGE,
            {
                "": "interim",
                "Shelly.Update": "interim",
                "ota_begin": "final",
                "ota_progress": "final",
                "ota_success": "final",
                "ota_error": "final",
            },
        ),
        (ZIGBEE, "firmware_update", IMAGE, {"": "final", "device/ota_update/update": "final"}),
        (ZIGBEE, "config", {"sensitivity": "high"}, {}),
        (ESPHOME, "reboot", {}, {}),
    ],
)
def test_it_is_known_by_which_answers_a_command_ends(
    target: Target, command: str, parameters: dict[str, Any], awaits: dict[str, str]
) -> None:
    assert write_order(make_command(command, target, **parameters), target).awaits == awaits


@pytest.mark.parametrize(
    ("target", "command", "parameters", "reason"),
    [
        (SHELLY, "interval", {"interval_s": 60}, "it takes config, firmware_update, reboot"),
        (ZIGBEE, "reboot", {}, "it takes config, firmware_update, interval"),
        (ESPHOME, "identify", {}, "those it announced: restart, update"),
        (ESPHOME, "config", {}, "it takes firmware_update, identify, reboot"),
        (Target(device="frigate/a", family="frigate"), "reboot", {}, "frigate takes no commands"),
        (Target(device="a/b", family=""), "reboot", {}, "an unknown family takes no commands"),
        (TASMOTA, "interval", {"interval_s": 5}, "interval_s between 10 and 3600"),
        (TASMOTA, "interval", {"interval_s": True}, "interval_s between 10 and 3600"),
        (TASMOTA, "config", {}, "a setting and its value"),
        (TASMOTA, "config", {"Backlog": "Reset 1"}, "not the name of one Tasmota setting"),
        (TASMOTA, "config", {"../x/Power": 1}, "not the name of one Tasmota setting"),
        (TASMOTA, "firmware_update", {}, "needs url as text"),
        (SHELLY, "config", {"method": "Shelly.FactoryReset", "params": {}}, "expected {method: 'Sys.SetConfig'"),
        (ZIGBEE, "interval", {"interval_s": 60}, "needs cluster as text"),
        (NATIVE, "Open Gate", {}, "small letters"),
        (NATIVE, "firmware_update", {"url": URL}, "needs sha256"),
    ],
)
def test_what_a_family_does_not_take_is_refused_with_what_it_does_take(
    target: Target, command: str, parameters: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Rejected) as refused:
        write_order(make_command(command, target, **parameters), target)
    assert reason in str(refused.value)


def test_every_family_takes_a_firmware_update() -> None:
    assert {name for name, commands in FAMILIES.items() if "firmware_update" in commands} == set(FAMILIES)
