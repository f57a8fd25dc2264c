"""A card that gives up under a whole box: it goes on showing, loses nothing acknowledged, and says what to do."""

import errno
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.store.file.disk import ERRORS_WORDS, READ_ONLY_WORDS
from appliance.store.file.pulse import TEXT_CHARACTERS
from firmware_bridge.address import Address
from firmware_bridge.publisher import Publisher
from tests.conftest import wait_for
from tests.durability.faulty import Ext4Card, Fault, needs_card
from tests.flow.box import PASSWORD, RunningBox, running_box
from tests.flow.test_full_disk import Fleet, bridge, event, stored

pytestmark = [pytest.mark.flow, pytest.mark.timeout(400)]
SAME_LINE = 3  # how often one line may stand in the log of half a minute: each part may say it


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pulses lie in memory, as under systemd."""
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))


@pytest.fixture
def fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fault:
    made = Fault(tmp_path / "data", tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def box(fault: Fault, tmp_path: Path) -> Iterator[RunningBox]:
    with running_box(tmp_path) as running:
        yield running
        fault.mend()  # so that it can stop cleanly


def trouble(box: RunningBox) -> str:
    """What the box says of its disk; it must answer whatever happens."""
    health = box.health()
    assert health is not None, "the box does not answer"
    return str(health["store"])


def disk_alerts(box: RunningBox) -> list[tuple[str, str, str]]:
    """(subject, severity, state) of every alert of the disk."""
    items = box.client.get("/v1/alerts", params={"kind": "disk"}).json()["items"]
    return [(item["subject"], item["severity"], item["state"]) for item in items]


def repeated(text: str) -> Counter[str]:
    """How often each complaint of ours stands there, numbers left out."""
    lines = [line for line in text.splitlines() if "ERROR" in line or "WARNING" in line or "Traceback" in line]
    return Counter(re.sub(r"\d+", "N", line) for line in lines)


def work(box: RunningBox, fleet: Fleet) -> None:
    """Devices publish, and crews look at the picture and log in."""
    fleet.publish()
    assert box.public.get("/v1/risk/today").status_code == 200
    assert box.public.get("/v1/tiles.json").status_code == 200
    answer = box.public.post("/v1/auth/token", json={"username": "admin", "password": PASSWORD})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO], ids=["read-only", "input/output error"])
def test_a_disk_that_refuses_every_write_for_a_while_costs_nothing_that_was_acknowledged(
    box: RunningBox, fault: Fault, number: int
) -> None:
    parts = box.pids()
    with (
        Publisher(Address(host="127.0.0.1", port=box.mqtt_port)) as publisher,
        box.listening("hexpost/v1/out/testbox/alert") as alerts,
    ):
        fleet = Fleet(publisher)
        fleet.publish()
        wait_for(lambda: len(fleet.told) == len(fleet.sent), what="the first acknowledgements")
        before, begun = set(fleet.told), box.log.stat().st_size
        fault.give(number)
        for _ in range(3):
            work(box, fleet)
        wait_for(lambda: ERRORS_WORDS in trouble(box), what="the box to say what is wrong")
        wait_for(lambda: ERRORS_WORDS in bridge(box)["disk_error"], what="the bridge to say so too")
        refused = box.client.post("/v1/events/upload", json=[event("refused")])
        assert (refused.status_code, "replace the card" in refused.json()["detail"]) == (503, True)
        status = box.client.get("/v1/status").json()
        assert ERRORS_WORDS in status["health"]["store"]
        assert fleet.told == before, "acknowledged what is not stored"
        wait_for(lambda: any("disk_error" in json.loads(one) for one in alerts), what="the alert")
        while len(fleet.sent) < 4_000:  # some ten seconds of what would flood a log
            work(box, fleet)
        fault.mend()
        wait_for(lambda: not trouble(box), deadline_s=60, what="the box to find the disk mended")
        wait_for(lambda: len(fleet.told) == len(fleet.sent), deadline_s=60, what="what waited at the broker")
        wait_for(lambda: "disk_error" not in json.loads(alerts[-1]), what="the alert that it is over")
    assert box.pids() == parts, "a part died of it"
    wait_for(lambda: disk_alerts(box) == [("writes", "critical", "closed")], what="the alert in the list")
    assert stored(box) == set(fleet.sent)
    said = box.log.read_bytes()[begun:].decode()
    assert ERRORS_WORDS in said
    assert "Traceback" not in said
    assert max(repeated(said).values()) <= SAME_LINE, said
    assert box.pids() == parts, "a part died of it"
    taken = box.client.post("/v1/events/upload", json=[event("taken")])
    assert taken.json().get("accepted") == 1, taken.text
    assert "FAIL" not in box.hexpost("verify")


@needs_card
def test_a_card_whose_file_system_gives_up_is_read_until_it_is_checked_and_all_that_was_acknowledged_is_there(
    tmp_path: Path,
) -> None:
    card = Ext4Card(tmp_path / "data", tmp_path, 160)
    try:
        with running_box(tmp_path) as box:
            with Publisher(Address(host="127.0.0.1", port=box.mqtt_port)) as publisher:
                fleet = Fleet(publisher)
                for _ in range(3):
                    fleet.publish()
                wait_for(lambda: len(fleet.told) == len(fleet.sent), what="the first acknowledgements")
                fleet.publish()
                card.give_up()
                fleet.publish()
                wait_for(lambda: READ_ONLY_WORDS in trouble(box), what="the box to say what is wrong")
                work(box, fleet)
                assert READ_ONLY_WORDS in box.hexpost("status")
                drive = tmp_path / "drive"
                drive.mkdir()
                assert "opened and checked" in box.hexpost("backup", "--to", str(drive))
                os.kill(box.pids()["serve"], signal.SIGKILL)  # started again it reads, and does not write
                wait_for(lambda: box.health() is not None and READ_ONLY_WORDS in trouble(box), what="serve to be back")
                work(box, fleet)
                told = set(fleet.told)
                assert told <= stored(box)
            box.interrupt()
            card.check()
            box.start()
            assert trouble(box) == ""
            assert told <= stored(box)
            with Publisher(Address(host="127.0.0.1", port=box.mqtt_port)) as publisher:
                fleet = Fleet(publisher)
                fleet.publish()
                wait_for(lambda: len(fleet.told) == len(fleet.sent), what="an acknowledgement after the check")
            assert "FAIL" not in box.hexpost("verify")
    finally:
        card.unmount()


@pytest.mark.parametrize("words", [ERRORS_WORDS, READ_ONLY_WORDS])
def test_what_is_said_of_a_bad_disk_fits_a_pulse_and_names_the_remedy(words: str) -> None:
    assert len(words) <= TEXT_CHARACTERS
    for remedy in ("dmesg", "hexpost backup", "replace the card", "waits at the broker"):
        assert remedy in words
