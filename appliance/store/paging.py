"""What lists of things in the order of time have in common: their bounds, and the cursor from page to page.

Called by `event.pages`, `measured.readings` and `measured.positions`.
"""

import struct
from datetime import datetime

from appliance.clock import to_us
from appliance.errors import Rejected

_END = 2**63 - 1  # what SQLite's INTEGER holds


def bounds(from_time: datetime | None, to_time: datetime | None) -> tuple[int, int]:
    """The half-open interval [from_time, to_time) in microseconds; None is without end."""
    return to_us(from_time) if from_time else -_END, to_us(to_time) if to_time else _END


def read_cursor(cursor: str) -> tuple[int, int]:
    """(time, key) of the last row of a page, from `time.key`.

    raises  Rejected  it is not one that a page gave
    """
    us, key = read_named_cursor(cursor)
    return us, _number(key)


def read_named_cursor(cursor: str) -> tuple[int, str]:
    """(time, name) of the last row of a page, from `time.name`.

    raises  Rejected  it is not one that a page gave
    """
    us, _, name = cursor.partition(".")
    return _number(us), name


def read_key(text: str) -> int:
    """The key of the last row of a page, in digits.

    raises  Rejected  it is not one that a page gave
    """
    return _number(text)


def write_numbers(*numbers: float) -> str:
    """Floating numbers for a cursor, exact to the bit."""
    return struct.pack(f">{len(numbers)}d", *numbers).hex()


def read_numbers(text: str, how_many: int) -> tuple[float, ...]:
    """The numbers that `write_numbers` wrote.

    raises  Rejected  it is not one that a page gave
    """
    try:
        return struct.unpack(f">{how_many}d", bytes.fromhex(text))
    except (ValueError, struct.error):
        raise Rejected("not a cursor of this list; leave it out for the first page", "cursor") from None


def _number(text: str) -> int:
    try:
        if abs(int(text)) > _END:
            raise ValueError
        return int(text)
    except ValueError:
        raise Rejected("not a cursor of this list; leave it out for the first page", "cursor") from None
