"""Tiles and feeds: the picture for any GIS, and in the leaner form that the box's own map plays back.

`/tiles/{z}/{x}/{y}.mvt` carries every attribute. The map takes `/tiles/hex/…` once (outlines and ordinals, for ever
the same within a grid version) and then one byte a cell and day from `/feed/…`.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import date, timedelta
from typing import Annotated, Any

import msgspec
from anyio.to_thread import run_sync
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, PathParameter

from appliance.errors import Rejected
from appliance.serve.cache import Answer, AnswerCache
from appliance.serve.context import Context
from appliance.serve.errors import problems
from appliance.serve.params import (
    FirstDay,
    LastDay,
    ResolutionQuery,
    default_resolution,
    read_day,
    read_days,
    read_resolution,
)
from appliance.serve.watch import Watch
from appliance.spatial.cells import to_hex
from appliance.spatial.frames import CellFrames
from appliance.spatial.geojson import Bounds
from appliance.spatial.mvt import encode_cells
from appliance.store.risk.picture import (
    DayPicture,
    Grid,
    fetch_day_picture,
    fetch_feed,
    fetch_grid,
)

MVT = "application/vnd.mapbox-vector-tile"
CACHE_BYTES = 32 * 1024 * 1024
FRAMES = 40_000  # outlines kept; some 25 MB
PICTURES = 8  # days kept as columns; 2,000 cells are about 0.3 MB
COARSE_BELOW_ZOOM = 9  # below, a tile of the finer grid would hold tens of thousands of cells too small to see
IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))")  # offered, and not with a weight of nothing
CACHED = {304: ResponseSpec(None, description="As the client has it"), **problems(400, 404, 503)}


class Tiles:
    """What tile and feed routes share: encoder memory, caches and the revision of the store. One a process."""

    def __init__(self, context: Context, watch: Watch) -> None:
        self.answers = AnswerCache(CACHE_BYTES)
        self._context = context
        self._watch = watch
        self._frames = CellFrames(FRAMES)
        self._pictures: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def store_id(self) -> str:
        """Whose revisions these are: another store counts its own."""
        return self._watch.store_id

    @property
    def revision(self) -> int:
        """Changes with every row of the picture."""
        return self._watch.revision

    async def answer(self, request: Request[Any, Any, Any], key: Hashable, build: Callable[[], bytes]) -> Answer:
        """From the cache, or built on a thread; compressed where the client reads that."""
        zipped = bool(_GZIP.search(request.headers.get("accept-encoding", "")))
        known = self.answers.get((key, zipped))
        return known if known is not None else await run_sync(self.answers.make, (key, zipped), build, zipped)

    def risk_tile(self, z: int, x: int, y: int, day: str, resolution: int) -> bytes:
        """A tile with all attributes of a day."""
        picture: DayPicture = self._remember(
            ("day", day, resolution, self.revision), lambda: self._day(day, resolution)
        )
        try:
            ids = list(map(self.grid(resolution).ordinals.__getitem__, picture.cells))
        except KeyError:  # a run has added cells since the grid was read; it only ever grows
            ids = list(map(self._grid(resolution).ordinals.__getitem__, picture.cells))
        return encode_cells(self._frames, "risk", z, x, y, picture.cells, ids, picture.columns)

    def hex_tile(self, z: int, x: int, y: int, resolution: int) -> bytes:
        """A tile with outlines and ordinals."""
        grid = self.grid(resolution)
        return encode_cells(self._frames, "cells", z, x, y, grid.cells, range(len(grid.cells)))

    def grid(self, resolution: int) -> Grid:
        """The grid as of this revision."""
        grid: Grid = self._remember(("grid", resolution, self.revision), lambda: self._grid(resolution))
        return grid

    def feeds(self, grid: Grid, first: date, last: date) -> tuple[bytes, bytes]:
        """Scores and flags of an inclusive range of days, a byte for each of the grid's cells."""
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        with self._context.store.read() as connection:
            scores, flags = fetch_feed(connection, resolution=grid.resolution, days=days, cells=len(grid.cells))
        return scores.tobytes(), flags.tobytes()

    def _remember(self, key: Hashable, load: Callable[[], Any]) -> Any:
        """The few things last asked for that are read whole from the store; read once, however many ask at a time."""
        with self._lock:
            if key not in self._pictures:
                self._pictures[key] = load()
            self._pictures.move_to_end(key)
            while len(self._pictures) > PICTURES:
                self._pictures.popitem(last=False)
            return self._pictures[key]

    def _day(self, day: str, resolution: int) -> DayPicture:
        with self._context.store.read() as connection:
            return fetch_day_picture(connection, day=read_day(day, self._context), resolution=resolution)

    def _grid(self, resolution: int) -> Grid:
        with self._context.store.read() as connection:
            return fetch_grid(connection, resolution)


class CellList(msgspec.Struct, frozen=True, kw_only=True):
    """The cells of a grid version in the order of their ordinals."""

    version: str
    resolution: int
    bounds: Bounds | None
    cells: list[str]


@get("/tiles/{z:int}/{x:int}/{row:str}", responses=CACHED)
async def get_risk_tile(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    tiles: NamedDependency[Tiles],
    z: FromPath[int],
    x: FromPath[int],
    row: Annotated[str, PathParameter(description="y.mvt")],
    date: FromQuery[str] = "today",
    resolution: ResolutionQuery = None,
) -> Response[bytes]:
    """A vector tile of a day's risk with all attributes; layer `risk`. A tile without cells is empty, and valid."""
    day = read_day(date, context).isoformat()
    y = _row(row)
    chosen = resolution_at(z, resolution, context)
    key = ("risk", z, x, y, day, chosen, tiles.store_id, tiles.revision)
    answer = await tiles.answer(request, key, lambda: tiles.risk_tile(z, x, y, day, chosen))
    return respond(request, answer, media_type=MVT, etag="-".join(map(str, key[4:])), cache=REVALIDATE)


@get("/tiles/hex/{z:int}/{x:int}/{y:int}", responses=CACHED)
async def get_hex_tile(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    tiles: NamedDependency[Tiles],
    z: FromPath[int],
    x: FromPath[int],
    y: FromPath[int],
    resolution: ResolutionQuery = None,
    v: FromQuery[str] = "",
) -> Response[bytes]:
    """Outlines and ordinals of the grid, layer `cells`; immutable when asked for by the grid's present version."""
    chosen = read_resolution(resolution, context)
    grid = await run_sync(tiles.grid, chosen)
    answer = await tiles.answer(
        request, ("hex", z, x, y, grid.version, chosen), lambda: tiles.hex_tile(z, x, y, chosen)
    )
    cache = IMMUTABLE if v == grid.version else REVALIDATE
    return respond(request, answer, media_type=MVT, etag=f"{grid.version}-{chosen}", cache=cache)


@get("/feed/cells", sync_to_thread=True, responses=problems(400, 503))
def get_cell_list(
    context: NamedDependency[Context], tiles: NamedDependency[Tiles], resolution: ResolutionQuery = None
) -> CellList:
    """The grid's cells by ordinal."""
    grid = tiles.grid(read_resolution(resolution, context))
    return CellList(
        version=grid.version,
        resolution=grid.resolution,
        bounds=grid.bounds,
        cells=[to_hex(cell) for cell in grid.cells],
    )


@get("/feed/risk", responses=CACHED)
async def get_risk_feed(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    tiles: NamedDependency[Tiles],
    start: FirstDay = "today",
    end: LastDay = "today",
    resolution: ResolutionQuery = None,
) -> Response[bytes]:
    """One byte a cell and day, days in order: twice the score rounded up; 254 unknown, 255 no row."""
    return await _feed_response(request, context, tiles, "risk", (start, end), read_resolution(resolution, context))


@get("/feed/risk/{day:str}", responses=CACHED)
async def get_risk_day(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    tiles: NamedDependency[Tiles],
    day: FromPath[str],
    resolution: ResolutionQuery = None,
) -> Response[bytes]:
    """The risk feed of one day."""
    return await _feed_response(request, context, tiles, "risk", (day, day), read_resolution(resolution, context))


@get("/feed/flagged", responses=CACHED)
async def get_flag_feed(
    request: Request[Any, Any, Any],
    context: NamedDependency[Context],
    tiles: NamedDependency[Tiles],
    start: FirstDay = "today",
    end: LastDay = "today",
    resolution: ResolutionQuery = None,
) -> Response[bytes]:
    """One byte a cell and day, days in order: 1 where the cell is flagged, 0 where not; 255 no row."""
    return await _feed_response(request, context, tiles, "flagged", (start, end), read_resolution(resolution, context))


async def _feed_response(
    request: Request[Any, Any, Any],
    context: Context,
    tiles: Tiles,
    name: str,
    span: tuple[str, str],
    resolution: int,
) -> Response[bytes]:
    first, last = read_days(*span, context, default_days=1)
    revision, grid = tiles.revision, await run_sync(tiles.grid, resolution)
    key = (name, first, last, resolution, grid.version, revision)

    def build() -> bytes:
        scores, flags = tiles.feeds(grid, first, last)
        return scores if name == "risk" else flags

    answer = await tiles.answer(request, key, build)
    response = respond(
        request,
        answer,
        media_type="application/octet-stream",
        etag=f"{first}-{last}-{resolution}-{grid.version}-{revision}",  # the day is in it, for `today` moves on
        cache=REVALIDATE,
    )
    response.headers["X-Hexpost-Version"] = grid.version
    response.headers["X-Hexpost-Cells"] = str(len(grid.cells))
    response.headers["X-Hexpost-Days"] = f"{first}/{last}"
    return response


def resolution_at(z: int, resolution: int | None, context: Context) -> int:
    """The resolution asked for, or the one that suits the zoom."""
    if resolution is not None:
        return read_resolution(resolution, context)
    available = context.settings.risk.resolutions
    return min(available) if z < COARSE_BELOW_ZOOM else default_resolution(available)


def respond(
    request: Request[Any, Any, Any], answer: Answer, *, media_type: str, etag: str, cache: str
) -> Response[bytes]:
    """An answer with its validator; 304 where the client has it already."""
    quoted = f'"{etag}"'
    headers = {"ETag": quoted, "Cache-Control": cache, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == quoted:
        return Response(b"", status_code=304, headers=headers, media_type=media_type)
    if answer.encoding:
        headers["Content-Encoding"] = answer.encoding
    return Response(answer.data, headers=headers, media_type=media_type)


def _row(text: str) -> int:
    number = text.removesuffix(".mvt").removesuffix(".pbf")
    if not number.isdecimal() or len(number) > 10:
        raise Rejected(f"{text[:40]!r} is not a row of a tile; write it as 1234.mvt", "y")
    return int(number)
