"""A link that breaks where a test wants it to: a TCP relay between a client and a server on the loopback."""

import contextlib
import socket
import threading
from typing import Self

CHUNK = 4_096


class BreakingLink:
    """Relays until told otherwise.

    cut_after       close both ends once `relayed` bytes of the client have gone through
    stall_after     relay nothing more from the client once so many have, and close nothing until `cut`
    swallow_commit  relay the client's COMMIT, wait for the server's answer, and close without delivering it
    """

    def __init__(self, port: int) -> None:
        self.server_port = port
        self.cut_after: int | None = None
        self.stall_after: int | None = None
        self.swallow_commit = False
        self.relayed = 0
        self.broken = threading.Event()
        self.stalled = threading.Event()
        self._released = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def mend(self) -> None:
        """Relay again, counting from nothing."""
        self.cut_after, self.stall_after, self.swallow_commit, self.relayed = None, None, False, 0
        self.broken.clear()

    def cut(self) -> None:
        """End what is stalled."""
        self._released.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.server_port))
                swallow = threading.Event()
                for relay in (self._to_server, self._to_client):
                    threading.Thread(target=relay, args=(client, server, swallow), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket, swallow: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(CHUNK):
                if self.stall_after is not None and self.relayed >= self.stall_after:
                    self.stalled.set()
                    self._released.wait()
                    self._break(client, server)
                if self.swallow_commit and b"COMMIT\0" in data:
                    swallow.set()
                server.sendall(data)
                self.relayed += len(data)
                if self.cut_after is not None and self.relayed >= self.cut_after:
                    self._break(client, server)
        _close(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket, swallow: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(CHUNK):
                if swallow.is_set():
                    self._break(client, server)
                client.sendall(data)
        _close(client, server)

    def _break(self, client: socket.socket, server: socket.socket) -> None:
        self.broken.set()
        _close(client, server)
        raise OSError("the link is broken, as the test wanted")


def _close(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
