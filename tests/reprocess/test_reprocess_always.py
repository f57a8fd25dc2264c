"""Decoded once more by the same mapping nothing changes; by a mended one all is as that would have given it."""

import random
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.model.intake import RawMessage
from tests.conftest import examples
from tests.reprocess.site import MENDED, WRONG, Site, alarm, level, native, raw, where
from tests.store.checks import totals

DEVICES = st.sampled_from(["c1", "c2"])
WHEN = st.integers(0, 7_000)
MESSAGES = st.one_of(
    st.builds(level, WHEN, st.sampled_from([0, 100, 1500, 1500.5]), device=DEVICES, redelivered=st.booleans()),
    st.builds(alarm, WHEN, st.integers(0, 120), on=st.booleans(), device=DEVICES, at=st.sampled_from([None, (1, 2)])),
    st.builds(where, WHEN, device=DEVICES),
    st.builds(
        native,
        WHEN,
        event_id=st.sampled_from(["", "a", "b"]),
        rev=st.integers(0, 2),
        value=st.sampled_from([None, 1.5, -2.0]),
        retain=st.booleans(),
    ),
    st.builds(raw, WHEN, st.sampled_from(["cart/c1/data", "nobody/knows", "hexpost/v1/city/cam1/event"]), st.binary()),
    st.builds(raw, WHEN, st.just("cart/c2/where"), st.just({"at": [9, 9]}), redelivered=st.booleans()),
)


def in_batches(messages: list[RawMessage], seed: int) -> list[list[RawMessage]]:
    """The messages in the order in which they came, each at an instant of its own, cut anywhere."""
    ordered = sorted({message.received_at: message for message in messages}.values(), key=lambda one: one.received_at)
    batches: list[list[RawMessage]] = [[]]
    chance = random.Random(seed)
    for message in ordered:
        batches[-1].append(message)
        if chance.random() < 0.3:
            batches.append([])
    return batches


@pytest.mark.deep
@settings(max_examples=examples(60))
@given(st.lists(MESSAGES, max_size=25), st.integers())
def test_decoding_once_more_changes_nothing(messages: list[RawMessage], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(Site(Path(folder))) as site:
        for batch in in_batches(messages, seed):
            site.hear(*batch)
        before = site.content(), site.identities(), totals(site.store), site.query("SELECT * FROM quarantine")
        report = site.reprocess()
        for found in (report.events, report.readings, report.positions):
            assert (found.added, found.changed, found.removed) == (0, 0, 0)
        after = site.content(), site.identities(), totals(site.store), site.query("SELECT * FROM quarantine")
        assert after == before


@pytest.mark.deep
@settings(max_examples=examples(60))
@given(st.lists(MESSAGES, max_size=25), st.integers())
def test_decoding_by_a_mended_mapping_gives_what_that_would_have_given(messages: list[RawMessage], seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wrong, right = Site(Path(folder) / "wrong", WRONG), Site(Path(folder) / "right", MENDED)
        with closing(wrong), closing(right):
            for batch in in_batches(messages, seed):
                wrong.hear(*batch)
                right.hear(*batch)
            wrong.map(MENDED)
            wrong.reprocess()
            assert wrong.content() == right.content()
            wrong.check()
