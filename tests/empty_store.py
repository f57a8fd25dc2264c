"""An empty store to start from, copied: `migrate` takes SpatiaLite a quarter of a second, and most tests want one.

That `migrate` makes what is copied here is the business of `tests/store/test_migrations.py`.
"""

import functools
import secrets
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from appliance.aggregate.hours import SiteHours
from appliance.store.engine import FILE_NAME, Store
from appliance.store.file.migrations import migrate
from appliance.store.settled.counts import ensure_counts


def put_store(path: Path, *, timezone: str = "UTC", counted: tuple[int, ...] = ()) -> Path:
    """Lay down a store as `migrate` makes it, and as `ensure_counts` leaves it where `counted` says resolutions.

    Its id is its own, as that of every store that is made.
    """
    store_id, content = _made(timezone, counted)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.replace(store_id, secrets.token_hex(8).encode()))
    return path


@functools.cache
def _made(timezone: str, counted: tuple[int, ...]) -> tuple[bytes, bytes]:
    """A store's id, and the file with it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE_NAME
        migrate(path, timezone=timezone)
        store = Store(path)
        with store.write() as connection:
            if counted:
                ensure_counts(connection, SiteHours(ZoneInfo(timezone)), counted)
            store_id: str = connection.exec_driver_sql("SELECT store_id FROM site").scalar_one()
        store.close()
        content = path.read_bytes()
    assert content.count(store_id.encode()) == 1
    return store_id.encode(), content
