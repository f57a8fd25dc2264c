"""`hexpost` that does not sync as it should, for the test that a missing sync is seen. Run as a module:

    python -m tests.durability.unsafe OFF|NORMAL|spool bridge --data …

`OFF` and `NORMAL` are values of the store's `PRAGMA synchronous`; with `spool` the archive is written and not synced.
"""

import os
import sys
from typing import Any

from appliance.cli.main import main
from appliance.store.file import sqlite


def spoil(what: str) -> None:
    """Take one kind of sync away from this process."""
    changed: Any = sqlite
    if what == "spool":
        os.fdatasync = lambda fd: None
        return
    changed.PRAGMAS = tuple(
        f"PRAGMA synchronous = {what}" if "synchronous" in pragma else pragma for pragma in sqlite.PRAGMAS
    )


if __name__ == "__main__":
    spoil(sys.argv.pop(1))
    main()
