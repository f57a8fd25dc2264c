"""What the bridge found out about its devices: written as told, read back as it was."""

from datetime import timedelta

import pytest

from appliance.model.field import FieldNews, OutageNews, StateChange
from appliance.store.device import field
from appliance.store.device.field import StoreField
from appliance.store.engine import Store, raw_connection
from tests.conftest import NOW
from tests.store.registry import bridge, change, hear

DEVICES = ("frigate/a", "frigate/b")
BEGAN = OutageNews(kind="segment", segment="switch:north", devices=DEVICES, device_count=2, began_at=NOW)
ENDED = OutageNews(
    kind="segment",
    segment="switch:north",
    devices=(*DEVICES, "frigate/c"),
    device_count=3,
    began_at=NOW,
    ended_at=NOW + timedelta(minutes=5),
)


@pytest.fixture
def found(store: Store) -> StoreField:
    return StoreField(store, lambda: NOW)


def outages(store: Store) -> list[tuple[str, str, int, bool]]:
    with store.read() as connection:
        rows = raw_connection(connection).execute(
            "SELECT kind, segment, device_count, ended_at IS NULL FROM outages ORDER BY outage_pk"
        )
        return [(kind, segment, count, bool(lasts)) for kind, segment, count, lasts in rows]


def test_states_rhythms_and_clocks_are_read_back_by_the_next_run(store: Store, found: StoreField) -> None:
    hear(store, *DEVICES)
    later = NOW + timedelta(seconds=90)
    found.record(
        FieldNews(
            changes=(StateChange(source="frigate/a", state="offline", cause="silence", at=later),),
            intervals_s={"frigate/a": 12.5},
            skews_ms={"frigate/a": -3_600_000.5},
        )
    )
    one, other = bridge(store, "frigate/a"), bridge(store, "frigate/b")
    assert (one.state, one.cause, one.state_at) == ("offline", "silence", later)
    assert (one.learned_interval_s, one.skew_ms) == (12.5, -3_600_000.5)
    assert (other.state, other.learned_interval_s, other.skew_ms) == ("online", None, None)


def test_a_rhythm_that_is_lost_is_none(store: Store, found: StoreField) -> None:
    hear(store, *DEVICES)
    found.record(FieldNews(intervals_s={"frigate/a": 12.5}))
    found.record(FieldNews(intervals_s={"frigate/a": 0.0}))
    assert bridge(store, "frigate/a").learned_interval_s is None


def test_what_is_not_registered_is_passed_over(store: Store, found: StoreField) -> None:
    found.record(
        FieldNews(
            changes=(StateChange(source="frigate/nobody", state="offline", cause="will", at=NOW),),
            intervals_s={"frigate/nobody": 3.0},
            skews_ms={"frigate/nobody": 5.0},
        )
    )
    assert found.devices() == []


def test_what_the_bridge_finds_out_does_not_make_it_read_the_registry_again(store: Store, found: StoreField) -> None:
    hear(store, *DEVICES)
    before = found.registry_rev()
    found.record(FieldNews(skews_ms={"frigate/a": 5.0}, outages=(BEGAN,)))
    assert found.registry_rev() == before
    change(store, "frigate/a", name="gate")
    assert found.registry_rev() > before


class TestOutages:
    def test_one_that_began_is_open_until_it_ends(self, store: Store, found: StoreField) -> None:
        found.record(FieldNews(outages=(BEGAN,)))
        assert found.open_outages() == [BEGAN]
        found.record(FieldNews(outages=(ENDED,)))
        assert found.open_outages() == []
        assert outages(store) == [("segment", "switch:north", 3, False)]

    def test_one_that_is_known_only_when_it_is_over_is_a_row_at_once(self, store: Store, found: StoreField) -> None:
        found.record(FieldNews(outages=(ENDED,)))
        assert (outages(store), found.open_outages()) == ([("segment", "switch:north", 3, False)], [])

    def test_the_next_of_a_segment_is_a_row_of_its_own(self, store: Store, found: StoreField) -> None:
        found.record(FieldNews(outages=(BEGAN, ENDED, BEGAN)))
        assert [lasts for *_, lasts in outages(store)] == [False, True]

    def test_the_oldest_that_are_over_make_room_and_one_that_lasts_stays(
        self, store: Store, found: StoreField, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(field, "KEEP_OUTAGES", 3)
        found.record(FieldNews(outages=(BEGAN,)))
        power = OutageNews(
            kind="box", segment="", devices=(), device_count=0, began_at=NOW, ended_at=NOW + timedelta(hours=1)
        )
        for _ in range(6):
            found.record(FieldNews(outages=(power,)))
        assert [kind for kind, *_ in outages(store)] == ["segment", "box", "box", "box"]
        assert found.open_outages() == [BEGAN]
