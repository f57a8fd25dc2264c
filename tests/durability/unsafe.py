"""`hexpost` with a pragma of the store replaced, for the test that a missing sync is seen. Run as a module:

python -m tests.durability.unsafe OFF bridge --data …
"""

import sys

from appliance.cli.main import main
from appliance.store import sqlite

if __name__ == "__main__":
    level = sys.argv.pop(1)
    sqlite.PRAGMAS = tuple(  # type: ignore[assignment]
        f"PRAGMA synchronous = {level}" if "synchronous" in pragma else pragma for pragma in sqlite.PRAGMAS
    )
    main()
