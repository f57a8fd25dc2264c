"""Orders over HTTP, images for devices that cannot log in, and waves."""

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appliance.store.engine import Store
from tests.serve.conftest import Client, problem
from tests.store.test_commands import enter

BYTES = bytes(range(256)) * 400  # more than one chunk
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BASE = "http://10.0.0.2:8080"


def add_image(admin: Client, **params: Any) -> Any:
    """Send an image; unsigned unless told otherwise."""
    told = {"family": "native", "version": "2.0", "file_name": "fw.bin", "unsigned": "true", **params}
    return admin.post("/v1/firmware", params=told, content=BYTES)


def order(admin: Client, **members: Any) -> Any:
    """Ask for a command of device 1."""
    return admin.post("/v1/devices/1/commands", json={"command": "reboot", **members})


@pytest.fixture(autouse=True)
def devices(store: Store) -> None:
    """Two native devices and a Zigbee one."""
    enter(store, "agency/cam1", device_group="yard")
    enter(store, "agency/cam2", device_group="yard")
    enter(store, "zigbee2mqtt/door", "zigbee2mqtt")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/devices/1/commands"),
        ("GET", "/v1/commands"),
        ("GET", "/v1/commands/x"),
        ("POST", "/v1/commands/x/cancel"),
        ("GET", "/v1/firmware"),
        ("POST", "/v1/firmware"),
        ("DELETE", "/v1/firmware/x"),
        ("POST", "/v1/firmware/waves"),
        ("GET", "/v1/firmware/waves"),
        ("GET", "/v1/firmware/waves/x"),
        ("POST", "/v1/firmware/waves/x/stop"),
        ("GET", "/v1/audit"),
    ],
)
def test_only_an_admin_gives_orders(client: Client, method: str, path: str) -> None:
    problem(client.request(method, path), 401)


def test_a_command_is_queued_listed_and_taken_back(admin: Client) -> None:
    answer = order(admin, parameters={"why": "stuck"}, ttl_s=60)
    assert answer.status_code == 202, answer.text
    queued = answer.json()
    assert (queued["device"], queued["state"], queued["requested_by"]) == ("agency/cam1", "queued", "amal")
    assert queued["expires_at"] == "2026-11-22T12:01:00Z"
    assert admin.get("/v1/commands", params={"device": "agency/cam1"}).json()["items"] == [queued]
    assert admin.get("/v1/commands", params={"state": "done"}).json()["items"] == []
    for _ in range(2):
        taken_back = admin.post(f"/v1/commands/{queued['command_id']}/cancel")
        assert (taken_back.status_code, taken_back.json()["state"]) == (200, "cancelled")
    assert admin.get(f"/v1/commands/{queued['command_id']}").json()["state"] == "cancelled"
    actions = [entry["action"] for entry in admin.get("/v1/audit").json()["items"]]
    assert actions == ["command.cancel", "command.queue"]


def test_the_same_order_with_the_same_key_is_one_command(admin: Client) -> None:
    headers = {"Idempotency-Key": "k1"}
    answers = [
        admin.post("/v1/devices/1/commands", json={"command": "reboot"}, headers=headers).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(admin.get("/v1/commands").json()["items"]) == 1


@pytest.mark.parametrize(
    ("device", "body", "status", "detail"),
    [
        ("3", {"command": "reboot"}, 400, "it takes config, firmware_update, interval"),
        ("9", {"command": "reboot"}, 404, "device '9'"),
        ("1", {"command": "Re Boot"}, 400, "small letters"),
        ("1", {"command": "reboot", "ttl_s": 0}, 400, "between 1 and 604800"),
        ("1", {"command": "reboot", "tll_s": 5}, 400, "tll_s"),
        ("1", {"command": "firmware_update", "parameters": {"image": "none"}, "base_url": BASE}, 404, "no image"),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_the_reason(
    admin: Client, device: str, body: dict[str, Any], status: int, detail: str
) -> None:
    assert detail in problem(admin.post(f"/v1/devices/{device}/commands", json=body), status)["detail"]
    assert admin.get("/v1/commands").json()["items"] == []


def test_a_device_without_a_login_fetches_an_image_whole_and_in_parts(admin: Client) -> None:
    image = add_image(admin).json()
    assert (image["sha256"], image["size_bytes"]) == (hashlib.sha256(BYTES).hexdigest(), len(BYTES))
    admin.headers.pop("Authorization")
    url = f"/v1/firmware/{image['image_id']}/image/fw.bin"
    whole = admin.get(url)
    assert (whole.status_code, whole.content, whole.headers["content-length"]) == (200, BYTES, str(len(BYTES)))
    for asked, start, end in [
        ("bytes=0-9", 0, 10),
        ("bytes=102390-", 102_390, 102_400),
        ("bytes=-5", 102_395, 102_400),
        ("bytes=65530-65545", 65_530, 65_546),
        ("bytes=102399-999999", 102_399, 102_400),
    ]:
        part = admin.get(url, headers={"Range": asked})
        assert (part.status_code, part.content) == (206, BYTES[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(BYTES)}"
    beyond = admin.get(url, headers={"Range": "bytes=102400-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */102400")
    problem(admin.get(f"/v1/firmware/{image['image_id']}/image/other.bin"), 404)
    problem(admin.get(f"/v1/firmware/{'0' * 32}/image/fw.bin"), 404)


def test_an_image_needs_a_signature_or_the_word_that_it_has_none(admin: Client, store: Store) -> None:
    assert "unsigned=true" in problem(add_image(admin, unsigned="false"), 400)["detail"]
    signature = base64.b64encode(KEY.sign(hashlib.sha256(BYTES).digest())).decode()
    signed = {"unsigned": "false", "signature": signature}
    assert "no key to check the signature by" in problem(add_image(admin, **signed), 400)["detail"]
    keys = store.path.parent / "secrets" / "firmware-keys"
    keys.mkdir(parents=True)
    (keys / "release.pub").write_bytes(KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    added = add_image(admin, **signed)
    assert (added.status_code, added.json()["signed_by"]) == (201, "release")
    problem(add_image(admin, **signed), 409)


def test_an_update_of_one_device_carries_the_manifest(admin: Client) -> None:
    image = add_image(admin).json()
    answer = order(admin, command="firmware_update", parameters={"image": image["image_id"]}, base_url=BASE)
    assert answer.json()["parameters"] == {
        "url": f"{BASE}/v1/firmware/{image['image_id']}/image/fw.bin",
        "version": "2.0",
        "sha256": image["sha256"],
        "md5": hashlib.md5(BYTES, usedforsecurity=False).hexdigest(),
        "size_bytes": len(BYTES),
    }
    assert answer.json()["expires_at"] == "2026-11-22T12:30:00Z"


def test_a_wave_begins_is_seen_and_stopped(admin: Client) -> None:
    image = add_image(admin).json()["image_id"]
    body = {"image_id": image, "to": ["yard"], "size": 1, "stop_after": 1, "base_url": BASE}
    begun = admin.post("/v1/firmware/waves", json=body)
    assert begun.status_code == 201, begun.text
    wave = begun.json()
    assert [(one["device"], one["state"]) for one in wave["devices"]] == [
        ("agency/cam1", "waiting"),
        ("agency/cam2", "waiting"),
    ]
    assert "is in the wave" in problem(admin.post("/v1/firmware/waves", json=body), 409)["detail"]
    problem(admin.delete(f"/v1/firmware/{image}"), 409)
    path = f"/v1/firmware/waves/{wave['wave_id']}"
    assert admin.get(path).json() == wave == admin.get("/v1/firmware/waves").json()["items"][0]
    for _ in range(2):
        assert admin.post(f"{path}/stop").json()["state"] == "stopped"


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80", "ftp://box", "box"]
)
def test_an_address_that_devices_cannot_reach_is_refused(admin: Client, base_url: str) -> None:
    image = add_image(admin).json()["image_id"]
    body = {"image_id": image, "to": ["agency/cam1"], "base_url": base_url}
    assert problem(admin.post("/v1/firmware/waves", json=body), 400)["path"] == "base_url"


def test_an_image_is_listed_and_removed(admin: Client) -> None:
    image = add_image(admin).json()
    assert admin.get("/v1/firmware").json() == {"items": [image]}
    assert admin.delete(f"/v1/firmware/{image['image_id']}").status_code == 204
    assert admin.get("/v1/firmware").json() == {"items": []}
