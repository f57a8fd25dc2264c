"""What holds of devices and outages whatever is heard, in whatever order, at whatever pace."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.liveness.devices import Liveness
from firmware_bridge.liveness.outage import BROKER
from firmware_bridge.liveness.vital import UNTOLD_INTERVAL_S
from tests.bridge.site import Site
from tests.conftest import NOW, examples

Step = Callable[[Site], object]


def said(what: str, name: str) -> Step:
    """A device is heard, or says something, or is forgotten."""

    def step(site: Site) -> None:
        liveness: Liveness = site.liveness
        if what == "forgotten":
            liveness.forget(name)
        elif what == "remembered":
            liveness.birth(name, site.at, retained=True)
        else:
            getattr(liveness, what)(name, site.at)

    return step


def waited(seconds: float) -> Step:
    """Nobody looked for so long."""
    return lambda site: setattr(site, "at", site.at + seconds)


def jumped(days: int) -> Step:
    """The wall clock was set."""
    return lambda site: setattr(site, "now", NOW + timedelta(days=days))


def described(name: str, segments: list[str], heartbeat_s: float | None, maintenance: bool) -> Step:
    """The registry said something of a device."""
    return lambda site: site.liveness.describe(
        name, site.at, segments=segments, heartbeat_s=heartbeat_s, maintenance=maintenance
    )


names = st.sampled_from([f"d{n}" for n in range(8)])
segments = st.lists(st.sampled_from(["switch", "via:d0", "zone:z", "family:f", BROKER]), max_size=3)
steps = st.one_of(
    st.builds(said, st.sampled_from(["heard", "birth", "will", "remembered", "forgotten"]), names),
    st.sampled_from([lambda site: site.liveness.link_up(site.at), lambda site: site.liveness.link_down(site.at)]),
    st.builds(waited, st.sampled_from([0.0, 0.5, 5.0, 20.0, 59.0, 61.0, 400.0, 90_000.0, -10.0])),
    st.builds(jumped, st.sampled_from([3650, -3650])),
    st.builds(described, names, segments, st.sampled_from([None, 1.0, 10.0, 3600.0]), st.booleans()),
)


@settings(max_examples=examples(400))
@given(st.lists(steps, max_size=120))
def test_whatever_happens_states_are_legal_and_a_segment_has_at_most_one_open_outage(told: list[Step]) -> None:
    play(told, Site({}))
    play(told, gateway())


@settings(max_examples=examples(100))
@given(st.lists(steps, max_size=60), st.lists(steps, max_size=60))
def test_nothing_that_happened_stops_a_restart(before: list[Step], after: list[Step]) -> None:
    site = Site({})
    play(before, site)
    ended = {(outage.segment, outage.began_at) for outage in site.ended}
    lasting = [outage for outage in site.began if (outage.segment, outage.began_at) not in ended]
    again = Site({})
    again.liveness.restore(site.rows(), again.at, open_outages=lasting)
    first = again.tick()
    assert first.changes == ()
    lasting = [outage for outage in lasting if outage.segment not in {over.segment for over in first.ended}]
    play(after, again, frozenset(outage.segment or outage.kind for outage in lasting))


def gateway() -> Site:
    """A gateway and seven devices behind it that all talk."""
    site = Site({f"d{n}": 10.0 for n in range(8)})
    site.describe([f"d{n}" for n in range(1, 8)], "via:d0", "zone:z", heartbeat_s=10)
    site.run(150)
    return site


def play(told: list[Step], site: Site, lasting: frozenset[str] = frozenset()) -> None:
    """Do what is told, looking after each step, and check what must always hold."""
    told_state: dict[str, str] = {}
    for step in told:
        step(site)
        told_state = {name: state for name, state in told_state.items() if name in site.liveness}
        found = site.tick()
        for outage in found.began:
            assert (outage.segment or outage.kind) not in lasting
            lasting |= {outage.segment or outage.kind}
        lasting -= {outage.segment or outage.kind for outage in found.ended}
        for change in found.changes:
            told_state[change.source] = change.state
        for vital in site.liveness.vitals(site.at, site.now):
            assert vital.state == told_state.get(vital.source, vital.state)
            if vital.cause.startswith("outage:"):
                assert (vital.state, vital.cause.removeprefix("outage:") in lasting) == ("offline", True)
            assert 0 < vital.interval_s <= UNTOLD_INTERVAL_S
