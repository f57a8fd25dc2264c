"""How devices were over time: noted when it changes, bounded, and told without blaming who is not at fault."""

from datetime import datetime, timedelta

import pytest

from appliance.clock import to_us
from appliance.coverage.line import Span
from appliance.model.device import State
from appliance.model.field import FieldNews, OutageNews, StateChange
from appliance.store.device import spans as store_spans
from appliance.store.device.field import write_field_news
from appliance.store.device.spans import (
    begin_spans,
    fetch_ours,
    fetch_spans,
    purge_spans,
    take_up_spans,
)
from appliance.store.engine import Store, raw_connection
from tests.conftest import NOW
from tests.store.registry import hear

CAM = "frigate/a"
NOW_US = to_us(NOW)
Note = tuple[str, str, int, int | None]


def tell(store: Store, minutes: float, state: State, cause: str = "", source: str = CAM) -> None:
    """The bridge found, so many minutes after now, that a device is otherwise."""
    news = FieldNews(changes=(StateChange(source=source, state=state, cause=cause, at=after(minutes)),))
    with store.write() as connection:
        write_field_news(connection, news)


def after(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def noted(store: Store, source: str = CAM) -> list[Note]:
    """(state, cause, from, to) of a device's spans, in minutes after now."""
    with store.read() as connection:
        rows = raw_connection(connection).execute(
            "SELECT s.state, s.cause, s.from_time, s.to_time FROM device_spans AS s "
            "JOIN devices AS d USING (device_pk) WHERE d.source = ? ORDER BY span_pk",
            (source,),
        )
        return [(state, cause, minutes_of(start) or 0, minutes_of(end)) for state, cause, start, end in rows]


def minutes_of(us: int | None) -> int | None:
    return None if us is None else round((us - NOW_US) / 60e6)


def test_a_change_ends_a_span_and_begins_the_next(store: Store) -> None:
    hear(store, CAM)
    tell(store, 0, "online", "birth")
    tell(store, 10, "stale", "silence")
    tell(store, 12, "offline", "outage:switch")
    assert noted(store) == [
        ("online", "birth", 0, 10),
        ("stale", "silence", 10, 12),
        ("offline", "outage:switch", 12, None),
    ]


def test_what_is_not_registered_is_passed_over(store: Store) -> None:
    tell(store, 0, "offline", "will", source="frigate/nobody")
    with store.read() as connection:
        assert fetch_spans(connection, NOW_US, NOW_US + 1) == {}


def test_a_span_that_lasts_no_time_is_replaced_also_where_the_clock_went_back(store: Store) -> None:
    hear(store, CAM)
    tell(store, 0, "online")
    tell(store, 10, "stale", "silence")
    tell(store, 10, "offline", "will")
    assert noted(store)[1:] == [("offline", "will", 10, None)]
    tell(store, 4, "online", "birth")
    assert noted(store) == [("online", "", 0, 10), ("online", "birth", 4, None)]
    with store.read() as connection:
        (spans,) = fetch_spans(connection, NOW_US, NOW_US + 3_600_000_000).values()
    assert [span.start for span in spans] == sorted(span.start for span in spans)


def test_a_bridge_that_starts_takes_up_what_was_written_beside_its_news(store: Store) -> None:
    hear(store, CAM, "frigate/b")
    tell(store, 1, "offline", "silence")
    with store.write() as connection:
        assert begin_spans(connection) == 1
        assert begin_spans(connection) == 0
    assert noted(store, "frigate/b") == [("online", "", 0, None)]
    assert noted(store) == [("offline", "silence", 1, None)]


def test_a_bridge_starts_also_where_the_store_cannot_be_written(store: Store) -> None:
    hear(store, CAM)
    to_read = Store(store.path, read_only=True)
    take_up_spans(to_read)
    to_read.close()
    assert noted(store) == []
    take_up_spans(store)
    assert noted(store) == [("online", "", 0, None)]


def test_what_is_stale_over_the_end_comes_with_what_it_turned_out_to_be(store: Store) -> None:
    hear(store, CAM)
    for minutes, state in ((0, "online"), (10, "stale"), (20, "offline"), (30, "online")):
        tell(store, minutes, state)  # type: ignore[arg-type]
    with store.read() as connection:
        by_time = fetch_spans(connection, to_us(after(5)), to_us(after(15)))
        by_key = fetch_spans(connection, to_us(after(5)), to_us(after(15)), list(by_time))
    assert by_time == by_key
    (spans,) = by_time.values()
    assert [span.state for span in spans] == ["online", "stale", "offline"]
    assert isinstance(spans[0], Span)


def test_spans_are_bounded_in_number_and_by_age_and_those_that_last_stay(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    hear(store, CAM, "frigate/b")
    tell(store, 0, "online", source="frigate/b")
    monkeypatch.setattr(store_spans, "MAX_SPANS", 5)
    for minutes in range(20):
        tell(store, minutes, "offline" if minutes % 2 else "online", str(minutes))
    assert len(noted(store)) == 5
    assert noted(store, "frigate/b") == [("online", "", 0, None)]
    with store.write() as connection:
        assert purge_spans(connection, before=to_us(after(18)), limit=2).more
        assert purge_spans(connection, before=to_us(after(18)), limit=2).deleted == 0
    assert [start for _, _, start, _ in noted(store)] == [17, 18, 19]


def test_we_did_not_listen_while_broker_or_box_were_down_or_the_bridge_is_not_heard_of(store: Store) -> None:
    def outage(kind: str, start: float, end: float | None, devices: int = 0) -> OutageNews:
        names = tuple(f"d{n}" for n in range(devices))
        ended = after(end) if end is not None else None
        return OutageNews(
            kind=kind, segment="", devices=names, device_count=devices, began_at=after(start), ended_at=ended
        )

    outages = (
        outage("box", -60, -30),
        outage("broker", -40, -20),
        outage("broker", -10, -5, devices=7),  # fell silent together, which their spans say
        outage("segment", -10, -5, devices=3),
        outage("broker", 30, None),
    )
    with store.write() as connection:
        write_field_news(connection, FieldNews(outages=outages))
        raw_connection(connection).execute("UPDATE coverage_state SET deaf_since = ?", (to_us(after(50)),))
    with store.read() as connection:
        found = fetch_ours(connection, to_us(after(-50)), to_us(after(60)))
    assert [(minutes_of(start), minutes_of(end)) for start, end in found] == [(-50, -20), (30, 60)]


def test_between_two_runs_of_the_machine_nobody_listened(store: Store) -> None:
    with store.write() as connection:
        for name, seen, last in (("a", 0, 600), ("b", 4_200, 9_000), ("c", 9_030, 9_100)):
            raw_connection(connection).execute(
                "INSERT INTO boots (boot_id, base_us, wall_us, seen_us, last_us, offset_us) VALUES (?, ?, 0, ?, ?, ?)",
                (name, NOW_US, seen * 1_000_000, last * 1_000_000, NOW_US),
            )
    with store.read() as connection:
        found = fetch_ours(connection, NOW_US, NOW_US + 10**11)
    assert [(minutes_of(start), minutes_of(end)) for start, end in found] == [(10, 70)]
