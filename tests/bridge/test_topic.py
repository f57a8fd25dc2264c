"""Topics: which are ours, whose they are, and where the answers go."""

import pytest

from firmware_bridge.topic import ack_topic, alert_topic, health_topic, is_ours, raw_topic, read_topic


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("hexpost/v1/moi/cam7/event", ("moi/cam7", "event")),
        ("hexpost/v1/moi/cam7/status", ("moi/cam7", "status")),
        ("hexpost/v1/وزارة/كاميرا 7/event", ("وزارة/كاميرا 7", "event")),
        ("hexpost/v1/moi/out/event", ("moi/out", "event")),
        ("hexpost/v1/moi/cam7/cmd/result", ("moi/cam7", "result")),
        ("hexpost/v1/serial/ttyUSB0/raw/tasmota", ("serial/ttyUSB0", "raw")),
        ("hexpost/v1/serial/ttyUSB0/raw", None),
        ("hexpost/v1/serial/ttyUSB0/raw/", None),
        ("hexpost/v1/out/site1/event", None),  # the box's own outputs are not its inputs
        ("hexpost/v1/moi/cam7/ack", None),
        ("hexpost/v1/moi/cam7/cmd", None),
        ("hexpost/v1/moi/cam7/event/more", None),
        ("hexpost/v1/moi/cam7", None),
        ("hexpost/v1//cam7/event", None),
        ("hexpost/v1/moi//event", None),
        ("hexpost/v2/moi/cam7/event", None),
        ("Hexpost/v1/moi/cam7/event", None),
        ("/hexpost/v1/moi/cam7/event", None),
        ("", None),
    ],
)
def test_a_topic_says_whose_message_it_is(topic: str, expected: tuple[str, str] | None) -> None:
    native = read_topic(topic)
    assert (native and (native.source, native.leaf)) == expected


def test_an_ack_topic_stands_beside_the_event_topic() -> None:
    native = read_topic("hexpost/v1/moi/cam7/event")
    assert native is not None
    assert ack_topic(native.source) == "hexpost/v1/moi/cam7/ack"


def test_a_gateway_names_the_family_whose_words_it_brings() -> None:
    native = read_topic(raw_topic("serial/ttyUSB0", "tasmota"))
    assert native is not None
    assert (native.agency, native.device, native.family) == ("serial", "ttyUSB0", "tasmota")


def test_nothing_the_box_publishes_comes_back_in() -> None:
    for topic in (ack_topic("moi/cam7"), health_topic("site1"), alert_topic("site1"), "hexpost/v1/moi/cam7/cmd"):
        assert read_topic(topic) is None
        assert is_ours(topic)
    assert not is_ours("hexpost/v1/moi/cam7/event")
    assert not is_ours("zigbee2mqtt/x/ack")
