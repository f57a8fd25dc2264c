"""`--map`: which column gives which member."""

import pytest

from appliance.errors import Rejected
from appliance.ingest.mapping import ColumnMap, parse_map, split_columns


def test_columns_joined_columns_constants_and_none() -> None:
    options = ["longitude=Long", "event_timestamp=day+hour", "event_type==break=in", " value =the value ", "severity="]
    assert parse_map(options) == ColumnMap(
        columns={"longitude": "Long", "event_timestamp": "day+hour", "value": "the value", "severity": ""},
        constants={"event_type": "break=in"},
    )
    assert parse_map([]) == ColumnMap()


def test_a_place_in_one_column_is_mapped_in_the_order_that_is_said() -> None:
    expected = ColumnMap(columns={"latitude": "the geom", "longitude": "the geom"}, pair=("latitude", "longitude"))
    assert parse_map(["latitude + longitude=the geom"]) == expected
    assert parse_map(["longitude+latitude=g"]).pair == ("longitude", "latitude")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["longitude"], "the form is name=Column"),
        (["=Long"], "an event has no ''"),
        (["longitude="], "the form is name=Column"),
        (["value=="], "the form is name=Column"),
        (["longtitude=Long"], "has no 'longtitude'; did you mean 'longitude'"),
        (["xyzzy=Long"], "there are event_id, event_type"),
        (["value=a", "value==3"], "value is mapped twice"),
        (["latitude+longitude=a", "latitude=b"], "latitude is mapped twice"),
        (["latitude+longitude==a"], "the form is latitude.longitude=Column"),
        (["latitude+longitude="], "the form is"),
        (["latitude+value=a"], "has no 'latitude.value'"),
    ],
)
def test_an_option_that_cannot_be_is_refused_with_the_nearest(options: list[str], says: str) -> None:
    with pytest.raises(Rejected, match=says):
        parse_map(options)


def test_a_plus_joins_columns_unless_it_belongs_to_a_name() -> None:
    assert split_columns("event_timestamp", "day + hour") == ("day", "hour")
    assert split_columns("event_timestamp", "C+G", ["C+G"]) == ("C+G",)
    assert split_columns("value", "C+G", ["C+G"]) == ("C+G",)
    with pytest.raises(Rejected, match="only event_timestamp may be joined"):
        split_columns("value", "a+b")
