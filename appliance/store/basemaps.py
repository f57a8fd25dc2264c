"""Basemaps on the box: `.pmtiles` and `.mbtiles` files in a directory, opened, listed, added, removed.

A basemap's tiles are handed out as they are stored; nothing is unpacked or drawn here. `serve` reads them, the
command line adds and removes. Readers may be used by any number of threads.
"""

import os
import re
import shutil
import sqlite3
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from appliance.errors import Conflict, NotFound, Rejected, Unavailable
from appliance.spatial import pmtiles

MAX_TILE_BYTES = 8 << 20  # of one tile; a larger length in a directory is damage
MAX_KEPT_ENTRIES = 250_000  # of directories kept unpacked, 32 bytes each: 8 MB a basemap
SUFFIXES = (".pmtiles", ".mbtiles")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SQLITE = b"SQLite format 3\x00"
_MEDIA_TYPES = {
    "pbf": "application/vnd.mapbox-vector-tile", "png": "image/png", "jpg": "image/jpeg", "webp": "image/webp",
}  # fmt: skip

Bounds = tuple[float, float, float, float]


class TileSource(Protocol):
    """A file of tiles."""

    def tile(self, z: int, x: int, y: int) -> bytes | None:
        """The stored bytes of a tile, or None."""

    def close(self) -> None:
        """Let go of the file."""


class Basemap(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """An open basemap.

    kind              `world` for the overview of that name, else `streets`
    bounds            (west, south, east, north) in degrees
    layers            ids of its vector layers; empty for pictures
    content_encoding  how its tiles are packed: `gzip`, or None
    """

    name: str
    path: Path
    kind: Literal["world", "streets"]
    minzoom: int
    maxzoom: int
    bounds: Bounds
    layers: list[str]
    attribution: str
    media_type: str
    content_encoding: str | None
    source: TileSource

    def tile(self, z: int, x: int, y: int) -> bytes | None:
        """The bytes of a tile as stored, or None where the basemap has none.

        raises  Unavailable  the file cannot be read; Rejected  it is damaged
        """
        if not (self.minzoom <= z <= self.maxzoom and 0 <= x < 1 << z and 0 <= y < 1 << z):
            return None
        with _readable(self.path):
            return self.source.tile(z, x, y)

    def close(self) -> None:
        """Let go of the file."""
        self.source.close()


def open_basemap(path: Path) -> Basemap:
    """A basemap from its file; its name is the file's without the suffix.

    raises  Rejected     the file is not a basemap, or a damaged one
            NotFound     there is no such file
            Unavailable  it cannot be read
    """
    name = _name_of(path)
    with _readable(path):
        return _open_pmtiles(name, path) if path.suffix == ".pmtiles" else _open_mbtiles(name, path)


def list_basemaps(directory: Path, builtin: Path | None = None) -> tuple[dict[str, Basemap], dict[str, str]]:
    """Every basemap of a directory, opened, and the built-in one unless the directory has its name.

    returns  name -> basemap, and file name -> what is wrong with it
    """
    found: dict[str, Basemap] = {}
    faults: dict[str, str] = {}
    files = sorted(path for path in directory.glob("[!.]*") if path.suffix in SUFFIXES) if directory.is_dir() else []
    for path in [*files, builtin] if builtin else files:
        if path.stem in found:
            if path != builtin:
                faults[path.name] = f"{found[path.stem].path.name} has the same name: remove or rename one of them"
            continue
        try:
            found[path.stem] = open_basemap(path)
        except (Rejected, NotFound, Unavailable) as error:
            faults[path.name] = str(error)
    return found, faults


def add_basemap(directory: Path, file: Path) -> Path:
    """Copy a basemap into the directory, whole or not at all; one of the same name is replaced.

    returns  where it now is
    raises   Rejected, NotFound  as `open_basemap`; Unavailable  the copy cannot be written
    """
    open_basemap(file).close()
    target = directory / file.name
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.samefile(file):
            raise Conflict(f"adding basemap {file.name}: it is already in {directory}")
        _copy(file, target)
        for suffix in SUFFIXES:
            if suffix != target.suffix:
                target.with_suffix(suffix).unlink(missing_ok=True)
        _sync_directory(directory)
    except OSError as error:
        raise Unavailable(
            f"adding basemap {file.name} to {directory}: {error.strerror or error}; "
            f"it needs {file.stat().st_size >> 20} MiB free and a writable directory"
        ) from error
    return target


def remove_basemap(directory: Path, name: str) -> None:
    """Delete a basemap's file; readers that have it open keep what they have.

    raises  NotFound  there is none of that name
    """
    paths = [directory / f"{name}{suffix}" for suffix in SUFFIXES] if _NAME.fullmatch(name) else []
    present = [path for path in paths if path.is_file()]
    if not present:
        raise NotFound(
            f"removing basemap {name!r}: {directory} has none of that name; `hexpost basemap list` shows them"
        )
    for path in present:
        path.unlink()
    _sync_directory(directory)


class _Pmtiles:
    """Tiles of a PMTiles archive, read with `pread`; directories are kept, the least recently used go."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._directories: OrderedDict[int, pmtiles.Directory] = OrderedDict()
        self._entries = 0
        self._lock = threading.Lock()
        try:
            self.header = pmtiles.read_header(os.pread(self._file, pmtiles.HEADER_BYTES, 0))
            self._check_length()
            self._root = self._read_directory(self.header.root)
            metadata = self._read(self.header.metadata, pmtiles.MAX_METADATA_BYTES)
            self.metadata = pmtiles.read_metadata(metadata, packed=self.header.packed) if metadata else {}
        except BaseException:
            self.close()
            raise

    def tile(self, z: int, x: int, y: int) -> bytes | None:
        tile_id = pmtiles.tile_id_of(z, x, y)
        directory = self._root
        for _ in range(pmtiles.MAX_DEPTH):
            entry = pmtiles.find_entry(directory, tile_id)
            if entry is None:
                return None
            if not entry.is_leaf:
                return self._read(_within(self.header.tiles, entry.span), MAX_TILE_BYTES)
            directory = self._leaf(_within(self.header.leaves, entry.span))
        raise Rejected(f"has directories more than {pmtiles.MAX_DEPTH} deep: the file is damaged")

    def close(self) -> None:
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _leaf(self, span: pmtiles.Span) -> pmtiles.Directory:
        with self._lock:
            known = self._directories.get(span.offset)
            if known is not None:
                self._directories.move_to_end(span.offset)
                return known
        directory = self._read_directory(span)
        with self._lock:
            if span.offset not in self._directories:
                self._directories[span.offset] = directory
                self._entries += len(directory.tile_ids)
            while self._entries > MAX_KEPT_ENTRIES and len(self._directories) > 1:
                _, oldest = self._directories.popitem(last=False)
                self._entries -= len(oldest.tile_ids)
        return directory

    def _read_directory(self, span: pmtiles.Span) -> pmtiles.Directory:
        data = self._read(span, pmtiles.MAX_DIRECTORY_BYTES)
        return pmtiles.read_directory(data, packed=self.header.packed)

    def _read(self, span: pmtiles.Span, limit: int) -> bytes:
        if span.length > limit:
            raise Rejected(f"has a part of {span.length} bytes where {limit} are the most: the file is damaged")
        data = os.pread(self._file, span.length, span.offset)
        if len(data) < span.length:
            raise Rejected("ends before its contents do: copy it again")
        return data

    def _check_length(self) -> None:
        end = max(part.offset + part.length for part in (self.header.tiles, self.header.leaves, self.header.metadata))
        if os.fstat(self._file).st_size < end:
            raise Rejected("ends before its contents do: copy it again")


class _Mbtiles:
    """Tiles of an MBTiles file, which is SQLite; rows are counted from the south."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            if file.read(len(_SQLITE)) != _SQLITE:
                raise Rejected("is not an MBTiles file: its first bytes are not SQLite's")
        uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._lock = threading.Lock()

    def metadata(self) -> dict[str, str]:
        with self._lock:
            return {
                str(name): str(value) for name, value in self._connection.execute("SELECT name, value FROM metadata")
            }

    def zooms(self) -> tuple[int, int, bytes]:
        """The lowest and highest zoom that have tiles, and one tile."""
        with self._lock:
            low, high = self._connection.execute("SELECT min(zoom_level), max(zoom_level) FROM tiles").fetchone()
            if low is None:
                raise Rejected("has no tiles")
            (data,) = self._connection.execute("SELECT tile_data FROM tiles LIMIT 1").fetchone()
        return int(low), int(high), bytes(data)

    def tile(self, z: int, x: int, y: int) -> bytes | None:
        sql = "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?"
        with self._lock:
            row = self._connection.execute(sql, (z, x, (1 << z) - 1 - y)).fetchone()
        return bytes(row[0]) if row else None

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _open_pmtiles(name: str, path: Path) -> Basemap:
    source = _Pmtiles(path)
    header = source.header
    return Basemap(
        name=name,
        path=path,
        kind="world" if name == "world" else "streets",
        minzoom=header.minzoom,
        maxzoom=header.maxzoom,
        bounds=header.bounds,
        layers=_layer_ids(source.metadata),
        attribution=str(source.metadata.get("attribution", "")),
        media_type=header.media_type,
        content_encoding=header.content_encoding,
        source=source,
    )


def _open_mbtiles(name: str, path: Path) -> Basemap:
    source = _Mbtiles(path)
    try:
        metadata = source.metadata()
        low, high, sample = source.zooms()
        kind = metadata.get("format", "pbf")
        if kind not in _MEDIA_TYPES:
            raise Rejected(f"has tiles of format {kind!r}: there are {', '.join(_MEDIA_TYPES)}")
        details = msgspec.json.decode(metadata.get("json") or "{}", type=dict[str, Any])
        bounds = msgspec.convert([float(edge) for edge in metadata.get("bounds", "-180,-85,180,85").split(",")], Bounds)
    except (msgspec.DecodeError, ValueError) as error:
        source.close()
        raise Rejected(f"has metadata that cannot be read ({error}): write it again with tippecanoe") from None
    except BaseException:
        source.close()
        raise
    return Basemap(
        name=name,
        path=path,
        kind="world" if name == "world" else "streets",
        minzoom=low,
        maxzoom=high,
        bounds=bounds,
        layers=_layer_ids(details),
        attribution=metadata.get("attribution", ""),
        media_type=_MEDIA_TYPES[kind],
        content_encoding="gzip" if sample.startswith(b"\x1f\x8b") else None,
        source=source,
    )


def _layer_ids(metadata: dict[str, Any]) -> list[str]:
    layers = metadata.get("vector_layers")
    entries = layers if isinstance(layers, list) else []
    return [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry]


def _name_of(path: Path) -> str:
    if path.suffix not in SUFFIXES:
        raise Rejected(f"basemap {path.name}: give a file that ends in {' or '.join(SUFFIXES)}")
    if not _NAME.fullmatch(path.stem):
        raise Rejected(
            f"basemap {path.name}: rename it to letters, digits, - and _ (64 at most), as it becomes part of URLs"
        )
    return path.stem


def _within(outer: pmtiles.Span, inner: pmtiles.Span) -> pmtiles.Span:
    if inner.offset + inner.length > outer.length:
        raise Rejected("points beyond its own contents: the file is damaged")
    return pmtiles.Span(offset=outer.offset + inner.offset, length=inner.length)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Failures of reading a basemap, said with its name and what to do."""
    try:
        yield
    except Rejected as error:
        raise Rejected(f"basemap {path.name} {error.reason}") from None
    except FileNotFoundError:
        raise NotFound(f"basemap {path.name}: there is no file {path}") from None
    except sqlite3.Error as error:
        raise Rejected(f"basemap {path.name} is not a sound MBTiles file ({error}): copy it again") from None
    except OSError as error:
        raise Unavailable(f"basemap {path.name} cannot be read: {error.strerror or error}") from error


def _copy(file: Path, target: Path) -> None:
    """A copy that appears under its name only when it is on the disk."""
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as copy, file.open("rb") as original:
            shutil.copyfileobj(original, copy, 1 << 20)
            copy.flush()
            os.fchmod(copy.fileno(), 0o644)
            os.fsync(copy.fileno())
        Path(temporary).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        raise


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
