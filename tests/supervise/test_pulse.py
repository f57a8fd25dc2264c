"""Pulses: what a part says of itself, and who is believed."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.store.file.pulse import (
    PAGE_BYTES,
    Pulse,
    PulseWriter,
    boot_time_s,
    decode_page,
    encode_page,
    is_alive,
    read_pulses,
    run_directory,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
STATES = st.dictionaries(
    st.text(max_size=10), st.integers(-(2**53), 2**53) | st.text(max_size=20) | st.booleans(), max_size=8
)


def pulse_of(state: dict[str, object]) -> Pulse:
    return Pulse(part="bridge", pid=7, boot="b", process_start=1, beat_at_s=2.5, wall_us=3, state=state)


def beat_once(run_dir: Path, part: str = "bridge", **state: object) -> None:
    writer = PulseWriter(run_dir, part, clock=lambda: NOON)
    writer.beat(state)
    writer.close()


@given(STATES)
def test_what_is_written_is_read(state: dict[str, object]) -> None:
    page = encode_page(pulse_of(state))
    assert len(page) == PAGE_BYTES
    assert decode_page(page) == pulse_of(state)


@given(at=st.integers(0, 60), flip=st.integers(1, 255))
def test_a_torn_page_is_not_believed(at: int, flip: int) -> None:
    page = bytearray(encode_page(pulse_of({"stored": 12})))
    page[at] ^= flip
    assert decode_page(bytes(page)) is None


@pytest.mark.parametrize("page", [b"", b"\0" * PAGE_BYTES, b"HXP1", encode_page(pulse_of({}))[:40]])
def test_an_empty_or_short_file_is_no_pulse(page: bytes) -> None:
    assert decode_page(page) is None


def test_the_parts_of_a_box_are_read_together(tmp_path: Path) -> None:
    beat_once(tmp_path, "bridge", stored=12)
    beat_once(tmp_path, "serve", url="http://127.0.0.1:8080")
    (tmp_path / "jobs.pulse").write_bytes(b"torn")
    pulses = read_pulses(tmp_path)
    assert {part: pulse.state for part, pulse in pulses.items()} == {
        "bridge": {"stored": 12},
        "serve": {"url": "http://127.0.0.1:8080"},
    }
    assert pulses["bridge"].wall_us == 1_795_262_400_000_000


def test_a_beat_overwrites_the_one_before_in_the_same_file(tmp_path: Path) -> None:
    writer = PulseWriter(tmp_path, "bridge")
    writer.beat({"stored": 1, "note": "x" * 200})
    inode = (tmp_path / "bridge.pulse").stat().st_ino
    writer.beat({"stored": 2})
    writer.close()
    file = (tmp_path / "bridge.pulse").stat()
    assert (file.st_ino, file.st_size) == (inode, PAGE_BYTES)
    assert read_pulses(tmp_path)["bridge"].state == {"stored": 2}


def test_the_age_is_counted_on_the_boot_clock_whatever_the_wall_clock_says(tmp_path: Path) -> None:
    writer = PulseWriter(tmp_path, "bridge", clock=lambda: datetime(1970, 1, 1, tzinfo=UTC), boot_time=lambda: 500.0)
    writer.beat({})
    writer.close()
    assert read_pulses(tmp_path)["bridge"].age_s(503.5) == 3.5


def test_a_running_process_is_alive_and_an_ended_one_is_not(tmp_path: Path) -> None:
    beat_once(tmp_path, "serve")
    script = (
        "import sys; from pathlib import Path; from appliance.store.file.pulse import PulseWriter;"
        "PulseWriter(Path(sys.argv[1]), 'bridge').beat({'stored': 3})"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    pulses = read_pulses(tmp_path)
    assert is_alive(pulses["serve"])
    assert not is_alive(pulses["bridge"])
    assert pulses["bridge"].state == {"stored": 3}  # its last words stay


@pytest.mark.parametrize("change", [{"boot": "an earlier one"}, {"process_start": 1}])
def test_the_same_pid_in_another_boot_or_another_process_is_down(tmp_path: Path, change: dict[str, object]) -> None:
    beat_once(tmp_path)
    pulse = read_pulses(tmp_path)["bridge"]
    assert not is_alive(msgspec.structs.replace(pulse, **change))


def test_a_pulse_of_an_earlier_boot_has_no_age(tmp_path: Path) -> None:
    beat_once(tmp_path)
    earlier = msgspec.structs.replace(read_pulses(tmp_path)["bridge"], boot="an earlier one")
    assert earlier.age_s(boot_time_s()) == float("inf")


def test_a_long_message_is_cut_and_never_stops_a_heartbeat(tmp_path: Path) -> None:
    beat_once(tmp_path, last_error="e" * 100_000)
    assert read_pulses(tmp_path)["bridge"].state == {"last_error": "e" * 299 + "…"}


def test_a_state_that_is_no_status_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"bridge is \d+ bytes, a pulse holds 4084"):
        beat_once(tmp_path, queue=list(range(5000)))


def test_the_parts_meet_where_systemd_says_and_else_in_the_data_directory(tmp_path: Path) -> None:
    assert run_directory(tmp_path, {}) == tmp_path / "run"
    assert run_directory(tmp_path, {"RUNTIME_DIRECTORY": "/run/hexpost"}) == Path("/run/hexpost")
    assert run_directory(tmp_path, {"RUNTIME_DIRECTORY": "/run/hexpost:/run/other"}) == Path("/run/hexpost")
    assert read_pulses(tmp_path / "run") == {}
