"""Sparkplug nodes are asked to be born again: at once, then patiently, and never all in one burst."""

from firmware_bridge.downlink.rebirth import AGAIN_S, FAMILY, KEY, MAX_ASKED, Rebirths, rebirth_request
from firmware_bridge.family.sparkplug_b.payload import read_payload
from firmware_bridge.inbound import Memory
from tests.conftest import NOW


def wanting(*nodes: str) -> Memory:
    memory = Memory()
    for node in nodes:
        memory.put(FAMILY, KEY + node, True)
    return memory


def asked(rebirths: Rebirths, memory: Memory, at: float) -> list[str]:
    return [request.topic for request in rebirths.due(memory, at, NOW)]


def test_a_node_is_asked_at_once_and_again_while_it_does_not_answer() -> None:
    rebirths, memory = Rebirths(), wanting("plant/n1")
    assert asked(rebirths, memory, 0.0) == ["spBv1.0/plant/NCMD/n1"]
    assert asked(rebirths, memory, AGAIN_S - 0.1) == []
    assert asked(rebirths, memory, AGAIN_S) == ["spBv1.0/plant/NCMD/n1"]


def test_a_node_that_was_born_is_asked_no_more_and_at_once_when_it_is_lost_anew() -> None:
    rebirths, memory = Rebirths(), wanting("plant/n1")
    asked(rebirths, memory, 0.0)
    memory.put(FAMILY, KEY + "plant/n1", None)
    assert asked(rebirths, memory, 1.0) == []
    memory.put(FAMILY, KEY + "plant/n1", True)
    assert asked(rebirths, memory, 2.0) == ["spBv1.0/plant/NCMD/n1"]


def test_what_is_no_node_is_passed_over() -> None:
    assert asked(Rebirths(), wanting("plant"), 0.0) == []


def test_many_are_asked_in_turn_and_none_is_forgotten() -> None:
    nodes = [f"plant/n{number:03}" for number in range(2 * MAX_ASKED + 1)]
    rebirths, memory = Rebirths(), wanting(*nodes)
    bursts = [asked(rebirths, memory, at) for at in (0.0, 2.0, 4.0, 6.0)]
    assert [len(burst) for burst in bursts] == [MAX_ASKED, MAX_ASKED, 1, 0]
    assert len({topic for burst in bursts for topic in burst}) == len(nodes)
    assert asked(rebirths, memory, AGAIN_S) == bursts[0]


def test_the_request_is_a_sparkplug_payload_with_the_one_metric_that_asks() -> None:
    request = rebirth_request("plant/n1", NOW)
    (metric,) = read_payload(request.payload).metrics
    assert (metric.name, metric.value) == ("Node Control/Rebirth", True)
    assert (request.qos, request.retain) == (0, False)
