"""The sd_notify protocol, against a socket as systemd opens it."""

import socket
from pathlib import Path

import pytest

from appliance.cli.supervisor.sd_notify import Notifier, watchdog_interval_s


@pytest.mark.parametrize("abstract", [False, True])
def test_every_message_arrives_as_the_manual_says(tmp_path: Path, abstract: bool) -> None:
    name = f"@hexpost-test/{tmp_path}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0", 1) if abstract else name)
        manager.settimeout(10)
        notifier = Notifier({"NOTIFY_SOCKET": name})
        notifier.ready("connected to the broker")
        notifier.status("two\nlines")
        notifier.alive()
        notifier.stopping()
        notifier.close()
        assert [manager.recv(4096) for _ in range(4)] == [
            b"READY=1\nSTATUS=connected to the broker",
            b"STATUS=two lines",  # a line break would begin another assignment
            b"WATCHDOG=1",
            b"STOPPING=1",
        ]


def test_a_part_started_by_hand_tells_nobody_and_goes_on() -> None:
    notifier = Notifier({})
    notifier.ready()
    notifier.alive()
    assert notifier.watchdog_s is None


def test_a_manager_that_has_gone_is_no_error(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notifier.ready("still at work")
    notifier.close()
    notifier.alive()  # also after close
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    ("environment", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "41"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, None),  # meant for our parent
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_answered_twice_in_its_time(environment: dict[str, str], interval_s: float | None) -> None:
    assert watchdog_interval_s(environment, pid=41) == interval_s
