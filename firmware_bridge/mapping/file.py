"""The form of a mapping file: a family of firmware described in TOML, for those that data can describe.

    [family]
    name = "riverwatch"
    title = "RiverWatch gauges"
    source = "https://example.org/riverwatch/mqtt"

    [metrics]                                   # names this firmware uses -> metric, unit, scale, offset
    lvl_mm = { metric = "water_level", unit = "m", scale = 0.001 }

    [enums.door]
    OPEN = true
    SHUT = false

    [[message]]
    topic = "river/{station}/data"
    device = "{station}"
    time = "$.ts"
    [[message.observation]]
    kind = "readings"
    of = "$.values"
    [[message.observation]]
    kind = "alarm"
    name = "contact"
    active = { path = "$.door", enum = "door" }

Read here and checked; `mapping` compiles it. What each key means is on the page "Adding a device family".
"""

import math
import tomllib
from typing import Any, TypeVar

import msgspec

from appliance.errors import Rejected
from firmware_bridge.inbound import Form
from firmware_bridge.mapping.expression import Word

T = TypeVar("T")
MAX_FILE = 262_144  # characters; a mapping of every sensor there is takes less
MAX_NAME = 64  # characters of a family's name


class FamilyPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose firmware this is."""

    name: str
    title: str = ""
    source: str = ""


class MetricPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a value is called and measured in: `value * scale + offset`."""

    metric: str
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0


class MessagePart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of message.

    topic        templates; or none, where the message is known by its shape alone
    shape        paths that must all be there for a message on an unknown topic to be this one
    when         path -> the value, one of several, true (is there) or false (is not); the first message that fits is
                 taken
    require      paths without which the message is refused
    each         a path with `*`: one message holds many, paths from `@` begin at the item, `{each}` is its name
    device, time, id, longitude, latitude   expressions
    """

    topic: str | list[str] = []
    shape: list[str] = []
    form: Form = "json"
    when: dict[str, Any] = {}
    require: list[str] = []
    each: str = ""
    device: Any = "{device}"
    time: Any = None
    id: Any = None
    longitude: Any = None
    latitude: Any = None
    observation: list[dict[str, Any]] = []

    @property
    def topics(self) -> list[str]:
        """The templates."""
        return [self.topic] if isinstance(self.topic, str) else self.topic


class MappingFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A family as a technician writes it."""

    family: FamilyPart
    metrics: dict[str, MetricPart] = {}
    enums: dict[str, dict[str, Word]] = {}
    message: list[MessagePart] = []


def read_mapping_file(text: str) -> MappingFile:
    """The file's content, checked for its form.

    raises  Rejected  with the path of the key that cannot be taken, as in `$.message[2].topic`
    """
    if len(text) > MAX_FILE:
        raise Rejected(f"{len(text)} characters, at most {MAX_FILE} are read")
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"not TOML: {error}") from None
    for key, part in (("metrics", MetricPart), ("enums", dict[str, Word])):  # for a path that names the entry
        entries = tree.get(key)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            _convert(entry, part, f"$.{key}.{name}")
    file = _convert(tree, MappingFile, "$")
    _check_content(file)
    return file


def _convert(tree: Any, form: type[T], place: str) -> T:
    """A tree as a struct, or `Rejected` with the path below `place`."""
    try:
        return msgspec.convert(tree, form)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        raise Rejected(reason, place + path.rstrip("`")) from None
    except RecursionError:
        raise Rejected("nested too deep", place) from None


def _check_content(file: MappingFile) -> None:
    """What the types do not say."""
    name = file.family.name
    if not name or len(name) > MAX_NAME or not name.replace("_", "").replace("-", "").isalnum() or not name.isascii():
        raise Rejected(f"{name[:80]!r} is not a name; up to {MAX_NAME} letters, digits, _ and -", "$.family.name")
    for key, part in file.metrics.items():
        if not part.metric:
            raise Rejected("a metric needs a name", f"$.metrics.{key}.metric")
        if not (math.isfinite(part.scale) and math.isfinite(part.offset)):
            raise Rejected("scale and offset are finite numbers", f"$.metrics.{key}")
    if not file.message:
        raise Rejected("a mapping needs at least one [[message]]", "$.message")
