"""Number plate readers: one plate a vehicle, the best reading, and in no other place than `plate`."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from appliance.errors import Rejected
from appliance.model.observation import CameraStatus, DeviceHealth, ObjectDetection, Observation, PlateRead
from firmware_bridge.family.lpr.family import FAMILY
from tests.bridge.family.hearing import KIT, changed, document_of, hear, kit_samples, outcome, refused
from tests.conftest import examples

SEEN = datetime(2021, 10, 27, 6, 20, 55, 161_444, tzinfo=UTC)
STREAM: dict[str, Any] = {
    "hook": {"target": "https://example.org", "id": "camera-1", "event": "recognition"},
    "data": {
        "camera_id": "camera-1",
        "timestamp": "2021-10-27T06:20:55.161444Z",
        "results": [
            {
                "plate": "slz9043m",
                "region": {"code": "it", "score": 0.476},
                "score": 0.906,
                "candidates": [{"plate": "slz9043m"}, {"plate": "s1z9043m"}],
                "vehicle": {"score": 0.254, "type": "SUV"},
                "model_make": [{"make": "Mercedes-Benz", "model": "Citan", "score": 0.075}],
                "color": [{"color": "white", "score": 0.889}],
                "direction": 210,
            }
        ],
    },
}
PICTURE: dict[str, Any] = {
    "data_type": "alpr_results",
    "version": 2,
    "uuid": "AGENT-1234-1562681608425",
    "camera_id": 1234,
    "agent_uid": "AGENT",
    "epoch_time": 1_562_681_608_425,
    "results": [
        {
            "plate": "D2651BF",
            "confidence": 92.5,
            "region": "us-mo",
            "candidates": [{"plate": "D2651F", "confidence": 80.8}],
        },
        {"plate": "CG3L5Y", "confidence": 94.0, "region": "us-mo"},
    ],
}
GROUP: dict[str, Any] = {
    "data_type": "alpr_group",
    "version": 2,
    "camera_id": 1234,
    "agent_uid": "AGENT",
    "best_uuid": "AGENT-1234-1562681122676",
    "epoch_start": 1_562_681_121_504,
    "epoch_end": 1_562_681_124_479,
    "best_plate_number": "D2651BF",
    "best_confidence": 93.0,
    "best_region": "us-mo",
    "is_parked": False,
    "travel_direction": 85.5532836914062,
    "gps_latitude": 37.635986328125,
    "gps_longitude": -79.2059326171875,
    "vehicle": {"color": [{"name": "black", "confidence": 27.3}], "make_model": [{"name": "ford_focus"}]},
    "candidates": [{"plate": "D2651F", "confidence": 74.8}],
}
ANPR = """<?xml version="1.0" encoding="UTF-8"?>
<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">
<macAddress>d4:e8:53:bc:4c:02</macAddress><channelID>1</channelID><dateTime>2024-01-19T11:17:19+08:00</dateTime>
<eventType>ANPR</eventType><eventState>active</eventState><channelName>Camera 01</channelName>
<ANPR><licensePlate>PECT600</licensePlate><line>2</line><direction>reverse</direction>
<confidenceLevel>97</confidenceLevel><vehicleType>vehicle</vehicleType><vehicleInfo><color>white</color></vehicleInfo></ANPR>
<UUID>20240119</UUID><DeviceGPSInfo><longitudeType>W</longitudeType><latitudeType>N</latitudeType>
<Longitude><degree>79</degree><minute>30</minute><sec>0</sec></Longitude>
<Latitude><degree>43</degree><minute>15</minute><sec>36</sec></Latitude></DeviceGPSInfo>
</EventNotificationAlert>"""


def test_a_vehicle_of_the_stream() -> None:
    assert hear(FAMILY, STREAM) == [
        PlateRead(
            device="lpr/camera-1",
            observed_at=SEEN,
            plate="slz9043m",
            score=0.906,
            region="it",
            direction="210",
            vehicle="white Mercedes-Benz Citan SUV",
        ),
        DeviceHealth(device="lpr/camera-1", observed_at=SEEN),
    ]


def test_a_snapshot_is_of_the_camera_it_names_or_the_sender() -> None:
    snapshot = {**STREAM["data"], "camera_id": None, "processing_time": 288.8, "filename": "car.jpg"}
    assert {seen.device for seen in hear(FAMILY, snapshot)} == {"lpr/site/gate"}
    nothing = {"camera_id": "gate-2", "filename": "a.jpg", "timestamp": "2021-10-27T06:20:55.161444Z", "results": []}
    assert hear(FAMILY, nothing) == [DeviceHealth(device="lpr/gate-2", observed_at=SEEN)]


def test_newer_results_keep_the_plate_among_properties() -> None:
    item = {
        "plate": {
            "type": "Plate",
            "score": 0.9,
            "props": {"plate": [{"value": "nhk552", "score": 0.988}], "region": [{"value": "gb", "score": 0.6}]},
        },
        "vehicle": {
            "type": "Sedan",
            "props": {"make_model": [{"make": "Riley", "model": "RMF"}], "color": [{"value": "black"}]},
        },
    }
    read = hear(FAMILY, {"camera_id": "c", "timestamp": "2021-10-27T06:20:55.161444Z", "results": [item]})[0]
    assert read == PlateRead(
        device="lpr/c", observed_at=SEEN, plate="nhk552", score=0.988, region="gb", vehicle="black Riley RMF Sedan"
    )


def test_a_make_that_was_not_recognised_is_no_word() -> None:
    car = STREAM["data"]["results"][0] | {"model_make": [{"make": "generic", "model": "Unknown", "score": 0.1}]}

    [read, *_] = hear(FAMILY, STREAM | {"data": STREAM["data"] | {"results": [car]}})

    assert isinstance(read, PlateRead)
    assert read.vehicle == "white SUV"


def test_a_vehicle_without_a_plate_is_still_seen() -> None:
    item = {"plate": None, "vehicle": {"type": "Bus", "score": 0.7}}
    assert hear(FAMILY, {"camera_id": "c", "filename": "a.jpg", "results": [item]})[0] == ObjectDetection(
        device="lpr/c", label="Bus", score=0.7
    )


def test_each_plate_of_a_picture_has_its_own_name() -> None:
    when = datetime(2019, 7, 9, 14, 13, 28, 425_000, tzinfo=UTC)
    common: dict[str, Any] = {"device": "lpr/1234", "observed_at": when, "region": "us-mo"}
    assert hear(FAMILY, PICTURE) == [
        PlateRead(observation_id="AGENT-1234-1562681608425-0", plate="D2651BF", score=0.925, **common),
        PlateRead(observation_id="AGENT-1234-1562681608425-1", plate="CG3L5Y", score=0.94, **common),
        DeviceHealth(device="lpr/1234", via="lpr/AGENT"),
    ]


def test_a_picture_from_before_there_were_data_types() -> None:
    plates = [{"plate": "S11FRE", "confidence": 77.0, "region": "", "candidates": [{"plate": "S11FRE"}]}]
    document = {"epoch_time": 1_402_161_050, "uuid": "site-cam1-1402161050", "camera_id": 1, "site_id": "site"}
    assert hear(FAMILY, {**document, "results": plates})[0] == PlateRead(
        device="lpr/1",
        observed_at=datetime(2014, 6, 7, 17, 10, 50, tzinfo=UTC),
        observation_id="site-cam1-1402161050-0",
        plate="S11FRE",
        score=0.77,
    )


def test_a_group_is_one_vehicle_that_grows() -> None:
    read = hear(FAMILY, GROUP)[0]
    assert read == PlateRead(
        device="lpr/1234",
        observed_at=datetime(2019, 7, 9, 14, 5, 21, 504_000, tzinfo=UTC),
        observation_id="AGENT-1234-1562681122676",
        longitude=-79.2059326171875,
        latitude=37.635986328125,
        plate="D2651BF",
        score=0.93,
        region="us-mo",
        direction="85.5533",
        vehicle="black ford_focus",
        rev=1_562_681_124_479,
    )
    alert = {"data_type": "alpr_alert", "alert_list": "stolen", "plate_number": "D2651BF", "group": GROUP}
    assert hear(FAMILY, alert)[0] == msgspec.structs.replace(read, attributes={"alert": "stolen"})


def test_a_reader_on_a_camera_tells_a_vehicle_when_it_is_new_and_when_it_is_lost() -> None:
    said = {
        "capture_timestamp": "1635315655161",
        "plateText": "AB12CD",
        "plateUTF8": "AB12CD",
        "plateCountry": "POL",
        "plateConfidence": "0.72",
        "carState": "new",
        "geotag": {"lat": 50.25, "lon": 30.5},
        "carMoveDirection": "in",
        "carID": "1144696",
        "imagesURI": ["/img/20211027_AB12CD.jpg"],
        "camera_info": {"SerialNumber": "ACCC8E000001", "ProdShortName": "AXIS P1445-LE-3"},
    }
    first, health = hear(FAMILY, said)
    assert first == PlateRead(
        device="lpr/ACCC8E000001",
        observed_at=SEEN.replace(microsecond=161_000),
        observation_id="1144696.20211027",
        longitude=30.5,
        latitude=50.25,
        plate="AB12CD",
        score=0.72,
        region="POL",
        direction="in",
        phase="new",
        rev=1635315655161,
    )
    assert isinstance(health, DeviceHealth)
    assert health.model == "AXIS P1445-LE-3"
    last = hear(FAMILY, {**said, "carState": "lost", "capture_timestamp": "1635315656000"})[0]
    assert isinstance(last, PlateRead)
    assert (last.observation_id, last.phase, last.rev) == ("1144696.20211027", "end", 1635315656000)


def test_a_heartbeat_tells_of_the_agent_and_its_cameras() -> None:
    when = datetime(2019, 7, 9, 14, 18, 24, 8_000, tzinfo=UTC)
    heartbeat = {
        "data_type": "heartbeat", "agent_uid": "AGENT", "agent_hostname": "pi", "agent_type": "alprd",
        "agent_version": "2.7.101", "daemon_uptime_seconds": 35, "recording_enabled": True,
        "timestamp": 1_562_681_904_008, "license_key": "secret",
        "video_streams": [{"camera_id": 1234, "camera_name": "gate", "fps": 0, "is_streaming": False}],
    }  # fmt: skip
    assert hear(FAMILY, heartbeat) == [
        DeviceHealth(
            device="lpr/AGENT", observed_at=when, state="online", name="pi", manufacturer="OpenALPR", model="alprd",
            firmware="2.7.101", uptime_s=35.0, interval_s=60.0,
        ),
        CameraStatus(device="lpr/1234", observed_at=when, working=False, fps=0.0, recording=True),
        DeviceHealth(device="lpr/1234", observed_at=when, name="gate", via="lpr/AGENT"),
    ]  # fmt: skip


def test_hikvision_reads_plates_where_it_stands() -> None:
    when = datetime(2024, 1, 19, 3, 17, 19, tzinfo=UTC)
    assert hear(FAMILY, ANPR) == [
        PlateRead(
            device="lpr/d4:e8:53:bc:4c:02",
            observed_at=when,
            observation_id="20240119",
            longitude=-79.5,
            latitude=43.26,
            plate="PECT600",
            score=0.97,
            direction="reverse",
            vehicle="white vehicle",
            attributes={"lane": "2"},
        ),
        DeviceHealth(device="lpr/d4:e8:53:bc:4c:02", observed_at=when, name="Camera 01"),
    ]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"hook": {"id": "c"}, "data": "D2651BF"}, "$.data"),
        ({"data_type": "alpr_alert", "agent_uid": "A", "group": "D2651BF"}, "$.group"),
    ],
)
def test_a_refusal_names_the_place_and_no_plate(document: Any, path: str) -> None:
    with pytest.raises(Rejected) as refusal:
        hear(FAMILY, document)
    assert str(refusal.value).startswith(path)
    assert "D2651BF" not in str(refusal.value)


@pytest.mark.parametrize("document", [STREAM, PICTURE, GROUP, ANPR])
def test_a_plate_stands_in_no_other_member(document: Any) -> None:
    assert _leaks(hear(FAMILY, document)) == []


@pytest.mark.parametrize(
    "document",
    [{"data_type": "heartbeat", "value": 1}, {"results": [{"id": 1}]}, {"results": [], "timestamp": 1}, "<ANPR/>", [1]],
)
def test_others_messages_are_not_taken(document: Any) -> None:
    assert FAMILY.recognise is not None
    assert FAMILY.recognise(document) is None


@pytest.mark.skipif(not KIT, reason="HEXPOST_FIELDKIT is not set")
def test_real_messages_are_understood_and_leak_no_plate() -> None:
    samples = kit_samples("lpr")
    assert refused(FAMILY, samples) == {}
    assert [_leaks(hear(FAMILY, document_of(sample.payload))) for sample in samples] == [[] for _ in samples]


@given(changed([STREAM, PICTURE, GROUP]))
@settings(max_examples=examples(300))
def test_odd_members_cost_no_more_than_themselves(document: Any) -> None:
    outcome(FAMILY, document)


def _leaks(heard: list[Observation]) -> list[str]:
    """Plates that stand elsewhere than in `plate`."""
    plates = [seen.plate for seen in heard if isinstance(seen, PlateRead)]
    rest = [
        str(msgspec.structs.replace(seen, plate="")) if isinstance(seen, PlateRead) else str(seen) for seen in heard
    ]
    return [plate for plate in plates if any(plate.lower() in text.lower() for text in rest)]
