"""J2735 messages in JSON: positions without a registry entry, events of vehicles and roads, and what is unavailable."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from appliance.errors import Rejected
from appliance.model.observation import DeviceHealth, Incident, Position, V2xMessage
from firmware_bridge.family.v2x_j2735.events import event_flags, itis_codes
from firmware_bridge.family.v2x_j2735.family import FAMILY
from tests.bridge.family.hearing import KIT, changed, hear, kit_samples, outcome, refused
from tests.conftest import examples

RECEIVED = datetime(2024, 12, 10, 17, 30, 48, 95_000, tzinfo=UTC)
RSU = "v2x_j2735/172.18.0.1"
HEARD = DeviceHealth(device=RSU, observed_at=RECEIVED, address="172.18.0.1")


def ode(data: Any, data_type: str, **metadata: Any) -> dict[str, Any]:
    """A message as the ODE wraps it, reported by a road side unit."""
    told = {"odeReceivedAt": "2024-12-10T17:30:48.095Z", "recordGeneratedAt": "", "originIp": "172.18.0.1"}
    return {
        "metadata": {"payloadType": "us.dot.its.jpo.ode.model.OdePayload", "schemaVersion": 8, **told, **metadata},
        "payload": {"data": data, "dataType": f"us.dot.its.jpo.ode.plugin.j2735.{data_type}"},
    }


def frame(name: str, number: int, value: Any) -> dict[str, Any]:
    return ode({"messageId": number, "value": {name: value}}, f"{name}.{name}MessageFrame")


BSM = ode(
    {
        "coreData": {
            "msgCnt": 37,
            "id": "31325433",
            "secMark": 25399,
            "position": {"latitude": 40.5659938, "longitude": -105.0317754, "elevation": 1440.9},
            "accuracy": {"semiMajor": 9.3, "semiMinor": 12.05},
            "speed": 0.28,
            "heading": 313.25,
        },
        "partII": [
            {
                "id": "VehicleSafetyExtensions",
                "value": {"events": {"eventHardBraking": True, "eventABSactivated": False}},
            }
        ],
    },
    "J2735Bsm",
    bsmSource="EV",
)
FRAME = frame(
    "BasicSafetyMessage",
    20,
    {
        "coreData": {
            "msgCnt": 1, "id": "A0B1C2D3", "secMark": 100, "lat": 405659938, "long": -1050317754, "elev": 14409,
            "accuracy": {"semiMajor": 186, "semiMinor": 241, "orientation": 65535}, "speed": 14, "heading": 25060,
        },
        "partII": [{"partII-Id": 0, "partII-Value": {"VehicleSafetyExtensions": {"events": "0100"}}}],
    },
)  # fmt: skip
TIM = ode(
    {
        "msgCnt": 2,
        "timeStamp": 10,
        "packetID": "0000000000000BBC2B",
        "dataFrames": [
            {
                "frameType": "advisory",
                "regions": [{"name": "I-80", "anchor": {"lat": 411269876, "long": -1047269563}}],
                "content": {
                    "advisory": [{"item": {"itis": 777}}, {"item": {"text": "Slow"}}, {"item": {"itis": 13579}}]
                },
            }
        ],
    },
    "travelerinformation.TravelerInformation",
)


def test_a_vehicle_is_where_it_says_and_brakes_once_a_minute() -> None:
    assert hear(FAMILY, BSM) == [
        Position(
            device="v2x_j2735/31325433",
            observed_at=RECEIVED,
            longitude=-105.0317754,
            latitude=40.5659938,
            altitude_m=1440.9,
            accuracy_m=9.3,
            speed_mps=0.28,
            heading_deg=313.25,
            transient=True,
            attributes={"message_type": "BSM", "source": "EV"},
        ),
        Incident(
            device=RSU,
            observed_at=RECEIVED,
            observation_id="31325433.eventHardBraking.20241210T1730",
            longitude=-105.0317754,
            latitude=40.5659938,
            event_type="eventHardBraking",
            attributes={"vehicle": "31325433"},
            rev=48_095,
        ),
        HEARD,
    ]


def test_a_frame_of_whole_numbers_says_the_same() -> None:
    position, incident, heard = hear(FAMILY, FRAME)
    assert position == Position(
        device="v2x_j2735/A0B1C2D3",
        observed_at=RECEIVED,
        longitude=-105.0317754,
        latitude=40.5659938,
        altitude_m=1440.9,  # 14409 steps of 0.1 m
        accuracy_m=9.3,  # 186 of 0.05 m
        speed_mps=0.28,  # 14 of 0.02 m/s
        heading_deg=313.25,  # 25060 of 0.0125 degrees
        transient=True,
        attributes={"message_type": "BSM"},
    )
    assert isinstance(incident, Incident)
    assert incident.event_type == "eventStopLineViolation"
    assert heard == HEARD


def test_what_is_unavailable_is_left_out() -> None:
    core = {
        "id": "A0",
        "lat": 405659938,
        "long": -1050317754,
        "elev": -4096,
        "accuracy": {"semiMajor": 255},
        "speed": 8191,
        "heading": 28800,
    }
    position = hear(FAMILY, frame("BasicSafetyMessage", 20, {"coreData": core}))[0]
    assert position == Position(
        device="v2x_j2735/A0", observed_at=RECEIVED, longitude=-105.0317754, latitude=40.5659938, transient=True,
        attributes={"message_type": "BSM"},
    )  # fmt: skip
    nowhere = frame("BasicSafetyMessage", 20, {"coreData": {"id": "A0", "lat": 900000001, "long": 1800000001}})
    assert hear(FAMILY, nowhere) == [V2xMessage(device=RSU, observed_at=RECEIVED, message_type="BSM"), HEARD]


def test_someone_on_foot_moves_in_whole_numbers_even_in_the_ode() -> None:
    person = {
        "basicType": "aPEDESTRIAN",
        "id": "24779D7E",
        "position": {"latitude": 40.2397377, "longitude": -74.2761437},
        "accuracy": {"semiMajor": 1.0},
        "speed": 60,
        "heading": 8898,
    }
    assert hear(FAMILY, ode(person, "J2735PSM"))[0] == Position(
        device="v2x_j2735/24779D7E", observed_at=RECEIVED, longitude=-74.2761437, latitude=40.2397377, accuracy_m=1.0,
        speed_mps=1.2, heading_deg=111.225, transient=True,
        attributes={"message_type": "PSM", "basic_type": "aPEDESTRIAN"},
    )  # fmt: skip


SPAT = [{"id": {"id": 12111}, "status": {"off": True, "failureMode": False}}]
SRM = {
    "requests": {"signalRequestPackage": [{"request": {"id": {"id": 12109}}}]},
    "requestor": {"type": {"role": "publicTransport"}},
}
SSM = {"status": {"signalStatus": [{"id": {"id": 12110}}, {"id": {"id": 12111}}]}}


@pytest.mark.parametrize(
    ("data", "data_type", "kind", "items", "told"),
    [
        ({"intersectionStateList": {"intersectionStatelist": SPAT}}, "J2735SPAT", "SPAT", 1,
         {"intersections": [12111], "status": ["off"]}),
        ({"messageId": 19, "value": {"SPAT": {"intersections": SPAT}}}, "x", "SPAT", 1,
         {"intersections": [12111], "status": ["off"]}),
        (SRM, "J2735SRM", "SRM", 1, {"intersections": [12109], "role": "publicTransport"}),
        (SSM, "J2735SSM", "SSM", 2, {"intersections": [12110, 12111]}),
        ({"bytes": "001283C138003000"}, "OdeHexByteArray", "MAP", 1, {}),
        ({"messageId": 28, "value": {"RTCMcorrections": {"msgCnt": 1}}}, "x", "RTCM", 1, {}),
    ],
)  # fmt: skip
def test_other_messages_are_counted_with_the_intersections_they_are_about(
    data: Any, data_type: str, kind: str, items: int, told: Any
) -> None:
    expected = V2xMessage(device=RSU, observed_at=RECEIVED, message_type=kind, items=items, attributes=told)
    assert hear(FAMILY, ode(data, data_type)) == [expected, HEARD]


def test_a_map_stands_at_its_first_intersection() -> None:
    data = {
        "intersections": {
            "intersectionGeometry": [
                {"id": {"id": 12110}, "refPoint": {"latitude": 39.5952649, "longitude": -105.0914122}}
            ]
        }
    }
    assert hear(FAMILY, ode(data, "J2735MAP"))[0] == V2xMessage(
        device=RSU, observed_at=RECEIVED, message_type="MAP", longitude=-105.0914122, latitude=39.5952649,
        attributes={"intersections": [12110]},
    )  # fmt: skip


def test_traveller_information_is_an_incident_by_its_first_code() -> None:
    assert hear(FAMILY, TIM) == [
        Incident(
            device=RSU,
            observed_at=RECEIVED,
            observation_id="0000000000000BBC2B.0",
            longitude=-104.7269563,
            latitude=41.1269876,
            event_type="itis_777",
            attributes={"itis": [777, 13579], "frame_type": "advisory", "region": "I-80"},
            rev=10 * 128 + 2,
        ),
        HEARD,
    ]


def test_the_first_versions_of_the_metadata_have_other_times() -> None:
    core = {"id": "14030000", "position": {"latitude": 40.47, "longitude": -104.97}}
    document = ode({"coreData": core}, "J2735Bsm")
    document["metadata"] = {
        "generatedAt": "2017-08-10T21:02:21.800Z[UTC]",
        "receivedAt": "2017-09-19T19:33:12.194Z[UTC]",
        "schemaVersion": 2,
    }
    assert hear(FAMILY, document)[0].observed_at == datetime(2017, 8, 10, 21, 2, 21, 800_000, tzinfo=UTC)


def test_traveller_information_as_older_versions_wrap_it() -> None:
    data = {
        "MessageFrame": {
            "messageId": 31,
            "value": {
                "TravelerInformation": {
                    "timeStamp": 174827,
                    "packetID": "D3BAFF020000000000",
                    "msgCnt": 51,
                    "dataFrames": {
                        "TravelerDataFrame": {
                            "regions": {"GeographicalPath": {"anchor": {"lat": 405662581, "long": -1050326099}}},
                            "frameType": {"advisory": ""},
                            "content": {
                                "advisory": {"SEQUENCE": [{"item": {"itis": 532}}, {"item": {"text": "Distress"}}]}
                            },
                        }
                    },
                }
            },
        }
    }
    incident = hear(FAMILY, ode(data, "TravelerInformation", recordGeneratedAt="2018-05-02T16:47:45.603Z[UTC]"))[0]
    assert incident == Incident(
        device=RSU, observed_at=datetime(2018, 5, 2, 16, 47, 45, 603_000, tzinfo=UTC),
        observation_id="D3BAFF020000000000.0", longitude=-105.0326099, latitude=40.5662581, event_type="itis_532",
        attributes={"itis": [532], "frame_type": "advisory"}, rev=174827 * 128 + 51,
    )  # fmt: skip


def test_traveller_information_within_situation_data_is_the_same() -> None:
    frame = {"MessageFrame": {"messageId": 31, "value": {"TravelerInformation": {
        "timeStamp": 10, "packetID": "AB", "msgCnt": 1,
        "dataFrames": [{"frameType": "advisory", "content": {"advisory": [{"item": {"itis": 1025}}]}}],
    }}}}  # fmt: skip
    unsecured = {"protocolVersion": 3, "content": {"unsecuredData": frame}}
    data = {
        "AdvisorySituationData": {"timeToLive": 3, "asdmDetails": {"advisoryMessage": {"Ieee1609Dot2Data": unsecured}}}
    }
    found = hear(FAMILY, ode(data, "OdeTimPayload"))[0]
    assert isinstance(found, Incident)
    assert (found.event_type, found.observation_id, found.rev) == ("itis_1025", "AB.0", 10 * 128 + 1)


def test_traveller_information_as_it_is_told_to_the_ode_is_the_same() -> None:
    data = {
        "msgCnt": 3,
        "timeStamp": "2026-01-02T01:30:00Z",
        "packetID": "AB",
        "dataframes": [
            {
                "frameType": "advisory",
                "regions": [{"name": "bob", "anchorPosition": {"latitude": 41.5, "longitude": -108.5}}],
                "content": "Advisory",
                "items": ["250", "some words"],
            }
        ],
    }
    found = hear(FAMILY, ode(data, "us.dot.its.jpo.ode.plugin.j2735.OdeTravelerInformationMessage"))[0]
    assert isinstance(found, Incident)
    assert (found.event_type, found.longitude, found.latitude, found.rev) == (
        "itis_250",
        -108.5,
        41.5,
        (1_440 + 90) * 128 + 3,
    )


def test_sensed_objects_stand_at_their_offset_from_the_sensor() -> None:
    data = {
        "sourceID": "010C0C0A",
        "refPos": {"lat": 0, "long": -836987660},
        "objects": [
            {"detObjCommon": {"objType": "vru", "objectID": 8010, "pos": {"offsetX": 1112, "offsetY": -1112},
                              "speed": 50, "heading": 28800}},
            {"detObjCommon": {"objType": "vehicle", "objectID": 8011}},
        ],
    }  # fmt: skip
    message, seen, heard = hear(FAMILY, frame("SensorDataSharingMessage", 41, data))
    assert message == V2xMessage(
        device=RSU, observed_at=RECEIVED, message_type="SDSM", items=2, longitude=-83.698766, latitude=0.0,
        attributes={"source": "010C0C0A"},
    )  # fmt: skip
    assert seen == Position(  # 111.2 m east and south of a point on the equator: 0.001 degrees, nearly
        device="v2x_j2735/010C0C0A-8010", observed_at=RECEIVED, longitude=-83.697766, latitude=-0.001, speed_mps=1.0,
        transient=True, attributes={"message_type": "SDSM", "object_type": "vru"},
    )  # fmt: skip
    assert heard == HEARD


def test_a_driver_alert_is_where_the_unit_was() -> None:
    place = {"locationData": {"latitude": "40.565496", "longitude": "-105.0318335"}}
    document = {
        "metadata": {"recordType": "driverAlert", "odeReceivedAt": "2024-12-10T17:30:48.095Z",
                     "receivedMessageDetails": place},
        "payload": {"alert": "BSW"},
    }  # fmt: skip
    assert hear(FAMILY, document) == [
        Incident(
            device="v2x_j2735/site/gate", observed_at=RECEIVED, longitude=-105.0318335, latitude=40.565496,
            event_type="driver_alert", attributes={"alert": "BSW"},
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    "events",
    [
        {"eventHazardLights": True, "eventAirBagDeployment": "true"},
        ["eventAirBagDeployment", "eventHazardLights"],
        "1000000000001",
        "8008",
    ],
)
def test_event_flags_in_every_writing(events: Any) -> None:
    assert event_flags([{"id": "VehicleSafetyExtensions", "value": {"events": events}}]) == (
        "eventHazardLights",
        "eventAirBagDeployment",
    )


def test_codes_come_from_any_kind_of_content() -> None:
    assert itis_codes({"workZone": [{"item": {"itis": 1025}}, {"itis": "257"}]}) == [1025, 257]
    assert itis_codes("none") == []


def test_a_message_without_data_is_refused() -> None:
    with pytest.raises(Rejected, match=r"\$.payload.data"):
        hear(FAMILY, ode(None, "J2735Bsm"))


def test_metadata_and_payload_of_others_are_not_taken() -> None:
    assert FAMILY.recognise is not None
    assert FAMILY.recognise({"metadata": {"version": 1}, "payload": {}}) is None
    assert FAMILY.recognise({"messageId": 5, "value": {"temperature": 3}}) is None


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_real_messages_are_understood() -> None:
    assert refused(FAMILY, kit_samples("v2x_j2735")) == {}


@given(changed([BSM, FRAME, TIM]))
@settings(max_examples=examples(300))
def test_odd_members_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document)
