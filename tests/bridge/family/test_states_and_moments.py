"""The same message twice: a state told again is one event, what happens in a moment is two. One table a family."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from appliance.model.event import Event
from appliance.model.intake import RawMessage
from firmware_bridge.canonical import Surroundings
from firmware_bridge.decode import Decoder
from firmware_bridge.family.chirpstack import family as chirpstack
from firmware_bridge.family.frigate import family as frigate
from firmware_bridge.family.hikvision_dahua import family as hikvision_dahua
from firmware_bridge.family.homeassistant import family as homeassistant
from firmware_bridge.family.lpr import family as lpr
from firmware_bridge.family.onvif_axis import family as onvif_axis
from firmware_bridge.family.the_things_stack import family as the_things_stack
from firmware_bridge.family.zigbee2mqtt import family as zigbee2mqtt
from firmware_bridge.gather import Gatherer
from firmware_bridge.inbound import Family
from tests.bridge.family.told import as_bytes

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
AROUND = Surroundings(standing=lambda _: None, judge=lambda *_: "good", plate_key=b"k" * 32)
SITE = "site/gate"  # where what has no topic of its own is forwarded to
VTO = {"deviceType": "VTO2000A", "serialNumber": "SER1"}
FACTS = {"dev": {"ids": ["box"]}, "uniq_id": "x", "stat_t": "box/state"}


class Told(NamedTuple):
    """A message, and what was said before it so that it is understood."""

    family: Family
    topic: str
    said: Any
    before: tuple[tuple[str, Any], ...] = ()


def axis(topic: str, **data: str) -> Told:
    message = {"topic": topic, "message": {"source": {}, "key": {}, "data": data}}
    return Told(onvif_axis.FAMILY, "axis/A1/event/x", message)


def onvif(topic: str, operation: str, name: str, value: str) -> Told:
    told = f' PropertyOperation="{operation}"' if operation else ""
    text = (
        '<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"><NotificationMessage><Topic>'
        f'{topic}</Topic><Message><tt:Message UtcTime=""{told}><tt:Data><tt:SimpleItem Name="{name}" Value="{value}"/>'
        "</tt:Data></tt:Message></Message></NotificationMessage></tt:MetadataStream>"
    )
    return Told(onvif_axis.FAMILY, SITE, text)


def dahua(code: str, action: str, **data: Any) -> Told:
    return Told(hikvision_dahua.FAMILY, f"vto/{code}/Event", {"Action": action, "Data": data, **VTO})


def hikvision(kind: str, *, family: Family = hikvision_dahua.FAMILY, **more: Any) -> Told:
    alert = {"eventType": kind, "eventState": "active", "macAddress": "4f:e4", **more}
    return Told(family, SITE, {"EventNotificationAlert": alert})


def home(component: str, said: Any, **config: Any) -> Told:
    announcement = (f"homeassistant/{component}/box/config", {**FACTS, **config})
    return Told(homeassistant.FAMILY, "box/state", said, (announcement,))


def lora(decoded: dict[str, Any]) -> Told:
    event = {"deviceInfo": {"devEui": "0011223344556677", "deviceProfileId": "p"}, "fPort": 2, "object": decoded}
    return Told(chirpstack.FAMILY, "application/a/device/0011223344556677/event/up", event)


def lora_bytes(body: str, model: str) -> Told:
    info = {"devEui": "0011223344556677", "deviceProfileName": model}
    event = {"deviceInfo": info, "fPort": 85, "data": body}
    return Told(chirpstack.FAMILY, "application/a/device/0011223344556677/event/up", event)


def things(decoded: dict[str, Any]) -> Told:
    ids = {"device_id": "d1", "dev_eui": "0011223344556677", "application_ids": {"application_id": "a"}}
    event = {"end_device_ids": ids, "uplink_message": {"f_port": 2, "decoded_payload": decoded}}
    return Told(the_things_stack.FAMILY, "v3/a@t/devices/d1/up", event)


STATES = {
    "frigate: motion": Told(frigate.FAMILY, "frigate/yard/motion", "ON"),
    "frigate: a sound": Told(frigate.FAMILY, "frigate/yard/audio/scream", "ON"),
    "frigate: a state by its picture": Told(frigate.FAMILY, "frigate/yard/classification/gate", "open"),
    "frigate: all activity": Told(
        frigate.FAMILY, "frigate/camera_activity", {"yard": {"motion": True, "config": {"record": True}}}
    ),
    "zigbee: occupancy": Told(zigbee2mqtt.FAMILY, "zigbee2mqtt/hall", {"occupancy": True, "battery": 90}),
    "zigbee: contact": Told(zigbee2mqtt.FAMILY, "zigbee2mqtt/hall", {"contact": False}),
    "zigbee: leak": Told(zigbee2mqtt.FAMILY, "zigbee2mqtt/hall", {"water_leak": True}),
    "zigbee: vibration, which ends": Told(zigbee2mqtt.FAMILY, "zigbee2mqtt/hall", {"vibration": True}),
    "home assistant: motion": home("binary_sensor", "ON", dev_cla="motion"),
    "home assistant: smoke": home("binary_sensor", "ON", dev_cla="smoke"),
    "home assistant: alarm panel": home("alarm_control_panel", "triggered"),
    "axis: a state": axis("onvif:Device/axis:Sensor/PIR", state="1"),
    "onvif: a property": onvif("tns1:RuleEngine/CellMotionDetector/Motion", "Changed", "IsMotion", "true"),
    "dahua: Start": dahua("VideoMotion", "Start"),
    "dahua: a crossing that lasts": dahua("CrossLineDetection", "Start"),
    "dahua: a door": dahua("DoorStatus", "Pulse", Status="Open"),
    "amcrest: motion": Told(hikvision_dahua.FAMILY, "amcrest2mqtt/A1/motion", "on"),
    "hikvision: motion": hikvision("VMD"),
    "hikvision: posted as if first each second": hikvision("fielddetection", activePostCount=1),
    "hikvision: counted posts": hikvision("linedetection", activePostCount=7),
    "hikvision by a plate reader": hikvision("VMD", family=lpr.FAMILY, ANPR={"line": 1}),
    "chirpstack: a leak": lora({"water_leak": "leak"}),
    "chirpstack: motion": lora({"pir": 1}),
    "the things stack: a contact": things({"door": "open"}),
    "milesight: a contact": lora_bytes("AwABAQ==", "WS301"),
}

MOMENTS = {
    "zigbee: an action": Told(zigbee2mqtt.FAMILY, "zigbee2mqtt/hall", {"action": "single"}),
    "zigbee: a shock": Told(zigbee2mqtt.FAMILY, "zigbee2mqtt/hall", {"action": "vibration"}),
    "home assistant: an event": home("event", {"event_type": "press"}),
    "home assistant: a trigger": home("device_automation", "single", type="click", pl="single", t="box/state"),
    "home assistant: a sensor that never says it ended": home("binary_sensor", "ON", dev_cla="motion", off_dly=30),
    "home assistant: an alarm that never says it ended": home("binary_sensor", "ON", dev_cla="vibration", off_dly=3),
    "axis: without a state": axis("onvif:RuleEngine/LineDetector/Crossed", ObjectId="4"),
    "onvif: no property": onvif("tns1:RuleEngine/CellMotionDetector/Motion", "", "IsMotion", "true"),
    "onvif: a property without a state": onvif("tns1:RuleEngine/LineDetector/Crossed", "Changed", "ObjectId", "4"),
    "dahua: Pulse": dahua("CrossLineDetection", "Pulse"),
    "dahua: motion in a moment": dahua("VideoMotion", "Pulse"),
    "dahua: a bell that is never stopped": dahua("Invite", "Start"),
    "amcrest: the bell": Told(hikvision_dahua.FAMILY, "amcrest2mqtt/A1/doorbell", "on"),
    "hikvision: the bell": hikvision("doorbell"),
    "chirpstack: a press": lora({"button": "pressed"}),
    "the things stack: a call for help": things({"sos": 1}),
    "milesight: a press": lora_bytes("/y4B", "WS101"),
    "milesight: the power went": lora_bytes("/z//", "UC300"),
}


def events_of(told: Told, *seconds: float) -> list[Event]:
    """What becomes of a message that comes at these seconds, through everything between broker and store."""
    decoder = Decoder([told.family], zone=UTC)
    gatherer = Gatherer(AROUND, memory=decoder.memory)
    for topic, said in told.before:
        decoder.decode(topic, as_bytes(said), received_at=AT)
    for second in seconds:
        arrival = RawMessage(topic=told.topic, payload=as_bytes(told.said), received_at=AT + timedelta(seconds=second))
        decoded = decoder.decode(arrival.topic, arrival.payload, received_at=arrival.received_at)
        assert not decoded.rejections, decoded.rejections[0].reason
        gatherer.add(arrival, decoded)
    return gatherer.take([]).events


@pytest.mark.parametrize("told", STATES.values(), ids=STATES)
def test_a_state_told_again_is_no_news(told: Told) -> None:
    assert len(events_of(told, 0, 1)) == 1


@pytest.mark.parametrize("told", MOMENTS.values(), ids=MOMENTS)
def test_what_happens_in_a_moment_is_news_each_time(told: Told) -> None:
    assert len(events_of(told, 0, 1)) == 2


@pytest.mark.parametrize(
    ("posts", "events"),
    [
        ([0, 1, 2, 30, 50, 75], 1),
        ([0, 1, 2, 3600, 3601], 2),
        ([0, 59], 1),
        ([0, 60], 2),
    ],
)
def test_an_alert_of_hikvision_that_was_silent_for_a_minute_is_another(posts: list[float], events: int) -> None:
    assert len(events_of(hikvision("VMD", activePostCount=1), *posts)) == events
