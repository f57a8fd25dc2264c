"""Number plates: the keyed hash that stands for one, and leaving its clear text out of what is kept beside it.

Called by `canonical` for each plate that was read.
"""

import hashlib
import hmac
import unicodedata
from typing import Any


def plain_plate(plate: str) -> str:
    """A plate's letters and digits in capitals; digits of any script are digits, since cameras differ in theirs."""
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in plate.upper() if sign.isalnum())


def hash_plate(plate: str, key: bytes) -> str:
    """32 hex digits that are the same for a plate however it was spaced, and tell nothing to who has not the key.

    returns  '' for what holds no letter and no digit, and so is no plate
    """
    plain = plain_plate(plate)
    return hmac.new(key, plain.encode(), hashlib.sha256).hexdigest()[:32] if plain else ""


def without_plate(value: Any, plain: str) -> Any:
    """A value as JSON can hold it, without the texts and members that hold this plate, which is not ''."""
    if isinstance(value, str):
        return "" if plain in plain_plate(value) else value
    if isinstance(value, dict):
        kept = {name: one for name, one in value.items() if plain not in plain_plate(name)}
        return {name: without_plate(one, plain) for name, one in kept.items()}
    if isinstance(value, list):
        return [without_plate(one, plain) for one in value]
    return None if type(value) is int and str(value) == plain else value
