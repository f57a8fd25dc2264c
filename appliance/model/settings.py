"""The one TOML file as Structs: every section, key, unit and default in one place.

`settings_text` reads them, `settings_rules` says what values may be. A key arrives with the capability that uses it, so
a key that does nothing does not exist and is refused like a misspelt one.
"""

from zoneinfo import ZoneInfo

import msgspec


class Site(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who and where this box is; `timezone` cuts the days.

    `moving` is for a box in a vehicle: devices without a place of their own are where its receiver says the box is.
    """

    id: str = "box"
    name: str = "Hexpost"
    tenant: str = "default"
    timezone: str = "UTC"
    latitude: float | None = None
    longitude: float | None = None
    moving: bool = False


class Store(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`ballast_mb` is kept allocated, so that a full disk can be got out of; on a small disk a sixteenth of it.

    `quarantine_rows` and `quarantine_mb` bound what is kept of messages nobody understood.

    Those that may hold number plates are sealed under the key of their day, which is destroyed after
    `sealed_days`.

    `backup_folder` is on the drive that a copy of the store goes to once a day; empty: `backups` in the data directory,
    on the card. Copies stay `backup_days`. The keys of the site are in them where `backup_passphrase_file` seals them.
    """

    ballast_mb: int = 64
    quarantine_rows: int = 10_000
    quarantine_mb: int = 64
    sealed_days: int = 7
    backup_folder: str = ""
    backup_days: int = 30
    backup_passphrase_file: str = ""


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long things are kept.

    `archive_days` and `archive_mb` bound the raw archive, whole hours at a time; 0 days: nothing is archived.

    Of the others 0 days is for ever. `events_days` counts from when an event was stored, so that imported history stays
    as long as what came with it; `readings_days` and `positions_days` from when a device measured. Of readings bins
    of a minute, an hour and a day are kept, the latter for ever. `repeats_days` is for how long beyond a reading's
    own time its repeat is known as one. `risk_days` is of scores; counts of events by cell and hour stay for ever.
    """

    archive_days: int = 7
    archive_mb: int = 4_096
    events_days: int = 365
    readings_days: int = 7
    positions_days: int = 30
    minute_hours: int = 48
    hourly_days: int = 90
    repeats_days: int = 30
    risk_days: int = 0


class Mqtt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The broker: `embedded`, `mqtt://host:port` or `mqtts://host:port`.

    `host` and `port` are where an embedded broker listens. `username` goes with `password_file`. A batch is written
    with `batch_items` messages, `batch_ms` after the first, or while more keep coming `commit_ms` after the last
    commit; `receive_maximum` bounds what is in flight.
    A source that sends more than `source_rate` items a second, after `source_burst` of them, is thinned; 0: none is.
    `topics` are the filters the bridge subscribes to: all by default, since firmware keeps its own topics.
    """

    url: str = "embedded"
    host: str = "127.0.0.1"
    port: int = 1883
    client_id: str = "hexpost-bridge"
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    receive_maximum: int = 4_000
    batch_items: int = 2_000
    batch_ms: int = 50
    commit_ms: int = 1_000
    source_rate: float = 500.0
    source_burst: int = 60_000
    topics: tuple[str, ...] = ("#",)


class Http(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the API and the map are served; `max_upload_mb` bounds one upload.

    Who uploads more than `upload_rate` rows a second, after `upload_burst` of them, is told to wait; 0: nobody is.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    max_upload_mb: int = 32
    upload_rate: float = 2_000.0
    upload_burst: int = 500_000


class Risk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The classic risk run: H3 `resolutions`, `days` back from today, how often it looks for new data.

    `types` says which event types count; empty means all. `discovered` says, as ATTRIBUTE=VALUE or event_type=VALUE, by
    what an event tells that a patrol came upon it: a backtest keeps those apart from what was reported.

    The forecast is made at `patrol_resolution` and summed up to those of `resolutions` that are coarser. Its risk is
    expected harm: an event of a type in `type_weights` weighs that instead of 1, and `severity_weight` times the mean
    severity of its type more.
    """

    resolutions: tuple[int, ...] = (7, 8)
    days: int = 90
    every_s: float = 60.0
    types: tuple[str, ...] = ()
    discovered: tuple[str, ...] = ("discovered_by=patrol",)
    patrol_resolution: int = 9
    type_weights: dict[str, float] = {}
    severity_weight: float = 0.0

    @property
    def counted(self) -> tuple[int, ...]:
        """The resolutions at which events are counted: those of the classic run and that of the forecast."""
        return tuple(sorted({*self.resolutions, self.patrol_resolution}))


class Sync(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The centre: `postgresql://user@host/db`, or empty for off; the password comes from `password_file`."""

    url: str = ""
    password_file: str = ""
    every_s: float = 10.0
    batch_rows: int = 5_000


class Alerts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is older than `sound_within_s` when the broker can be reached again is not told there any more."""

    sound_within_s: int = 900


class Security(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`public_events` lets people without a login see single events, not only cells.

    `keep_plates_days` is how long number plates are kept in clear, sealed under the key of their day; 0: only their
    keyed hash is kept.
    """

    public_events: bool = False
    keep_plates_days: int = 0
    access_minutes: int = 30
    refresh_days: int = 30


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be configured."""

    site: Site = Site()
    store: Store = Store()
    mqtt: Mqtt = Mqtt()
    http: Http = Http()
    risk: Risk = Risk()
    sync: Sync = Sync()
    retention: Retention = Retention()
    alerts: Alerts = Alerts()
    security: Security = Security()

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.site.timezone)
