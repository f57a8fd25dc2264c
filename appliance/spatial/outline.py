"""The outline of a set of cells: one polygon for each connected part, with holes, cut at the antimeridian.

Cells that touch share an edge, and what lies between them has no outline: of all edges, each walked with its cell on
the left, those stay that no neighbour walks the other way. Three cells meet at each corner and any two of them touch,
so the edges that stay join to rings in one way only, and rings never meet. Corners are told apart by their H3 vertex
numbers and not by their coordinates, which two neighbours work out a little differently.
A cell on the antimeridian takes part as two pieces, so that what is cut there is cut right, holes included; a cell
around a pole as one piece that is open along the antimeridian and closed along the pole.
Called by `hotspot.patches`, shown by `serve`.
"""

import itertools
from collections.abc import Collection, Iterable
from typing import NamedTuple

import h3.api.basic_int as h3

from appliance.spatial.cells import Ring, area_km2, boundary

Polygon = list[Ring]
"""Closed rings of (lng, lat) in degrees: the exterior counterclockwise, then its holes clockwise."""
Key = tuple[int, ...]
"""What a corner is known by in every piece that has it."""

_CORNER, _BEND, _CUT, _POLE = 0, 1, 2, 3
_FULL_TURN, _HALF_TURN = 360.0, 180.0


class _Node(NamedTuple):
    """A corner of a piece."""

    key: Key
    lng: float
    lat: float


_Piece = list[_Node]


def outline(cells: Collection[int]) -> list[Polygon]:
    """The area of some cells of one resolution.

    returns  a polygon for each connected part within 180 degrees either side, the one with the lowest corner number
             first; none without cells
    """
    pieces = [piece for cell in sorted(set(cells)) for piece in _pieces(cell)]
    edges: dict[tuple[Key, Key], int] = {}
    for number, piece in enumerate(pieces):
        for a, b in zip(piece, [*piece[1:], piece[0]], strict=True):
            edges[a.key, b.key] = number
    part = _parts(len(pieces), ((owner, edges[b, a]) for (a, b), owner in edges.items() if (b, a) in edges))
    places = {node.key: (node.lng, node.lat) for piece in pieces for node in piece}
    following = {a: (b, part[owner]) for (a, b), owner in edges.items() if (b, a) not in edges}
    polygons: dict[int, Polygon] = {}
    for ring, number in _rings(following, places):
        rings = polygons.setdefault(number, [])
        rings.insert(0 if _turns_left(ring) else len(rings), ring)
    return [polygons[number] for number in sorted(polygons)]


def cells_area_km2(cells: Iterable[int]) -> float:
    """The area of some cells on the sphere in square kilometres."""
    return sum(area_km2(cell) for cell in cells)


def _pieces(cell: int) -> list[_Piece]:
    """A cell as one closed piece, or two where the antimeridian divides it; counterclockwise."""
    nodes = _nodes(cell)
    turns = round((nodes[-1].lng - nodes[0].lng) / _FULL_TURN)
    if turns:
        return [_around_pole(cell, nodes, turns)]
    west, east = min(node.lng for node in nodes), max(node.lng for node in nodes)
    if west >= -_HALF_TURN and east <= _HALF_TURN:
        return [nodes]
    edge = _HALF_TURN if east > _HALF_TURN else -_HALF_TURN
    return [piece for side in (-1, 1) if (piece := _beside(nodes, edge, side))]


def _nodes(cell: int) -> _Piece:
    """A cell's corners and the bends of its edges, longitudes continuous as `cells.boundary` gives them."""
    ring, corners = boundary(cell), h3.cell_to_vertexes(cell)
    at = _corner_positions(ring, corners)
    nodes: _Piece = []
    for n, corner in enumerate(corners):
        following = corners[(n + 1) % len(corners)]
        bends = (at[(n + 1) % len(corners)] - at[n]) % len(ring) - 1
        nodes.append(_Node((_CORNER, corner), *ring[at[n]]))
        for k in range(bends):
            order = k if corner < following else bends - 1 - k
            key = (_BEND, min(corner, following), max(corner, following), order)
            nodes.append(_Node(key, *ring[(at[n] + 1 + k) % len(ring)]))
    return _continuous(nodes)


def _corner_positions(ring: Ring, corners: list[int]) -> list[int]:
    """Where in a boundary its topological corners stand; between them lie bends, where an edge leaves a face."""
    if len(ring) == len(corners):
        return list(range(len(ring)))
    found = []
    for corner in corners:
        lat, lng = h3.vertex_to_latlng(corner)
        found.append(min(range(len(ring)), key=lambda n: _apart(ring[n], (lng, lat))))
    return found


def _apart(a: tuple[float, float], b: tuple[float, float]) -> float:
    east = (a[0] - b[0] + _HALF_TURN) % _FULL_TURN - _HALF_TURN
    return abs(east) + abs(a[1] - b[1])


def _continuous(nodes: _Piece) -> _Piece:
    """The same nodes with longitudes that never jump by more than half a turn."""
    made: _Piece = []
    for key, lng, lat in nodes:
        turns = round((made[-1].lng - lng) / _FULL_TURN) if made else 0
        made.append(_Node(key, lng + turns * _FULL_TURN, lat))
    return made


def _beside(nodes: _Piece, edge: float, side: int) -> _Piece:
    """The part of a cell west (side -1) or east (1) of a meridian at half a turn, moved within 180 degrees."""
    shift = -edge - edge if side * edge > 0 else 0.0
    piece: _Piece = []
    for a, b in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
        inside, leads = side * (a.lng - edge) > 0, side * (b.lng - edge) > 0
        if inside:
            piece.append(_Node(a.key, a.lng + shift, a.lat))
        if inside != leads:
            piece.append(_cut(a, b, edge, -side, edge + shift))
    return piece


def _around_pole(cell: int, nodes: _Piece, turns: int) -> _Piece:
    """A cell around a pole, open along the antimeridian: `turns` 1 around the north pole, -1 around the south."""
    inside = [_Node(key, (lng + _HALF_TURN) % _FULL_TURN - _HALF_TURN, lat) for key, lng, lat in nodes if abs(lat) < 90]
    along = sorted(inside, key=lambda node: node.lng, reverse=turns < 0)
    first, last = along[0], along[-1]
    onward = first._replace(lng=first.lng + turns * _FULL_TURN)
    edge, pole = turns * _HALF_TURN, turns * 90.0
    near, far = _cut(last, onward, edge, turns, edge), _cut(last, onward, edge, -turns, -edge)
    corners = [_Node((_POLE, cell, n), lng, pole) for n, lng in enumerate((edge, -edge))]
    return [far, *along, near, *corners]


def _cut(a: _Node, b: _Node, edge: float, side: int, lng: float) -> _Node:
    """Where an edge crosses a meridian, the same whichever way it is walked; a node of its own on either side."""
    low, high = (a, b) if a.key < b.key else (b, a)
    share = (edge - low.lng) / (high.lng - low.lng)
    return _Node((_CUT, side, *low.key, *high.key), lng, low.lat + share * (high.lat - low.lat))


def _parts(count: int, joined: Iterable[tuple[int, int]]) -> list[int]:
    """The connected part of each piece, named by its lowest."""
    parent = list(range(count))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    for a, b in joined:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return [root(n) for n in range(count)]


def _rings(following: dict[Key, tuple[Key, int]], places: dict[Key, tuple[float, float]]) -> Iterable[tuple[Ring, int]]:
    """Closed rings of the edges that stay, and the part that each bounds."""
    while following:
        key = next(iter(following))
        ring: Ring = []
        number = following[key][1]
        while key in following:
            ring.append(places[key])
            key = following.pop(key)[0]
        yield [*ring, ring[0]], number


def _turns_left(ring: Ring) -> bool:
    """Whether a closed ring runs counterclockwise; measured from its first point, which keeps small rings exact."""
    lng0, lat0 = ring[0]
    return (
        sum((ax - lng0) * (by - lat0) - (bx - lng0) * (ay - lat0) for (ax, ay), (bx, by) in itertools.pairwise(ring))
        > 0
    )
