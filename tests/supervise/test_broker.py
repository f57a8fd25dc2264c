"""The embedded broker: which one, on what terms, and that it carries and keeps messages."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from appliance.cli.supervisor.broker import (
    PASSWORD_FILE,
    Broker,
    Mosquitto,
    PythonBroker,
    broker_child,
    find_broker,
    mosquitto_config,
    port_is_free,
)
from appliance.cli.supervisor.child import Child
from appliance.cli.supervisor.lifecycle import Limits, State
from appliance.cli.supervisor.supervise import ChildStatus, Supervisor
from appliance.errors import Rejected, Unavailable
from appliance.model.settings import Mqtt

Until = Callable[[Callable[[], bool]], None]

INSTALLED = find_broker(os.environ.get("PATH", ""))
needs_mosquitto = pytest.mark.skipif(not isinstance(INSTALLED, Mosquitto), reason="mosquitto is not installed")
BOTH = [pytest.param(INSTALLED, id="mosquitto", marks=needs_mosquitto), pytest.param(PythonBroker(), id="python")]


@contextmanager
def running(child: Child, port: int, until: Until) -> Iterator[subprocess.Popen[bytes]]:
    """The broker process itself, as the supervisor would start it."""
    process = subprocess.Popen(child.argv)
    try:
        until(lambda: _accepts(port))
        yield process
    finally:
        process.terminate()
        process.wait(20)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Listener:
    """A subscriber with a persistent session, and what it got."""

    def __init__(self, port: int) -> None:
        self.payloads: list[bytes] = []
        self.subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, "listener", clean_session=False)
        self._client.on_message = lambda _client, _data, message: self.payloads.append(bytes(message.payload))
        self._client.on_connect = lambda client, *_: client.subscribe("hexpost/#", qos=1)
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self.subscribed.wait(20)

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def publish(port: int, *payloads: str, retain: bool = False) -> None:
    """QoS 1; returns once each is acknowledged."""
    client = paho.Client(CallbackAPIVersion.VERSION2, "publisher")
    client.connect("127.0.0.1", port)
    client.loop_start()
    for payload in payloads:
        client.publish("hexpost/v1/police/cam7/event", payload, qos=1, retain=retain).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("broker", BOTH)
def test_a_message_is_carried(broker: Broker, tmp_path: Path, port: int, until: Until) -> None:
    child = broker_child(broker, Mqtt(port=port), tmp_path, tmp_path / "run")
    with running(child, port, until):
        listener = Listener(port)
        publish(port, "one", "two")
        until(lambda: listener.payloads == [b"one", b"two"])
        listener.leave()


@pytest.mark.parametrize("broker", BOTH)
def test_what_comes_while_a_persistent_client_is_away_waits_for_it(
    broker: Broker, tmp_path: Path, port: int, until: Until
) -> None:
    child = broker_child(broker, Mqtt(port=port), tmp_path, tmp_path / "run")
    with running(child, port, until):
        Listener(port).leave()
        publish(port, "while away")
        again = Listener(port)
        until(lambda: b"while away" in again.payloads)
        again.leave()


def test_the_python_broker_drops_the_oldest_of_a_full_queue_and_says_so(port: int, until: Until) -> None:
    script = (
        "import asyncio, logging; from appliance.cli.supervisor.broker import *; logging.basicConfig(level='WARNING');"
        f"asyncio.run(serve_python_broker(python_broker_config('127.0.0.1', {port}, queued_messages=2)))"
    )
    broker = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    until(lambda: _accepts(port))
    Listener(port).leave()
    publish(port, "1", "2", "3", "4")
    again = Listener(port)
    until(lambda: again.payloads == [b"3", b"4"])
    again.leave()
    broker.terminate()
    assert "the queue of listener, which is away, is full (2)" in broker.communicate(timeout=20)[1]
    assert broker.returncode == 0


@needs_mosquitto
def test_mosquitto_keeps_the_queue_over_a_restart(tmp_path: Path, port: int, until: Until) -> None:
    child = broker_child(INSTALLED, Mqtt(port=port), tmp_path, tmp_path / "run")
    with running(child, port, until):
        Listener(port).leave()
        publish(port, "kept")
    assert (tmp_path / "broker" / "mosquitto.db").exists()
    with running(child, port, until):
        listener = Listener(port)
        until(lambda: listener.payloads == [b"kept"])
        listener.leave()


@needs_mosquitto
def test_mosquitto_asks_for_the_password_where_there_is_a_password_file(
    tmp_path: Path, port: int, until: Until
) -> None:
    passwords = tmp_path / PASSWORD_FILE
    passwords.parent.mkdir()
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "cam7", "open sesame"], check=True)
    child = broker_child(INSTALLED, Mqtt(port=port), tmp_path, tmp_path / "run")
    answers: dict[str, bool] = {}

    def ask(name: str, password: str) -> None:
        client = paho.Client(CallbackAPIVersion.VERSION2, name)
        client.username_pw_set(name, password)
        answered = threading.Event()

        def on_connect(_client: object, _data: object, _flags: object, code: ReasonCode, _more: object) -> None:
            answers[password] = not code.is_failure
            answered.set()

        client.on_connect = on_connect
        client.connect("127.0.0.1", port)
        client.loop_start()
        assert answered.wait(20)
        client.disconnect()
        client.loop_stop()

    with running(child, port, until):
        ask("cam7", "open sesame")
        ask("cam7", "guess")
    assert answers == {"open sesame": True, "guess": False}


@pytest.mark.parametrize("broker", BOTH)
def test_a_broker_under_the_supervisor_comes_back_on_its_port(broker: Broker, tmp_path: Path, port: int) -> None:
    child = broker_child(broker, Mqtt(port=port), tmp_path, tmp_path / "run")
    # Mosquitto forgets a SIGTERM that reaches it between opening its port and beginning its loop: then SIGKILL ends it.
    child = msgspec.structs.replace(child, limits=Limits(grace_s=2.0))
    killed: list[int] = []

    def play(statuses: tuple[ChildStatus, ...]) -> None:
        (status,) = statuses
        if status.state is State.UP and status.restarts == 1:
            supervisor.stop()
        elif status.state is State.UP and not killed and status.pid:
            killed.append(status.pid)
            os.kill(status.pid, signal.SIGKILL)

    supervisor = Supervisor([child], on_status=play, refresh_s=0.05)
    assert supervisor.run() == 0
    assert len(killed) == 1
    assert port_is_free("127.0.0.1", port)


SUPERVISOR = """
import sys
from pathlib import Path
from appliance.cli.supervisor.broker import *
from appliance.cli.supervisor.supervise import Supervisor
data, port, which = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
broker = PythonBroker() if which == "Python broker" else find_broker("")
def say(statuses):
    if statuses[0].state == "up":
        print(statuses[0].pid, flush=True)
Supervisor([broker_child(broker, Mqtt(port=port), data, data / "run")], on_status=say).run()
"""


@pytest.mark.parametrize("broker", BOTH)
def test_a_broker_ends_when_its_supervisor_is_killed(broker: Broker, tmp_path: Path, port: int, until: Until) -> None:
    argv = [sys.executable, "-c", SUPERVISOR, str(tmp_path), str(port), broker.name]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        supervisor.stdout.readline()
        assert not port_is_free("127.0.0.1", port)
        wait_until_served(port)  # Mosquitto forgets a signal between opening its port and beginning its loop
        supervisor.kill()
    until(lambda: port_is_free("127.0.0.1", port))


def wait_until_served(port: int) -> None:
    """Until the broker answers a connection, and so is in its loop."""
    answered = threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, "probe")
    client.on_connect = lambda *_: answered.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert answered.wait(20)
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("broker", [Mosquitto(path=Path("/usr/sbin/mosquitto")), PythonBroker()])
def test_a_taken_port_names_the_suspects_and_the_remedy(broker: Broker, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(Unavailable) as refused:
            broker_child(broker, Mqtt(port=taken), tmp_path, tmp_path / "run")
    for word in (f"127.0.0.1:{taken}", "systemctl status mosquitto", f"mqtt://127.0.0.1:{taken}", "[mqtt] port"):
        assert word in str(refused.value)


def test_a_host_that_is_not_ours_is_not_called_a_taken_port() -> None:
    with pytest.raises(Unavailable, match="cannot listen on 192\\.0\\.2\\.1:1883"):
        port_is_free("192.0.2.1", 1883)


@pytest.mark.parametrize(
    ("broker", "remedy"),
    [(Mosquitto(path=Path("/usr/sbin/mosquitto")), "mosquitto_passwd -c"), (PythonBroker(), "install mosquitto")],
)
def test_nobody_on_the_network_may_publish_without_a_name(
    broker: Broker, remedy: str, tmp_path: Path, port: int
) -> None:
    with pytest.raises(Rejected, match=remedy):
        broker_child(broker, Mqtt(host="0.0.0.0", port=port), tmp_path, tmp_path / "run")


def test_mosquitto_is_taken_from_the_path_before_anything_else(tmp_path: Path) -> None:
    program = tmp_path / "mosquitto"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_broker(str(tmp_path)) == Mosquitto(path=program)


@pytest.mark.parametrize(
    ("is_root", "passwords", "expected"),
    [
        (False, None, {"allow_anonymous true"}),
        (True, None, {"allow_anonymous true", "user root"}),
        (False, Path("/d/p"), {"allow_anonymous false", "password_file /d/p"}),
    ],
)
def test_mosquitto_is_bounded_and_open_only_to_this_machine(
    is_root: bool, passwords: Path | None, expected: set[str]
) -> None:
    lines = set(mosquitto_config(Mqtt(port=1884), Path("/d/broker"), passwords, is_root=is_root).splitlines())
    always = {
        "listener 1884 127.0.0.1",
        "set_tcp_nodelay true",
        "persistence_location /d/broker/",
        "autosave_interval 10",
        "max_queued_messages 100000",
        "max_queued_bytes 33554432",
        "max_inflight_messages 4000",
        "max_packet_size 1048576",
    }
    assert always | expected <= lines
    assert not {"allow_anonymous true", "allow_anonymous false", "user root"} - expected & lines


def test_the_python_broker_refuses_a_port_that_is_none() -> None:
    argv = [sys.executable, "-m", "appliance.cli.supervisor.broker", "--host", "127.0.0.1", "--port", "mqtt"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "--port" in ended.stderr
