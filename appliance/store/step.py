"""A step of letting go: what one transaction may take away, and what it says of itself."""

import msgspec

STEP_ROWS = 500  # in one transaction: some 10 ms, on a Pi 40


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one transaction took away, whether there is more that may go, and what must wait for what."""

    deleted: int = 0
    more: bool = False
    waits: str = ""
