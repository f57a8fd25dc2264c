"""Sealing: what was sealed on a day opens while its key is there, and never after."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.errors import Corrupt, Unavailable
from appliance.store.sealing import Sealer
from tests.conftest import examples

DAY, NEXT = date(2026, 11, 22), date(2026, 11, 23)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "daily"


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_what_is_sealed_opens_again_and_does_not_show_itself(folder: Path, plain: bytes) -> None:
    sealed = Sealer(folder).seal(DAY, plain)
    assert Sealer(folder).open(DAY, sealed) == plain
    assert len(sealed) == len(plain) + 28 and (len(plain) < 4 or plain not in sealed)
    assert Sealer(folder).seal(DAY, plain) != sealed  # two equal plates do not look equal


def test_each_day_has_a_key_of_its_own_for_the_owner_alone(folder: Path) -> None:
    sealer = Sealer(folder)
    for day in (DAY, NEXT, DAY):
        sealer.seal(day, b"12-34567")
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["2026-11-22.key", "2026-11-23.key"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len({file.read_bytes() for file in files}) == 2 and len(files[0].read_bytes()) == 32


def test_destroying_keys_forgets_the_days_before_and_no_other(folder: Path) -> None:
    sealer = Sealer(folder)
    old, new = sealer.seal(DAY, b"old"), sealer.seal(NEXT, b"new")
    assert sealer.destroy_before(NEXT) == 1
    assert (sealer.open(DAY, old), sealer.open(NEXT, new)) == (None, b"new")
    assert sealer.destroy_before(NEXT) == 0


def test_a_key_is_overwritten_before_it_is_unlinked(folder: Path) -> None:
    sealer = Sealer(folder)
    sealer.seal(DAY, b"x")
    witness = folder.parent / "witness"
    os.link(folder / "2026-11-22.key", witness)
    before = witness.read_bytes()
    sealer.destroy_before(NEXT)
    assert before != b"" and witness.read_bytes() == b""


def test_a_key_left_half_made_by_a_power_cut_is_destroyed_with_its_day(folder: Path) -> None:
    sealer = Sealer(folder)
    sealer.seal(NEXT, b"x")
    (folder / ".2026-11-22.k3y").write_bytes(bytes(32))
    (folder / "notes.txt").write_text("not a key")
    sealer.destroy_before(NEXT)
    assert sorted(file.name for file in folder.iterdir()) == ["2026-11-23.key", "notes.txt"]


@pytest.mark.parametrize("remains", [b"", bytes(32), b"short"])
def test_a_key_whose_destruction_was_cut_short_opens_nothing_and_seals_nothing(folder: Path, remains: bytes) -> None:
    sealer = Sealer(folder)
    sealed = sealer.seal(DAY, b"x")
    (folder / "2026-11-22.key").write_bytes(remains)
    assert sealer.open(DAY, sealed) is None
    with pytest.raises(Corrupt, match=r"2026-11-22\.key holds no key; remove it"):
        sealer.seal(DAY, b"y")


def test_before_the_first_seal_there_is_nothing_to_open_or_destroy(folder: Path) -> None:
    assert Sealer(folder).open(DAY, b"anything") is None
    assert Sealer(folder).destroy_before(NEXT) == 0
    assert not folder.exists()


@pytest.mark.parametrize("spoil", [lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b[:5], lambda _: b""])
def test_bytes_that_were_not_sealed_under_the_key_are_called_so(folder: Path, spoil: object) -> None:
    sealer = Sealer(folder)
    sealed = sealer.seal(DAY, b"12-34567")
    with pytest.raises(Corrupt, match="not sealed under the key of 2026-11-22"):
        sealer.open(DAY, spoil(sealed))  # type: ignore[operator]
    sealer.seal(NEXT, b"")
    (folder / "2026-11-22.key").replace(folder / "2026-11-23.key")
    with pytest.raises(Corrupt):  # the same key does not open it as another day's
        sealer.open(NEXT, sealed)


def test_many_who_need_the_days_first_key_at_once_share_one(folder: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        sealed = list(threads.map(lambda n: Sealer(folder).seal(DAY, b"%d" % n), range(40)))
    assert [Sealer(folder).open(DAY, one) for one in sealed] == [b"%d" % n for n in range(40)]
    assert [file.name for file in folder.iterdir()] == ["2026-11-22.key"]


def test_where_no_key_can_be_made_one_waits(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("in the way")
    with pytest.raises(Unavailable, match="the key of 2026-11-22"):
        Sealer(tmp_path / "secrets" / "daily").seal(DAY, b"x")
