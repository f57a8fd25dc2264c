"""Whose message a topic is: templates, which one counts, and a memory that does not grow."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge import routing
from firmware_bridge.inbound import Family, Route
from firmware_bridge.routing import Router, match_template
from tests.conftest import examples


def family(name: str, *templates: str) -> Family:
    routes = tuple(Route(template=template, handle=lambda _inbound, _context: []) for template in templates)
    return Family(name=name, title=name, source="", routes=routes)


def found(router: Router, topic: str) -> tuple[str, str, dict[str, str]] | None:
    one = router.find(topic)
    return None if one is None else (one.family.name, one.route.template, one.parts)


@pytest.mark.parametrize(
    ("template", "topic", "parts"),
    [
        ("zigbee2mqtt/{device}", "zigbee2mqtt/lamp", {"device": "lamp"}),
        ("zigbee2mqtt/{device}", "zigbee2mqtt/floor/lamp", None),
        ("zigbee2mqtt/{device}", "zigbee2mqtt/", None),
        ("zigbee2mqtt/{device}", "zigbee2mqtt", None),
        ("zigbee2mqtt/{device...}", "zigbee2mqtt/floor/lamp", {"device": "floor/lamp"}),
        ("zigbee2mqtt/{device...}", "zigbee2mqtt/lamp", {"device": "lamp"}),
        ("zigbee2mqtt/{device...}", "zigbee2mqtt/", None),
        ("zigbee2mqtt/{device...}/set", "zigbee2mqtt/a/b/c/set", {"device": "a/b/c"}),
        ("zigbee2mqtt/{device...}/set", "zigbee2mqtt/set", None),
        ("zigbee2mqtt/{device...}/set", "zigbee2mqtt/a/get", None),
        ("{base...}/sensor/{id}", "a/b/sensor/7", {"base": "a/b", "id": "7"}),
        ("a/b", "a/b", {}),
        ("a/b", "A/b", None),
        ("a/b", "a/b/", None),
    ],
)
def test_a_template_names_the_levels_of_a_topic(template: str, topic: str, parts: dict[str, str] | None) -> None:
    assert match_template(template.split("/"), topic.split("/")) == parts


@pytest.mark.parametrize(
    ("topic", "template"),
    [
        ("z/bridge/state", "z/bridge/state"),
        ("z/lamp/state", "z/{device}/state"),
        ("z/bridge/logging", "z/bridge/{leaf}"),
        ("z/lamp", "z/{device...}"),
        ("z/a/b", "z/{a}/{b}"),
        ("z/a/b/c", "z/{device...}"),
    ],
)
def test_the_more_exact_template_counts_in_whatever_order_they_were_written(topic: str, template: str) -> None:
    templates = ["z/{device...}", "z/{a}/{b}", "z/bridge/{leaf}", "z/{device}/state", "z/bridge/state"]
    for order in (templates, templates[::-1]):
        one = Router([family("z", *order)]).find(topic)
        assert one is not None and one.route.template == template


def test_of_equal_templates_the_first_family_s_counts() -> None:
    router = Router([family("first", "a/{x}"), family("second", "a/{y}")])
    assert found(router, "a/1") == ("first", "a/{x}", {"x": "1"})


def test_a_topic_nobody_has_is_nobody_s() -> None:
    assert Router([family("z", "z/{device}")]).find("tele/x/STATE") is None


def test_a_flood_of_topics_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "REMEMBERED", 10)
    router = Router([family("z", "z/{device}")])
    for number in range(100):
        assert found(router, f"z/{number}") == ("z", "z/{device}", {"device": str(number)})
        assert router.find(f"other/{number}") is None
    assert router.remembered == 10
    assert found(router, "z/0") == ("z", "z/{device}", {"device": "0"})


def test_a_very_long_topic_is_found_and_not_remembered() -> None:
    router = Router([family("z", "z/{device...}")])
    long = "z/" + "x" * 60_000
    assert found(router, long) == ("z", "z/{device...}", {"device": long[2:]})
    assert router.remembered == 0


LEVEL = st.text(st.characters(blacklist_characters="/{}"), min_size=1, max_size=5)


@given(data=st.data())
@settings(max_examples=examples(500))
def test_a_topic_made_from_a_template_is_found_with_the_parts_it_was_made_from(data: st.DataObject) -> None:
    levels: list[str] = []
    template: list[str] = []
    parts: dict[str, str] = {}
    spread = data.draw(st.integers(-1, 3))
    for number in range(data.draw(st.integers(1, 4))):
        if number == spread:
            value = data.draw(st.lists(LEVEL, min_size=1, max_size=3))
            name = f"n{number}"
            template.append(f"{{{name}...}}")
            parts[name] = "/".join(value)
            levels += value
        else:
            level = data.draw(LEVEL)
            named = data.draw(st.booleans())
            template.append(f"{{n{number}}}" if named else level)
            parts.update({f"n{number}": level} if named else {})
            levels.append(level)
    assert match_template(template, levels) == parts


@given(template=st.text("a{}./b", max_size=12), topic=st.text("ab/", max_size=12))
@settings(max_examples=examples(500))
def test_nothing_but_parts_or_nothing_comes_out(template: str, topic: str) -> None:
    parts = match_template(template.split("/"), topic.split("/"))
    assert parts is None or all(isinstance(part, str) for part in parts.values())
