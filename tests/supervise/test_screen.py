"""The screen of `hexpost run`: the whole picture as text, and the lines a log gets instead."""

import io

import msgspec
import pytest
from rich.console import Console

from appliance.cli.supervisor.lifecycle import State
from appliance.cli.supervisor.screen import (
    PartLine,
    Screen,
    Snapshot,
    changes,
    count,
    duration,
    part_line,
    screen_text,
    size,
)
from appliance.cli.supervisor.supervise import ChildStatus

STARTING = Snapshot(
    site="Kuwait City",
    url="http://127.0.0.1:8080/",
    login="log in as demo with the password in hexpost-data/secrets/demo",
    broker="Mosquitto on 127.0.0.1:1883",
    data="/srv/hexpost-data",
    parts=(
        PartLine(name="broker", state="up", for_s=2),
        PartLine(name="bridge", state="starting", for_s=1),
        PartLine(name="serve", state="waiting"),
    ),
)

AT_WORK = msgspec.structs.replace(
    STARTING,
    is_ready=True,
    parts=(
        PartLine(name="broker", state="up", for_s=7300),
        PartLine(name="bridge", state="up", for_s=65, restarts=1, text="connected, 120 messages/s"),
        PartLine(name="serve", state="failed", for_s=5, exit_code=2, text="no key http.prot; did you mean port?"),
    ),
    messages_per_s=120.4,
    events_total=1_234_567,
    events_last_minute=7_201,
    pending=12,
    last_run="composite res 8, 3 s ago, 14 rows changed",
    sync="acknowledged 5 s ago",
    sync_pending=0,
    free_bytes=79_200_000_000,
)

PICTURE_STARTING = """\
╭─ Kuwait City ────────────────────────────────────────────────────────────────╮
│ Map  http://127.0.0.1:8080/  starting …                                      │
│      log in as demo with the password in hexpost-data/secrets/demo           │
│                                                                              │
│ part    state     for  restarts  says                                        │
│ broker  up        2 s         –                                              │
│ bridge  starting  1 s         –                                              │
│ serve   waiting   0 s         –                                              │
│                                                                              │
│ broker    Mosquitto on 127.0.0.1:1883                                        │
│ messages  – a second, – pending                                              │
│ events    – stored, – in the last minute                                     │
│ last run  –                                                                  │
│ sync      –, – pending                                                       │
│ data      /srv/hexpost-data, – free                                          │
╰─────────────────────────────────────────────────────────────── Ctrl-C stops ─╯
"""

PICTURE_AT_WORK = """\
╭─ Kuwait City ────────────────────────────────────────────────────────────────╮
│ Map  http://127.0.0.1:8080/                                                  │
│      log in as demo with the password in hexpost-data/secrets/demo           │
│                                                                              │
│ part    state     for  restarts  says                                        │
│ broker  up        2 h         –                                              │
│ bridge  up      1 min         1  connected, 120 messages/s                   │
│ serve   failed    5 s         –  no key http.prot; did you mean port?        │
│                                                                              │
│ broker    Mosquitto on 127.0.0.1:1883                                        │
│ messages  120.4 a second, 12 pending                                         │
│ events    1,234,567 stored, 7,201 in the last minute                         │
│ last run  composite res 8, 3 s ago, 14 rows changed                          │
│ sync      acknowledged 5 s ago, 0 pending                                    │
│ data      /srv/hexpost-data, 79.2 GB free                                    │
╰─────────────────────────────────────────────────────────────── Ctrl-C stops ─╯
"""


@pytest.mark.parametrize(("snapshot", "picture"), [(STARTING, PICTURE_STARTING), (AT_WORK, PICTURE_AT_WORK)])
def test_the_screen_says_where_to_look_and_how_each_part_is(snapshot: Snapshot, picture: str) -> None:
    assert screen_text(snapshot, width=80) == picture


def test_words_of_a_child_are_text_and_never_markup() -> None:
    hostile = msgspec.structs.replace(
        STARTING, site="[red]box[/]", parts=(PartLine(name="bridge", state="up", text="[bold]x[/bold] [/]"),)
    )
    picture = screen_text(hostile, width=80)
    assert "[bold]x[/bold] [/]" in picture
    assert "[red]box[/]" in picture


def test_a_log_begins_with_the_site_and_each_part() -> None:
    assert changes(None, STARTING) == [
        "Kuwait City: data in /srv/hexpost-data, broker Mosquitto on 127.0.0.1:1883",
        "broker is up",
        "bridge is starting",
        "serve is waiting",
    ]


def test_a_log_gets_a_line_for_each_change_and_ends_with_the_url() -> None:
    assert changes(STARTING, AT_WORK) == [
        "bridge is up (restart 1): connected, 120 messages/s",
        "serve is failed after exit 2: no key http.prot; did you mean port?",
        "log in as demo with the password in hexpost-data/secrets/demo",
        "Map: http://127.0.0.1:8080/",
    ]


def test_a_log_says_nothing_while_only_numbers_change() -> None:
    later = msgspec.structs.replace(AT_WORK, events_total=2_000_000, free_bytes=1)
    assert changes(AT_WORK, later) == []


def test_a_killed_part_is_told_by_its_signal() -> None:
    killed = PartLine(name="bridge", state="backing off", exit_code=-9, restarts=3)
    before = msgspec.structs.replace(STARTING, parts=(PartLine(name="bridge", state="up", restarts=3),))
    after = msgspec.structs.replace(before, parts=(killed,))
    assert changes(before, after) == ["bridge is backing off after signal 9 (restart 3)"]


def test_what_is_not_a_terminal_gets_plain_lines_and_the_children_s_output() -> None:
    out = io.StringIO()
    with Screen(Console(file=out, force_terminal=False, width=40)) as screen:
        screen.show(STARTING)
        screen.child_line("serve", "listening [on] http://127.0.0.1:8080/ " + "x" * 40)
        screen.show(AT_WORK)
    lines = out.getvalue().splitlines()
    assert lines[4] == "serve  | listening [on] http://127.0.0.1:8080/ " + "x" * 40  # one line, whatever its width
    assert lines[-1] == "Map: http://127.0.0.1:8080/"


def test_a_terminal_gets_the_picture_and_not_the_children_s_output() -> None:
    out = io.StringIO()
    with Screen(Console(file=out, force_terminal=True, width=80, no_color=True, legacy_windows=False)) as screen:
        screen.show(STARTING)
        screen.child_line("serve", "listening")
        screen.show(AT_WORK)
    assert "1,234,567 stored" in out.getvalue()
    assert "listening" not in out.getvalue()


@pytest.mark.parametrize(
    ("state", "shown"), [(State.UP, "at work"), (State.FAILED, "last line"), (State.BACKING_OFF, "last line")]
)
def test_a_part_that_is_down_shows_its_last_line_and_one_that_is_up_its_status(state: State, shown: str) -> None:
    status = ChildStatus(
        name="serve",
        state=state,
        for_s=1.0,
        pid=None,
        restarts=0,
        exit_code=2,
        text="at work",
        tail=("first line", "last line"),
    )
    assert part_line(status).text == shown


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "1 h"), (86_400 * 12, "12 d")]
)
def test_a_duration_is_its_largest_whole_unit(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_what_is_unknown_is_a_dash_and_not_zero() -> None:
    assert (count(None), count(0), size(None), size(512_000_000)) == ("–", "0", "–", "512 MB")
