"""Who is out there: the same for a seed, at places around the centre, behind segments and gateways."""

import math
from collections import Counter

import pytest

from appliance.errors import Rejected
from firmware_bridge.simulation.families import FAMILIES
from firmware_bridge.simulation.fleet import CAMERA, GATEWAY, METRES_PER_DEGREE, moved
from tests.simulate.run import CENTRE, fleet_of


def test_the_same_seed_makes_the_same_fleet_and_another_one_another() -> None:
    assert fleet_of(30, seed=5) == fleet_of(30, seed=5)
    assert fleet_of(30, seed=5) != fleet_of(30, seed=6)


def test_families_are_dealt_out_in_turn_and_gateways_come_on_top() -> None:
    fleet = fleet_of(30, "frigate", "tasmota", "zigbee2mqtt")
    counted = Counter((unit.family, unit.kind == GATEWAY) for unit in fleet)
    assert counted == {
        ("frigate", False): 10,
        ("tasmota", False): 10,
        ("zigbee2mqtt", False): 10,
        ("frigate", True): 1,
        ("zigbee2mqtt", True): 1,
    }
    gateways = {unit.source for unit in fleet if unit.kind == GATEWAY}
    assert {unit.via for unit in fleet if unit.family != "tasmota" and unit.kind != GATEWAY} == gateways


def test_no_two_devices_have_one_name() -> None:
    fleet = fleet_of(2_000)
    assert len({unit.source for unit in fleet}) == len(fleet)


def test_every_device_stands_within_the_radius() -> None:
    for unit in fleet_of(200):
        north_m = (unit.latitude - CENTRE[1]) * METRES_PER_DEGREE
        east_m = (unit.longitude - CENTRE[0]) * METRES_PER_DEGREE * math.cos(math.radians(CENTRE[1]))
        assert math.hypot(north_m, east_m) <= 1_001


def test_half_of_the_devices_stand_in_half_of_the_area() -> None:
    inner = 0
    for unit in fleet_of(2_000, "tasmota"):
        north_m = (unit.latitude - CENTRE[1]) * METRES_PER_DEGREE
        east_m = (unit.longitude - CENTRE[0]) * METRES_PER_DEGREE * math.cos(math.radians(CENTRE[1]))
        inner += math.hypot(north_m, east_m) < 1_000 / math.sqrt(2)
    assert inner == pytest.approx(1_000, rel=0.08)


def test_cameras_look_somewhere() -> None:
    cameras = [unit for unit in fleet_of(20, "frigate") if unit.kind == CAMERA]
    assert all(unit.heading_deg is not None and unit.range_m and unit.view_angle_deg for unit in cameras)


def test_a_segment_has_so_many_devices_and_no_gateway() -> None:
    fleet = fleet_of(30, "frigate", segments=(("north", 12), ("south", 8)))
    assert Counter(unit.segment for unit in fleet) == {"north": 12, "south": 8, "": 11}
    assert [unit.segment for unit in fleet if unit.kind == GATEWAY] == [""]


@pytest.mark.parametrize(
    ("start", "east_m", "expected"),
    [((0.0, 0.0), METRES_PER_DEGREE, (1.0, 0.0)), ((179.5, 0.0), METRES_PER_DEGREE, (-179.5, 0.0))],
)
def test_a_place_is_moved_by_metres_also_over_the_date_line(
    start: tuple[float, float], east_m: float, expected: tuple[float, float]
) -> None:
    assert moved(start, east_m, 0.0) == expected


@pytest.mark.parametrize(
    ("devices", "families", "segments", "reason"),
    [
        (0, ("tasmota",), (), "1 to 20,000 devices, not 0"),
        (5, ("toaster",), (), "'toaster' cannot be simulated"),
        (5, ("tasmota",), (("north", 6),), "6 devices behind segments, but the fleet has only 5"),
        (5, ("tasmota",), (("north", 2), ("north", 2)), "named twice"),
    ],
)
def test_what_cannot_be_is_refused(
    devices: int, families: tuple[str, ...], segments: tuple[tuple[str, int], ...], reason: str
) -> None:
    with pytest.raises(Rejected, match=reason):
        fleet_of(devices, *families, segments=segments)


def test_every_family_names_itself() -> None:
    assert all(name == firmware.family for name, firmware in FAMILIES.items())
