"""A PostgreSQL of one's own: made in a temporary directory, on a free port of the loopback, gone afterwards.

Used by the tests of the sync and by `benchmarks/sync.py`.
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from sync.central.migrate import migrate

PACKAGES = "postgresql and postgresql-15-postgis-3 (Debian 12) or their like"
TEMPLATE = "hexpost_template"


class Server:
    """A running server. Databases made by `create` have PostGIS and, unless bare, the centre's schema."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._made = 0

    def url(self, database: str, *, port: int | None = None, user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def create(self, *, migrated: bool = True) -> str:
        """A new database; its name."""
        self._made += 1
        name, template = f"centre_{self._made}", TEMPLATE if migrated else "template0"
        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
            )
        return name

    def drop(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def find_binaries() -> Path | None:
    """The newest installed server's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


@contextmanager
def running_server(*, durable: bool = False) -> Iterator[Server]:
    """A server for the time of the block; `durable` with fsync, for honest measurements."""
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError(f"no PostgreSQL server is installed; install {PACKAGES}")
    folder = Path(tempfile.mkdtemp(prefix="hexpost-postgres-"))
    data = folder / "data"
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        _run(binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        port = _start(binaries, folder, data, durable=durable)
        try:
            server = Server(port)
            with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
                admin.execute(f"CREATE DATABASE {TEMPLATE}".encode())
            with psycopg.connect(server.url(TEMPLATE)) as template:
                migrate(template)
            yield server
        finally:
            _run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(binaries: Path, folder: Path, data: Path, *, durable: bool) -> int:
    for attempt in range(5):  # another process may take the port between our asking and the server's
        port = free_port()
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=40 -c shared_buffers=64MB"
        if not durable:
            options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        try:
            _run(binaries / "pg_ctl", "-D", data, "-l", folder / "log", "-o", options, "-w", "-t", "30", "start")
        except subprocess.CalledProcessError:
            if attempt == 4:
                raise
        else:
            return port
    raise AssertionError("unreachable")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(program: Path, *arguments: object) -> None:
    """Run a program of the server, which refuses to be root."""
    as_user = "setpriv --reuid=postgres --regid=postgres --clear-groups".split() if os.geteuid() == 0 else []
    subprocess.run(
        [*as_user, str(program), *map(str, arguments)],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
