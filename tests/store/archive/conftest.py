"""An archive in a folder of its own."""

from pathlib import Path

import pytest

from appliance.store.archive.spool import SPOOL
from appliance.store.archive.writer import Archive
from appliance.store.sealing import Sealer
from tests.store.archive.messages import Counted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the archive lies; not made yet."""
    return tmp_path / "archive"


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    """What seals number plates."""
    return Sealer(tmp_path / "secrets" / "archive")


@pytest.fixture
def missed() -> Counted:
    """How many messages were counted as missing."""
    return Counted()


@pytest.fixture
def archive(folder: Path, sealer: Sealer, missed: Counted) -> Archive:
    """A writer into the archive."""
    return Archive(folder / SPOOL, sealer=sealer, count_missed=missed)
