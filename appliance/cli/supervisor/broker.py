"""The embedded broker: Mosquitto where it is installed, else one written in Python.

`hexpost run` and `hexpost demo` start it as a child when `[mqtt] url = "embedded"`. On a provisioned box Mosquitto is
a service of its own and this module is not used. Run as a module (`python -m appliance.cli.supervisor.broker`) it is
the Python broker's process.

What each promises. Mosquitto keeps a persistent session's queue over a restart and, up to `AUTOSAVE_S` back, over a
power cut: its acknowledgement is not ours (ours is the bridge's, after the commit). The Python broker keeps queues in
memory only, so what it acknowledged and the bridge had not taken dies with it; it is for demonstrations.
"""

import argparse
import asyncio
import errno
import ipaddress
import logging
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec

from appliance.cli.supervisor.child import Child
from appliance.cli.supervisor.lifecycle import Limits
from appliance.cli.supervisor.sd_notify import Notifier
from appliance.errors import Rejected, Unavailable
from appliance.model.settings import Mqtt

LOG = logging.getLogger(__name__)

MOSQUITTO_PLACES = ("/usr/sbin", "/usr/local/sbin", "/sbin")  # not on the PATH of ordinary users
PASSWORD_FILE = "secrets/mqtt-passwords"

# Mosquitto writes its whole state to a new file and syncs it. Saving on each change cost 323 kB a message once 2,000
# waited (48 messages/s, growing with the square of the queue) and 100 messages/s even with nothing waiting; saving by
# the clock cost 270 bytes a message. Every 10 s an idle box writes about 50 GB a year, some two fills of a card.
AUTOSAVE_S = 10
QUEUED_MESSAGES = 100_000  # per client: a quarter of an hour at 100 messages/s, while the bridge returns within 30 s
QUEUED_BYTES = 32 * 2**20  # per client, and the most that a save writes for it
MESSAGE_BYTES = 2**20  # a camera's still fits; who sends a larger packet is disconnected, and sees it
MEMORY_BYTES = 256 * 2**20  # all clients together; beyond it Mosquitto disconnects publishers, who come back and retry
SESSION_DAYS = 30  # a device that has not come back for so long is forgotten with its queue
PYTHON_QUEUED_MESSAGES = 10_000  # per client, in memory


class Mosquitto(msgspec.Struct, frozen=True, kw_only=True):
    """The installed Mosquitto."""

    path: Path
    name: str = "Mosquitto"


class PythonBroker(msgspec.Struct, frozen=True, kw_only=True):
    """amqtt, which comes with Hexpost."""

    name: str = "Python broker"


Broker = Mosquitto | PythonBroker


def find_broker(search_path: str) -> Broker:
    """Mosquitto if it is in `search_path` (as `PATH`) or where Debian puts it, else the Python broker."""
    places = os.pathsep.join([search_path, *MOSQUITTO_PLACES])
    found = shutil.which("mosquitto", path=places)
    return Mosquitto(path=Path(found)) if found else PythonBroker()


def broker_child(broker: Broker, mqtt: Mqtt, data: Path, run_dir: Path) -> Child:
    """The broker as a child for `Supervisor`, its configuration written and its port found free.

    raises  Rejected     others than this machine could connect, and nothing would ask them who they are
            Unavailable  something else listens on the port
    """
    data, run_dir = data.resolve(), run_dir.resolve()
    passwords = data / PASSWORD_FILE
    _refuse_open_door(broker, mqtt.host, passwords)
    require_free_port(mqtt.host, mqtt.port)
    if isinstance(broker, Mosquitto):
        store = data / "broker"
        store.mkdir(parents=True, exist_ok=True)
        run_dir.mkdir(parents=True, exist_ok=True)
        config = run_dir / "mosquitto.conf"
        text = mosquitto_config(mqtt, store, passwords if passwords.exists() else None, is_root=os.geteuid() == 0)
        config.write_text(text, encoding="utf-8")
        argv: tuple[str, ...] = (str(broker.path), "-c", str(config))
        address = (mqtt.host, mqtt.port)
    else:
        address = None  # it says READY itself, and would log an error for each trial connection
        argv = (sys.executable, "-m", "appliance.cli.supervisor.broker", "--host", mqtt.host, "--port", str(mqtt.port))
    # SIGTERM also when the supervisor is killed: then Mosquitto saves what it holds, and it always obeys.
    return Child(
        name="broker",
        argv=argv,
        address=address,
        orphan_signal=int(signal.SIGTERM),
        limits=Limits(start_s=30.0, grace_s=20.0),
    )


def mosquitto_config(mqtt: Mqtt, store: Path, passwords: Path | None, *, is_root: bool) -> str:
    """The text of mosquitto.conf; `store` is the directory of its own state, `passwords` made by mosquitto_passwd."""
    # Started by root, Mosquitto becomes user `mosquitto`, who may not reach the data directory (it can lie in a home)
    # and whose change of user would undo the kernel's promise to end it with its supervisor.
    as_root = ["user root"] if is_root else []
    if passwords:
        access = ["allow_anonymous false", f"password_file {passwords}"]
    else:
        access = [
            "# No password file, so the listener below is this machine's own: nobody else can connect.",
            "allow_anonymous true",
        ]
    lines = [
        "# Written by hexpost at every start; change hexpost.toml instead.",
        *as_root,
        "per_listener_settings false",
        *access,
        f"listener {mqtt.port} {mqtt.host}",
        "# Without it QoS 1 is some ten times slower: each acknowledgement waits for the next packet.",
        "set_tcp_nodelay true",
        "persistence true",
        f"persistence_location {store}/",
        f"autosave_interval {AUTOSAVE_S}",
        f"persistent_client_expiration {SESSION_DAYS}d",
        "# What does not fit is dropped, logged once per client, and counted in $SYS/broker/publish/messages/dropped.",
        f"max_queued_messages {QUEUED_MESSAGES}",
        f"max_queued_bytes {QUEUED_BYTES}",
        f"max_inflight_messages {mqtt.receive_maximum}",
        f"max_packet_size {MESSAGE_BYTES}",
        f"memory_limit {MEMORY_BYTES}",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        "connection_messages false",
    ]
    return "\n".join(lines) + "\n"


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now.

    raises  Unavailable  the host is no address of this machine, or the port needs root
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a port just left is free
            listener.bind(address)
            listener.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise Unavailable(f"cannot listen on {host}:{port}: {error.strerror}; set another host or port") from None
    return True


def require_free_port(host: str, port: int) -> None:
    """Refuse early, with a remedy, where the broker would only fail and be started again.

    raises  Unavailable  the port is taken
    """
    if not port_is_free(host, port):
        raise Unavailable(
            f"the embedded broker cannot listen on {host}:{port}: another program does, most often the Mosquitto that "
            "the distribution started (`systemctl status mosquitto`) or another `hexpost run`; "
            f"`ss -ltnp 'sport = :{port}'` names it. Use it with [mqtt] url = \"mqtt://{host}:{port}\", "
            "stop it, or set another [mqtt] port"
        )


def _refuse_open_door(broker: Broker, host: str, passwords: Path) -> None:
    if _is_loopback(host):
        return
    if isinstance(broker, PythonBroker):
        raise Rejected(
            f"[mqtt] host {host} would let anyone on the network publish: the Python broker asks for no password; "
            'install mosquitto, or keep host = "127.0.0.1"'
        )
    if not passwords.exists():
        raise Rejected(
            f"[mqtt] host {host} would let anyone on the network publish: give the devices names with "
            f"`mosquitto_passwd -c {passwords} NAME` (and hexpost its own with [mqtt] username and password_file), "
            'or keep host = "127.0.0.1"'
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def python_broker_config(host: str, port: int, queued_messages: int) -> dict[str, Any]:
    """amqtt's configuration: one listener, one plugin, a bound on what waits for each absent client."""
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return {
        "listeners": {"default": {"type": "tcp", "bind": bind}},
        "session_expiry_interval": SESSION_DAYS * 86_400,
        "plugins": {"appliance.cli.supervisor.broker_plugin.LocalAccess": {"queued_messages": queued_messages}},
    }


async def serve_python_broker(config: dict[str, Any]) -> None:
    """Carry messages until SIGTERM or SIGINT, then close every connection."""
    from amqtt.broker import Broker as Amqtt

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    notifier = Notifier(os.environ)
    broker = Amqtt(config)
    await broker.start()
    notifier.ready("carrying messages; queues are in memory only")
    await stop.wait()
    notifier.stopping()
    await broker.shutdown()


def main() -> None:
    """`python -m appliance.cli.supervisor.broker --host HOST --port PORT`: the Python broker in its own process."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    asyncio.run(serve_python_broker(python_broker_config(options.host, options.port, PYTHON_QUEUED_MESSAGES)))


if __name__ == "__main__":
    main()
