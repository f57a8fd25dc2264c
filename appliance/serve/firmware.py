"""`/firmware`: images, the waves that bring them to devices, and the bytes that devices fetch.

An image is fetched by firmware, which cannot log in: its URL holds 128 random bits. All else is for admins.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from anyio.to_thread import run_sync
from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.response import Response, Stream

from appliance.errors import NotFound, Rejected
from appliance.model.command import FIRMWARE_TTL_S, FirmwareImage, Wave
from appliance.serve.context import Context
from appliance.serve.errors import PROBLEM, Problem, problems
from appliance.serve.idempotency import Idempotency
from appliance.serve.params import IdempotencyKey
from appliance.serve.security import identify, require_admin
from appliance.store.downlink.firmware import (
    MAX_IMAGE_BYTES,
    Described,
    delete_image,
    fetch_image,
    fetch_images,
    image_path,
    open_draft,
    read_signature,
)
from appliance.store.downlink.waves import fetch_members, fetch_wave, fetch_waves, insert_wave, stop_wave

CHUNK = 65_536
OCTETS = "application/octet-stream"
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)
_LOOPBACK = re.compile(r"(127\.[\d.]+|localhost|0\.0\.0\.0|\[?::1?\]?)", re.ASCII)


class ImageList(msgspec.Struct, frozen=True, kw_only=True):
    """Every image, newest first."""

    items: list[FirmwareImage]


class WaveRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A wave; `to` names devices and groups, `timeout_s` is a device's time from its order to the new version."""

    image_id: str
    to: list[str]
    size: int = 5
    stop_after: int = 1
    timeout_s: int = FIRMWARE_TTL_S
    base_url: str = ""


class WaveList(msgspec.Struct, frozen=True, kw_only=True):
    """Waves, newest first."""

    items: list[Wave]


@dataclass  # without it `__post_init__` is not called
class ImageOperation(Operation):
    """The body of an image is its bytes, read as they come."""

    def __post_init__(self) -> None:
        """Name the format."""
        octets = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, content_media_type=OCTETS))
        self.request_body = RequestBody(required=True, description="The image.", content={OCTETS: octets})


@get("/firmware", guards=[require_admin], sync_to_thread=True, responses=problems(401, 403, 503))
def list_firmware(context: NamedDependency[Context]) -> ImageList:
    """Every image, newest first."""
    with context.store.read() as connection:
        return ImageList(items=fetch_images(connection))


@post(
    "/firmware",
    guards=[require_admin],
    status_code=201,
    operation_class=ImageOperation,
    request_max_body_size=MAX_IMAGE_BYTES,
    responses=problems(400, 401, 403, 409, 413, 503),
)
async def add_firmware(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    family: FromQuery[str],
    version: FromQuery[str],
    file_name: FromQuery[str],
    signature: Annotated[str | None, QueryParameter(description="Ed25519 over the SHA-256, base64 or hex")] = None,
    unsigned: Annotated[bool, QueryParameter(description="Take it without a signature; audited")] = False,
) -> FirmwareImage:
    """Register an image. The same image again is a conflict, and changes nothing."""
    caller = await run_sync(identify, request, context)
    described = Described(
        family=family,
        version=version,
        file_name=file_name,
        signature=_signature(signature, unsigned=unsigned),
    )
    with open_draft(context.store) as draft:
        async for chunk in request.stream():
            await run_sync(draft.write, chunk)
        return await run_sync(lambda: draft.keep(context.store, described, who=caller.name, now=context.clock()))


@delete(
    "/firmware/{image_id:str}",
    guards=[require_admin],
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 409, 503),
)
def remove_firmware(
    request: Request[Any, Any, Any], image_id: FromPath[str], context: NamedDependency[Context]
) -> None:
    """Remove an image, unless a wave is bringing it to devices."""
    delete_image(context.store, image_id, who=identify(request, context).name, now=context.clock())


@get(
    "/firmware/{image_id:str}/image/{file_name:str}",
    sync_to_thread=True,
    media_type=OCTETS,
    responses={
        206: ResponseSpec(None, description="The range asked for"),
        **problems(400, 404, 416, 503),
    },
)
def get_image(
    request: Request[Any, Any, Any],
    image_id: FromPath[str],
    file_name: FromPath[str],
    context: NamedDependency[Context],
) -> Response[Any]:
    """The bytes of an image, for devices: no login, one range where asked."""
    with context.store.read() as connection:
        image = fetch_image(connection, image_id)
    path = image_path(context.store, image)
    if file_name != image.file_name or not path.exists():
        raise NotFound("no image at this address")
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{image.sha256}"', "Cache-Control": "private, max-age=86400"}
    asked = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    span = _span(asked, image.size_bytes) if asked else (0, image.size_bytes)
    if span is None:
        beyond = Problem(title="Beyond the end", status=416, detail=f"the image has {image.size_bytes} bytes")
        size = {"Content-Range": f"bytes */{image.size_bytes}"}
        return Response(beyond, status_code=416, media_type=PROBLEM, headers=size)
    start, end = span
    headers["Content-Length"] = str(end - start)
    if asked:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{image.size_bytes}"
    return Stream(_read(path, start, end), status_code=206 if asked else 200, media_type=OCTETS, headers=headers)


@post("/firmware/waves", guards=[require_admin], status_code=201, responses=problems(400, 401, 403, 404, 409, 503))
async def create_wave(
    request: Request[Any, Any, Any],
    data: JSONBody[WaveRequest],
    context: NamedDependency[Context],
    idempotency: NamedDependency[Idempotency],
    idempotency_key: IdempotencyKey = None,
) -> Wave:
    """Begin a wave; the bridge moves it on, `size` devices at a time, until `stop_after` have failed."""

    def perform() -> Wave:
        with context.store.write() as connection:
            return insert_wave(
                connection,
                image_id=data.image_id,
                devices=fetch_members(connection, data.to),
                size=data.size,
                stop_after=data.stop_after,
                timeout_s=data.timeout_s,
                base_url=base_url_of(data.base_url, request),
                created_by=caller.name,
                now=context.clock(),
            )

    caller = await run_sync(identify, request, context)
    body = await request.body()
    begun: Wave = await run_sync(idempotency.once, (caller.name, "wave"), idempotency_key, body, perform)
    return begun


@get("/firmware/waves", guards=[require_admin], sync_to_thread=True, responses=problems(401, 403, 503))
def list_waves(context: NamedDependency[Context]) -> WaveList:
    """The newest fifty waves."""
    with context.store.read() as connection:
        return WaveList(items=fetch_waves(connection))


@get(
    "/firmware/waves/{wave_id:str}",
    guards=[require_admin],
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 503),
)
def get_wave(wave_id: FromPath[str], context: NamedDependency[Context]) -> Wave:
    """One wave: each device, how it stands, and why it failed."""
    with context.store.read() as connection:
        return fetch_wave(connection, wave_id)


@post(
    "/firmware/waves/{wave_id:str}/stop",
    guards=[require_admin],
    status_code=200,
    sync_to_thread=True,
    responses=problems(400, 401, 403, 404, 409, 503),
)
def stop(request: Request[Any, Any, Any], wave_id: FromPath[str], context: NamedDependency[Context]) -> Wave:
    """Order nobody else; devices under way are watched to their end. A stopped wave stays so."""
    who = identify(request, context).name
    with context.store.write() as connection:
        found = fetch_wave(connection, wave_id)
        return found if found.state == "stopped" else stop_wave(connection, wave_id, who=who, now=context.clock())


def base_url_of(given: str, request: Request[Any, Any, Any]) -> str:
    """Where devices reach this box; the box itself cannot know which of its addresses they see."""
    url = given or str(request.base_url)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Rejected(f"{url[:80]!r} is not http://host:port", "base_url")
    if _LOOPBACK.fullmatch(parts.hostname):
        raise Rejected(f"devices cannot reach {parts.hostname}: name this box as they see it", "base_url")
    return url


def _signature(text: str | None, *, unsigned: bool) -> bytes | None:
    if unsigned:
        if text:
            raise Rejected("an image is taken by its signature or without one, not both", "unsigned")
        return None
    if not text:
        raise Rejected(
            "sign the image's SHA-256 with Ed25519 and send the signature, or say unsigned=true", "signature"
        )
    return read_signature(text.replace(" ", "+").encode())  # a plus sign in a query arrives as a space


def _span(asked: re.Match[str], size: int) -> tuple[int, int] | None:
    """The half-open range of bytes that a Range header asks for; None where nothing lies in it."""
    first, last = asked.groups()
    if not first:
        length = min(int(last or 0), size)
        return (size - length, size) if length else None
    start, end = int(first), min(int(last) + 1 if last else size, size)
    return (start, end) if start < end else None


def _read(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (chunk := file.read(min(CHUNK, end - start))):
            start += len(chunk)
            yield chunk
