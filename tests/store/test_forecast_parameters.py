"""Versions of parameters: one in force, at most one proposed, and the old ones kept for a while."""

from datetime import date, timedelta

import msgspec
import pytest

from appliance.errors import NotFound
from appliance.forecast.parameters import Parameters
from appliance.store.engine import Store
from appliance.store.forecast.parameters import (
    KEEP_RETIRED,
    State,
    StoredParameters,
    accept_parameters,
    fetch_active,
    fetch_parameters,
    save_parameters,
)
from tests.conftest import NOW


def version(strength: float, state: State = "active", **changes: object) -> StoredParameters:
    """Parameters that differ by one number."""
    parameters = Parameters(class_strengths=(strength, 256.0, 1024.0))
    made = StoredParameters(
        resolution=9,
        version=parameters.version,
        parameters=parameters,
        code_version=parameters.code_version,
        state=state,
        reason="the first",
        learned_at=NOW + timedelta(minutes=strength),
        learned_days=100,
        learned_until=date(2026, 11, 22),
        watermark=7,
        events=1_000,
    )
    return msgspec.structs.replace(made, **changes)


def save(store: Store, *found: StoredParameters) -> list[bool]:
    with store.write() as connection:
        return [save_parameters(connection, one) for one in found]


def states(store: Store) -> list[tuple[float, str]]:
    with store.read() as connection:
        return [(one.parameters.class_strengths[0], one.state) for one in fetch_parameters(connection)]


def test_what_is_kept_is_read_back(store: Store) -> None:
    save(store, version(4.0))
    with store.read() as connection:
        assert fetch_active(connection, 9) == version(4.0)
        assert fetch_active(connection, 8) is None
        assert fetch_active(connection, 9, "fire") is None


def test_a_newer_version_takes_the_place_of_the_one_in_force(store: Store) -> None:
    assert save(store, version(4.0), version(8.0), version(8.0)) == [True, True, False]
    assert states(store) == [(8.0, "active"), (4.0, "retired")]


def test_a_proposal_is_not_in_force_and_a_newer_one_takes_its_place(store: Store) -> None:
    save(store, version(4.0), version(8.0, "proposed"), version(16.0, "proposed"))
    assert states(store) == [(4.0, "active"), (16.0, "proposed"), (8.0, "retired")]


def test_to_propose_what_is_in_force_changes_nothing(store: Store) -> None:
    save(store, version(4.0))
    assert save(store, version(4.0, "proposed", reason="drift")) == [False]
    with store.read() as connection:
        assert fetch_parameters(connection) == [version(4.0)]


def test_types_and_resolutions_have_versions_of_their_own(store: Store) -> None:
    save(store, version(4.0), version(4.0, event_type="fire"), version(4.0, resolution=8))
    assert states(store) == [(4.0, "active")] * 3


def test_a_person_puts_a_proposal_or_an_earlier_version_in_force(store: Store) -> None:
    save(store, version(4.0), version(8.0, "proposed"))
    with store.write() as connection:
        accepted = accept_parameters(connection, version(8.0).version, now=NOW)
    assert accepted.reason == "accepted 2026-11-22 12:00 UTC; the first"
    assert states(store) == [(8.0, "active"), (4.0, "retired")]
    with store.write() as connection:
        again = accept_parameters(connection, version(8.0).version, now=NOW)
        accept_parameters(connection, version(4.0).version, now=NOW)
    assert again == accepted
    assert states(store) == [(4.0, "active"), (8.0, "retired")]


def test_a_version_that_nobody_knows_is_not_accepted(store: Store) -> None:
    with store.write() as connection, pytest.raises(NotFound, match="hexpost forecast parameters"):
        accept_parameters(connection, "0123456789ab", now=NOW)


def test_old_versions_are_bounded(store: Store) -> None:
    save(store, *(version(float(n)) for n in range(KEEP_RETIRED + 20)))
    found = states(store)
    assert len(found) == KEEP_RETIRED + 1
    assert found[0] == (KEEP_RETIRED + 19.0, "active")
    assert found[-1] == (19.0, "retired")
