"""What the downlink of all simulated families has in common: reading a command, and which firmware comes next."""

import re
from typing import Any

import msgspec

_VERSION = re.compile(r"\d+(?:\.\d+)+", re.ASCII)


def decoded(payload: bytes) -> dict[str, Any]:
    """A command's JSON object; an empty one where it is none, as a device that understands nothing."""
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def follow_version(installed: str, url: str) -> str:
    """The firmware that an address brings: the version in its last levels, else the one after the installed one."""
    named = _VERSION.findall(url.rpartition("://")[2].partition("/")[2])
    if named:
        return str(named[-1])
    head, _, last = installed.rpartition(".")
    number = int(last) + 1 if last.isdecimal() else 1
    return f"{head or installed}.{number}"
