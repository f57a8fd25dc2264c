"""Every command: named, helped with an example, wrong input refused with a remedy and the right exit code."""

import json
import os
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from appliance.cli.main import COMMANDS, hexpost
from appliance.cli.parts import only_one
from appliance.cli.supervision import PARTS, BoxView, box_children
from appliance.cli.supervisor.lifecycle import State
from appliance.cli.supervisor.supervise import ChildStatus
from appliance.wiring import open_box, open_store, pulse_reporter
from tests.conftest import free_port

ROOT = Path(__file__).parents[2]


def call(*arguments: str, data: Path | None = None) -> Result:
    """Run one command in this process."""
    options = ("--data", str(data)) if data else ()
    return CliRunner().invoke(hexpost, [*arguments, *options])


def every_command() -> dict[tuple[str, ...], click.Command]:
    """Every command and subcommand, as typed."""
    found: dict[tuple[str, ...], click.Command] = {}

    def add(name: tuple[str, ...], command: click.Command) -> None:
        found[name] = command
        if isinstance(command, click.Group):
            for below, one in command.commands.items():
                add((*name, below), one)

    for name in COMMANDS:
        command = hexpost.get_command(click.Context(hexpost), name)
        assert command is not None
        add((name,), command)
    return found


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_every_command_has_help_with_an_example(command: tuple[str, ...]) -> None:
    shown = call(*command, "--help")
    assert shown.exit_code == 0
    assert "Example: hexpost" in " ".join(shown.output.split())


@pytest.mark.parametrize("command", every_command(), ids=" ".join)
def test_an_example_can_be_copied_from_the_help_as_it_stands(command: tuple[str, ...]) -> None:
    """Wrapped as prose it was torn within an option, or went on in a line that the shell took for another command."""
    printed = call(*command, "--help").output.partition("Example: ")[2].partition("\n\n")[0]
    assert all(len(line) <= 80 for line in printed.splitlines())
    typed = shlex.split(printed.replace("\\\n", ""))
    written = " ".join((every_command()[command].help or "").partition("Example: ")[2].split())
    assert typed == shlex.split(written)
    assert "\n" not in printed.replace("\\\n", "")


@pytest.mark.parametrize(
    "command", [name for name, one in every_command().items() if not isinstance(one, click.Group)], ids=" ".join
)
def test_every_command_takes_the_common_options(command: tuple[str, ...]) -> None:
    shown = call(*command, "--help").output
    assert all(option in shown for option in ("--config", "--data", "--json"))


def test_a_misspelt_command_names_the_nearest() -> None:
    refused = call("analyse")
    assert refused.exit_code == 2
    assert "did you mean analyze?" in refused.output


def test_an_unknown_key_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    config = tmp_path / "hexpost.toml"
    config.write_text('[site]\ntimzone = "Asia/Kuwait"\n')
    refused = call("config", "check", "--config", str(config), data=tmp_path)
    assert refused.exit_code == 2
    assert "no key site.timzone; did you mean timezone?" in refused.output


def test_a_sound_configuration_is_told_with_where_it_stands_and_what_it_changes(tmp_path: Path) -> None:
    config = tmp_path / "hexpost.toml"
    config.write_text(f'[risk]\nresolutions = [7, 9]\n[mqtt]\npassword_file = "{tmp_path}/nobody wrote it"\n')
    told = call("config", "check", "--config", str(config), data=tmp_path)
    assert told.exit_code == 0
    assert f"read from {config}" in told.output
    assert "  risk.resolutions = [7, 9]\n" in told.output
    assert "http.port" not in told.output
    assert "note: mqtt.password_file: " in told.output


def test_a_failure_is_one_line_and_exit_code_1_and_json_where_json_was_asked(tmp_path: Path) -> None:
    call("migrate", data=tmp_path)
    failed = call("quarantine", "show", "7", data=tmp_path)
    assert failed.exit_code == 1
    assert "hexpost: quarantine entry 7 is not there; `hexpost quarantine list`" in failed.output
    spoken = call("quarantine", "show", "7", "--json", data=tmp_path)
    assert json.loads(spoken.output)["error"] == "NotFound"


def test_adding_a_user_twice_updates_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a long enough password\n")
    for role in ("public", "admin"):
        added = call("user", "add", "chief", "--role", role, "--password-file", str(secret), data=tmp_path)
        assert added.exit_code == 0, added.output
    users = json.loads(call("user", "list", "--json", data=tmp_path).output)
    assert [(user["name"], user["role"], user["generation"]) for user in users] == [("chief", "admin", 2)]


@pytest.mark.parametrize(
    ("password", "role", "reason"), [("short", "admin", "10 characters"), ("x" * 12, "king", "no role")]
)
def test_a_user_that_cannot_be_is_refused(tmp_path: Path, password: str, role: str, reason: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(password)
    refused = call("user", "add", "chief", "--role", role, "--password-file", str(secret), data=tmp_path)
    assert refused.exit_code == 1
    assert reason in refused.output


def test_a_box_without_users_is_told_what_to_type_for_it_and_no_other(tmp_path: Path) -> None:
    """Typed without --data it made a user of another box; and it was told again after a restart, when there was one."""
    box = open_box(None, tmp_path / "my box", {})
    view = BoxView(box, open_store(box), login=None)
    told = view.snapshot(statuses_of(PARTS)).login
    assert told.startswith("No users yet: hexpost user add NAME")
    assert shlex.split(told)[-2:] == ["--data", str(tmp_path / "my box")]
    secret = tmp_path / "secret"
    secret.write_text("a long enough password\n")
    assert call("user", "add", "chief", "--password-file", str(secret), data=tmp_path / "my box").exit_code == 0
    assert view.snapshot(statuses_of(PARTS)).login == ""
    box.close()


def test_the_serial_port_of_a_box_is_its_bridges(tmp_path: Path) -> None:
    """A second bridge beside the box's own is refused, so the box must be told of the port."""
    box = open_box(None, tmp_path, {"HEXPOST__MQTT__URL": "mqtt://elsewhere"})
    plain = {child.name: child.argv for child in box_children(box)}
    told = {child.name: child.argv for child in box_children(box, ("--serial", "/dev/ttyUSB0", "--baud", "9600"))}
    assert told.pop("bridge") == (*plain.pop("bridge"), "--serial", "/dev/ttyUSB0", "--baud", "9600")
    assert told == plain
    box.close()


def statuses_of(parts: tuple[str, ...]) -> tuple[ChildStatus, ...]:
    return tuple(
        ChildStatus(name=part, state=State.UP, for_s=1.0, pid=1, restarts=0, exit_code=None, text="", tail=())
        for part in parts
    )


def test_a_password_that_is_not_there_is_said_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    for options, words in (
        (("--password-file", str(tmp_path / "empty")), "it is empty; its first line is the password"),
        ((), "say --password-file FILE"),
    ):
        refused = call("user", "add", "chief", *options, data=tmp_path / "data")
        assert refused.exit_code == 1
        assert words in refused.output


@pytest.mark.parametrize("command", [("migrate",), ("user", "add", "chief", "--password-file", "-")])
def test_a_data_directory_is_for_its_owner_and_group(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Others on the machine would read events and places that the API keeps from them."""
    made = CliRunner().invoke(hexpost, [*command, "--data", str(tmp_path / "data")], input="a long enough password\n")
    assert made.exit_code == 0
    assert (tmp_path / "data").stat().st_mode & 0o007 == 0


def test_a_migrated_store_is_up_to_date_the_second_time(tmp_path: Path) -> None:
    assert "0001_house" in call("migrate", data=tmp_path).output
    assert call("migrate", data=tmp_path).output.strip() == "up to date"


@pytest.mark.parametrize(
    "command", [("run",), ("migrate",), ("bridge",), ("user", "add", "chief", "--password-file", "-")]
)
def test_a_data_directory_that_cannot_be_is_said_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HEXPOST__HTTP__PORT", str(free_port()))
    (tmp_path / "data").write_text("a file, where the directory should be")
    refused = CliRunner().invoke(hexpost, [*command, "--data", str(tmp_path / "data")], input="a long enough password")
    assert refused.exit_code == 1
    assert isinstance(refused.exception, SystemExit)
    assert f"{tmp_path}/data is a file; name a directory" in refused.output


def test_a_store_that_cannot_be_opened_is_said_in_a_line(tmp_path: Path) -> None:
    """As where another user's file may be read and not written; here nobody may."""
    call("migrate", data=tmp_path)
    for left in tmp_path.glob("hexpost.db*"):
        left.unlink()
    (tmp_path / "hexpost.db").mkdir()
    for command in (("migrate",), ("status",)):
        refused = call(*command, data=tmp_path)
        assert refused.exit_code == 1
        assert isinstance(refused.exception, SystemExit)
        assert "the store at" in refused.output


def test_a_store_of_a_newer_program_is_refused_untouched(tmp_path: Path) -> None:
    from appliance.store.file import sqlite

    call("migrate", data=tmp_path)
    connection = sqlite.connect(tmp_path / "hexpost.db")
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    refused = call("status", data=tmp_path)
    assert refused.exit_code == 1
    assert "has schema 999" in refused.output


def test_a_demo_leaves_a_store_alone_that_is_not_its_own(tmp_path: Path) -> None:
    call("migrate", data=tmp_path / "demo")
    refused = call("demo", data=tmp_path)
    assert refused.exit_code == 1
    assert "is not a demo's" in refused.output
    assert (tmp_path / "demo" / "hexpost.db").exists()


@pytest.mark.parametrize("command", [("status",), ("verify",), ("analyze",), ("user", "list"), ("sync", "now")])
def test_a_command_that_needs_a_store_makes_none(tmp_path: Path, command: tuple[str, ...]) -> None:
    refused = call(*command, data=tmp_path / "elsewhere")
    assert refused.exit_code == 1
    assert "no store at" in refused.output
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("part", ["bridge", "jobs", "sync"])
def test_a_second_part_of_one_box_is_refused_wherever_the_first_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Two bridges took the broker's session from each other, for ever."""
    box = open_box(None, tmp_path, {})
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "of systemd"))
    with only_one(box, part):
        monkeypatch.delenv("RUNTIME_DIRECTORY")
        refused = call(part, data=tmp_path)
    assert refused.exit_code == 1
    assert f"is held by process {os.getpid()}" in refused.output
    assert f"has a `hexpost {part}` already; stop that one" in refused.output


def test_status_says_that_a_bridge_which_is_up_hears_nothing(tmp_path: Path) -> None:
    """Up is the process; whoever asks wants to know whether anything arrives."""
    call("migrate", data=tmp_path)
    box = open_box(None, tmp_path, {})
    beats = {
        "bridge": {"broker": "down", "broker_error": "127.0.0.1:1883: no answer", "store_error": ""},
        "jobs": {"error": "the run failed", "archive_error": ""},
        "sync": {"state": "off"},
    }
    for part, state in beats.items():
        pulse_reporter(box, part, lambda: None)(state)
    told = call("status", data=tmp_path).output
    assert "  bridge: up\n    no broker, so nothing arrives: 127.0.0.1:1883: no answer\n" in told
    assert "  jobs: up\n    the run failed\n  sync: up\n" in told
    assert "to the centre: off; sync.url is not set" in told


def test_status_begins_the_balance_with_what_was_received(tmp_path: Path) -> None:
    call("migrate", data=tmp_path)
    events = tmp_path / "events.jsonl"
    event = {"event_type": "fire", "event_timestamp": "2026-11-21T10:00:00Z", "longitude": 47.97, "latitude": 29.37}
    events.write_text(json.dumps(event) + "\n" + json.dumps(event) + "\n")
    assert call("import", str(events), data=tmp_path).exit_code == 0
    told = call("status", data=tmp_path).output
    assert re.search(r"1 events, the last \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ; last run never", told)
    balance = [line.split(":")[0].strip() for line in told.splitlines() if re.fullmatch(r"  [a-z ()]+: [\d,]+", line)]
    assert balance[:3] == ["received", "duplicate", "stored"]


def test_sync_that_is_off_says_so(tmp_path: Path) -> None:
    call("migrate", data=tmp_path)
    assert "sync is off" in call("sync", "status", data=tmp_path).output
    refused = call("sync", "now", data=tmp_path)
    assert refused.exit_code == 1
    assert "set sync.url" in refused.output


def test_the_readme_shows_only_commands_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    known = {" ".join(command) for command in every_command()}
    shown = re.findall(r"^    hexpost ((?:[a-z]+ ?)+)|`hexpost ([a-z ]+)`", readme, re.MULTILINE)
    for match in shown:
        words = (match[0] or match[1]).split()
        assert words[0] in known or words[0] == "--help", words
        command = hexpost.get_command(click.Context(hexpost), words[0])
        if isinstance(command, click.Group) and len(words) > 1:
            assert words[1] in command.commands, words
    assert len(shown) > 10


def test_make_targets_that_the_readme_names_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`?make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
