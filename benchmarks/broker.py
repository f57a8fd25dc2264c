"""Mosquitto for the benchmarks, a backlog for it, and the bare subscriber that everything is compared with."""

import itertools
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from appliance.cli.supervisor.broker import Mosquitto, find_broker, mosquitto_config
from appliance.model.settings import Mqtt
from firmware_bridge.address import Address
from firmware_bridge.mqtt import wire
from firmware_bridge.mqtt.reader import Reader

DEVICES = int(os.environ.get("BENCH_DEVICES", "200"))
WINDOW = 2_000  # publications in flight
TOPICS = "hexpost/v1/+/+/event"


@contextmanager
def broker(folder: Path, settings: Mqtt) -> Iterator[Address]:
    """A Mosquitto as `hexpost run` configures it, with room for the whole backlog."""
    found = find_broker(os.environ["PATH"])
    if not isinstance(found, Mosquitto):
        sys.exit("this benchmark needs mosquitto")
    text = mosquitto_config(settings, folder, None, is_root=os.geteuid() == 0)
    roomy = {"max_queued_messages": "0", "max_queued_bytes": "0", "memory_limit": "0", "autosave_interval": "0"}
    lines = [line for line in text.splitlines() if line.split(" ")[0] not in roomy]
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(lines + [f"{key} {value}" for key, value in roomy.items()]) + "\n")
    process = subprocess.Popen([str(found.path), "-c", str(config)], stderr=subprocess.DEVNULL)
    address = Address(host="127.0.0.1", port=settings.port)
    try:
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection((address.host, address.port)).close()
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


def made_events(how_many: int, *, seed: int = 1) -> Iterator[tuple[str, dict[str, object]]]:
    """(device, native event), spread over a city, two hundred devices and three types.

    Ids rise with each device, and differ between seeds.
    """
    chance = random.Random(seed)
    start = datetime.now(UTC) - timedelta(hours=6)
    for n in range(how_many):
        device = f"cam{chance.randrange(DEVICES)}"
        yield (
            device,
            {
                "event_id": f"{device}-{seed}{n:08d}",
                "event_type": ("motion", "intrusion", "crowd")[n % 3],
                "event_timestamp": (start + timedelta(milliseconds=n * 50)).isoformat(),
                "longitude": round(47.5 + chance.random() * 0.3, 6),
                "latitude": round(29.0 + chance.random() * 0.3, 6),
                "severity": 0.5,
                "attributes": {"zone": "gate"},
            },
        )


def single_messages(how_many: int, *, seed: int = 1) -> Iterator[tuple[str, bytes]]:
    """One event a message."""
    for device, event in made_events(how_many, seed=seed):
        yield f"hexpost/v1/agency/{device}/event", json.dumps(event).encode()


def batch_messages(how_many: int, size: int) -> Iterator[tuple[str, bytes]]:
    """`size` events of one device a message; some `how_many` events in all."""
    waiting: dict[str, list[dict[str, object]]] = {}
    for device, event in made_events(how_many, seed=2):
        held = waiting.setdefault(device, [])
        held.append(event)
        if len(held) == size:
            yield f"hexpost/v1/agency/{device}/event", msgspec.json.encode(waiting.pop(device))


def publish_backlog(address: Address, messages: Iterator[tuple[str, bytes]]) -> int:
    """Publish at QoS 1 until the broker has acknowledged all; how many."""
    level = wire.MQTT_3_1_1
    with socket.create_connection((address.host, address.port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(
            wire.encode_connect(
                level=level, client_id="backlog", keepalive_s=600, session_s=0, receive_maximum=100,
                will=wire.Will("bench/gone", b""), username=None, password=None,
            )
        )  # fmt: skip
        reader, sent, confirmed = Reader(level, 0), 0, 0
        while True:
            chunk = list(itertools.islice(messages, max(0, WINDOW - (sent - confirmed))))
            link.sendall(
                b"".join(
                    wire.encode_publish(topic, payload, level=level, qos=1, mid=(sent + n) % 65_535 + 1)
                    for n, (topic, payload) in enumerate(chunk)
                )
            )
            sent += len(chunk)
            if sent == confirmed and sent:
                break
            reader.feed(link.recv(65_536), datetime.now(UTC))
            confirmed += sum(packet.kind == wire.PUBACK for packet in reader.packets)
            reader.packets.clear()
        link.sendall(wire.BYE)
    return sent


def subscribe(address: Address, client_id: str) -> None:
    """Make a session that the broker keeps a queue for."""
    done = threading.Event()
    client = _link(address, client_id, lambda _count: None)
    client.on_subscribe = lambda *_: done.set()
    done.wait(10)
    client.disconnect()
    client.loop_stop()


def drain_bare(address: Address, client_id: str, how_many: int) -> tuple[float, float]:
    """(CPU seconds, wall seconds) of a paho subscriber that only counts and acknowledges."""
    done = threading.Event()
    cpu, wall = time.process_time(), time.monotonic()
    client = _link(address, client_id, lambda count: done.set() if count == how_many else None)
    if not done.wait(600):
        sys.exit("the bare subscriber did not get everything")
    spent = time.process_time() - cpu, time.monotonic() - wall
    client.disconnect()
    client.loop_stop()
    return spent


def _link(address: Address, client_id: str, count: Callable[[int], None]) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, manual_ack=True)
    counter = itertools.count(1)

    def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        client.ack(message.mid, message.qos)
        count(next(counter))

    client.on_message = on_message
    client.connect(address.host, address.port)
    client.subscribe([(TOPICS, 1)])
    client.loop_start()
    return client
