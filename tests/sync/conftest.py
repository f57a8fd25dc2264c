"""A real box and a real PostgreSQL for the tests of the sync."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.store.engine import FILE_NAME
from tests.empty_store import put_store
from tests.sync.box import Box
from tests.sync.postgres import PACKAGES, Server, find_binaries, running_server


@pytest.fixture
def new_box(tmp_path: Path) -> Iterator[Callable[..., Box]]:
    """Make boxes: `new_box(batch_rows=…, site_id=…)`."""
    made: list[Box] = []

    def make(**options: object) -> Box:
        path = put_store(tmp_path / f"box-{len(made)}" / FILE_NAME, timezone="Asia/Kuwait")
        made.append(Box(path, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for box in made:
        box.store.close()


@pytest.fixture
def box(new_box: Callable[..., Box]) -> Box:
    return new_box()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    if find_binaries() is None:
        pytest.skip(f"no PostgreSQL server here; install {PACKAGES}")
    with running_server() as running:
        yield running


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """A central database with the schema; its name."""
    name = server.create()
    yield name
    server.drop(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a real PostgreSQL is a whole path, and not of the inner loop."""
    for item in items:
        if "[postgres" in item.name or {"server", "database"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("flow")
