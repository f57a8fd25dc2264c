-- The field: what devices measure, where they are and who they are; what is asked of them; what is known between messages.

-- An event whose device has no place yet is kept without one and counts in no cell until it is given one, so geometry and cell may be NULL
-- from here on. SQLite cannot drop NOT NULL, so the table is made anew.
SELECT DiscardGeometryColumn('events', 'geom');
DROP INDEX events_identity;
DROP INDEX events_time;
DROP INDEX events_cell;
ALTER TABLE events RENAME TO events_before_0002;
CREATE TABLE events (
    event_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    source TEXT NOT NULL,
    event_type TEXT NOT NULL,
    event_timestamp INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    clock_quality TEXT NOT NULL,
    h3_index INTEGER,                        -- at spatial.cells.EVENT_RESOLUTION; NULL with geom
    severity REAL,
    value REAL,
    attributes_json TEXT NOT NULL,
    rev INTEGER NOT NULL
);
SELECT AddGeometryColumn('events', 'geom', 4326, 'POINT', 'XY', 0);
DROP TRIGGER IF EXISTS ggi_events_geom;      -- as in 0001: one function packs every point, `hexpost verify` checks them
DROP TRIGGER IF EXISTS ggu_events_geom;
DROP TRIGGER IF EXISTS tmi_events_geom;
DROP TRIGGER IF EXISTS tmu_events_geom;
DROP TRIGGER IF EXISTS tmd_events_geom;
INSERT INTO events (event_pk, event_id, source, event_type, event_timestamp, received_at, recorded_at, clock_quality,
                    h3_index, severity, value, attributes_json, rev, geom)
SELECT event_pk, event_id, source, event_type, event_timestamp, received_at, recorded_at, clock_quality,
       h3_index, severity, value, attributes_json, rev, geom FROM events_before_0002;
DROP TABLE events_before_0002;
CREATE UNIQUE INDEX events_identity ON events (source, event_id);
CREATE INDEX events_time ON events (event_timestamp);
CREATE INDEX events_cell ON events (h3_index, event_timestamp);
CREATE INDEX events_unplaced ON events (source, event_pk) WHERE geom IS NULL;

-- Readings lie in the order of time: a batch touches the last pages only, however many devices there are.
CREATE TABLE reading_series (
    series_pk INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    metric TEXT NOT NULL,
    unit TEXT NOT NULL,                      -- UCUM; '' for none or unknown
    UNIQUE (device, metric, unit)
);
CREATE TABLE reading_values (
    observed_at INTEGER NOT NULL,
    series_pk INTEGER NOT NULL,
    value REAL NOT NULL,
    received_at INTEGER NOT NULL,
    clock_quality TEXT NOT NULL,
    PRIMARY KEY (observed_at, series_pk, value)   -- a clock that counts seconds may have two values in one
) WITHOUT ROWID;
CREATE VIEW readings AS
SELECT s.device, s.metric, v.observed_at, v.value, s.unit, v.received_at, v.clock_quality
FROM reading_values AS v JOIN reading_series AS s USING (series_pk);

CREATE TABLE positions (
    observed_at INTEGER NOT NULL,
    device TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    longitude REAL NOT NULL,
    latitude REAL NOT NULL,
    altitude_m REAL,
    accuracy_m REAL,
    speed_mps REAL,
    heading_deg REAL,
    clock_quality TEXT NOT NULL,
    PRIMARY KEY (observed_at, device, longitude, latitude)
) WITHOUT ROWID;

-- Zones are areas (polygons), groups are lists of devices; both hand settings down to their devices, a device's own win.
CREATE TABLE zones (
    zone_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    zone TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    capacity REAL,                           -- people, for crowd density
    settings_json TEXT NOT NULL DEFAULT '{}'
);
SELECT AddGeometryColumn('zones', 'geom', 4326, 'MULTIPOLYGON', 'XY', 1);
SELECT CreateSpatialIndex('zones', 'geom');
CREATE TABLE device_groups (
    device_group TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    settings_json TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;

ALTER TABLE devices RENAME TO devices_before_0002;
CREATE TABLE devices (
    device_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL UNIQUE,
    family TEXT NOT NULL DEFAULT '',
    registration TEXT NOT NULL DEFAULT 'pending',   -- pending, approved, ignored
    state TEXT NOT NULL,                     -- pending (entered by hand, not heard yet), online, stale, offline, maintenance
    cause TEXT NOT NULL DEFAULT '',          -- why it is in that state: will, silence, outage:<segment>, ...
    state_at INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    facts_json TEXT NOT NULL DEFAULT '{}',   -- what it told of itself: manufacturer, model, firmware, battery_percent, ...
    topics_json TEXT NOT NULL DEFAULT '[]',
    height_m REAL,                           -- above ground
    heading_deg REAL,                        -- where it looks, clockwise from north
    view_angle_deg REAL,                     -- the whole opening of its view
    range_m REAL,                            -- how far it sees
    floor TEXT NOT NULL DEFAULT '',
    room TEXT NOT NULL DEFAULT '',
    zone TEXT NOT NULL DEFAULT '',           -- set by hand; '' where the zone is the one its place lies in
    device_group TEXT NOT NULL DEFAULT '',
    segment TEXT NOT NULL DEFAULT '',        -- what it hangs on (switch, mast, gateway); '' where it is learned
    settings_json TEXT NOT NULL DEFAULT '{}',
    learned_interval_s REAL,                 -- its own rhythm
    skew_ms REAL,                            -- its clock less ours
    fix_at INTEGER,                          -- its last position that can be believed
    fix_longitude REAL,
    fix_latitude REAL,
    rev INTEGER NOT NULL DEFAULT 0           -- raised with every change a person made
);
SELECT AddGeometryColumn('devices', 'geom', 4326, 'POINT', 'XY', 0);
SELECT CreateSpatialIndex('devices', 'geom');
DROP TRIGGER tmi_devices_geom;               -- they write the time of the last change at every message of every device
DROP TRIGGER tmu_devices_geom;
DROP TRIGGER tmd_devices_geom;
INSERT INTO devices (source, state, cause, state_at, first_seen, last_seen)
SELECT source, state, iif(state = 'offline', 'will', ''), state_at, first_seen, last_seen FROM devices_before_0002;
DROP TABLE devices_before_0002;
CREATE INDEX devices_state ON devices (state);

CREATE TABLE registry (                      -- one row: raised with every change a person makes to devices, zones, groups or windows
    one INTEGER PRIMARY KEY CHECK (one = 1),
    rev INTEGER NOT NULL
);
INSERT INTO registry VALUES (1, 0);

CREATE TABLE maintenance_windows (           -- times in which a device, group or zone is muted and left out
    window_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    scope TEXT NOT NULL,                     -- device, group, zone, site
    subject TEXT NOT NULL,                   -- its name; '' for the site
    from_time INTEGER NOT NULL,
    to_time INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX maintenance_time ON maintenance_windows (to_time);

CREATE TABLE outages (                       -- what fell silent together, or because of us
    outage_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,                      -- segment, broker, box
    segment TEXT NOT NULL,                   -- as in switch:north, via:zigbee2mqtt, zone:harbour, family:frigate; '' for broker and box
    devices_json TEXT NOT NULL,              -- at most a hundred names
    device_count INTEGER NOT NULL,
    began_at INTEGER NOT NULL,
    ended_at INTEGER
);
CREATE INDEX outages_open ON outages (ended_at, began_at);

CREATE TABLE learned (                       -- what families of firmware remember between messages: aliases, announced topics
    family TEXT NOT NULL,
    key TEXT NOT NULL,
    value_json TEXT NOT NULL,
    PRIMARY KEY (family, key)
) WITHOUT ROWID;

CREATE TABLE message_digests (               -- of the last batches: messages with neither time nor id, to know a redelivery
    batch INTEGER PRIMARY KEY,               -- rising: the newest is never deleted
    digests BLOB NOT NULL                    -- 8 bytes a message
);

-- Quarantine entries may hold number plates: those are sealed under the key of their day.
ALTER TABLE quarantine ADD COLUMN sealed_day TEXT NOT NULL DEFAULT '';
ALTER TABLE quarantine ADD COLUMN family TEXT NOT NULL DEFAULT '';
ALTER TABLE quarantine ADD COLUMN kind TEXT NOT NULL DEFAULT '';             -- the reason without what varies in it
ALTER TABLE quarantine ADD COLUMN payload_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE quarantine SET kind = reason, payload_bytes = length(payload);
DROP INDEX quarantine_age;
-- What is evicted is found in this index alone: the kind with the most entries, its oldest, their size.
CREATE INDEX quarantine_kind ON quarantine (kind, last_seen, payload_bytes);
