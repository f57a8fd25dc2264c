"""A real PostgreSQL for the whole paths that end at the centre."""

from collections.abc import Iterator

import pytest

from tests.sync.postgres import Server, running_server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for the session."""
    with running_server() as running:
        yield running


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The URL of a database with PostGIS."""
    name = server.create(migrated=False)
    yield server.url(name)
    server.drop(name)
