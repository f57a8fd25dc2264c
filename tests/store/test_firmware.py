"""Images of firmware: whole, hashed, signed by a key of the box, bounded, and not left lying about."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appliance.errors import Conflict, NotFound, Rejected, Unavailable
from appliance.model.command import FirmwareImage
from appliance.store.audit import fetch_audit
from appliance.store.downlink import firmware
from appliance.store.downlink.waves import insert_wave
from appliance.store.engine import Store
from tests.conftest import NOW
from tests.store.test_commands import enter

BYTES = b"firmware of the second version"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RAW = base64.b64encode(KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def trust(store: Store, key: bytes = PEM, name: str = "release") -> None:
    """Put a public key where the box looks for it."""
    folder = store.path.parent / firmware.KEYS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.pub").write_bytes(key)


def sign(content: bytes = BYTES, key: Ed25519PrivateKey = KEY) -> bytes:
    """A signature as the box wants it."""
    return key.sign(hashlib.sha256(content).digest())


def add(
    store: Store,
    signature: bytes | None = None,
    *,
    content: bytes = BYTES,
    family: str = "tasmota",
    version: str = "2.0",
    file_name: str = "tasmota.bin.gz",
) -> FirmwareImage:
    """Take an image in, in two pieces."""
    described = firmware.Described(family=family, version=version, file_name=file_name, signature=signature)
    with firmware.open_draft(store) as draft:
        draft.write(content[:5])
        draft.write(content[5:])
        return draft.keep(store, described, who="amal", now=NOW)


def files(store: Store) -> list[str]:
    """What lies in the folder of images."""
    return sorted(file.name for file in (store.path.parent / firmware.FOLDER).glob("[!.]*"))


@pytest.mark.parametrize("key", [PEM, RAW], ids=["PEM", "base64"])
def test_a_signed_image_is_kept_whole_under_a_name_nobody_can_guess(store: Store, key: bytes) -> None:
    trust(store, OTHER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "another")
    trust(store, key)
    image = add(store, sign())
    assert firmware.image_path(store, image).read_bytes() == BYTES
    assert (image.sha256, image.size_bytes) == (hashlib.sha256(BYTES).hexdigest(), len(BYTES))
    assert (image.signed_by, len(image.image_id)) == ("release", 32)
    assert files(store) == [image.image_id]
    with store.read() as connection:
        assert firmware.fetch_images(connection) == [image]
        (entry,) = fetch_audit(connection)
    assert (entry.action, entry.who, entry.detail["signed_by"]) == ("firmware.add", "amal", "release")


@pytest.mark.parametrize(
    ("signature", "trusted", "reason"),
    [
        (sign(key=OTHER), True, "is of none of the keys release"),
        (sign(b"other content"), True, "let an admin take the image unsigned"),
        (sign(), False, "no key to check the signature by"),
    ],
)
def test_an_image_without_a_good_signature_leaves_nothing_behind(
    store: Store, signature: bytes, trusted: bool, reason: str
) -> None:
    if trusted:
        trust(store)
    with pytest.raises(Rejected, match=reason):
        add(store, signature)
    assert files(store) == []


def test_an_unsigned_image_is_an_entry_of_its_own_in_the_audit_log(store: Store) -> None:
    assert add(store, None).signed_by == ""
    with store.read() as connection:
        assert [entry.action for entry in fetch_audit(connection)] == ["firmware.add_unsigned"]


def test_a_key_that_is_none_is_named(store: Store) -> None:
    trust(store, b"nonsense")
    with pytest.raises(Rejected, match=r"release.pub cannot be read"):
        add(store, sign())


@pytest.mark.parametrize("form", [sign(), sign().hex().encode(), base64.b64encode(sign()) + b"\n"])
def test_a_signature_comes_as_bytes_hex_or_base64(form: bytes) -> None:
    assert firmware.read_signature(form) == sign()


@pytest.mark.parametrize("form", [b"", b"zz", sign()[:-1], sign().hex().encode()[:-2]])
def test_anything_else_is_no_signature(form: bytes) -> None:
    with pytest.raises(Rejected, match="not an Ed25519 signature"):
        firmware.read_signature(form)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"content": b""}, "empty"),
        ({"file_name": "../../etc/passwd"}, "file name"),
        ({"file_name": ".hidden"}, "file name"),
        ({"version": "2.0 final"}, "version"),
        ({"family": ""}, "family"),
    ],
)
def test_an_image_that_is_badly_described_is_refused(store: Store, members: dict[str, str], reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        add(store, None, **members)  # type: ignore[arg-type]
    assert files(store) == []


def test_the_same_version_twice_is_a_conflict_and_leaves_one_file(store: Store) -> None:
    image = add(store)
    with pytest.raises(Conflict, match=r"tasmota 2\.0 is here"):
        add(store)
    assert firmware.sweep(store) == len(BYTES)
    assert files(store) == [image.image_id]


def test_images_together_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firmware, "MAX_TOTAL_BYTES", len(BYTES) + 10)
    add(store)
    with pytest.raises(Rejected, match="remove some first"):
        add(store, version="3.0")
    with store.read() as connection:
        assert len(firmware.fetch_images(connection)) == 1
    assert len(files(store)) == 1


def test_what_a_power_cut_left_is_swept_with_the_next_image(store: Store) -> None:
    folder = store.path.parent / firmware.FOLDER
    folder.mkdir()
    (folder / ("0" * 32)).write_bytes(b"renamed, and never named in the store")
    (folder / f"abc{firmware.PART}").write_bytes(b"half")
    image = add(store)
    assert files(store) == [image.image_id]


def test_one_image_is_taken_in_at_a_time(store: Store) -> None:
    with firmware.open_draft(store), pytest.raises(Unavailable, match="another image"), firmware.open_draft(store):
        pass


def test_an_image_on_its_way_to_devices_cannot_be_removed(store: Store) -> None:
    enter(store, "tasmota/plug", "tasmota")
    image = add(store)
    with store.write() as connection:
        insert_wave(
            connection,
            image_id=image.image_id,
            devices=["tasmota/plug"],
            size=1,
            stop_after=1,
            timeout_s=60,
            base_url="http://10.0.0.2",
            created_by="amal",
            now=NOW,
        )
    with pytest.raises(Conflict, match="a wave is bringing this image"):
        firmware.delete_image(store, image.image_id, who="amal", now=NOW)


def test_a_removed_image_is_gone_with_its_file(store: Store) -> None:
    image = add(store)
    firmware.delete_image(store, image.image_id, who="amal", now=NOW)
    assert files(store) == []
    with pytest.raises(NotFound):
        firmware.delete_image(store, image.image_id, who="amal", now=NOW)


@pytest.mark.parametrize(
    ("family", "size", "error", "reason"),
    [("native", 1, Rejected, "the image is for 'tasmota'"), ("tasmota", 0, Rejected, "size: 0 is not between")],
)
def test_a_wave_that_cannot_be_is_refused(
    store: Store, family: str, size: int, error: type[Exception], reason: str
) -> None:
    enter(store, "agency/x", family)
    image = add(store)
    with pytest.raises(error, match=reason), store.write() as connection:
        insert_wave(
            connection,
            image_id=image.image_id,
            devices=["agency/x"],
            size=size,
            stop_after=1,
            timeout_s=60,
            base_url="http://10.0.0.2",
            created_by="amal",
            now=NOW,
        )
