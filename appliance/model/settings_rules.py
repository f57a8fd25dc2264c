"""What the values of the configuration may be, beyond their types; each rule says it in words.

Called by `settings_text.read_settings`, which says where the value stands.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from appliance.model.settings import Settings

MAX_DAYS = 36_600  # a century
MAX_PORT = 65_535
RESOLUTIONS = (5, 11)  # of H3: a city's district to a house
_BROKER = re.compile(r"mqtts?://([^/@]*@)?(\[[^]/]+\]|[^][:/?#@]+)(:(?P<port>\d{1,5}))?/?")
_PASSWORD = re.compile(r"[a-z]+://[^/@]*:[^/@]*@")


class Fault(msgspec.Struct, frozen=True):
    """`section.key`, and what is wrong with its value and what it may be."""

    key: str
    words: str


class _Rule(NamedTuple):
    key: str
    holds: bool
    may_be: str
    shown: bool = True  # False where the value may hold a secret


def find_fault(settings: Settings) -> Fault | None:
    """The first value that cannot be; None where all can."""
    try:
        ZoneInfo(settings.site.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = settings.site.timezone
        return Fault("site.timezone", f"site.timezone {zone!r} is not an IANA zone; write it as Asia/Kuwait")
    for rule in _rules(settings):
        if not rule.holds:
            section, field = rule.key.split(".")
            value = f" {getattr(getattr(settings, section), field)!r}" if rule.shown else " this"
            return Fault(rule.key, f"{rule.key} cannot be{value}; it is {rule.may_be}")
    return None


def _rules(settings: Settings) -> Iterator[_Rule]:
    yield from _site_rules(settings)
    yield from _network_rules(settings)
    yield from _risk_rules(settings)
    yield from _store_rules(settings)


def _site_rules(settings: Settings) -> Iterator[_Rule]:
    site, security = settings.site, settings.security
    named = bool(site.id) and site.id.isprintable() and "/" not in site.id
    yield _Rule("site.id", named, "a text without a slash, as in kuwait-7")
    yield _within("site.latitude", site.latitude or 0.0, -90, 90, "degrees, ")
    yield _within("site.longitude", site.longitude or 0.0, -180, 180, "degrees, ")
    yield _within("security.keep_plates_days", security.keep_plates_days, 0, 366)
    yield _least("security.access_minutes", security.access_minutes, 1)
    yield _least("security.refresh_days", security.refresh_days, 1)
    yield _least("alerts.sound_within_s", settings.alerts.sound_within_s, 1)


def _network_rules(settings: Settings) -> Iterator[_Rule]:
    mqtt, http, sync = settings.mqtt, settings.http, settings.sync
    broker = mqtt.url == "embedded" or _is_broker(mqtt.url)
    yield _Rule("mqtt.url", broker, '"embedded", or mqtt://host:port, or mqtts://host:port', "@" not in mqtt.url)
    yield _within("mqtt.port", mqtt.port, 1, MAX_PORT)
    yield _within("mqtt.receive_maximum", mqtt.receive_maximum, 1, 65_535)
    yield _least("mqtt.source_rate", mqtt.source_rate, 0)
    yield _least("mqtt.source_burst", mqtt.source_burst, 1)
    yield _least("mqtt.batch_items", mqtt.batch_items, 1)
    yield _least("mqtt.batch_ms", mqtt.batch_ms, 0)
    yield _within("mqtt.commit_ms", mqtt.commit_ms, 0, 1_000)
    filters = bool(mqtt.topics) and all(map(_is_filter, mqtt.topics))
    yield _Rule("mqtt.topics", filters, "a list of MQTT topic filters, as in tele/+/SENSOR or frigate/#")
    yield _within("http.port", http.port, 1, MAX_PORT)
    yield _least("http.upload_rate", http.upload_rate, 0)
    yield _least("http.upload_burst", http.upload_burst, 1)
    yield _least("http.max_upload_mb", http.max_upload_mb, 1)
    centre = sync.url == "" or sync.url.startswith(("postgresql://", "postgres://"))
    yield _Rule("sync.url", centre, 'postgresql://user@host/database, or "" for no centre', "@" not in sync.url)
    yield _Rule(
        "sync.url",
        not _PASSWORD.match(sync.url),
        "without a password; a file has it: sync.password_file",
        False,
    )
    yield _Rule("sync.every_s", sync.every_s > 0, "more than 0")
    yield _within("sync.batch_rows", sync.batch_rows, 1, 100_000)


def _risk_rules(settings: Settings) -> Iterator[_Rule]:
    risk, (coarse, fine) = settings.risk, RESOLUTIONS
    known = bool(risk.resolutions) and all(coarse <= one <= fine for one in risk.resolutions)
    yield _Rule("risk.resolutions", known, f"a list of H3 resolutions from {coarse} to {fine}, as in [7, 8]")
    yield _within("risk.days", risk.days, 1, 3_660)
    pairs = all(map(_is_pair, risk.discovered))
    yield _Rule("risk.discovered", pairs, "a list of ATTRIBUTE=VALUE, as in discovered_by=patrol")
    yield _Rule("risk.every_s", risk.every_s > 0, "more than 0")
    yield _within("risk.patrol_resolution", risk.patrol_resolution, coarse, fine)
    weights = all(0 <= weight <= 1_000 for weight in risk.type_weights.values())
    yield _Rule("risk.type_weights", weights, "a weight from 0 to 1000 for each type, as in {fire = 3}")
    yield _within("risk.severity_weight", risk.severity_weight, 0, 1_000)


def _store_rules(settings: Settings) -> Iterator[_Rule]:
    store, kept, days = settings.store, settings.retention, settings.risk.days
    yield _within("store.ballast_mb", store.ballast_mb, 1, 4_096)
    yield _least("store.quarantine_rows", store.quarantine_rows, 1)
    yield _least("store.quarantine_mb", store.quarantine_mb, 1)
    yield _within("store.backup_days", store.backup_days, 1, 3_660)
    yield _within("store.sealed_days", store.sealed_days, 1, 366)
    yield _within("retention.archive_days", kept.archive_days, 0, 3_660)
    yield _least("retention.archive_mb", kept.archive_mb, 1)
    for name in ("events_days", "readings_days", "positions_days", "hourly_days", "repeats_days"):
        yield _within(f"retention.{name}", getattr(kept, name), 0, MAX_DAYS)
    yield _within("retention.minute_hours", kept.minute_hours, 1, MAX_DAYS * 24)
    least = days + 8  # what a run writes must not be what retention deletes
    scores = kept.risk_days == 0 or least <= kept.risk_days <= MAX_DAYS
    yield _Rule("retention.risk_days", scores, f"0 for ever, or at least risk.days and 8 more: {least}")


def _within(key: str, value: float, low: float, high: float, unit: str = "") -> _Rule:
    return _Rule(key, low <= value <= high, f"{unit}from {low} to {high}")


def _least(key: str, value: float, low: float) -> _Rule:
    return _Rule(key, value >= low, f"at least {low}")


def _is_broker(url: str) -> bool:
    found = _BROKER.fullmatch(url)
    return found is not None and 0 < int(found["port"] or 1) <= MAX_PORT


def _is_pair(rule: str) -> bool:
    name, equals, value = (part.strip() for part in rule.partition("="))
    return bool(name and equals and value)


def _is_filter(text: str) -> bool:
    """Whether this is an MQTT topic filter: `#` only as the last level, `+` and `#` only as whole levels."""
    levels = text.split("/")
    whole = all(level in {"+", "#"} or not set(level) & {"+", "#"} for level in levels)
    return bool(text) and whole and "#" not in levels[:-1]
