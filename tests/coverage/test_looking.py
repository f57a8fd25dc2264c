"""Who looks at which cells."""

from appliance.coverage.looking import Watcher, look_at_cells
from appliance.spatial.cells import cell_of
from appliance.spatial.view import View, cells

PLACE = {"lng": 47.97, "lat": 29.37}
VIEW = View(**PLACE, heading_deg=90, angle_deg=70, range_m=900)


def test_a_camera_looks_at_the_cells_of_its_view_and_a_sensor_at_its_own() -> None:
    looking = look_at_cells([Watcher(key=1, **PLACE, view=VIEW), Watcher(key=2, **PLACE)], 9)
    own = cell_of(**PLACE, resolution=9)
    assert set(looking.cells) == set(cells(VIEW, 9))
    assert looking.cells[own] == (1, 2)
    assert all(keys == (1,) for cell, keys in looking.cells.items() if cell != own)
    assert looking.left_out == 0


def test_what_has_too_many_cells_or_finds_no_room_is_left_out_and_counted() -> None:
    wide = View(**PLACE, heading_deg=0, angle_deg=360, range_m=40_000)
    watchers = [Watcher(key=1, **PLACE, view=wide), Watcher(key=2, **PLACE), Watcher(key=3, lng=48.5, lat=29.37)]
    looking = look_at_cells(watchers, 11, most=1)
    assert list(looking.cells.values()) == [(2,)]
    assert looking.left_out == 2
    assert look_at_cells(watchers, 7).left_out == 0
