"""The page on adding a device family, followed word for word."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli.main import hexpost

PAGE = Path(__file__).parents[2] / "firmware_bridge" / "ADDING_A_FAMILY.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (samples,), (mapping,) = blocks("jsonl"), blocks("toml")
    (tmp_path / "samples.jsonl").write_text(samples)
    (tmp_path / "riverwatch.toml").write_text(mapping)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEXPOST_DATA", str(tmp_path / "data"))
    return tmp_path


def run(command: str, *, expect: int = 0) -> str:
    result = CliRunner().invoke(hexpost, command.removeprefix("hexpost ").split())
    assert result.exit_code == expect, result.output
    return result.output


def test_every_command_of_the_page_answers_as_the_page_says(folder: Path) -> None:
    commands = 0
    for block in blocks("console"):
        for command, answer in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            assert answer in run(command), command
            commands += 1
    assert commands == 3
    assert "riverwatch" in run("hexpost device mapping list")


def test_the_mistake_of_the_page_is_named_with_its_place(folder: Path) -> None:
    file = folder / "riverwatch.toml"
    file.write_text(file.read_text().replace('enum = "door"', 'enum = "dor"'))
    answer = run("hexpost device mapping try riverwatch.toml samples.jsonl", expect=1)
    assert "$.message[0].observation[1].active.enum: there is no [enums.dor] in this file" in answer


def test_a_message_that_lacks_what_is_required_is_refused_with_its_path(folder: Path) -> None:
    (folder / "samples.jsonl").write_text('{"topic": "river/x/data", "payload": {"ts": 1}}\n')
    answer = run("hexpost device mapping try riverwatch.toml samples.jsonl", expect=1)
    assert "refused: $.lvl_mm: required, and missing" in answer


def test_a_family_taken_out_is_gone(folder: Path) -> None:
    run("hexpost device mapping enable riverwatch.toml")
    run("hexpost device mapping disable riverwatch")
    assert "riverwatch" not in run("hexpost device mapping list")
    assert "is not enabled here" in run("hexpost device mapping disable riverwatch", expect=1)
