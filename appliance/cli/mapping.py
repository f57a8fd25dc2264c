"""`hexpost device mapping`: a technician's own families of firmware, tried before they are enabled."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from appliance.cli.options import FAILED, common, to_json
from appliance.errors import NotFound, Rejected
from appliance.wiring import Box, fetch_pulses

if TYPE_CHECKING:
    from appliance.model.observation import Observation

PATIENCE_S = 10.0  # a bridge looks every two seconds and says so every second
WHEN = {True: "", False: "\nno running bridge has taken it up; it does when it starts"}
SHOWN = 20  # messages whose observations are shown; the summary counts all


@click.group("mapping")
def mapping_group() -> None:
    """Families of firmware described by mapping files.

    Example: hexpost device mapping try riverwatch.toml samples.jsonl
    """


@mapping_group.command("try")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("samples", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common
def mapping_try(box: Box, as_json: bool, file: Path, samples: Path) -> None:
    """Show what a mapping file makes of recorded messages {topic, payload}, without enabling it.

    Example: hexpost device mapping try riverwatch.toml samples.jsonl
    """
    from appliance.cli.replaying import read_recording
    from appliance.wiring_families import built_in_mappings
    from firmware_bridge.decode import Decoder
    from firmware_bridge.family.catalogue import build_families

    text = _read_mapping(file)
    decoder = Decoder(build_families([*built_in_mappings(), text]), zone=box.settings.zone)
    results = []
    for number, message in enumerate(read_recording(samples), start=1):
        decoded = decoder.decode(message.topic, message.payload, received_at=box.clock(), retain=message.retain)
        results.append(
            {
                "message": number,
                "topic": message.topic,
                "family": decoded.family,
                "observations": [_told(seen) for seen in decoded.observations],
                "refused": [rejection.reason for rejection in decoded.rejections],
            }
        )
    click.echo(to_json(results) if as_json else _describe(results))
    if not results or any(result["refused"] for result in results):
        sys.exit(FAILED)


@mapping_group.command("enable")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@common
def mapping_enable(box: Box, as_json: bool, file: Path) -> None:
    """Put a mapping file among the box's own, and wait until a running bridge reads by it.

    Example: hexpost device mapping enable riverwatch.toml
    """
    from appliance.wiring_families import mapping_folder
    from firmware_bridge.mapping.compile import compile_mapping

    text = _read_mapping(file)
    name = compile_mapping(text).name
    folder = mapping_folder(box)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{name}.new"
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(folder / f"{name}.toml")  # whole or not at all: the bridge may be reading
    taken_up = _is_taken_up(box)
    click.echo(to_json({"enabled": name, "taken_up": taken_up}) if as_json else f"{name} is enabled{WHEN[taken_up]}")


@mapping_group.command("disable")
@click.argument("name")
@common
def mapping_disable(box: Box, as_json: bool, name: str) -> None:
    """Take one of the box's own mapping files out again, and wait until a running bridge does without it.

    Example: hexpost device mapping disable riverwatch
    """
    from appliance.wiring_families import mapping_folder

    file = mapping_folder(box) / f"{Path(name).name}.toml"
    if not file.exists():
        raise NotFound(f"{name} is not enabled here; `hexpost device mapping list` shows those that are")
    file.unlink()
    taken_up = _is_taken_up(box)
    click.echo(to_json({"disabled": name, "taken_up": taken_up}) if as_json else f"{name} is disabled{WHEN[taken_up]}")


@mapping_group.command("list")
@common
def mapping_list(box: Box, as_json: bool) -> None:
    """Every family the bridge knows.

    Example: hexpost device mapping list
    """
    from appliance.wiring_families import load_families, mapping_folder

    own = {file.stem for file in mapping_folder(box).glob("*.toml")}
    rows = [
        {"family": family.name, "title": family.title, "own": family.name in own, "source": family.source}
        for family in load_families(box)
    ]
    if as_json:
        click.echo(to_json(rows))
        return
    for row in rows:
        click.echo(f"{row['family']:20} {row['title']}{'  (own)' if row['own'] else ''}")


def _is_taken_up(box: Box) -> bool:
    """Whether a running bridge reads by the mapping files as they are now; it is given a moment to."""
    from appliance.wiring_families import mapping_state

    deadline = time.monotonic() + PATIENCE_S
    while True:
        bridge = fetch_pulses(box).get("bridge", {})
        if bridge.get("mappings") == mapping_state(box):
            return bool(bridge.get("up"))
        if not bridge.get("up") or time.monotonic() > deadline:
            return False
        time.sleep(0.1)


def _read_mapping(file: Path) -> str:
    """A mapping file that compiles.

    raises  Rejected  it does not, with the file and the path inside it
    """
    from firmware_bridge.mapping.compile import compile_mapping

    try:
        text = file.read_text(encoding="utf-8")
        compile_mapping(text)
    except (UnicodeDecodeError, Rejected) as error:
        raise Rejected(f"{file}: {error}") from None
    return text


def _describe(results: Sequence[dict[str, Any]]) -> str:
    """What was made of each message, and a line of sums."""
    lines = []
    for result in results[:SHOWN]:
        lines.append(f"{result['message']}. {result['topic']}  ({result['family'] or 'no family'})")
        lines += [f"    {_one_line(seen)}" for seen in result["observations"]]
        lines += [f"    refused: {reason}" for reason in result["refused"]]
    kinds = Counter(seen["kind"] for result in results for seen in result["observations"])
    refused = sum(bool(result["refused"]) for result in results)
    made = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"
    lines.append(f"{len(results)} messages: {len(results) - refused} understood, {refused} refused; {made}")
    return "\n".join(lines)


def _told(seen: "Observation") -> dict[str, Any]:
    """An observation as JSON has it, without what it does not say."""
    fields = {field.name: field.default for field in msgspec.structs.fields(seen)}
    words: dict[str, Any] = msgspec.to_builtins(seen)
    return {
        name: value for name, value in words.items() if name not in fields or (value != fields[name] and value != {})
    }


def _one_line(seen: dict[str, Any]) -> str:
    told = {name: value for name, value in seen.items() if name != "kind"}
    return f"{seen['kind']} " + " ".join(f"{name}={value}" for name, value in told.items())
