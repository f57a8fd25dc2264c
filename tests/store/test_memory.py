"""What the bridge knows again after a restart: what families learned, and which messages came last."""

from typing import Any

import pytest

from appliance.model.intake import Intake, Learned, Rejection
from appliance.store.engine import Store
from appliance.store.intake.batch import Recorder
from appliance.store.intake.memory import KEEP_BATCHES, fetch_digests, fetch_learned


def learn(recorder: Recorder, *learned: tuple[str, str, Any]) -> None:
    recorder.record(Intake(learned=[Learned(family=family, key=key, value=value) for family, key, value in learned]))


def known(store: Store) -> dict[tuple[str, str], Any]:
    with store.read() as connection:
        return {(one.family, one.key): one.value for one in fetch_learned(connection)}


def test_what_is_learned_stays_changes_and_is_forgotten(store: Store, recorder: Recorder) -> None:
    learn(recorder, ("zigbee2mqtt", "0x01", {"name": "door"}), ("sparkplug", "1", "temperature"), ("sparkplug", "2", 7))
    learn(recorder, ("sparkplug", "1", None), ("sparkplug", "2", [1, 2]), ("sparkplug", "never known", None))
    assert known(store) == {("zigbee2mqtt", "0x01"): {"name": "door"}, ("sparkplug", "2"): [1, 2]}


def test_of_one_key_in_one_batch_the_last_word_counts(store: Store, recorder: Recorder) -> None:
    learn(recorder, ("f", "a", 1), ("f", "a", 2), ("f", "b", 1), ("f", "b", None), ("f", "c", None), ("f", "c", 3))
    assert known(store) == {("f", "a"): 2, ("f", "c"): 3}


def digests(store: Store) -> list[bytes]:
    with store.read() as connection:
        return fetch_digests(connection)


def test_the_digests_of_the_last_batches_are_kept(store: Store, recorder: Recorder) -> None:
    for n in range(KEEP_BATCHES + 6):
        recorder.record(Intake(digests=b"%08d" % n + b"second%02d" % n))
        recorder.record(Intake(duplicates=1))  # a batch without digests takes no place
    wanted = [digest for n in range(6, KEEP_BATCHES + 6) for digest in (b"%08d" % n, b"second%02d" % n)]
    assert digests(store) == wanted


def test_a_digest_is_told_as_often_as_its_message_came(store: Store, recorder: Recorder) -> None:
    for batch in (b"aaaaaaaabbbbbbbb", b"aaaaaaaa", b"bbbbbbbbaaaaaaaa"):
        recorder.record(Intake(digests=batch))
    assert digests(store) == [letter * 8 for letter in (b"a", b"b", b"a", b"b", b"a")]


def test_memory_is_written_with_its_batch_or_not_at_all(store: Store, recorder: Recorder) -> None:
    broken = Rejection(topic="t", payload=b"{}", reason=None)  # type: ignore[arg-type]
    learned = Learned(family="f", key="k", value=1)
    with pytest.raises(TypeError):
        recorder.record(Intake(learned=[learned], digests=b"12345678", rejections=[broken]))
    assert (known(store), digests(store)) == ({}, [])
