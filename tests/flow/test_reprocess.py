"""A technician mends a mapping on a box that runs: the day so far is made right, while messages go on coming in."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from appliance.store.engine import FILE_NAME, Store, raw_connection
from tests.conftest import wait_for
from tests.flow.box import RunningBox
from tests.reprocess.site import MENDED, WRONG

pytestmark = pytest.mark.flow


@contextmanager
def publishing(port: int) -> Iterator[list[int]]:
    """Levels of a cart, each another, and where it is; the list grows by what the broker has acknowledged."""
    told: list[int] = []
    stop = threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()

    def publish() -> None:
        n = 0
        while not stop.wait(0.005):
            n += 1
            now = datetime.now(UTC).isoformat()
            for topic, words in (("data", {"level_mm": n}), ("where", {"at": [47.9, 29.3]})):
                client.publish(f"cart/c1/{topic}", json.dumps({"ts": now, **words}), qos=1).wait_for_publish(20)
            told.append(n)

    working = threading.Thread(target=publish)
    working.start()
    try:
        yield told
    finally:
        stop.set()
        working.join(30)
        client.disconnect()
        client.loop_stop()


def query(box: RunningBox, sql: str) -> list[tuple[Any, ...]]:
    store = Store(box.data / FILE_NAME)
    with store.read() as connection:
        rows: list[tuple[Any, ...]] = raw_connection(connection).execute(sql).fetchall()
    store.close()
    return rows


def levels(box: RunningBox) -> list[float]:
    return sorted(row[0] for row in query(box, "SELECT value FROM readings WHERE metric = 'level'"))


def positions(box: RunningBox) -> int:
    return int(query(box, "SELECT count(*) FROM positions")[0][0])


def test_a_mended_mapping_reaches_back_while_messages_go_on(tmp_path: Path) -> None:
    box = RunningBox(tmp_path)
    mapping = box.data / "mappings" / "cart.toml"
    mapping.parent.mkdir(parents=True)
    mapping.write_text(WRONG)
    day = datetime.now(UTC).date().isoformat()
    try:
        box.start()
        with publishing(box.mqtt_port) as told:
            wait_for(lambda: len(levels(box)) > 100, what="a hundred levels")
            assert positions(box) == 0
            mapping.write_text(MENDED)
            wait_for(lambda: positions(box) > 20, what="the bridge to understand by the mended mapping")
            begun = len(told)
            report = json.loads(box.hexpost("reprocess", "--from", day, "--to", day, "--json"))
            wait_for(lambda: len(told) > begun + 20, what="messages to go on")
        assert report["readings"]["removed"] > 100 and report["unread"]["faults"] == []
        assert report["done"]["quarantine_left"] > 100
        wait_for(lambda: len(levels(box)) >= len(told), what="all to be stored")
        assert levels(box) == [n / 1000 for n in range(1, len(told) + 1)]  # what a fresh decode of all would give
        assert positions(box) == len(told) and query(box, "SELECT count(*) FROM quarantine") == [(0,)]
        again = json.loads(box.hexpost("reprocess", "--from", day, "--to", day, "--json"))
        assert (again["readings"]["added"], again["readings"]["removed"], again["positions"]["added"]) == (0, 0, 0)
        assert again["readings"]["kept"] == again["positions"]["kept"] == len(told)
        assert "ok   archive" in box.hexpost("verify")
    finally:
        box.stop()
