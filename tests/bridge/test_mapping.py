"""Mapping files: every feature, on a message."""

from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.model.observation import (
    Alarm,
    DeviceHealth,
    EnvironmentReading,
    Incident,
    ObjectDetection,
    PeopleCount,
    PlateRead,
)
from firmware_bridge.mapping.compile import MAX_OBSERVATIONS
from firmware_bridge.mapping.sweep import SWEEP_ITEMS
from tests.bridge.river import DATA, FAMILY, GOOD, message, observe, refusal


class TestFeatures:
    def test_the_whole_of_a_file_on_one_message(self) -> None:
        common: dict[str, Any] = {
            "device": "river/north",
            "observed_at": datetime(2026, 11, 21, 10, tzinfo=UTC),
            "observation_id": "17",
            "longitude": 47.9,
            "latitude": 29.3,
        }
        assert observe(GOOD, DATA) == [
            EnvironmentReading(metric="water_level", unit="m", value=1.234 + 0.5, **common),
            EnvironmentReading(metric="temperature", unit="Cel", value=8.5, **common),
            Alarm(name="contact", active=True, severity=0.4, attributes={"by": ["a"], "note": "gate-north"}, **common),
        ]

    def test_several_topics_and_levels(self) -> None:
        (first, *_) = observe(GOOD, DATA, "river/north/upper/left/data")
        assert isinstance(first, EnvironmentReading)
        assert (first.device, first.channel) == ("river/north", "upper/left")

    def test_a_message_known_by_its_shape_with_many_items_of_many_devices(self) -> None:
        points = [
            {"name": "p1", "t": 1_795_255_200, "type": "line", "in": 3, "out": "1"},
            {"name": "p2", "type": "zone"},
        ]
        assert observe(GOOD, {"points": points}, "anything/at/all") == [
            PeopleCount(
                device="river/p1", observed_at=datetime(2026, 11, 21, 10, tzinfo=UTC), entered=3, left=1, line="0"
            ),
            DeviceHealth(device="river/p2"),
        ]

    def test_a_gateway_brings_it_under_its_own_topic(self) -> None:
        body = 'shape = ["$.lvl"]\ndevice = "{device}"'
        (seen,) = observe(message(body), {"lvl": 1}, "hexpost/v1/moi/gw7/raw/river")
        assert seen.device == "river/gw7"

    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ('"$.a"', "x"),
            ('"$.b.c[1]"', "y"),
            ("\"$['od.d']\"", "z"),
            ("'$[\"od.d\"]'", "z"),
            ('"{device}"', "north"),
            ('"pump-{device}!"', "pump-north!"),
            ('"a {brace}d word"', None),
            ('"plain"', "plain"),
            ("3", 3),
            ("true", True),
            ('{ path = "$.n", scale = 0.5, offset = 1 }', 3.0),
            ('{ path = "$.text", offset = -1 }', 6.0),
            ('{ path = "$.a", scale = 2 }', None),
            ('{ path = ["$.missing", "$.null", "$.a"] }', "x"),
            ('{ path = ["$.missing", "none"] }', "none"),
            ('{ path = "$.flag", enum = "e" }', "yes"),
            ('{ path = "$.one", enum = "e" }', "first"),
            ('{ path = "$.onef", enum = "e" }', "first"),
            ('{ path = "$.a", enum = "e" }', None),
            ('"$.missing"', None),
            ('"$.b.c[9]"', None),
            ('"$.a.b"', None),
        ],
    )
    def test_expressions(self, expression: str, value: object) -> None:
        document = {
            "a": "x", "b": {"c": ["w", "y"]}, "od.d": "z", "n": 4, "text": "7", "null": None, "flag": True, "one": 1,
            "onef": 1.0,
        }  # fmt: skip
        head = FAMILY + '[enums.e]\ntrue = "yes"\n1 = "first"\n'
        topic = 'topic = "river/{device}/data"' if "brace" not in expression else 'topic = "river/{device}/{brace}"'
        mapping = message(topic, f'kind = "incident"\nevent_type = "x"\nattributes = {{ it = {expression} }}', head)
        (seen,) = observe(mapping, document) if "brace" not in expression else observe(mapping, document, "river/a/b")
        assert seen.attributes.get("it") == (value if "brace" not in expression else "a bd word")

    def test_times_are_the_site_s_where_they_have_no_offset(self) -> None:
        body = 'time = "$.t"'
        (seen,) = observe(message(body), {"t": "2026-11-21T13:00:00", "x": 1})
        assert seen.observed_at == datetime(2026, 11, 21, 10, tzinfo=UTC)

    def test_a_time_that_cannot_be_read_is_none_and_the_message_is_kept(self) -> None:
        (seen,) = observe(message('time = "$.t"'), {"t": "soon", "x": 1})
        assert seen.observed_at is None

    def test_the_first_message_that_fits_is_taken(self) -> None:
        mapping = FAMILY + "".join(
            f'[[message]]\ntopic = "river/{{device}}/data"\nwhen = {{ {when} }}\n'
            f'[[message.observation]]\nkind = "incident"\nevent_type = "{name}"\n'
            for name, when in [
                ("alarm", '"$.type" = "alarm"'),
                ("one", '"$.n" = 1'),
                ("true", '"$.n" = [true]'),
                ("open", '"$.n" = true, "$.type" = ["open", "wide"]'),
                ("absent", '"$.n" = false, "$.type" = ["open", "wide"]'),
            ]
        )
        for document, event_type in [
            ({"type": "alarm", "n": 1}, "alarm"),
            ({"n": 1}, "one"),
            ({"n": 1.0}, "one"),
            ({"n": True}, "true"),
            ({"n": 2, "type": "wide"}, "open"),
            ({"n": None, "type": "open"}, "absent"),
        ]:
            (seen,) = observe(mapping, document)
            assert isinstance(seen, Incident) and seen.event_type == event_type
        assert "no message of the mapping file fits" in refusal(mapping, {"type": "other"})

    def test_what_is_required_and_missing_refuses_the_message_with_its_path(self) -> None:
        assert refusal(message('require = ["$.a.b"]'), {"a": {}}) == "$.a.b: required, and missing"

    def test_an_observation_without_what_it_is_about_is_left_out_and_the_device_heard(self) -> None:
        mapping = message('time = "$.t"', 'kind = "object_detection"\nlabel = "$.label"\nscore = "$.score"')
        assert observe(mapping, {"label": "car", "score": "0.5"}) == [
            ObjectDetection(device="river/north", label="car", score=0.5)
        ]
        assert observe(mapping, {"score": 0.5, "t": 1_795_255_200}) == [
            DeviceHealth(device="river/north", observed_at=datetime(2026, 11, 21, 10, tzinfo=UTC))
        ]

    @pytest.mark.parametrize(("said", "state"), [("online", "online"), ("gone", None), (1, None)])
    def test_a_word_that_a_field_does_not_know_is_not_taken_for_one(self, said: object, state: str | None) -> None:
        (seen,) = observe(message("", 'kind = "device_health"\nstate = "$.s"'), {"s": said})
        assert isinstance(seen, DeviceHealth) and seen.state == state

    def test_a_text_payload(self) -> None:
        mapping = message('form = "text"', 'kind = "incident"\nevent_type = "$"')
        (seen,) = observe(mapping, b" flood \n")
        assert isinstance(seen, Incident) and seen.event_type == "flood"

    @pytest.mark.parametrize(("body", "reason"), [("", "not JSON"), ('device = "$.id"\ntopic = "river/#"', "")])
    def test_what_is_no_json_is_refused(self, body: str, reason: str) -> None:
        if reason:
            assert reason in refusal(message(body), b"\xff{")

    def test_no_device_no_message(self) -> None:
        mapping = message('topic = "river/data"\ndevice = "$.id"')
        assert "which device" in refusal(mapping, {"x": 1}, "river/data")

    def test_half_a_place_or_none_on_earth_is_left_to_the_canonical_form(self) -> None:
        body = 'longitude = "$.lng"\nlatitude = "$.lat"'
        (seen,) = observe(message(body, 'kind = "incident"\nevent_type = "x"'), {"lng": 47.9})
        assert (seen.longitude, seen.latitude) == (None, None)

    def test_a_plate_is_read(self) -> None:
        (seen,) = observe(message("", 'kind = "plate_read"\nplate = "$.p"'), {"p": "7 123"})
        assert seen == PlateRead(device="river/north", plate="7 123")


class TestReadings:
    def numbers(self, mapping: str, document: object) -> dict[str, float]:
        found = observe(mapping, document)
        return {f"{seen.metric}|{seen.channel}": seen.value for seen in found if isinstance(seen, EnvironmentReading)}

    def test_every_number_below_is_one_and_objects_are_channels(self) -> None:
        document = {"temp": 1, "in": {"temp": 2.5, "deep": {"hum": 3}}, "s": "4", "b": True, "n": None, "l": [5]}
        assert self.numbers(message(""), document) == {
            "temperature|": 1.0,
            "temperature|in": 2.5,
            "humidity|in.deep": 3.0,
        }

    @pytest.mark.parametrize(
        ("entry", "wanted"),
        [
            ('of = "$.a"', {"x|": 1.0, "y|": 2.0, "z|c": 3.0}),
            ('of = "$.a"\nonly = ["x", "z"]', {"x|": 1.0, "z|c": 3.0}),
            ('of = "$.a"\nexcept = ["x", "c"]', {"y|": 2.0}),
            ('of = "$.a.c"\nchannel = "{device}"', {"z|north": 3.0}),
            ('name = "$.k"\nvalue = "$.val"', {"pump|": 9.5}),
            ('name = "$.k"\nvalue = "$.val"\nexcept = ["pump"]', {}),
            ('name = "$.k"\nvalue = "$.nothing"', {}),
            ('of = "$.k"', {}),
        ],
    )
    def test_which_numbers(self, entry: str, wanted: dict[str, float]) -> None:
        document = {"a": {"x": 1, "y": 2, "c": {"z": 3}}, "k": "pump", "val": "9.5"}
        assert self.numbers(message("", f'kind = "readings"\n{entry}'), document) == wanted

    def test_of_an_item_the_item_s_own(self) -> None:
        mapping = message('each = "$.*"', 'kind = "readings"\nchannel = "{each}"')
        assert self.numbers(mapping, {"n": {"temp": 1}, "s": {"temp": 2}}) == {"temperature|n": 1, "temperature|s": 2}

    def test_what_scaling_makes_infinite_is_none(self) -> None:
        head = FAMILY + '[metrics]\nx = { metric = "x", scale = 1e300 }\n'
        assert self.numbers(message("", head=head), {"x": 10**300, "y": 10**400, "z": 1}) == {"z|": 1.0}


class TestBounds:
    """What is too much is refused whole: it is then in quarantine, and not lost in part."""

    def test_too_many_items(self) -> None:
        mapping = message('each = "$.points[*]"')
        document = {"points": [{"x": 1}] * (MAX_OBSERVATIONS + 1)}
        assert "more than 1000 items" in refusal(mapping, document)
        document["points"].pop()
        assert len(observe(mapping, document)) == MAX_OBSERVATIONS

    def test_too_many_observations(self) -> None:
        document = {"points": [{"x": 1, "y": 2}] * 501}
        assert "1002 observations" in refusal(message('each = "$.points[*]"'), document)

    def test_too_many_values(self) -> None:
        assert "501 values" in refusal(message(""), {f"x{n}": n for n in range(SWEEP_ITEMS + 1)})

    def test_an_attribute_that_is_a_document(self) -> None:
        mapping = message("", 'kind = "incident"\nevent_type = "x"\nattributes = { all = "$" }')
        assert "for the attribute all" in refusal(mapping, {"a": "x" * 5_000})


class TestIdentity:
    def test_items_of_one_numbered_message_are_told_apart(self) -> None:
        mapping = message('each = "$.p[*]"\nid = "$.seq"', 'kind = "incident"\nevent_type = "@.e"')
        assert [seen.observation_id for seen in observe(mapping, {"seq": 17, "p": [{"e": "a"}, {"e": "a"}]})] == [
            "17.0",
            "17.1",
        ]

    def test_items_with_ids_of_their_own_keep_them(self) -> None:
        mapping = message('each = "$.p[*]"\nid = "@.id"', 'kind = "incident"\nevent_type = "e"')
        assert [seen.observation_id for seen in observe(mapping, {"p": [{"id": "x"}, {"id": 8}]})] == ["x", "8"]

    def test_a_message_without_items_tells_that_its_device_was_heard(self) -> None:
        mapping = message('each = "$.p[*]"')
        assert observe(mapping, {"p": []}) == [DeviceHealth(device="river/north")]
