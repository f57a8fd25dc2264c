"""What sensors on a Tasmota device measure: an object for each sensor, told in the units the device is set to.

`SENSOR`, `STATUS8`, `STATUS10` and the snapshot of its discovery hold the same object. A reading's channel is the name
of its sensor, with the id of a one-wire probe, since probes change their number when another is added. Called by
`family`.
"""

import functools
import math
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any

from appliance.model.observation import Alarm, EnvironmentReading, Incident, Motion, Observation, PeopleCount
from firmware_bridge.family.tasmota.metrics import METRICS, TOTALS, metric_of
from firmware_bridge.family.tasmota.pool import POOL, read_pool
from firmware_bridge.family.tasmota.tic import TIC, read_tic
from firmware_bridge.notation.instant import read_instant
from firmware_bridge.notation.members import flag_of, number_of, text_of, whole_of
from firmware_bridge.notation.metrics import snake_case
from firmware_bridge.notation.units import Scale, apply, scale_to

MAX_READINGS = 300  # of one message

_WIND = {"Speed": ("wind_speed", "m/s"), "Dir": ("wind_direction", "deg")}
"""What an anemometer groups: the group says what it is, its members when or how."""

_STATES = frozenset(("People", "Motion", "Leak"))
_SHUTTER = (
    ("Position", ("position", "%")),
    ("Direction", ("direction", "1")),
    ("Target", ("target_position", "%")),
    ("Tilt", ("tilt", "deg")),
)
_NOW = frozenset(("act", "deg"))
_ECHOES = ("as3935", "ld24")  # their Energy is that of what they hear
_PORTS = ("PCF8574", "MCP230")
PINS = ("_INT", "_INP")  # behind an expander's name: which of its pins changed
_SETTINGS = frozenset(("Time", "Epoch", "TempUnit", "PressureUnit", "SpeedUnit", "END"))
UNITS = {"TempUnit": "Cel", "PressureUnit": "hPa", "SpeedUnit": "m/s"}
_OURS: Mapping[str, Scale] = {}
_TAGS = frozenset(("RC522", "PN532", "RDM6300", "RDM630", "Wiegand", "MFRC522"))
_NOT_MEASURED = frozenset(
    ("Time", "Id", "mac", "MAC", "Model", "TotalStartTime", "UID", "Firmware", "END", "Size", "Address")
)


def sweep_sensors(document: Mapping[str, Any], device: str, zone: tzinfo) -> list[Observation]:
    """Everything in an object of sensors that is a number or a state, at the time it tells."""
    found: list[Observation] = []
    at = time_of(document, zone)
    scales = _scales_of(document)
    for name, value in document.items():
        kind = type(value)
        if kind is dict:
            read = _SPECIAL.get(name)
            if read is not None:
                read(found, device, at, value)
            elif name == POOL:
                read_pool(found, device, at, value, scales.get("Cel"))
            elif name.startswith(_PORTS):
                read_port(found, device, at, name, value)
            elif name[:7] == "Shutter":
                read_shutter(found, device, at, name, value)
            elif name[:2] != "Zb" and not read_remote(found, device, at, name, value):  # Zb: the bridge's own doings
                _sweep(found, device, at, value, _channel_of(name, value.get("Id")), scales)
        elif name in _SETTINGS or value is None:
            continue
        elif kind is str or kind is bool:
            read_input(found, device, at, name, value)
        else:
            _keep(found, device, at, name, value, "", scales)
    return found[:MAX_READINGS]


def time_of(document: Mapping[str, Any], zone: tzinfo) -> datetime | None:
    """The device's time; `Epoch` first, since `Time` is local. One of 1970 was never set."""
    epoch = document.get("Epoch")
    if epoch is not None:
        return read_instant(epoch, zone)
    told = document.get("Time")
    return None if type(told) is not str or told.startswith("1970") else read_instant(told, zone)


def read_input(found: list[Observation], device: str, at: datetime | None, name: str, value: object) -> None:
    """A switch or a motion sensor on a pin; a switch may bear a name of its own."""
    state = flag_of(value)
    if state is None:
        return
    word, number = _split(name)
    if word in ("PIR", "Motion"):
        found.append(Motion(device=device, observed_at=at, active=state, area=number))
    else:
        channel = number if word == "Switch" else _lower(name)
        found.append(
            EnvironmentReading(
                device=device, observed_at=at, metric="input", value=float(state), unit="1", channel=channel
            )
        )


def read_port(found: list[Observation], device: str, at: datetime | None, name: str, said: Mapping[str, Any]) -> None:
    """The pins of an expander, all of them or those that changed: `{D0: 1}`."""
    for pin, value in list(said.items())[:32]:
        state = flag_of(value)
        if state is not None and pin.removeprefix("OUT_")[:1] == "D":
            metric = "output" if pin[:1] == "O" else "input"
            _append(
                found, device, at, (metric, "1"), float(state), f"{_lower(name)}.{_lower(pin.removeprefix('OUT_'))}"
            )


def read_shutter(
    found: list[Observation], device: str, at: datetime | None, name: str, said: Mapping[str, Any]
) -> None:
    """`Shutter1: {Position, Direction, Target, Tilt}`; Direction is 1 while it opens, -1 while it closes."""
    for member, metric in _SHUTTER:
        number = number_of(said.get(member))
        if number is not None:
            _append(found, device, at, metric, number, _lower(name[7:11]))


def _sweep(
    found: list[Observation],
    device: str,
    at: datetime | None,
    sensor: Mapping[str, Any],
    channel: str,
    scales: Mapping[str, Scale],
) -> None:
    """One sensor; what it groups further (`Speed: {Act, Avg}`) is a level deeper and no more."""
    plain = not scales and channel != "esp32"
    for member, value in sensor.items():
        kind = type(value)
        if kind is float or kind is int:
            metric = METRICS.get(member) if plain else None
            if metric is not None and kind is float:  # the short way: most are told in our units
                found.append(
                    EnvironmentReading(
                        device=device, observed_at=at, metric=metric[0], value=value, unit=metric[1], channel=channel
                    )
                )
            elif member not in _NOT_MEASURED:
                _keep(found, device, at, member, value, channel, scales)
        elif kind is str or kind is bool:
            state = flag_of(value) if kind is bool or value in ("ON", "OFF") else None
            if state is not None:
                _append(found, device, at, (snake_case(member), "1"), float(state), channel)
            elif member in METRICS:  # before version 5 numbers were text
                _keep(found, device, at, member, value, channel, scales)
        elif kind is dict or kind is list:
            _sweep_group(found, device, at, member, value, channel, scales)


def _sweep_group(
    found: list[Observation],
    device: str,
    at: datetime | None,
    member: str,
    group: Any,
    channel: str,
    scales: Mapping[str, Scale],
) -> None:
    """What a sensor tells of one thing: by name, or in a list."""
    if type(group) is list:
        for index, number in enumerate(group[:16], start=1):
            if type(number) is float or type(number) is int:
                _keep(found, device, at, member, number, f"{channel}.{index}", scales)
    elif member in _WIND and channel[:3] == "tx2":
        _read_wind(found, device, at, channel, _WIND[member], group, scales)
    else:
        for inner, number in group.items():
            if type(number) is float or type(number) is int:
                _keep(found, device, at, inner, number, f"{channel}.{_lower(member)}", scales)


def _read_wind(
    found: list[Observation],
    device: str,
    at: datetime | None,
    channel: str,
    metric: tuple[str, str],
    said: Mapping[str, Any],
    scales: Mapping[str, Scale],
) -> None:
    scale = scales.get(metric[1])
    for member, value in list(said.items())[:16]:
        number = number_of(value)
        if number is not None:
            when = member.lower()[:16]
            number = number if scale is None else apply(scale, number)
            _append(found, device, at, metric, number, channel if when in _NOW else f"{channel}.{when}")


def _keep(
    found: list[Observation],
    device: str,
    at: datetime | None,
    member: str,
    value: Any,
    channel: str,
    scales: Mapping[str, Scale],
) -> None:
    number = value if type(value) is float else number_of(value)
    if number is None:
        return
    if member in _STATES:
        _keep_state(found, device, at, member, number, channel)
        return
    metric = METRICS.get(member)
    if member == "Energy" and channel.startswith(_ECHOES):
        metric = ("signal_energy", "1")
    elif channel == "windmeter" and member[:5] == "Speed":
        metric, channel = ("wind_speed", "m/s"), f"{channel}.{member[5:].lower()}".rstrip(".")
    elif channel[:5] == "rg-15" and member in ("Active", "Event", "Total"):
        metric, channel = ("rain", "mm"), f"{channel}.{member.lower()}"
    if metric is None:
        metric, index = metric_of(member)
        if member == "Distance":
            metric, number = ("distance", "m"), _metres(channel, value, number)
        if index:
            channel = f"{channel}.{index}" if channel else index
    elif channel == "esp32" and member == "Temperature":
        metric, channel = ("device_temperature", "Cel"), ""
    if scales:
        scale = scales.get("m/s" if channel.endswith(".speed") or member.startswith("Speed") else metric[1])
        if scale is not None:
            metric, number = (metric[0], scale.unit), apply(scale, number)
    if math.isfinite(number):  # what was finite in feet need not be in metres
        _append(found, device, at, metric, number, channel)


def _keep_state(
    found: list[Observation], device: str, at: datetime | None, member: str, number: float, channel: str
) -> None:
    """People before a radar; what sensors heard by Bluetooth see and feel."""
    state = flag_of(number)
    if member == "People":
        if number >= 0 and (present := whole_of(number)) is not None:
            found.append(PeopleCount(device=device, observed_at=at, present=present, line=channel))
    elif state is not None and member == "Motion":
        found.append(Motion(device=device, observed_at=at, active=state, area=channel))
    elif state is not None:
        found.append(Alarm(device=device, observed_at=at, name="water_leak", active=state, area=channel))


def _append(
    found: list[Observation], device: str, at: datetime | None, metric: tuple[str, str], value: float, channel: str
) -> None:
    found.append(
        EnvironmentReading(
            device=device, observed_at=at, metric=metric[0], value=value, unit=metric[1], channel=channel
        )
    )


def _read_energy(found: list[Observation], device: str, at: datetime | None, sensor: Mapping[str, Any]) -> None:
    """ENERGY: one number, or a list with one for each phase or tariff."""
    for member, value in sensor.items():
        kept = TOTALS.get(member)
        if kept is not None:
            metric = ("energy", "kWh")
        elif member in METRICS:
            kept, metric = "", METRICS[member]
        elif member == "CurrentNeutral":
            kept, metric = "neutral", METRICS["Current"]
        else:
            continue  # `Period` is Wh since the last message, and in none of the others
        if type(value) is list:
            for index, one in enumerate(value[:8], start=1):
                number = number_of(one)
                if number is not None:
                    _append(found, device, at, metric, number, f"{kept}.{index}" if kept else str(index))
        else:
            number = number_of(value)
            if number is not None:
                _append(found, device, at, metric, number, kept)


def _read_counters(found: list[Observation], device: str, at: datetime | None, sensor: Mapping[str, Any]) -> None:
    for member, value in sensor.items():
        number = number_of(value)
        if number is not None:
            _append(found, device, at, ("counter", "1"), number, _lower(member))


def _read_tag(found: list[Observation], device: str, at: datetime | None, sensor: Mapping[str, Any]) -> None:
    """A card was held to the reader. Whose it is, its UID would tell: that is not kept, nor what is written on it."""
    told = {word: text for word in ("Type", "Auth") if (text := text_of(sensor.get(word)))}
    found.append(
        Incident(
            device=device,
            observed_at=at,
            event_type="tag_read",
            attributes={word.lower(): text for word, text in told.items()},
        )
    )


def _read_beacon(found: list[Observation], device: str, at: datetime | None, sensor: Mapping[str, Any]) -> None:
    """A Bluetooth beacon came or went. Its address is somebody's pocket, and is not kept."""
    state, signal = flag_of(sensor.get("STATE")), number_of(sensor.get("RSSI"))
    if state is not None:
        found.append(Motion(device=device, observed_at=at, active=state, area="beacon"))
    if signal is not None:
        _append(found, device, at, ("beacon_signal", "dBm"), signal, "")


def read_remote(
    found: list[Observation], device: str, at: datetime | None, member: str, said: Mapping[str, Any]
) -> bool:
    """What a remote control sent; False where the member tells of something else."""
    event_type = _REMOTES.get(member)
    if event_type is None:
        return False
    kept = {key.lower(): text for key in ("Data", "Protocol") if (text := text_of(said.get(key)))}
    found.append(Incident(device=device, observed_at=at, event_type=event_type, attributes=kept))
    return True


_REMOTES = {"RfReceived": "rf_received", "IrReceived": "ir_received"}
_Special = Callable[[list[Observation], str, datetime | None, Mapping[str, Any]], None]
_SPECIAL: dict[str, _Special] = {
    "ENERGY": _read_energy,
    "COUNTER": _read_counters,
    "IBEACON": _read_beacon,
    TIC: read_tic,
    **dict.fromkeys(_TAGS, _read_tag),
}


def _scales_of(document: Mapping[str, Any]) -> Mapping[str, Scale]:
    """Our unit -> how the device's values become it; nothing where it uses ours."""
    if document.get("TempUnit", "C") == "C" and "PressureUnit" not in document and "SpeedUnit" not in document:
        return _OURS
    scales = {}
    for member, wanted in UNITS.items():
        told = document.get(member)
        if told is not None and told not in ("C", "hPa", "m/s"):
            scale = scale_to(text_of(told), wanted)
            if scale.unit == wanted:
                scales[wanted] = scale
    return scales


def _channel_of(name: str, probe: object) -> str:
    """`DS18B20-1` with the id 030597946B04 as `ds18b20-030597946b04`."""
    if type(probe) is str and probe:
        return f"{name.partition('-')[0].lower()[:40]}-{probe.lower()[:40]}"
    return _lower(name)


def _metres(channel: str, told: object, number: float) -> float:
    """A VL53L0X tells whole millimetres, later builds centimetres with a fraction; lightning is kilometres away."""
    if channel.startswith("as3935"):
        return number * 1000
    return round(number / (1000 if channel.startswith("vl53") and type(told) is int else 100), 6)


@functools.lru_cache(maxsize=4_096)
def _lower(name: str) -> str:
    return name.lower()[:64]


@functools.lru_cache(maxsize=4_096)
def _split(name: str) -> tuple[str, str]:
    """`Switch12` as (`Switch`, `12`)."""
    word = name.rstrip("0123456789")
    return word, name[len(word) :][:4]
