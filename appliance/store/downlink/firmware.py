"""Images of firmware: files under `<data>/firmware/`, known by their hash, believed by their signature.

A file counts only when it is whole: written beside, synced, its signature checked, renamed, and then named in the
store. A signature is Ed25519 over the file's SHA-256 (its 32 bytes), by a key whose public half lies in
`<data>/secrets/firmware-keys/NAME.pub` (PEM, or base64 of its 32 bytes).
"""

import base64
import binascii
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from appliance.clock import from_us, to_us
from appliance.errors import Conflict, NotFound, Rejected, Unavailable
from appliance.model.command import FirmwareImage
from appliance.store.audit import insert_audit
from appliance.store.engine import Store, raw_connection

FOLDER, KEYS = "firmware", "secrets/firmware-keys"
MAX_TOTAL_BYTES = 2 << 30  # of all images; the card holds the events too
MAX_IMAGE_BYTES = 512 << 20
PART = ".part"
SIGNATURE_BYTES = 64

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,59}", re.ASCII)
_COLUMNS = "image_id, family, version, file_name, size_bytes, sha256, md5, signed_by, added_by, added_at"


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever brings an image says of it; `signature` is None where an admin takes it unsigned, and says so."""

    family: str
    version: str
    file_name: str
    signature: bytes | None


class Draft:
    """An image on its way in: `write` its bytes in order, then `keep` it. Made by `open_draft`."""

    def __init__(self, file: Any, path: Path, room_bytes: int) -> None:
        self.path = path
        self._file = file
        self._room_bytes = room_bytes
        self._sha256, self._md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        self._size = 0

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        raises  Rejected  there is no room for an image of this size
        """
        self._size += len(chunk)
        if self._size > MAX_IMAGE_BYTES:
            raise Rejected(f"an image has at most {MAX_IMAGE_BYTES >> 20} MiB")
        if self._size > self._room_bytes:
            raise Rejected(f"all images together have at most {MAX_TOTAL_BYTES >> 30} GiB; remove some first")
        self._sha256.update(chunk)
        self._md5.update(chunk)
        self._file.write(chunk)

    def keep(self, store: Store, described: Described, *, who: str, now: datetime) -> FirmwareImage:
        """Believe the image, sync it, and name it in the store.

        raises  Rejected  it is empty, badly named, or not signed by a key of this box
                Conflict  the family has this version by this name
        """
        _check(described)
        if not self._size:
            raise Rejected("the image is empty")
        data = self.path.parent.parent
        signed_by = find_signer(data / KEYS, self._sha256.digest(), described.signature)
        self._file.flush()
        os.fsync(self._file.fileno())
        image = FirmwareImage(
            image_id=secrets.token_hex(16),
            family=described.family,
            version=described.version,
            file_name=described.file_name,
            size_bytes=self._size,
            sha256=self._sha256.hexdigest(),
            md5=self._md5.hexdigest(),
            signed_by=signed_by,
            added_by=who,
            added_at=now,
        )
        self.path.rename(self.path.parent / image.image_id)
        _sync_folder(self.path.parent)
        with store.write() as connection:
            _insert(connection, image, described.signature)
        return image


@contextmanager
def open_draft(store: Store) -> Iterator[Draft]:
    """A draft in the store's data directory. One at a time on a box; what was not kept is removed.

    raises  Unavailable  another image is being taken in, or the disk does not take it
    """
    folder = store.path.parent / FOLDER
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unavailable("another image is being taken in; try again when it is done") from None
        path = folder / f"{secrets.token_hex(8)}{PART}"
        try:
            room_bytes = MAX_TOTAL_BYTES - sweep(store)
            with path.open("wb") as file:
                yield Draft(file, path, room_bytes)
        except OSError as error:
            raise Unavailable(
                f"taking in an image: {error.strerror} in {folder}; free space or mount the disk"
            ) from None
        finally:
            path.unlink(missing_ok=True)


def sweep(store: Store) -> int:
    """Remove what no image is named for (a power cut between file and record leaves one); the bytes that stay."""
    with store.read() as connection:
        known = {image.image_id for image in fetch_images(connection)}
    total = 0
    for file in (store.path.parent / FOLDER).glob("[!.]*"):
        if file.name in known:
            total += file.stat().st_size
        else:
            file.unlink(missing_ok=True)
    return total


def find_signer(keys: Path, digest: bytes, signature: bytes | None) -> str:
    """The name of the key that signed a SHA-256 digest; '' where no signature is asked for.

    raises  Rejected  no key of this box made the signature
    """
    if signature is None:
        return ""
    files = sorted(keys.glob("*.pub")) if keys.is_dir() else []
    if not files:
        raise Rejected(f"no key to check the signature by: put its public half (PEM) into {keys}/NAME.pub", "signature")
    for file in files:
        with suppress(InvalidSignature):
            _read_key(file).verify(signature, digest)
            return file.stem
    names = ", ".join(file.stem for file in files)
    raise Rejected(
        f"the signature is of none of the keys {names}: sign the file's SHA-256 with Ed25519, add the signer's .pub to "
        f"{keys}, or let an admin take the image unsigned",
        "signature",
    )


def read_signature(text: bytes) -> bytes:
    """A signature's 64 bytes from a file or a parameter: as they are, or in base64 or hex.

    raises  Rejected  it is none
    """
    if len(text) == SIGNATURE_BYTES:
        return text
    stripped = b"".join(text.split())
    for decode in (bytes.fromhex, lambda word: base64.b64decode(word, validate=True)):
        with suppress(ValueError, binascii.Error):
            found = decode(stripped.decode("ascii"))
            if len(found) == SIGNATURE_BYTES:
                return found
    raise Rejected("not an Ed25519 signature: expected 64 bytes, or their base64 or hex", "signature")


def fetch_images(connection: sa.Connection) -> list[FirmwareImage]:
    """Every image, newest first."""
    rows = raw_connection(connection).execute(
        f"SELECT {_COLUMNS} FROM firmware_images ORDER BY added_at DESC, image_id"
    )
    return [_image(row) for row in rows]


def fetch_image(connection: sa.Connection, image_id: str) -> FirmwareImage:
    """One image.

    raises  NotFound
    """
    row = raw_connection(connection).execute(
        f"SELECT {_COLUMNS} FROM firmware_images WHERE image_id = ?", (image_id,)
    ).fetchone()  # fmt: skip
    if row is None:
        raise NotFound("no image of this id; `hexpost device firmware list` shows those there are")
    return _image(row)


def image_path(store: Store, image: FirmwareImage) -> Path:
    """Where an image's bytes are."""
    return store.path.parent / FOLDER / image.image_id


def delete_image(store: Store, image_id: str, *, who: str, now: datetime) -> None:
    """Forget an image and remove its file.

    raises  NotFound  there is none
            Conflict  a wave is bringing it to devices
    """
    with store.write() as connection:
        image, raw = fetch_image(connection, image_id), raw_connection(connection)
        if raw.execute(
            "SELECT 1 FROM firmware_waves WHERE image_id = ? AND finished_at IS NULL", (image_id,)
        ).fetchone():
            raise Conflict("a wave is bringing this image to devices; stop it first, and wait for those under way")
        raw.execute("DELETE FROM firmware_images WHERE image_id = ?", (image_id,))
        detail = {"family": image.family, "version": image.version, "sha256": image.sha256}
        insert_audit(connection, who=who, action="firmware.remove", subject=image_id, at=now, detail=detail)
    image_path(store, image).unlink(missing_ok=True)


def image_parameters(image: FirmwareImage, url: str) -> dict[str, Any]:
    """What a `firmware_update` command says: the native manifest, of which other families take the `url`."""
    return {
        "url": url,
        "version": image.version,
        "sha256": image.sha256,
        "md5": image.md5,
        "size_bytes": image.size_bytes,
    }


def image_url(image: FirmwareImage, base_url: str) -> str:
    """Where devices fetch an image; the name of the file comes last, since some tell its kind by it."""
    return f"{base_url.rstrip('/')}/v1/firmware/{image.image_id}/image/{image.file_name}"


def _insert(connection: sa.Connection, image: FirmwareImage, signature: bytes | None) -> None:
    raw = raw_connection(connection)
    same = (image.family, image.version, image.file_name)
    if raw.execute("SELECT 1 FROM firmware_images WHERE family = ? AND version = ? AND file_name = ?", same).fetchone():
        raise Conflict(f"{image.family} {image.version} is here as {image.file_name}; remove that image first")
    values = (*msgspec.structs.astuple(image)[:-1], to_us(image.added_at), signature)
    raw.execute(f"INSERT INTO firmware_images ({_COLUMNS}, signature) VALUES ({', '.join('?' * 11)})", values)
    detail = {"family": image.family, "version": image.version, "sha256": image.sha256, "signed_by": image.signed_by}
    action = "firmware.add" if image.signed_by else "firmware.add_unsigned"
    insert_audit(
        connection, who=image.added_by, action=action, subject=image.image_id, at=image.added_at, detail=detail
    )


def _check(described: Described) -> None:
    if not _FILE_NAME.fullmatch(described.file_name):
        raise Rejected("a file name has 1 to 100 letters, digits, dots, - and _", "file_name")
    if not _VERSION.fullmatch(described.version):
        raise Rejected("a version has 1 to 60 letters, digits, dots, +, - and _, as in 14.2.0", "version")
    if not described.family:
        raise Rejected("name the family whose devices take this image, as in tasmota", "family")


def _read_key(file: Path) -> Ed25519PublicKey:
    try:
        text = file.read_bytes()
        if text.lstrip().startswith(b"-----BEGIN"):
            key = load_pem_public_key(text)
        else:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(b"".join(text.split()), validate=True))
    except (OSError, ValueError, binascii.Error) as error:
        raise Rejected(f"the key {file} cannot be read: {error}", "signature") from None
    if not isinstance(key, Ed25519PublicKey):
        raise Rejected(f"the key {file} is not an Ed25519 key", "signature")
    return key


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _image(row: tuple[Any, ...]) -> FirmwareImage:
    names = [field.name for field in msgspec.structs.fields(FirmwareImage)]
    return FirmwareImage(**{**dict(zip(names, row, strict=True)), "added_at": from_us(row[-1])})
