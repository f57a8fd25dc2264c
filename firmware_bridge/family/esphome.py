"""ESPHome without Home Assistant: `<node>/<kind of component>/<name>/state`, one plain value each.

A node's topic prefix may have several levels. Its values have no unit: what a name says is in ESPHome's own units, and
where the site may have chosen another the value has none. Where a node announced its entities to Home Assistant, that
family has its topics already. Source: ESPHome, "MQTT client component"; "MQTT component base configuration".
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from appliance.model.observation import Alarm, DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.inbound import Context, Family, Handler, Inbound, Memory, read_form
from firmware_bridge.notation.members import flag_of, number_of, object_of
from firmware_bridge.notation.metrics import UNITS, read_metric, snake_case

NAME = "esphome"

_KINDS = frozenset(("sensor", "binary_sensor", "text_sensor", "switch", "light", "fan", "cover", "number", "valve"))
_SWITCHED = frozenset(("switch", "light", "fan"))
_UNSURE = frozenset(("energy", "power", "distance", "water_level", "water_flow", "rain", "gas", "voc", "speed"))
_MOVES = ("motion", "pir", "presence", "occupancy", "radar")
_ALARMS = {
    **dict.fromkeys(("door", "window", "contact", "gate", "lid"), "contact"),
    **dict.fromkeys(("leak", "water", "flood", "moisture"), "water_leak"),
    **{word: word for word in ("smoke", "tamper", "vibration", "gas", "button")},
}
_MOST_WORDS = 4  # of a name that end it with what is measured


def _on_state(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """One value of one component."""
    node, kind, name = inbound.topic.rsplit("/", 3)[:3]
    device = f"{NAME}/{node}"[:200]
    context.memory.put(NAME, node[:200], True)
    value = read_form(inbound.payload, "any")
    if kind == "binary_sensor":
        return _binary(device, snake_case(name), flag_of(value))
    if kind in _SWITCHED:
        on = flag_of(object_of(value).get("state", value) if type(value) is dict else value)
        return [DeviceHealth(device=device)] if on is None else [_reading(device, kind, float(on), "1", name)]
    number = number_of(value)
    if number is None or kind == "text_sensor":
        return [DeviceHealth(device=device)]
    return [_measured(device, snake_case(name), number)]


def _measured(device: str, name: str, number: float) -> Observation:
    """A sensor's number; what is of the node itself is its health."""
    if name.endswith(("wifi_signal", "wifi_signal_strength", "rssi")):
        return DeviceHealth(device=device, signal_dbm=number if number < 0 else None)
    if name.endswith("uptime"):
        return DeviceHealth(device=device, uptime_s=number)
    metric, channel = _metric_of(name)
    return _reading(device, metric, number, "" if metric in _UNSURE else UNITS.get(metric, ""), channel)


def _binary(device: str, name: str, active: bool | None) -> list[Observation]:
    """A contact, motion or a state of no known kind; a node's own status is whether it is there."""
    if active is None:
        return [DeviceHealth(device=device)]
    words = name.split("_")
    if name == "status" or name.endswith("_status"):
        state: Literal["online", "offline"] = "online" if active else "offline"
        return [DeviceHealth(device=device, state=state)]
    if any(word in words for word in _MOVES):
        return [Motion(device=device, active=active, area=name)]
    alarm = next((_ALARMS[word] for word in words if word in _ALARMS), "")
    if alarm:
        return [Alarm(device=device, name=alarm, active=active, area=name, momentary=active and alarm == "button")]
    return [_reading(device, name, float(active), "1")]


def _reading(device: str, metric: str, value: float, unit: str, channel: str = "") -> EnvironmentReading:
    return EnvironmentReading(device=device, metric=metric, value=value, unit=unit, channel=channel[:60])


@lru_cache(maxsize=4_096)
def _metric_of(name: str) -> tuple[str, str]:
    """(metric, channel) of `living_room_temperature`: what ends the name, and what stands before it."""
    words = name.split("_")
    for count in range(min(_MOST_WORDS, len(words)), 0, -1):
        metric, unit = read_metric("_".join(words[-count:]))
        if unit:
            return metric, "_".join(words[:-count])
    return name, ""


def _on_birth(inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`<node>/status`: birth and last will of a node that was heard before."""
    node = inbound.topic.rpartition("/")[0]
    online = flag_of(read_form(inbound.payload, "any"))
    state: Literal["online", "offline"] | None = None if online is None else "online" if online else "offline"
    return [DeviceHealth(device=f"{NAME}/{node}"[:200], state=state)]


def _on_log(_inbound: Inbound, _context: Context) -> Sequence[Observation]:
    """`<node>/debug`: lines of its log."""
    return []


def _announced(topic: str, memory: Memory) -> Handler | None:
    base, _, last = topic.rpartition("/")
    if last == "state":
        parts = base.rsplit("/", 2)
        return _on_state if len(parts) == 3 and parts[1] in _KINDS and all(parts) else None
    if last in ("status", "debug"):
        known = memory.get(NAME, base[:200])
        return None if not known else _on_birth if last == "status" else _on_log
    return None


FAMILY = Family(
    name=NAME,
    title="ESPHome",
    source="https://esphome.io/components/mqtt",
    routes=(),
    announced=_announced,
)
