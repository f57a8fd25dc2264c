"""People counters of several makers, who push JSON to an address of the site's choosing: known by its shape.

Xovis (`xovis`), Milesight (`vs`), Axis and Disruptive Technologies
(`push`), Irisys and FootfallCam (`registers`), and crowds by their size
(`crowd`). A device is `people_counting/<serial number>`; a package that does not name its sensor is its
sender's.
"""

from typing import Any

from firmware_bridge.family.people_counting.crowd import is_analysis, is_crowd, read_analysis, read_crowd
from firmware_bridge.family.people_counting.push import read_axis, read_axis_sums, read_disruptive
from firmware_bridge.family.people_counting.registers import ROUTES, recognise_registers
from firmware_bridge.family.people_counting.vs import read_milesight
from firmware_bridge.family.people_counting.xovis import (
    read_counts,
    read_events,
    read_live,
    read_logics,
    read_status,
)
from firmware_bridge.inbound import Family, Handler
from firmware_bridge.notation.members import object_of

NAME = "people_counting"


def _recognise(document: Any) -> Handler | None:
    if type(document) is list:
        return read_events if document and _is_xovis_event(document[0]) else recognise_registers(document)
    if type(document) is not dict:
        return None
    for member, handler in _PACKAGES:
        if type(document.get(member)) is dict:
            return handler
    values = document.get("values")
    if type(values) is list and values and _is_xovis_event(values[0]):
        return read_events
    if "sensor-info" in document and "content" in document:
        return read_counts
    return _by_maker(document)


def _by_maker(document: dict[str, Any]) -> Handler | None:
    if "device_info" in document and not document.keys().isdisjoint(_MILESIGHT):
        return read_milesight
    if type(document.get("sensor")) is dict and "measurements" in object_of(document.get("data")):
        return read_axis
    event = object_of(document.get("event")) or document
    if "eventType" in event and "targetName" in event and type(event.get("data")) is dict:
        return read_disruptive
    if (
        "serial" in document
        and "timestamp" in document
        and (("in" in document and "out" in document) or "occupancy" in document)
    ):
        return read_axis_sums
    if is_analysis(document):
        return read_analysis
    return recognise_registers(document) or (read_crowd if is_crowd(document) else None)


def _is_xovis_event(first: object) -> bool:
    return type(first) is dict and "countItem" in first and "type" in first


_PACKAGES = (("live_data", read_live), ("logics_data", read_logics), ("status_data", read_status))
_MILESIGHT = frozenset(
    "line_trigger_data line_periodic_data line_total_data line_count_data region_data region_trigger_data "
    "region_count_data region_periodic_data dwell_time_data dwell_start_time alarm_data total_data current_total "
    "current_counted in_counted flow_data attention_region_trigger_data di_trigger_data time_info".split()
)

FAMILY = Family(
    name=NAME,
    title="People counters (Xovis, Axis, Milesight VS, Irisys, FootfallCam, Disruptive Technologies)",
    source="Xovis Data Push; Milesight VS guides; https://developer.axis.com/vapix/applications/people-counter-api; "
    "https://docs.developer.disruptive-technologies.com/data-connectors",
    routes=ROUTES,  # of the others each site chooses the topics
    recognise=_recognise,
)
