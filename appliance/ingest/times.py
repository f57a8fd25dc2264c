"""Times as files write them, to aware UTC instants.

A file may say its time in one column or several, with or without an offset, in a form of its own or as a Unix
number; `TimeReader` is told what only a person can know (the forms, the zone) and refuses what would be a guess.
Built once for a file by `ingest.table` and `ingest.record`, and asked for each row.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from appliance.clock import from_us
from appliance.errors import Rejected
from appliance.ingest.clocks import SHOWN, clock_form, form_in_words, read_clock
from appliance.model.native import read_timestamp

CACHED_TEXTS = 8_192  # files repeat their days; past this many the cache starts afresh
DIRECTIVES = frozenset("aAwdbBmyYHIpMSfzZjUWcxXGuV%")
YEARS = frozenset("yYGcx")
HOURS = frozenset("HIcX")
CLOCKS = HOURS | frozenset("MSfp")
WIDTHS = {"%H%M": 4, "%H%M%S": 6}  # digits alone, whose leading zeros a spreadsheet may have eaten
EXCEL = "excel"  # a format: days of a spreadsheet, on the file's own clock
EXCEL_DAY_0 = datetime(1899, 12, 30)  # noqa: DTZ001 - the file's own clock; right from 1900-03-01 on
FIRST_UNIX_S = 100_000_000  # March 1973; a smaller number in somebody's column is a serial day, a month or an id

_UNIX = re.compile(r"unix(?P<ms>_ms)?(?:\*(?P<factor>\d{1,12}(?:\.\d{1,12})?))?\Z")
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,12})?\Z")
_COMPACT_DAY = re.compile(
    r"(19|20|21)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])([0-5]\d([0-5]\d)?)?)?(\.0)?\Z"
)
_COMPACT_FORMS = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # by their digits
_WHOLE = re.compile(r"\A(\d{1,6})\.0+\Z")  # a whole number from a column that somebody's program took for real ones
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:(?:T|\s+)(?P<rest>\S.*))?\Z", re.I)
_DAY_OR_MONTH_FIRST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})([-/.])(\d{4}|\d{2})\b(?P<rest>.*)", re.DOTALL)
_MONTH = re.compile(r"\d{4}-\d{2}\Z")
_YEAR = re.compile(r"(19|20|21)\d\d\Z")
_OFFSET = re.compile(r"\s*(?:(?P<utc>Z|UTC|GMT)|(?P<hours>[+-]\d{2})(?::?(?P<minutes>\d{2}))?)\Z", re.I)
_ENDS_IN_HOURS = re.compile(r"\d\s*[+-]\d{2}\Z")
_UTC_WORD = re.compile(r"\b(UTC|GMT|Z)\b", re.I)


class _NoZone(Exception):
    """The time has no offset, and nobody has said where it belongs."""


class _Form(NamedTuple):
    """One `--time-format`, made ready.

    whole   the form of all columns, joined by a space; where `clock` is set, of the first alone
    clock   the form of the other columns, where the first stands for an instant whose day counts
    widths  of each column, to which digits are filled up with zeros; empty where the format is not one a column
    day     whether `whole` may stand for the first column alone, the others being read as a clock by themselves
    """

    whole: str
    clock: str = ""
    widths: tuple[int, ...] = ()
    day: bool = False


class TimeReader:
    """Reads the text of one or more columns as one instant.

    columns  names of the columns the texts come from; the first gives the day, the others the time of day
    formats  forms tried in order (strptime, or `unix`, `unix_ms`, `unix*100`, `excel`): one part a column, joined
             like them by `+`, or one for the texts of all columns joined by a space. ISO 8601 with an offset is
             accepted last. Without formats: what `read_instant` and `read_clock` take
    zone     where times without an offset belong; without it they are refused
    near_1970  whether any number is Unix seconds, as a device without a clock tells them; in a column that somebody
             chose a small one is refused, for it is likely something else
    raises   Rejected  a format that cannot be one, or that does not fit the columns

    A local time that the spring change leaves out is moved forward by what the change leaves out; one that the
    autumn change repeats is the first of the two.
    """

    def __init__(
        self,
        *,
        columns: Sequence[str] = ("event_timestamp",),
        formats: Sequence[str] = (),
        zone: ZoneInfo | None = None,
        near_1970: bool = False,
    ) -> None:
        self._near_1970 = near_1970
        self._columns = tuple(columns)
        self._path = "+".join(columns)
        self._formats = tuple(formats)
        self._forms = [_form(text, len(self._columns)) for text in formats]
        self._zone = zone
        self._plain = len(self._columns) == 1 and not self._forms
        self._seen: dict[tuple[str, ...], datetime] = {}
        self._counted = False  # a number was a time, so that 2019 among numbers is one more
        self._digits: Literal["", "hours", "hours and minutes"] = ""  # what digits alone in a column of clocks mean

    @property
    def undecided(self) -> bool:
        """Whether `learn` can tell what digits alone mean as a time of day: `5` is an hour; beside `1948`, 00:05."""
        return len(self._columns) > 1 and (not self._forms or any(form.day for form in self._forms))

    def learn(self, texts: Sequence[str]) -> None:
        """Hear the texts of a row, one a column, ahead of reading from the first."""
        if re.match(r"\d{3,4}(\.0+)?\Z", texts[-1].strip()):
            self._digits = "hours and minutes"

    def read(self, texts: tuple[str, ...]) -> datetime:
        """The aware UTC instant that the texts, one a column, stand for.

        raises  Rejected  empty, unreadable, ambiguous or without a zone; quotes the text and names the remedy
        """
        if self._plain and texts[0][4:5] == "-":  # the native form, seldom twice the same: quicker read than looked up
            try:
                return self._placed(datetime.fromisoformat(texts[0]))
            except (ValueError, OverflowError, _NoZone):
                pass  # in a form that needs a closer look, or nothing to read: said below
        found = self._seen.get(texts)
        if found is None:
            found = self._read(tuple([_WHOLE.sub(r"\1", text.strip()) for text in texts]))
            if len(self._seen) >= CACHED_TEXTS:
                self._seen.clear()
            self._seen[texts] = found
        return found

    def _read(self, texts: tuple[str, ...]) -> datetime:
        for column, text in zip(self._columns, texts, strict=True):
            if not text:
                raise Rejected("required, and missing", column)
        try:
            return self._by_formats(texts) if self._forms else self._unaided(texts)
        except Rejected as rejected:
            raise Rejected(rejected.reason, self._path) from None
        except _NoZone:
            remedy = "name the zone of the file, as in --tz America/Toronto"
            raise Rejected(f"{_shown(texts)} has no offset; {remedy}", self._path) from None
        except (ValueError, OverflowError) as error:
            raise Rejected(f"{_shown(texts)} is not a time: {error}", self._path) from None

    def _by_formats(self, texts: tuple[str, ...]) -> datetime:
        for form in self._forms:
            try:
                return self._by_form(form, texts)
            except ValueError:
                continue
        try:
            first = read_instant(texts[0])
        except (ValueError, Rejected):
            first = None
        if first is not None and first.tzinfo is not None and not _NUMBER.match(texts[0]):
            return self._unaided(texts)
        forms = " or ".join(repr(text) for text in self._formats)
        raise ValueError(f"it does not have the form {forms}")

    def _by_form(self, form: _Form, texts: tuple[str, ...]) -> datetime:
        if form.widths:
            texts = tuple([text.zfill(width) for text, width in zip(texts, form.widths, strict=True)])
        if form.day:
            with suppress(ValueError):
                return self._combined(_parse(texts[0], form.whole), self._clock(texts[1:]))
        if not form.clock:
            return self._placed(_parse(" ".join(texts), form.whole))
        return self._combined(_parse(texts[0], form.whole), _parse(" ".join(texts[1:]), form.clock).time())

    def _unaided(self, texts: tuple[str, ...]) -> datetime:
        if len(texts) > 2 and _YEAR.match(texts[0]) and all(text.isdigit() for text in texts[1:3]):
            try:
                day = datetime(*map(int, texts[:3]))  # type: ignore[arg-type]  # noqa: DTZ001 - three; its day counts
            except ValueError as error:
                raise ValueError(f"{error} (columns are year, month, day, and then the time of day)") from None
            return self._combined(day, self._clock(texts[3:]) if len(texts) > 3 else time())
        if len(texts) > 1 and _DAY_OR_MONTH_FIRST.match(texts[0]):
            raise _either_first(texts)
        first = read_instant(texts[0], near_1970=self._near_1970, counted=self._counted)
        self._counted = self._near_1970 and texts[0].isdigit()
        return self._placed(first) if len(texts) == 1 else self._combined(first, self._clock(texts[1:]))

    def _clock(self, texts: Sequence[str]) -> time:
        """A time of day, digits alone meaning in each row what they mean in the others."""
        text = texts[0]
        if len(texts) > 1 or not text.isdigit():
            return read_clock(texts)
        if self._digits == "hours" and len(text) > 2:
            raise Rejected(
                f"{text!r} stands among hours of one or two digits; if all are hours and minutes say so with "
                "--time-format, as in '%Y-%m-%d+%H%M'"
            )
        self._digits = self._digits or ("hours" if len(text) <= 2 else "hours and minutes")
        return read_clock([text.zfill(4)] if self._digits == "hours and minutes" else texts)

    def _placed(self, when: datetime) -> datetime:
        if when.tzinfo is None:
            when = when.replace(tzinfo=self._required_zone())
        return when.astimezone(UTC)

    def _combined(self, day: datetime, clock: time) -> datetime:
        zone = self._required_zone()
        return datetime.combine(local_day(day, zone), clock, tzinfo=zone).astimezone(UTC)

    def _required_zone(self) -> ZoneInfo:
        if self._zone is None:
            raise _NoZone
        return self._zone


def read_instant(text: str, *, near_1970: bool = True, counted: bool = False) -> datetime:
    """A time that says what it is: ISO 8601 (also with `/`, ` UTC`, `+00`) or Unix seconds or milliseconds.

    near_1970  whether a small number is a time, too
    counted    whether the times before were numbers, so that this one is, whatever else it looks like
    returns  datetime    aware where the text has an offset or is a Unix number, naive where it has none
    raises   Rejected    it could mean two things; the message says how to tell
             ValueError  it is not a time
    """
    if text[4:5] not in {"-", "/"}:
        if counted and _NUMBER.match(text):
            return read_timestamp(text)
        if _COMPACT_DAY.match(text):
            form = _COMPACT_FORMS[len(text.removesuffix(".0"))] + (".0" if text.endswith(".0") else "")
            raise Rejected(f"{text!r} may be a date or a Unix time: say --time-format {form}, or unix or unix_ms")
        if _YEAR.match(text):
            raise Rejected(
                f"{text!r} may be a year or a Unix time: join its columns, as in --map event_timestamp=YEAR+MONTH+DAY"
                "+HOUR, or say --time-format unix"
            )
        if _NUMBER.match(text):
            if not near_1970 and abs(Decimal(text)) < FIRST_UNIX_S:
                raise Rejected(
                    f"{text!r} is no time by itself: say --time-format {EXCEL} where it counts a spreadsheet's days, "
                    "unix where seconds since 1970, or the form of its digits, as %y%m%d"
                )
            return read_timestamp(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        found = _YEAR_FIRST.match(text)
    if found:
        return _year_first(int(found[1]), int(found[2]), int(found[3]), found["rest"])
    if _DAY_OR_MONTH_FIRST.match(text):
        raise _either_first((text,))
    if _MONTH.match(text):
        raise ValueError("it has no day; --time-format %Y-%m takes it for the first")
    form = form_in_words(text)
    another = f", as in --time-format {form!r}" if form else " with --time-format"
    raise ValueError(f"expected a form like 2026-11-21T10:00:00Z; say another{another}")


def local_day(when: datetime, zone: ZoneInfo) -> date:
    """The day that an instant stands for where only its day matters.

    Midnight UTC is how many exports write a day as such, so it is that day; any other instant (local midnight
    written in UTC, say) is the day it falls on in the zone.
    """
    if when.tzinfo is None:
        return when.date()
    utc = when.astimezone(UTC)
    return utc.date() if utc.time() == time() else utc.astimezone(zone).date()


def _either_first(texts: Sequence[str]) -> Rejected:
    """The refusal of a day like 3/4/2016, spelling the formats that would read it: one where only one can."""
    found = _DAY_OR_MONTH_FIRST.match(texts[0])
    forms = []
    if found:
        year = "%Y" if len(found[5]) == 4 else "%y"
        day, *apart = (
            found["rest"][:1] + clock_form(found["rest"][1:]) if found["rest"] else "",
            *map(clock_form, texts[1:]),
        )
        if "%p" in apart:  # in a column of its own, it speaks of the others
            apart = [part.replace("%H", "%I") for part in apart]
        clock = "+".join((day, *apart))
        months_at = [place for place, part in enumerate((found[1], found[3])) if int(part) <= 12] or [0, 1]
        orders = (("%m", "%d"), ("%d", "%m"))
        forms = [f"'{orders[place][0]}{found[2]}{orders[place][1]}{found[4]}{year}{clock}'" for place in months_at]
    return Rejected(
        f"{_shown(tuple(texts))} may begin with the day or the month: say which with --time-format, as in "
        f"--time-format {' or '.join(forms)}"
    )


def _year_first(year: int, month: int, day: int, rest: str | None) -> datetime:
    clock, offset = rest or "00:00", ""
    found = _OFFSET.search(clock)
    if found:
        offset = "+00:00" if found["utc"] else f"{found['hours']}:{found['minutes'] or '00'}"
        clock = clock[: found.start()]
    return datetime.fromisoformat(f"{date(year, month, day)}T{read_clock([clock])}{offset}")


def _form(text: str, columns: int) -> _Form:
    parts = text.split("+") if columns > 1 and "+" in text else [text]
    if len(parts) not in {1, columns}:
        raise Rejected(f"--time-format {text!r} has {len(parts)} parts for {columns} columns: join one a column by +")
    unix = _is_number(parts[0])
    if any(_is_number(part) for part in parts[1:]) or (unix and len(parts) != columns):
        raise Rejected(f"--time-format {text!r}: a number stands for the first column, as in unix+%H:%M")
    widths = tuple(WIDTHS.get(part, 0) for part in parts) if len(parts) > 1 else ()
    first, rest = _directives(parts[0]), _directives(" ".join(parts[1:]))
    twice = not HOURS.isdisjoint(first) and not HOURS.isdisjoint(rest)  # the first is a day, written as its midnight
    if len(parts) > 1 and (unix or twice or not {"z", "Z"}.isdisjoint(first)):
        form = _Form(parts[0], " ".join(parts[1:]), widths)
    else:
        form = _Form(" ".join(parts), "", widths, day=len(parts) < columns and CLOCKS.isdisjoint(first))
    if not unix:
        _check_form(form.whole, text, needed=YEARS)
    if form.clock:
        _check_form(form.clock, text)
    return form


def _is_number(form: str) -> bool:
    return form == EXCEL or _UNIX.match(form) is not None


def _directives(form: str) -> list[str]:
    return re.findall("%(.?)", form, re.DOTALL)


def _check_form(form: str, text: str, needed: frozenset[str] = DIRECTIVES) -> None:
    """Refuse a form that strptime would choke on, or that does not say what is needed."""
    directives = _directives(form)
    for directive in directives:
        if directive not in DIRECTIVES or not directive:
            raise Rejected(f"--time-format {text!r}: there is no %{directive}; write it as in %Y-%m-%d %H:%M:%S%z")
    if needed.isdisjoint(directives):
        missing = "a year, %Y" if needed is YEARS else "a time of day, as %H:%M"
        raise Rejected(
            f"--time-format {text!r} lacks {missing}; a number is named unix, unix_ms, unix*100 or (of days) excel"
        )
    try:
        datetime.strptime("", form)  # noqa: DTZ007 - only whether it is a form
    except re.error:
        raise Rejected(f"--time-format {text!r} says the same thing twice") from None
    except ValueError:
        pass  # nothing has no time, as expected


def _parse(text: str, form: str) -> datetime:
    unix = _UNIX.match(form)
    if (unix or form == EXCEL) and not _NUMBER.match(text):
        raise ValueError("expected a number")
    if form == EXCEL:
        return EXCEL_DAY_0 + timedelta(milliseconds=round(Decimal(text) * 86_400_000))
    if unix:
        scale = Decimal(unix["factor"] or 1) * (1_000 if unix["ms"] else 1_000_000)
        return from_us(round(Decimal(text) * scale))
    if "%Z" in form:  # strptime would drop the zone it has read
        text, form = _UTC_WORD.sub("+0000", text), form.replace("%Z", "%z")
    if form.endswith("%z") and _ENDS_IN_HOURS.search(text):
        text += ":00"
    return datetime.strptime(text, form)  # noqa: DTZ007 - the caller gives the zone


def _shown(texts: tuple[str, ...]) -> str:
    return repr(" ".join(texts)[:SHOWN])
