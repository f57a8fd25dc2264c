"""Number plates at rest: sealed under one random key a day, so that destroying a key forgets every plate of its day.

Also those in backups, archives and the free pages of the file, which no DELETE reaches. Called where quarantined
messages are written and read, and by `wiring` for the bridge. Keys lie in `<data>/secrets/daily/YYYY-MM-DD.key`.
"""

import contextlib
import os
import re
import secrets
import tempfile
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.errors import Corrupt, Unavailable

KEY_BYTES = 32  # AES-256
NONCE_BYTES = 12  # NIST SP 800-38D: random ones are safe for 2**32 messages under one key
_DAY = re.compile(r"\.?(\d{4}-\d{2}-\d{2})\.")


class Sealer:
    """Seals and opens bytes under the key of a UTC day. Keeps no key in memory; processes and threads may share one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def seal(self, day: date, plaintext: bytes) -> bytes:
        """Nonce and ciphertext, bound to the day; its key is made on first use.

        raises  Unavailable  the key cannot be read or written now
        raises  Corrupt      the day's file holds no key
        """
        return self.seal_many(day, (plaintext,))[0]

    def seal_many(self, day: date, plaintexts: Sequence[bytes]) -> list[bytes]:
        """As `seal`, each by itself; the key is read once."""
        try:
            key = self._read(day) or self._make(day)
        except OSError as error:
            raise Unavailable(f"the key of {day} in {self._folder}: {error}; free space or remount the disk") from None
        cipher, named = AESGCM(key), day.isoformat().encode()
        nonces = [secrets.token_bytes(NONCE_BYTES) for _ in plaintexts]
        return [nonce + cipher.encrypt(nonce, text, named) for nonce, text in zip(nonces, plaintexts, strict=True)]

    def open(self, day: date, sealed: bytes) -> bytes | None:
        """What was sealed; None when the day's key has been destroyed.

        raises  Corrupt  the bytes were not sealed under this day's key
        """
        key = self._read(day)
        if key is None:
            return None
        try:
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], day.isoformat().encode())
        except (InvalidTag, ValueError):
            raise Corrupt(f"{len(sealed)} bytes are not sealed under the key of {day}; drop the entry") from None

    def destroy_before(self, day: date, spare: Collection[date] = ()) -> int:
        """Overwrite and remove the keys of all earlier days but those to `spare`; how many.

        A flash card may keep an old copy of an overwritten block until it reuses it.
        """
        destroyed, spared = 0, {one.isoformat() for one in spare}
        for file in sorted(self._folder.iterdir()) if self._folder.exists() else ():
            named = _DAY.match(file.name)
            if named is None or named[1] >= day.isoformat() or named[1] in spared:
                continue
            with file.open("r+b") as key:
                key.write(bytes(KEY_BYTES))
                key.flush()
                os.fsync(key.fileno())
                key.truncate(0)
            file.unlink()
            destroyed += not file.name.startswith(".")
        if destroyed:
            _sync(self._folder)
        return destroyed

    def _read(self, day: date) -> bytes | None:
        try:
            key = self._file(day).read_bytes()
        except FileNotFoundError:
            return None
        return key if len(key) == KEY_BYTES and any(key) else None  # what is shorter or blank was being destroyed

    def _make(self, day: date) -> bytes:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{day.isoformat()}.", dir=self._folder)  # for its owner alone
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(secrets.token_bytes(KEY_BYTES))
                out.flush()
                os.fsync(out.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(name, self._file(day))  # of two processes one wins, and both read the same
        finally:
            Path(name).unlink()
        _sync(self._folder)  # what is sealed must not outlive its key in a power cut
        key = self._read(day)
        if key is None:
            raise Corrupt(f"{self._file(day)} holds no key; remove it, and a new one is made")
        return key

    def _file(self, day: date) -> Path:
        return self._folder / f"{day.isoformat()}.key"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
