"""What the tests of this room share: SpatiaLite as the judge of packed bytes, and a writer of PMTiles directories."""

from collections.abc import Callable, Iterator

import apsw
import pytest

from appliance.spatial.ring import varint

Entries = list[tuple[int, int, int, int]]


@pytest.fixture
def spatialite() -> Iterator[apsw.Connection]:
    """An empty database in memory with SpatiaLite loaded."""
    connection = apsw.Connection(":memory:")
    connection.enable_load_extension(True)
    connection.load_extension("mod_spatialite")
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def directory_bytes() -> Callable[[Entries], bytes]:
    """A directory of (tile id, run length, length, offset), as the PMTiles specification writes it."""
    return write_directory


def write_directory(entries: Entries) -> bytes:
    ids = [entry[0] for entry in entries]
    steps = [b - a for a, b in zip([0, *ids], ids, strict=False)]
    offsets = []
    for row, (_, _, _, offset) in enumerate(entries):
        follows = row > 0 and offset == entries[row - 1][3] + entries[row - 1][2]
        offsets.append(0 if follows else offset + 1)
    columns = [steps, [entry[1] for entry in entries], [entry[2] for entry in entries], offsets]
    return varint(len(entries)) + b"".join(varint(number) for column in columns for number in column)
