"""Typed readers of JSON members: any value may stand anywhere in a message from outside.

Each takes whatever a member held (None where it was missing) and gives a value of its type, or the answer for
"not said"; none raises. The handlers of all families use them.
"""

import math
import sys
from collections.abc import Mapping
from typing import Any

MAX_TEXT = 200

Scalar = str | int | float | bool | None
Other = list[Any] | Scalar
"""What JSON may hold where an object is expected: `Thing | Other` reads an object as a Thing and refuses nothing."""

_EXACT = 2**53  # up to here each whole number is a float, and `* 1.0` makes it one at a third of what `float` costs
_HUGE = sys.float_info.max  # beyond are the infinities; NaN is not within either
_NOTHING: Mapping[str, Any] = {}
_FLAGS: dict[str, bool] = {
    **dict.fromkeys(
        ("on", "true", "1", "yes", "open", "opened", "active", "detected", "alarm", "online", "start", "motion"), True
    ),
    **dict.fromkeys(
        ("off", "false", "0", "no", "close", "closed", "inactive", "clear", "cleared", "normal", "offline", "stop"),
        False,
    ),
}


def number_of(value: object) -> float | None:
    """A finite number from a number or from digit text (`"21.5"`); None for anything else, True and False included."""
    kind = type(value)
    if kind is float:
        return value if -_HUGE <= value <= _HUGE else None  # type: ignore[operator,return-value]
    if kind is int:
        exact = -_EXACT < value < _EXACT  # type: ignore[operator]
        return value * 1.0 if exact else _float_of(value)  # type: ignore[operator,arg-type]
    if kind is str and len(value) < 60:  # type: ignore[arg-type]
        if not value.isascii() or "_" in value:  # type: ignore[attr-defined,operator]
            return None  # digits of other scripts, and the underscores of Python
        try:
            number = float(value)  # type: ignore[arg-type]
        except ValueError:
            return None
        return number if -_HUGE <= number <= _HUGE else None
    return None


def _float_of(value: int) -> float | None:
    return float(value) if -1e300 < value < 1e300 else None


def whole_of(value: object) -> int | None:
    """A whole number within 64 bits from a number or digit text; None for anything else, fractions included."""
    if type(value) is int:
        return value if -(2**63) <= value < 2**63 else None
    number = number_of(value)
    if number is None or number != math.floor(number) or not -(2.0**63) <= number < 2.0**63:
        return None
    return int(number)


def text_of(value: object) -> str:
    """Printable text of at most 200 characters from text or a whole number; '' for anything else."""
    kind = type(value)
    if kind is str:
        if len(value) <= MAX_TEXT and value.isprintable():  # type: ignore[arg-type,attr-defined]
            return value.strip()  # type: ignore[attr-defined,no-any-return]
        text = value[:MAX_TEXT].strip()  # type: ignore[index]
        return text if text.isprintable() else "".join(filter(str.isprintable, text))
    if kind is int:
        return str(value) if -(2**63) <= value < 2**64 else ""  # type: ignore[operator]
    return ""


def flag_of(value: object) -> bool | None:
    """Yes or no in the spellings of firmware: true, "ON", "open", 1, "detected"; None where it is neither."""
    if value is True or value is False or value is None:
        return value
    kind = type(value)
    if kind is str and len(value) < 20:  # type: ignore[arg-type]
        return _FLAGS.get(value.strip().lower())  # type: ignore[attr-defined]
    if kind is int or kind is float:
        return True if value == 1 else False if value == 0 else None
    return None


def object_of(value: object) -> Mapping[str, Any]:
    """A JSON object as it is; empty for anything else."""
    return value if type(value) is dict else _NOTHING


def list_of(value: object) -> list[Any]:
    """A JSON array as it is; empty for anything else."""
    return value if type(value) is list else []
