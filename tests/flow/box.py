"""A whole box as its user starts it: `hexpost run` in a process of its own, spoken to over MQTT and HTTP."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt

from tests.conftest import free_port, wait_for

PASSWORD = "correct horse battery"


class RunningBox:
    """A running box; `client` is logged in as admin, `public` is not."""

    def __init__(self, folder: Path, *, settings: str = "", site: str = "") -> None:
        self.data = folder / "data"
        self.config = folder / "hexpost.toml"
        self.log = folder / "run.log"
        self.http_port, self.mqtt_port = free_port(), free_port()
        self.config.write_text(
            f'[site]\nid = "testbox"\n{site}\n[http]\nport = {self.http_port}\n[mqtt]\nport = {self.mqtt_port}\n'
            f"[risk]\nevery_s = 2\n{settings}\n"
        )
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.public = httpx.Client(base_url=self.url, timeout=30)
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def hexpost(self, *arguments: str, expect: int = 0) -> str:
        """Run one command on this box and give back what it printed."""
        options = ("--config", str(self.config), "--data", str(self.data))
        done = subprocess.run(
            [sys.executable, "-m", "appliance.cli", *arguments, *options], capture_output=True, text=True, check=False
        )
        assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, *command: str) -> None:
        """`hexpost run`, or another command, up to the point where every part is up."""
        argv = [sys.executable, "-m", "appliance.cli", *(command or ("run",))]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*argv, "--config", str(self.config), "--data", str(self.data)], stdout=log, stderr=log
            )
        wait_for(self.is_up, deadline_s=60, what=f"{argv[-1]} to be up; see {self.log.read_text()[-3000:]}")

    def is_up(self) -> bool:
        """Every part says that it is alive, and the bridge has its broker."""
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        health = self.health()
        return health is not None and health["broker"] == "up" and set(health["parts"].values()) == {"up"}

    def health(self) -> dict[str, Any] | None:
        """What `/v1/health/ready` says; None while nobody answers."""
        try:
            answer = self.public.get("/v1/health/ready")
        except httpx.TransportError:
            return None
        return answer.json() if answer.status_code == 200 else None

    def log_in(self) -> None:
        """Make the admin and log the client in."""
        secret = self.data.parent / "password"
        secret.write_text(PASSWORD + "\n")
        self.hexpost("user", "add", "admin", "--role", "admin", "--password-file", str(secret))
        answer = self.public.post("/v1/auth/token", json={"username": "admin", "password": PASSWORD})
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def publish(self, topic: str, payload: object, *, qos: int = 1, retain: bool = False) -> None:
        """Publish as a device's own tool would: `mosquitto_pub`."""
        text = payload if isinstance(payload, str) else json.dumps(payload)
        command = [
            "mosquitto_pub",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.mqtt_port),
            "-q",
            str(qos),
            "-t",
            topic,
            "-m",
            text,
        ]
        subprocess.run([*command, *(["-r"] if retain else [])], check=True, timeout=20)

    @contextmanager
    def listening(self, topic: str) -> Iterator[list[bytes]]:
        """The payloads that arrive on a topic while the context lasts."""
        heard: list[bytes] = []
        subscribed = threading.Event()
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = lambda _client, _userdata, message: heard.append(message.payload)
        client.connect("127.0.0.1", self.mqtt_port)
        client.subscribe(topic, 1)
        client.loop_start()
        try:
            assert subscribed.wait(10)
            yield heard
        finally:
            client.disconnect()
            client.loop_stop()

    def metrics(self) -> dict[str, float]:
        """`/metrics` by name, labels left out, values of one name added up."""
        found: dict[str, float] = {}
        for line in self.public.get("/metrics").text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name.partition("{")[0]] = found.get(name.partition("{")[0], 0.0) + float(value)
        return found

    def pids(self) -> dict[str, int]:
        """Process numbers of the parts."""
        parts = json.loads(self.hexpost("status", "--json"))["parts"]
        return {part: pulse["pid"] for part, pulse in parts.items() if pulse["up"]}

    def child(self, program: str) -> int:
        """The pid of a child of the supervisor that runs this program; 0 while there is none."""
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = status.read_text().partition("(")[2].rpartition(")")[0::1]
            except OSError:
                continue
            if name == program and int(rest.split()[1]) == self.process.pid:
                return int(status.parent.name)
        return 0

    def kill(self, part: str) -> int:
        """`kill -9` of one part; the pid it had."""
        pid = self.pids()[part]
        os.kill(pid, signal.SIGKILL)
        return pid

    def interrupt(self) -> None:
        """A clean stop, as systemd or Ctrl-C asks for it; `start` may follow."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=40)

    def stop(self) -> None:
        """A clean stop for good."""
        self.interrupt()
        self.public.close()
        self.client.close()


@contextmanager
def running_box(folder: Path, *, settings: str = "", site: str = "") -> Iterator[RunningBox]:
    """A box that is up, with an admin logged in; stopped at the end."""
    box = RunningBox(folder, settings=settings, site=site)
    try:
        box.start()
        box.log_in()
        yield box
    finally:
        box.stop()
