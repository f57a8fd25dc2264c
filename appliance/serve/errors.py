"""Errors as RFC 9457 problem documents: the one table from what went wrong to an HTTP status."""

import logging
import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, NotFoundException, ValidationException
from litestar.openapi.datastructures import ResponseSpec

from appliance.errors import (
    BadDisk,
    Conflict,
    Corrupt,
    Forbidden,
    HexpostError,
    NoRoom,
    NotFound,
    Rejected,
    TooFast,
    Unauthorized,
    Unavailable,
)

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
STATUS: dict[type[HexpostError], tuple[int, str]] = {
    Rejected: (400, "The request cannot be taken as it is"),
    Unauthorized: (401, "Who you are is not known"),
    Forbidden: (403, "Not allowed"),
    NotFound: (404, "Not here"),
    Conflict: (409, "Contradicts what is there"),
    TooFast: (429, "Too fast"),
    NoRoom: (507, "No room on the disk"),
    BadDisk: (503, "The disk cannot be written"),
    Unavailable: (503, "Not possible now, try again"),
    Corrupt: (500, "Stored data is damaged"),
}


_NO_CHOICE = re.compile(r"Invalid enum value (?P<value>.*)", re.DOTALL)


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document; `path` names the member or parameter at fault."""

    title: str
    status: int
    detail: str
    type: str = "about:blank"
    path: str | None = None


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """What OpenAPI is to say of a route that may answer with these problems; where the store may be unavailable (503),
    its disk may be full (507).
    """
    if 503 in statuses:
        statuses = (*statuses, 507)
    return {
        status: ResponseSpec(
            Problem, description=HTTPStatus(status).phrase, media_type=PROBLEM, generate_examples=False
        )
        for status in statuses
    }


def hexpost_problem(_request: Request[Any, Any, Any], error: HexpostError) -> Response[Problem]:
    """The answer to an error of our own."""
    status, title = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    path = error.path if isinstance(error, Rejected) and error.path != "$" else None
    headers = {"Retry-After": str(math.ceil(error.retry_after_s))} if isinstance(error, TooFast) else None
    return _response(Problem(title=title, status=status, detail=str(error), path=path), headers)


def http_problem(request: Request[Any, Any, Any], error: HTTPException) -> Response[Problem]:
    """The answer to an error that Litestar raised: no such route, a parameter of the wrong type."""
    detail, path = error.detail, None
    if isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra:
        path, detail = _fault_of(request, error.extra[0], detail)
    if isinstance(error, NotFoundException):
        detail = f"no route {request.url.path}; /v1/openapi.json lists those there are"
    return _response(
        Problem(
            title=HTTPStatus(error.status_code).phrase,
            status=error.status_code,
            detail=detail,
            path=path,
        ),
        headers=dict(error.headers or {}),
    )


def _fault_of(request: Request[Any, Any, Any], found: Mapping[str, Any], detail: str) -> tuple[str | None, str]:
    """(path, words) of what Litestar found: a parameter by its name, a member of the body as ours are, from `$`."""
    path, words = str(found.get("key") or "") or None, str(found.get("message") or detail)
    if found.get("source") == "body":
        return "$" if path in (None, "data") else f"$.{path}", words
    field = request.route_handler.parsed_fn_signature.parameters.get(path or "")
    if field is None:
        return path, words
    name = getattr(field.kwarg_definition, "name", None) or path  # as it is written, where Python's word is another
    choices = [str(one) for part in (field, *field.inner_types) if part.origin is Literal for one in part.args]
    chosen = _NO_CHOICE.fullmatch(words)
    return name, f"{chosen['value']} is none of {', '.join(choices)}" if chosen and choices else words


def unknown_problem(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """The answer to a mistake in the program: logged with its traceback, told without its inside."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _response(Problem(title="Hexpost failed", status=500, detail="the log of the serve process says more"))


def _response(problem: Problem, headers: dict[str, str] | None = None) -> Response[Problem]:
    extra = dict(headers or {})
    if problem.status == 401:
        extra["WWW-Authenticate"] = "Bearer"
    if problem.status in (503, 507):
        extra["Retry-After"] = "2"
    return Response(problem, status_code=problem.status, media_type=PROBLEM, headers=extra)
