"""Mapping files: every mistake is named with its place, and nothing but a family or a rejection comes out."""

import tomllib
from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import Rejected
from firmware_bridge.decode import Decoder
from firmware_bridge.mapping import file
from firmware_bridge.mapping.compile import compile_mapping
from tests.bridge.river import DATA, FAMILY, GOOD, message
from tests.conftest import NOW, examples

INCIDENT = 'kind = "incident"\nevent_type = "x"\n'
ALARM = 'kind = "alarm"\nname = "x"\nactive = true\n'
ENUM = FAMILY + '[enums.e]\na = "online"\nb = "onlin"\n'
MISTAKES: list[tuple[str, str, str]] = [
    ("[family", "$", "not TOML"),
    ("x = 1" + "0" * 5_000, "$", "not TOML"),
    ("", "$", "missing required field `family`"),
    ('[family]\nname = ""\n', "$.family.name", "is not a name"),
    ('[family]\nname = "a/b"\n', "$.family.name", "is not a name"),
    ('[family]\nname = "' + "x" * 65 + '"\n', "$.family.name", "is not a name"),
    ('[family]\nname = "a"\ncolour = 1', "$.family", "unknown field `colour`"),
    (FAMILY, "$.message", "at least one [[message]]"),
    (FAMILY + "message = 3", "$.family", "unknown field `message`"),
    (message("topics = 1"), "$.message[0]", "unknown field `topics`"),
    (message('form = "xml"\n'), "$.message[0].form", "Invalid enum value 'xml'"),
    (message("topic = 3"), "$.message[0].topic", "got `int`"),
    (message('topic = ["a", 3]'), "$.message[0].topic[1]", "got `int`"),
    (message('topic = ""'), "$.message[0].topic", "cannot be a template"),
    (message('topic = "hexpost/v1/{a}/{device}/event"'), "$.message[0].topic", "Hexpost's own"),
    (message('topic = "river/#"'), "$.message[0].topic", "and not '#'"),
    (message('topic = "river/+/data"'), "$.message[0].topic", "and not '+'"),
    (message('topic = "river/x{device}"'), "$.message[0].topic", "and not 'x{device}'"),
    (message('topic = "river/{}"'), "$.message[0].topic", "and not '{}'"),
    (message('topic = "{device}/{device}"'), "$.message[0].topic", "names a level twice"),
    (message('topic = "{device...}/x/{b...}"'), "$.message[0].topic", "more than one {name...}"),
    (message("") + '[[message]]\ndevice = "x"\n', "$.message[1]", "neither a topic nor a shape"),
    (message("") + message('form = "text"', head=""), "$.message[1].form", "different forms"),
    (message("shape = [3]"), "$.message[0].shape[0]", "got `int`"),
    (message('shape = ["x"]'), "$.message[0].shape", "it begins with $"),
    (message('shape = ["@.x"]'), "$.message[0].shape", "has no `each`"),
    (message("when = 3"), "$.message[0].when", "got `int`"),
    (message('when = { "type" = "a" }'), "$.message[0].when", "'type' is not a path"),
    (message('when = { "$.a[*]" = "a" }'), "$.message[0].when", "names several places"),
    (message('when = { "@.a" = "a" }'), "$.message[0].when", "has no `each`"),
    (message('when = { "$.a" = { b = 1 } }'), "$.message[0].when.$.a", "got dict"),
    (message('when = { "$.a" = [[1]] }'), "$.message[0].when.$.a", "got list"),
    (message('when = { "$.a" = 2026-01-01 }'), "$.message[0].when.$.a", "got date"),
    (message('require = "$.a"'), "$.message[0].require", "got `str`"),
    (message('require = ["$.a[*]"]'), "$.message[0].require", "names several places"),
    (message('require = ["@.a"]'), "$.message[0].require", "has no `each`"),
    (message("each = 3"), "$.message[0].each", "got `int`"),
    (message('each = "$.a"'), "$.message[0].each", "with a `*`"),
    (message('each = "@.a[*]"'), "$.message[0].each", "with a `*`"),
    (message('each = "$.a[*"'), "$.message[0].each", "is not a path from '[*' on"),
    (message('each = "$.*' + ".a" * 40 + '"'), "$.message[0].each", "at most 32"),
    (message('device = "{staton}"'), "$.message[0].device", "there are {device}"),
    (message('topic = "river/{station}/data"'), "$.message[0].device", "there are {station}"),
    (message('device = "{each}"'), "$.message[0].device", "no topic of this message has a part {each}"),
    (message("device = []"), "$.message[0].device", "got list"),
    (message("device = 2026-01-01"), "$.message[0].device", "got date"),
    (message('device = "$.a["'), "$.message[0].device", "is not a path from '[' on"),
    (message('device = "$.a[99999999999]"'), "$.message[0].device", "is not a path"),
    (message("device = inf"), "$.message[0].device", "got inf"),
    (message('time = "@.t"'), "$.message[0].time", "has no `each`"),
    (message('id = "{id}"'), "$.message[0].id", "no topic"),
    (message('longitude = "$.x"'), "$.message[0]", "both longitude and latitude"),
    (message('longitude = "$.x"\nlatitude = []'), "$.message[0].latitude", "got list"),
    (message("", "kind = 3"), "$.message[0].observation[0].kind", "no kind 3; there are readings, motion"),
    (message("", 'of = "$"'), "$.message[0].observation[0].kind", "no kind None"),
    (message("", 'kind = "motoin"'), "$.message[0].observation[0].kind", "no kind 'motoin'"),
    (message("", 'kind = "motion"'), "$.message[0].observation[0]", "motion needs active"),
    (message("", INCIDENT + 'label = "x"'), "$.message[0].observation[0].label", "incident has no label"),
    (message("", INCIDENT + 'device = "x"'), "$.message[0].observation[0].device", "hold for all"),
    (message("", INCIDENT + "when = 3"), "$.message[0].observation[0].when", "table of conditions"),
    (message("", INCIDENT + 'when = ["$.a"]'), "$.message[0].observation[0].when", "table of conditions"),
    (message("", INCIDENT + 'when = { "@.a" = 1 }'), "$.message[0].observation[0].when", "has no `each`"),
    (message("", INCIDENT + "attributes = 3"), "$.message[0].observation[0].attributes", "table of expressions"),
    (message("", INCIDENT + 'attributes = ["$.a"]'), "$.message[0].observation[0].attributes", "table of expressions"),
    (message("", INCIDENT + "attributes = { a = [] }"), "$.message[0].observation[0].attributes.a", "got list"),
    (message("", INCIDENT + 'severity = "high"'), "$.message[0].observation[0].severity", "cannot stand here"),
    (message("", INCIDENT + 'longitude = "$.x"'), "$.message[0].observation[0]", "both longitude and latitude"),
    (message("", ALARM.replace("true", '"maybe"')), "$.message[0].observation[0].active", "cannot stand here"),
    (message("", 'kind = "device_health"\nstate = "on"'), "$.message[0].observation[0].state", "cannot stand here"),
    (
        message("", 'kind = "device_health"\nstate = { path = "$.s", enum = "e" }', ENUM),
        "$.message[0].observation[0].state",
        "the enum gives 'onlin' for 'b'",
    ),
    (message("", INCIDENT + "value = { scale = 2 }"), "$.message[0].observation[0].value", "expected path"),
    (message("", INCIDENT + 'value = { path = "$.a", by = 2 }'), "$.message[0].observation[0].value", "expected path"),
    (message("", INCIDENT + "value = { path = [] }"), "$.message[0].observation[0].value.path", "or a list of them"),
    (message("", INCIDENT + "value = { path = 3 }"), "$.message[0].observation[0].value.path", "or a list of them"),
    (message("", INCIDENT + 'value = { path = [["$.a"]] }'), "$.message[0].observation[0].value.path", "a list of"),
    (message("", INCIDENT + 'value = { path = "$.a[*]" }'), "$.message[0].observation[0].value.path", "several places"),
    (message("", INCIDENT + 'value = { path = "$.a", enum = "e" }'), "$.message[0].observation[0].value.enum", "no ["),
    (message("", INCIDENT + 'value = { path = "$.a", enum = [] }'), "$.message[0].observation[0].value.enum", "no ["),
    (
        message("", INCIDENT + 'value = { path = "$.a", enum = "e", scale = 2 }', ENUM),
        "$.message[0].observation[0].value",
        "either looked up or scaled",
    ),
    (
        message("", INCIDENT + 'value = { path = "$.a", scale = "2" }'),
        "$.message[0].observation[0].value.scale",
        "a finite number",
    ),
    (
        message("", INCIDENT + 'value = { path = "$.a", offset = nan }'),
        "$.message[0].observation[0].value.offset",
        "a finite number",
    ),
    (message("", 'kind = "readings"\nlabel = 1'), "$.message[0].observation[0].label", "readings has no label"),
    (message("", 'kind = "readings"\nof = "x"'), "$.message[0].observation[0].of", "is not a path"),
    (message("", 'kind = "readings"\nof = 3'), "$.message[0].observation[0].of", "is not a path"),
    (message("", 'kind = "readings"\nof = "@"'), "$.message[0].observation[0].of", "has no `each`"),
    (message("", 'kind = "readings"\nonly = "temp"'), "$.message[0].observation[0].only", "a list of names"),
    (message("", 'kind = "readings"\nonly = 3'), "$.message[0].observation[0].only", "a list of names"),
    (message("", 'kind = "readings"\nexcept = [[]]'), "$.message[0].observation[0].except", "a list of names"),
    (message("", 'kind = "readings"\nname = "$.a"'), "$.message[0].observation[0]", "`name` and `value` together"),
    (message("", 'kind = "readings"\nvalue = 1'), "$.message[0].observation[0]", "`name` and `value` together"),
    (message("", 'kind = "readings"\nwhen = []'), "$.message[0].observation[0].when", "table of conditions"),
    (message("", 'kind = "readings"\nchannel = []'), "$.message[0].observation[0].channel", "got list"),
    (FAMILY + "metrics = 3", "$.family", "unknown field `metrics`"),
    ("metrics = 3\n" + message(""), "$.metrics", "got `int`"),
    ("enums = []\n" + message(""), "$.enums", "got `array`"),
    ("metrics.x = 3\n" + message(""), "$.metrics.x", "got `int`"),
    ('metrics.x = { unit = "m" }\n' + message(""), "$.metrics.x", "missing required field `metric`"),
    ('metrics.x = { metric = "" }\n' + message(""), "$.metrics.x.metric", "needs a name"),
    ('metrics.x = { metric = "x", scale = "2" }\n' + message(""), "$.metrics.x.scale", "got `str`"),
    ('metrics.x = { metric = "x", scale = inf }\n' + message(""), "$.metrics.x", "finite"),
    ("enums.e = 3\n" + message(""), "$.enums.e", "got `int`"),
    ("enums.e = { a = [] }\n" + message(""), "$.enums.e[...]", "got `array`"),
]


@pytest.mark.parametrize(("text", "path", "reason"), MISTAKES)
def test_a_mistake_is_named_with_its_place(text: str, path: str, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        compile_mapping(text)
    assert caught.value.path == path
    assert reason in caught.value.reason


def test_the_good_file_is_good() -> None:
    family = compile_mapping(GOOD)
    assert (family.name, family.title, family.source) == ("river", "RiverWatch", "the manual")
    assert [route.template for route in family.routes] == ["river/{station}/data", "river/{station}/{part...}/data"]


ODD_TOML = (
    "3",
    "-1",
    "[]",
    "{}",
    '""',
    '"$"',
    '"@"',
    '"$.a[*]"',
    "true",
    "inf",
    "2026-01-01",
    "[[1]]",
    '{ path = "$" }',
)


@given(data=st.data())
@settings(max_examples=examples(1_500))
def test_any_text_is_a_mapping_or_rejected(data: st.DataObject) -> None:
    """A good file with lines dropped, doubled, swapped, and values replaced by odd ones."""
    lines = GOOD.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(("drop", "double", "move", "value", "cut"))):
            case "drop" if len(lines) > 1:
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "move":
                lines.insert(data.draw(st.integers(0, len(lines) - 1)), lines.pop(at))
            case "value" if "=" in lines[at]:
                lines[at] = f"{lines[at].split('=')[0]}= {data.draw(st.sampled_from(ODD_TOML))}"
            case _:
                lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at])))]
    compile_or_reject("\n".join(lines))


@given(text=st.text(max_size=200) | st.text("[]{}=\".$@*'\nabfamily#", max_size=80))
@settings(max_examples=examples(300))
def test_noise_is_rejected(text: str) -> None:
    compile_or_reject(text)


@pytest.mark.parametrize("deep", ["[" * 3_000, "a = " + "[" * 3_000 + "]" * 3_000, "a = " + "{a = " * 200 + "}" * 200])
def test_what_is_nested_too_deep_is_rejected(deep: str) -> None:
    with pytest.raises(Rejected):
        compile_mapping(deep)


def compile_or_reject(text: str) -> None:
    try:
        family = compile_mapping(text)
    except Rejected as rejected:
        assert rejected.reason and rejected.path.startswith("$")
        return
    decoder = Decoder([family], zone=UTC)
    for topic in ("river/north/data", "elsewhere"):
        decoder.decode(topic, msgspec.json.encode(DATA), received_at=NOW)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(["OPEN", "line", 10**400, -(10**30), "9" * 300]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*DATA, "points", "type", "in", "name", "t"]) | st.text(max_size=4), inner)
    ),
    max_leaves=12,
)
DECODER = Decoder([compile_mapping(GOOD)], zone=UTC)


@given(document=JSON, fitting=st.booleans(), topic=st.sampled_from(["river/north/data", "elsewhere"]))
@settings(max_examples=examples(1_500))
def test_any_document_becomes_observations_or_a_rejection(document: Any, fitting: bool, topic: str) -> None:
    if fitting and isinstance(document, dict):
        document = {**document, "v": 1, "lvl_mm": 3, "ts": 5}
    decoded = DECODER.decode(topic, msgspec.json.encode(document), received_at=NOW)
    assert decoded.items >= 1
    for seen in decoded.observations:
        assert msgspec.convert(msgspec.to_builtins(seen), type(seen), strict=True).device == seen.device


def test_the_example_in_the_module_s_own_words_compiles() -> None:
    text = (file.__doc__ or "").split("\n\n", 1)[1].rsplit("\n\n", 1)[0]
    assert tomllib.loads(text)["family"]["name"] == compile_mapping(text).name
