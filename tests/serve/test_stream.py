"""The live stream over a real server: what is new, once, in order, and again from where a browser left off."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx
import pytest

from appliance.errors import Unavailable
from appliance.model.intake import Intake
from appliance.serve import watch as watching
from appliance.serve.context import Context
from appliance.serve.stream import RESUME_EVENTS, resume_key
from appliance.serve.watch import QUEUE, Watch
from appliance.store.engine import Store
from appliance.store.intake.batch import Recorder
from tests.conftest import NOW, make_event, make_recorder
from tests.serve.conftest import Analyze, instant

Message = dict[str, Any]


@contextmanager
def listening(url: str, last: str | None = None) -> Iterator[Iterator[Message]]:
    """The messages of a stream as they come."""
    headers = {"Last-Event-ID": last} if last else {}
    with httpx.stream("GET", f"{url}/v1/stream", headers=headers, timeout=20) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        yield messages(answer.iter_lines())


def messages(lines: Iterator[str]) -> Iterator[Message]:
    fields: Message = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield {**fields, "data": json.loads(fields["data"])}
            fields = {}


def until(stream: Iterator[Message], event: str) -> Message:
    return next(message for message in stream if message["event"] == event)


def record(store: Store, *ids: str) -> None:
    make_recorder(store, NOW).record(Intake(events=[make_event(event_id=name) for name in ids]))


def told(stream: Iterator[Message], last: str) -> tuple[list[str], str]:
    """The ids of events up to one of them, and the stream's id with which it came."""
    found: list[str] = []
    for message in stream:
        if message["event"] == "events":
            found += [item["event_id"] for item in message["data"]["items"]]
            if last in found:
                return found, message["id"]
    raise AssertionError(f"{last} did not come; {found} did")


OPEN = "[security]\npublic_events = true"


def test_a_stream_greets_says_how_the_box_is_and_then_what_happens(
    live: Callable[..., str], store: Store, analyze: Analyze
) -> None:
    record(store, "before")
    with listening(live()) as stream:
        hello = next(stream)
        assert (hello["event"], hello["retry"], set(hello["data"])) == ("hello", "2000", {"server_time", "store_id"})
        instant(hello["data"]["server_time"])
        health = next(stream)
        assert (health["event"], health["data"]["parts"]["serve"]) == ("health", "up")
        record(store, "a")
        (item,) = until(stream, "events")["data"]["items"]
        assert set(item) == {"event_type", "event_timestamp", "received_at", "h3_index"}  # nothing about a place
        analyze()
        run = until(stream, "run")["data"]
        assert (run["state"], run["to_day"], run["resolution"] in {7, 8}) == ("done", "2026-11-22", True)


def test_a_site_that_shows_events_names_them(live: Callable[..., str], store: Store) -> None:
    with listening(live(OPEN)) as stream:
        next(stream)
        record(store, "a")
        (item,) = until(stream, "events")["data"]["items"]
    assert (item["event_id"], item["longitude"], item["latitude"]) == ("a", 47.97, 29.37)


def test_a_browser_that_was_away_hears_what_it_missed_once_and_in_order(live: Callable[..., str], store: Store) -> None:
    url = live(OPEN)
    with listening(url) as stream:
        next(stream)
        record(store, "a", "b")
        found, last = told(stream, "b")
    assert found == ["a", "b"]
    record(store, "c", "d")
    with listening(url, last) as stream:
        assert next(stream)["id"] == last  # nothing more has been told yet
        record(store, "e")
        assert told(stream, "e")[0] == ["c", "d", "e"]


@pytest.mark.parametrize("position", [0, 1], ids=["after the greeting", "after the first health"])
def test_whatever_message_a_browser_saw_last_it_resumes_there(
    live: Callable[..., str], store: Store, position: int
) -> None:
    record(store, "old")
    url = live(OPEN)
    with listening(url) as stream:
        seen = [next(stream) for _ in range(2)][position]["id"]
    record(store, "a")
    with listening(url, seen) as stream:
        assert told(stream, "a")[0] == ["a"]


def test_a_restart_loses_nothing_for_those_who_come_back(live: Callable[..., str], store: Store) -> None:
    with listening(live(OPEN)) as stream:
        seen = next(stream)["id"]
    record(store, "a", "b")
    with listening(live(OPEN), seen) as stream:
        assert told(stream, "b")[0] == ["a", "b"]


def test_one_who_was_away_for_long_hears_the_newest(live: Callable[..., str], store: Store) -> None:
    url = live(OPEN)
    with listening(url) as stream:
        seen = next(stream)["id"]
    names = [f"e{n}" for n in range(RESUME_EVENTS + 50)]
    record(store, *names)
    with listening(live(OPEN), seen) as stream:
        assert told(stream, names[-1])[0] == names[-RESUME_EVENTS:]


def test_an_id_of_another_store_or_of_nobody_is_a_fresh_start(live: Callable[..., str], store: Store) -> None:
    record(store, "old")
    url = live(OPEN)
    for last in ("0123456789abcdef.0", "rubbish", "."):
        with listening(url, last) as stream:
            assert [next(stream)["event"] for _ in range(2)] == ["hello", "health"]


@pytest.mark.parametrize(
    ("last", "key"),
    [("s.7", 7), ("s.0", 0), (None, None), ("", None), ("s.", None), ("t.7", None), ("s.-1", None), ("7", None),
     ("s.x", None), ("s.²", None), (f"s.{'9' * 30}", None)],
)  # fmt: skip
def test_a_resume_key_is_ours_or_nothing(last: str | None, key: int | None) -> None:
    assert resume_key(last, "s") == key


async def watched(
    context: Context, during: Callable[[Watch], Any], health: Callable[[], dict[str, Any]] = dict
) -> None:
    watch = Watch(context, health)
    await watch.look()
    async with anyio.create_task_group() as group:
        group.start_soon(watch.run, lambda: None)
        with anyio.fail_after(30):
            await during(watch)
        group.cancel_scope.cancel()


def test_a_stream_that_does_not_keep_up_is_ended_and_the_others_go_on(
    context: Context, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_S", 0.001)

    async def during(watch: Watch) -> None:
        slow, quick = watch.subscribe(), watch.subscribe()
        for n in range(QUEUE + 1):
            recorder.record(Intake(events=[make_event(event_id=f"e{n}")]))
            while (await quick.receive()).event != "events":
                pass
        while not watch.ended_slow:
            await anyio.sleep(0.01)
        assert (watch.ended_slow, watch.streams) == (1, 1)
        waiting = [notice async for notice in slow]  # what it had is still its own; then it ends
        assert len(waiting) == QUEUE

    anyio.run(watched, context, during)


def test_an_unforeseen_error_does_not_end_the_watch(context: Context, recorder: Recorder) -> None:
    failures = [RuntimeError("unforeseen")]

    def health() -> dict[str, Any]:
        if failures:
            raise failures.pop()
        return {}

    async def during(watch: Watch) -> None:
        stream = watch.subscribe()
        while failures:
            await anyio.sleep(0.01)
        recorder.record(Intake(events=[make_event()]))
        while (await stream.receive()).event != "events":
            pass

    anyio.run(watched, context, during, health)


def test_streams_are_bounded_and_refused_before_the_store_is_known(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "STREAMS", 2)

    async def during(watch: Watch) -> None:
        held = [watch.subscribe() for _ in range(2)]
        with pytest.raises(Unavailable, match="close some maps"):
            watch.subscribe()
        for one in held:
            one.close()

    anyio.run(watched, context, during)
    with pytest.raises(Unavailable, match="not been read"):
        Watch(context, dict).subscribe()
