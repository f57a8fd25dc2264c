"""The house keeps its shape: who may import whom, how long a file may be, what pure rooms may touch."""

import ast
import functools
import re
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("appliance", "sync", "firmware_bridge")
MAX_LINES = 400

LAYERS: dict[str, int] = {
    "appliance.model": 0,
    "appliance.errors": 0,
    "appliance.clock": 0,
    "appliance.timekeeping": 1,
    "appliance.spatial": 1,
    "appliance.ingest": 2,
    "appliance.aggregate": 2,
    "appliance.score": 2,
    "appliance.anomaly": 2,
    "appliance.coverage": 2,
    "appliance.forecast": 2,
    "appliance.iot": 2,
    "appliance.hotspot": 2,
    "firmware_bridge.topic": 2,
    "firmware_bridge.native": 2,
    "firmware_bridge.inbound": 2,
    "firmware_bridge.routing": 2,
    "firmware_bridge.decode": 2,
    "firmware_bridge.decoded": 2,
    "firmware_bridge.canonical": 2,
    "firmware_bridge.plate": 2,
    "firmware_bridge.edges": 2,
    "firmware_bridge.gather": 2,
    "firmware_bridge.flood": 2,
    "firmware_bridge.notation": 2,
    "firmware_bridge.mapping": 2,
    "firmware_bridge.family": 2,
    "firmware_bridge.lorawan": 2,
    "firmware_bridge.liveness": 2,
    "firmware_bridge.downlink": 2,
    "firmware_bridge.simulation": 2,
    "sync.change": 2,
    "sync.session": 2,
    "sync.backoff": 2,
    "appliance.store": 3,
    "firmware_bridge.mqtt": 2,
    "firmware_bridge.address": 3,
    "firmware_bridge.inbox": 3,
    "firmware_bridge.client": 3,
    "firmware_bridge.publisher": 3,
    "firmware_bridge.serial_port": 3,
    "sync.upstream_postgres": 3,
    "sync.central": 3,
    "appliance.job": 4,
    "appliance.serve": 4,
    "firmware_bridge.bridge": 4,
    "firmware_bridge.field": 4,
    "firmware_bridge.simulator": 4,
    "firmware_bridge.commander": 4,
    "firmware_bridge.retry": 4,
    "firmware_bridge.reread": 4,
    "sync.pump": 4,
    "appliance.wiring": 5,
    "appliance.wiring_families": 6,
    "appliance.wiring_telling": 6,
    "appliance.wiring_bridge": 7,
    "appliance.wiring_jobs": 6,
    "appliance.wiring_archive": 8,
    "appliance.wiring_care": 9,
    "appliance.cli": 10,
}
"""Room -> layer; a room may import rooms of lower layers, and itself."""

LARGE = ["appliance.serve", "appliance.store", "firmware_bridge.family"]
"""Rooms with rooms of their own."""

ONLY_IN = {
    "paho": {"firmware_bridge.publisher"},
    "serial": {"firmware_bridge.serial_port"},
    "cryptography": {"appliance.store"},
    "litestar": {"appliance.serve"},
    "apscheduler": {"appliance.job"},
    "psycopg": {"sync.upstream_postgres", "sync.central", "appliance.cli"},
    "sqlalchemy": {"appliance.store"},
    "sqlite3": {"appliance.store"},
    "apsw": {"appliance.store"},
    "pyarrow": {"appliance.store"},
    "h3": {"appliance.spatial"},
    "click": {"appliance.cli"},
    "rich": {"appliance.cli"},
}
IO_MODULES = {
    "os",
    "io",
    "socket",
    "subprocess",
    "pathlib",
    "time",
    "random",
    "threading",
    "logging",
    "urllib",
    "sqlite3",
}
PURE_EXCEPTIONS = {
    ("appliance.ingest", "pathlib"): "PurePath, for the end of a file's name",
    ("appliance.spatial", "threading"): "a lock around a bounded cache",
}


@functools.cache
def modules() -> dict[str, Path]:
    """Every module of the three packages by its dotted name."""
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
    }


def room_of(module: str) -> str | None:
    """The room in `LAYERS` that holds a module."""
    parts = module.split(".")
    names = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((name for name in names if name in LAYERS), None)


@functools.cache
def imports(file: Path) -> list[str]:
    """What a file imports at run time; imports for type checking alone do not count."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        node
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    found = []
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("module", [name for name in modules() if name not in PACKAGES])
def test_a_module_imports_only_rooms_below_its_own(module: str) -> None:
    room = room_of(module)
    assert room is not None, f"{module} stands in no room of the house; see ARCHITECTURE.md"
    wrong = []
    for name in imports(modules()[module]):
        target = room_of(name)
        if target is None or target == room or name.split(".")[0] not in PACKAGES:
            continue
        same_core = room.split(".")[0] != "appliance" and target.split(".")[0] == room.split(".")[0]
        allowed = LAYERS[target] < LAYERS[room] or LAYERS[room] == 0 or (same_core and LAYERS[target] <= LAYERS[room])
        outside = room.split(".")[0] in {"sync", "firmware_bridge"} and target.startswith("appliance.")
        if not allowed or (outside and LAYERS[target] > 1):
            wrong.append(name)
    assert wrong == []


@pytest.mark.parametrize("package", LARGE)
def test_the_rooms_within_a_large_one_stand_on_one_another_without_a_circle(package: str) -> None:
    stands_on: dict[str, set[str]] = defaultdict(set)
    for module, file in modules().items():
        for name in imports(file):
            inner, other = (whole.removeprefix(f"{package}.").split(".")[0] for whole in (module, name))
            if module.startswith(f"{package}.") and name.startswith(f"{package}.") and inner != other:
                stands_on[inner].add(other)
    assert stands_on, f"nothing in {package} imports another room of it"
    TopologicalSorter(stands_on).prepare()  # CycleError names the rooms of a circle


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_used_only_in_the_room_that_owns_it(library: str) -> None:
    users = {
        room_of(module) or module
        for module, file in modules().items()
        if any(name.split(".")[0] == library for name in imports(file))
    }
    assert users <= ONLY_IN[library]


def test_pure_rooms_do_no_io_and_read_no_clock() -> None:
    wrong = []
    for module, file in modules().items():
        room = room_of(module)
        if room is None or LAYERS[room] > 2:
            continue
        for name in imports(file):
            top = name.split(".")[0]
            if top in IO_MODULES and (room, top) not in PURE_EXCEPTIONS:
                wrong.append(f"{module} imports {name}")
        if room != "appliance.clock" and re.search(r"datetime\.now|date\.today|time\.time\(", file.read_text()):
            wrong.append(f"{module} reads the clock")
    assert wrong == []


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    files = [*modules().values(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    files += [file for end in ("ts", "svelte", "mjs", "css") for file in (ROOT / "ui").glob(f"[!n]*/**/*.{end}")]
    long = {str(file.relative_to(ROOT)) for file in files if len(file.read_text().splitlines()) > MAX_LINES}
    assert long == set()


def test_every_module_says_what_it_is() -> None:
    silent = [name for name, file in modules().items() if not ast.get_docstring(ast.parse(file.read_text()))]
    assert silent == []


def test_a_package_file_is_only_a_docstring() -> None:
    busy = [
        name
        for name, file in modules().items()
        if file.name == "__init__.py" and len(ast.parse(file.read_text()).body) > 1
    ]
    assert busy == []


def test_the_architecture_page_names_every_room() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    missing = [room for room in LAYERS if room.replace(".", "/") not in page]
    assert missing == []
