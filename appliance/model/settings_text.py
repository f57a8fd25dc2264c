"""The configuration read: TOML and environment in, `Settings` out. Pure; `wiring` reads the file."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import msgspec

from appliance.errors import Rejected
from appliance.model.settings import Settings
from appliance.model.settings_rules import find_fault

ENVIRONMENT_PREFIX = "HEXPOST__"
_KEY_IN_PATH = re.compile(r"\$\.(\w+\.\w+)")


def read_settings(text: str, environment: Mapping[str, str], *, name: str = "the configuration") -> Settings:
    """Settings from TOML and `HEXPOST__SECTION__KEY` overrides, the environment winning.

    raises  Rejected  naming the key, what is wrong with it and the nearest valid name
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Rejected(f"{name} is not TOML: {error}") from None
    for variable, value in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            _override(tree, variable, value)
    _refuse_unknown(tree, name)
    try:
        settings = msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        key = _KEY_IN_PATH.search(str(error))
        raise Rejected(f"{_said_by(key[1] if key else '', name, environment)}: {error}") from None
    fault = find_fault(settings)
    if fault is not None:
        raise Rejected(f"{_said_by(fault.key, name, environment)}: {fault.words}")
    return settings


def _said_by(key: str, name: str, environment: Mapping[str, str]) -> str:
    """Where to look for `section.key`: the variable that says it, or the file."""
    variable = ENVIRONMENT_PREFIX + key.replace(".", "__").upper()
    return f"environment variable {variable}" if variable in environment else name


def _override(tree: dict[str, Any], variable: str, value: str) -> None:
    parts = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
    if len(parts) != 2:
        raise Rejected(f"environment variable {variable}: the form is {ENVIRONMENT_PREFIX}SECTION__KEY")
    section, key = parts
    _refuse_unknown({section: {key: value}}, f"environment variable {variable}")
    try:
        typed: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        typed = value  # a bare word is the text itself, as shells write it
    if _type_of(section, key) is str:
        typed = value.strip("\"'")
    content = tree.setdefault(section, {})
    if isinstance(content, dict):  # what it is otherwise is refused with the rest of the file
        content[key] = typed


def _sections() -> dict[str, type[msgspec.Struct]]:
    return {field.name: field.type for field in msgspec.structs.fields(Settings)}


def _type_of(section: str, key: str) -> Any:
    struct = _sections().get(section)
    fields = {field.name: field.type for field in msgspec.structs.fields(struct)} if struct else {}
    return fields.get(key)


def _refuse_unknown(tree: dict[str, Any], name: str) -> None:
    sections = _sections()
    for section, content in tree.items():
        if section not in sections:
            raise Rejected(f"{name}: no section [{section}]{_nearest(section, sections)}")
        if not isinstance(content, dict):
            raise Rejected(f"{name}: {section} is a section, written [{section}]")
        known = [field.name for field in msgspec.structs.fields(sections[section])]
        for key in content:
            if key not in known:
                raise Rejected(f"{name}: no key {section}.{key}{_nearest(key, known)}")


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"
