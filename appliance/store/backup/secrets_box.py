"""The site's keys in a backup: sealed under a passphrase, or not there at all. Never in clear.

Only the keys of the site itself go along: `tokens.key` and `plates.key`. The keys of single days stay behind on
purpose: destroying one forgets what was sealed under it, in backups too.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.errors import Forbidden, Rejected

FILE_NAME = "secrets.sealed"
KEYS = ("tokens.key", "plates.key")
MAGIC = b"HXPS1"
SALT_BYTES, NONCE_BYTES = 16, 12
MIN_PASSPHRASE = 12  # characters
_COST = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 1 << 26}  # scrypt, 32 MiB: RFC 7914 with OWASP's numbers


def read_keys(folder: Path) -> dict[str, bytes]:
    """The site's keys by name, as far as they have been made."""
    return {name: (folder / name).read_bytes() for name in KEYS if (folder / name).exists()}


def seal_keys(keys: Mapping[str, bytes], passphrase: str) -> bytes:
    """Keys sealed under a passphrase (scrypt, AES-256-GCM).

    raises  Rejected  the passphrase is too short
    """
    if len(passphrase) < MIN_PASSPHRASE:
        raise Rejected(f"the passphrase has fewer than {MIN_PASSPHRASE} characters")
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    text = msgspec.json.encode({name: base64.b64encode(key).decode() for name, key in keys.items()})
    return MAGIC + salt + nonce + AESGCM(_key(passphrase, salt)).encrypt(nonce, text, MAGIC)


def open_keys(sealed: bytes, passphrase: str) -> dict[str, bytes]:
    """What `seal_keys` sealed.

    raises  Forbidden  it is another passphrase, or not what was sealed
    """
    body = sealed[len(MAGIC) :]
    salt, nonce, text = body[:SALT_BYTES], body[SALT_BYTES : SALT_BYTES + NONCE_BYTES], body[SALT_BYTES + NONCE_BYTES :]
    try:
        plain = AESGCM(_key(passphrase, salt)).decrypt(nonce, text, sealed[: len(MAGIC)])
        found = msgspec.json.decode(plain, type=dict[str, str])
    except (InvalidTag, ValueError, msgspec.DecodeError):
        raise Forbidden("opening the keys of the backup: the passphrase is not the one they were sealed with") from None
    return {name: base64.b64decode(key) for name, key in found.items() if name in KEYS}


def _key(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, dklen=32, **_COST)
