"""Messages from quarantine decoded once more: each is an intake as of its own time, or stays for a reason."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from appliance.errors import Rejected
from appliance.model.intake import Intake
from appliance.model.observation import DeviceHealth, EnvironmentReading, Motion, Observation
from firmware_bridge.canonical import Standing, Surroundings
from firmware_bridge.decode import Decoder
from firmware_bridge.gather import Gatherer
from firmware_bridge.inbound import Context, Family, Inbound, Memory, Route
from firmware_bridge.retry import Entry, Refused, retry_entries
from tests.conftest import NOW

BEFORE = NOW - timedelta(days=3)
DOOR = "door/1"


def understand(inbound: Inbound, context: Context) -> Sequence[Observation]:
    """A door: `open` and `shut`, a temperature, or a version; `boom` is a mistake of the program."""
    word = inbound.document
    device = f"door/{inbound.parts['device']}"
    context.memory.put("door", device, word)
    if isinstance(word, float):
        return [EnvironmentReading(device=device, metric="temperature", value=word, unit="Cel")]
    if word == "boom":
        raise ZeroDivisionError("of the program")
    if word == "version":
        return [DeviceHealth(device=device, firmware="1.0", state="online")]
    if word not in {"open", "shut"}:
        raise Rejected(f"{word!r} is neither open nor shut")
    return [Motion(device=device, active=word == "open")]


MENDED = Family(
    name="door", title="Door", source="-", routes=(Route(template="door/{device}", handle=understand, form="any"),)
)


def entry(payload: bytes, *, id: int = 1, topic: str = DOOR, at: datetime = BEFORE, **members: object) -> Entry:
    given = {"count": 1, **members}
    return Entry(id=id, topic=topic, payload=payload, first_seen=at, **given)  # type: ignore[arg-type]


class Retry:
    """Retries entries by the mended family, in a registry of these devices."""

    def __init__(self, registered: dict[str, Standing] | None = None) -> None:
        known = registered or {}
        self.decoder = Decoder([MENDED], zone=UTC)
        around = Surroundings(standing=known.get, judge=lambda *_: "good", plate_key=b"k" * 32)
        self.gatherer = Gatherer(around, memory=Memory())
        self.known = known

    def __call__(self, *entries: Entry) -> list[Intake | Refused]:
        made = retry_entries(
            entries,
            self.decoder,
            self.gatherer,
            is_registered=self.known.__contains__,
            clock_trusted=lambda at: at.year >= 2026,
        )
        return [one for _, one in made]

    def intake(self, one: Entry) -> Intake:
        (made,) = self(one)
        assert isinstance(made, Intake), made
        return made


def test_what_is_understood_now_is_of_the_time_when_it_first_came() -> None:
    intake = Retry().intake(entry(b"21.5", id=7, count=3))
    (reading,) = intake.readings
    assert (reading.observed_at, reading.received_at, reading.value) == (BEFORE, BEFORE, 21.5)
    assert (intake.retried, intake.items) == ({7: 3}, 1)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (entry(b"ajar"), "'ajar' is neither open nor shut"),
        (entry(b"open", topic="window/1"), "no family of firmware knows this topic"),
        (entry(b"boom"), "could not be decoded: ZeroDivisionError: of the program"),
        (entry(b"", missing="the key of its day is destroyed"), "the key of its day is destroyed"),
        (entry(b"open", missing="only its first bytes were kept"), "only its first bytes were kept"),
    ],
)
def test_what_is_not_understood_stays_for_a_reason(one: Entry, reason: str) -> None:
    (refused,) = Retry()(one)
    assert isinstance(refused, Refused)
    assert reason in refused.reason


def test_a_reason_that_may_show_a_plate_is_marked() -> None:
    plain, sealed = Retry()(entry(b"ajar"), entry(b"plate Q7-44"))
    assert isinstance(plain, Refused) and isinstance(sealed, Refused)
    assert (plain.sealed, sealed.sealed) == (False, True)


def test_one_that_stays_does_not_cost_its_neighbours() -> None:
    made = Retry()(entry(b"boom", id=1), entry(b"20.0", id=2), entry(b"ajar", id=3), entry(b"21.0", id=4))
    assert [one.retried if isinstance(one, Intake) else {} for one in made] == [{}, {2: 1}, {}, {4: 1}]


def test_a_message_that_says_nothing_leaves_quarantine_too() -> None:
    intake = Retry().intake(entry(b"", topic="hexpost/v1/a/b/event"))
    assert (intake.folded, intake.retried) == ({"cleared": 1}, {1: 1})
    ours = Retry().intake(entry(b"x", topic="hexpost/v1/out/site/alert"))
    assert (ours.items, ours.retried, ours.empty) == (0, {1: 1}, False)


def test_of_a_native_array_what_is_still_wrong_goes_back() -> None:
    good = b'{"event_type": "motion", "event_timestamp": "2026-11-19T10:00:00Z"}'
    intake = Retry().intake(entry(b"[" + good + b", 7]", topic="hexpost/v1/a/b/event"))
    assert (len(intake.events), [one.payload for one in intake.rejections]) == (1, [b"7"])


def test_states_are_compared_among_the_retried_messages_alone() -> None:
    retry = Retry()
    retry.decoder.memory.put("state", "door/1|motion|", True)  # what the bridge has heard since
    words = [b"open", b"open", b"shut"]
    entries = [entry(word, id=n, at=BEFORE + timedelta(seconds=n)) for n, word in enumerate(words)]
    made = [one for one in retry(*entries) if isinstance(one, Intake)]
    assert [(len(one.events), len(one.readings), one.folded.get("unchanged", 0)) for one in made] == [
        (1, 0, 0),
        (0, 0, 1),
        (0, 1, 0),
    ]


def test_it_teaches_the_bridge_nothing() -> None:
    retry = Retry()
    intake = retry.intake(entry(b"20.0"))
    assert (intake.learned, intake.digests) == ([], b"")
    assert retry.decoder.memory.get("door", DOOR) == 20.0  # and the entries after it everything
    assert retry.decoder.memory.take_changed() == []


def test_a_registered_device_was_only_heard() -> None:
    (report,) = Retry({DOOR: Standing()}).intake(entry(b"version")).reports
    assert (report.seen_at, report.items, report.state, report.facts) == (BEFORE, 1, None, {})


def test_a_device_that_only_old_messages_tell_of_is_not_there_now() -> None:
    (report,) = Retry().intake(entry(b"version")).reports
    assert (report.state, report.facts) == ("offline", {"firmware": "1.0"})


def test_an_event_has_the_place_that_its_device_has_now() -> None:
    (event,) = Retry({DOOR: Standing(place=(47.97, 29.37))}).intake(entry(b"open")).events
    assert (event.longitude, event.latitude, event.event_timestamp) == (47.97, 29.37, BEFORE)


def test_whether_the_box_knew_the_time_is_asked_of_then() -> None:
    told = b'{"event_type": "motion", "event_timestamp": "2026-11-19T10:00:00Z"}'
    topic = "hexpost/v1/a/b/event"
    for at, quality in ((BEFORE, "good"), (datetime(1970, 1, 2, tzinfo=UTC), "untrusted")):
        (event,) = Retry().intake(entry(told, topic=topic, at=at)).events
        assert event.clock_quality == quality, at
