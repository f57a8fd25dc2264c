"""Times that name their month: refused, for two digits may be a day or a year, with the very format that reads them."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from appliance.errors import Rejected
from appliance.ingest.times import TimeReader

KUWAIT = ZoneInfo("Asia/Kuwait")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def read(text: str, *formats: str) -> datetime:
    return TimeReader(columns=["when"], formats=formats, zone=KUWAIT).read((text,))


@pytest.mark.parametrize(
    ("text", "form", "instant"),
    [
        ("31-Dec-19 23:05", "%d-%b-%y %H:%M", utc(2019, 12, 31, 20, 5)),
        ("December 31, 2019 11:05 PM", "%B %d, %Y %I:%M %p", utc(2019, 12, 31, 20, 5)),
        ("Tue, 31 Dec 2019 23:05:00 GMT", "%a, %d %b %Y %H:%M:%S %Z", utc(2019, 12, 31, 23, 5)),
        ("Tue Dec 31 23:05:00 +0300 2019", "%a %b %d %H:%M:%S %z %Y", utc(2019, 12, 31, 20, 5)),
        ("1-May-2020", "%d-%b-%Y", utc(2020, 4, 30, 21)),
    ],
)
def test_a_month_by_its_name_is_refused_with_the_format_that_reads_it(text: str, form: str, instant: datetime) -> None:
    with pytest.raises(Rejected, match=f"say another, as in --time-format {re.escape(repr(form))}"):
        read(text)
    assert read(text, form) == instant


@pytest.mark.parametrize("text", ["31-Dic-19", "50% of May", "May 2020 2021", "1 1 1 May", "May"])
def test_what_no_format_reads_is_refused_without_one(text: str) -> None:
    with pytest.raises(Rejected, match="say another with --time-format"):
        read(text)
