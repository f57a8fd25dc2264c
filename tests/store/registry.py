"""What the tests of the registry share: devices that were heard, changes, zones."""

from typing import Any

from appliance.model.device import BridgeDevice, Device
from appliance.model.device_change import DeviceChange, ZoneChange
from appliance.model.intake import DeviceReport, Intake
from appliance.store.device.changes import change_device
from appliance.store.device.registry import (
    DeviceFilter,
    fetch_bridge_devices,
    fetch_device,
    fetch_devices,
    fetch_registry_rev,
)
from appliance.store.device.zones import put_zone
from appliance.store.engine import Store
from tests.conftest import NOW, make_recorder


def hear(store: Store, *sources: str, family: str = "zigbee2mqtt", **facts: object) -> None:
    """Let a message of each device come in, which tells these facts."""
    reports = [DeviceReport(source=source, family=family, seen_at=NOW, items=1, facts=facts) for source in sources]
    make_recorder(store, NOW).record(Intake(reports=reports))


def change(store: Store, device: str, /, **members: Any) -> Device:
    """Change a device as a person does."""
    with store.write() as connection:
        return change_device(connection, device, DeviceChange(**members), now=NOW)


def get(store: Store, device: str, now: Any = NOW) -> Device:
    """A device as it is at an instant."""
    with store.read() as connection:
        return fetch_device(connection, device, now=now)


def sources(store: Store, now: Any = NOW, **wanted: Any) -> list[str]:
    """The sources of the devices that are asked for."""
    with store.read() as connection:
        page = fetch_devices(connection, DeviceFilter(**wanted), now=now, cursor=None, limit=100)
    return [device.source for device in page.items]


def bridge(store: Store, source: str) -> BridgeDevice:
    """A device as the bridge is told of it."""
    with store.read() as connection:
        return next(one for one in fetch_bridge_devices(connection, NOW) if one.source == source)


def revision(store: Store) -> int:
    """The registry's revision."""
    with store.read() as connection:
        return fetch_registry_rev(connection)


def square(west: float, south: float, size: float) -> dict[str, Any]:
    """A GeoJSON square."""
    east, north = west + size, south + size
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def zone(store: Store, key: str, geometry: dict[str, Any] | None = None, **members: Any) -> None:
    """Make or change a zone."""
    given: dict[str, Any] = {"geometry": geometry} if geometry else {}
    with store.write() as connection:
        put_zone(connection, key, ZoneChange(**given, **members))
