"""The one tree of errors.

A message names the operation, the thing and the remedy. `serve/errors.py` turns each class into an HTTP
status and `cli/main.py` into an exit code; nothing else translates them.
"""


class HexpostError(Exception):
    """Anything Hexpost says went wrong; the text is meant for the person who has to act on it."""


class Rejected(HexpostError):
    """Input that cannot be taken as it is; `path` names the place inside it, as in `$.longitude`."""

    def __init__(self, reason: str, path: str = "$") -> None:
        super().__init__(reason if path == "$" else f"{path}: {reason}")
        self.reason = reason
        self.path = path


class NotFound(HexpostError):
    """The thing asked for is not here."""


class Conflict(HexpostError):
    """The request contradicts what is already there."""


class Forbidden(HexpostError):
    """Known, and not allowed."""


class Unauthorized(HexpostError):
    """Not known: no credential, or one that does not hold."""


class Unavailable(HexpostError):
    """A part that is needed does not answer; trying again later may help."""


class NoRoom(Unavailable):
    """The disk is full; a person has to free some of it, or what is let go by itself will be enough."""


class BadDisk(Unavailable):
    """The disk takes no writes, or answers with errors; `words` say which, and what a person is to do about it."""

    def __init__(self, doing: str, words: str) -> None:
        super().__init__(f"{doing}: {words}")
        self.words = words


class TooFast(Unavailable):
    """Somebody asks more often than is good for the others; after `retry_after_s` seconds it is their turn again."""

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Corrupt(HexpostError):
    """Stored data contradicts itself; a person has to look."""
