-- The house: events and their counters, the risk pipeline, sync bookkeeping, users.
-- Instants are INTEGER microseconds since 1970-01-01T00:00:00Z; days are ISO dates of the site; H3 cells INTEGER.

CREATE TABLE site (                          -- one row: who this store belongs to
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store_id TEXT NOT NULL,                  -- random, made with the file; caches and cursors are void in another
    epoch INTEGER NOT NULL,                  -- raised by a restore, so that the centre can tell a box from its copy
    timezone TEXT NOT NULL,                  -- the zone in which days and hours of event_counts were cut
    resolutions TEXT NOT NULL,               -- the resolutions in event_counts, as '7,8'
    rev INTEGER NOT NULL                     -- the last revision given to any row that the centre must have
);

CREATE TABLE events (
    event_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    source TEXT NOT NULL,
    event_type TEXT NOT NULL,
    event_timestamp INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    clock_quality TEXT NOT NULL,
    h3_index INTEGER NOT NULL,               -- at spatial.cells.EVENT_RESOLUTION
    severity REAL,
    value REAL,
    attributes_json TEXT NOT NULL,
    rev INTEGER NOT NULL
);
SELECT AddGeometryColumn('events', 'geom', 4326, 'POINT', 'XY', 1);
-- SpatiaLite checks type and SRID of each row by triggers, which cost half as much again as the insert itself; here one
-- function packs every point, and `hexpost verify` checks them all.
DROP TRIGGER ggi_events_geom;
DROP TRIGGER ggu_events_geom;
DROP TRIGGER tmi_events_geom;
DROP TRIGGER tmu_events_geom;
DROP TRIGGER tmd_events_geom;
CREATE UNIQUE INDEX events_identity ON events (source, event_id);
CREATE INDEX events_time ON events (event_timestamp);
CREATE INDEX events_cell ON events (h3_index, event_timestamp);

CREATE TABLE event_counts (                  -- exact counts, kept in the transaction of the events they count
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,
    h3_index INTEGER NOT NULL,
    hour INTEGER NOT NULL,                   -- the instant at which the site's hour began
    event_type TEXT NOT NULL,
    event_count INTEGER NOT NULL,
    PRIMARY KEY (resolution, day, h3_index, hour, event_type)
) WITHOUT ROWID;

CREATE TABLE item_totals (                   -- DESIGN 4.3: received = stored + folded + duplicate + quarantined + shed
    term TEXT NOT NULL,
    reason TEXT NOT NULL,
    items INTEGER NOT NULL,
    PRIMARY KEY (term, reason)
) WITHOUT ROWID;

CREATE TABLE devices (                       -- who publishes, and what it last said of itself
    source TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    state_at INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE quarantine (                    -- what could not be understood, kept until a person has looked
    quarantine_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    reason TEXT NOT NULL,
    digest BLOB NOT NULL,                    -- of topic, payload and reason: the same again only counts
    count INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL
);
CREATE UNIQUE INDEX quarantine_same ON quarantine (digest);
CREATE INDEX quarantine_age ON quarantine (last_seen);

CREATE TABLE h3_cells (
    cell_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    h3_index INTEGER NOT NULL UNIQUE,
    resolution INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,                -- 0, 1, 2, ... within the resolution, never reused: the id in tiles and feeds
    centre_longitude REAL NOT NULL,
    centre_latitude REAL NOT NULL,
    rev INTEGER NOT NULL,
    UNIQUE (resolution, ordinal)
);
SELECT AddGeometryColumn('h3_cells', 'geom', 4326, 'MULTIPOLYGON', 'XY', 1);
SELECT CreateSpatialIndex('h3_cells', 'geom');

CREATE TABLE runs (
    run_id INTEGER PRIMARY KEY AUTOINCREMENT,
    resolution INTEGER NOT NULL,
    from_day TEXT NOT NULL,
    to_day TEXT NOT NULL,
    state TEXT NOT NULL,                     -- queued, running, done, failed
    progress REAL NOT NULL DEFAULT 0,
    watermark INTEGER NOT NULL DEFAULT 0,
    rows_changed INTEGER NOT NULL DEFAULT 0,
    requested_at INTEGER NOT NULL,
    finished_at INTEGER,
    message TEXT NOT NULL DEFAULT ''
);
CREATE INDEX runs_state ON runs (state, run_id);

CREATE TABLE cell_aggregates (
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,
    h3_index INTEGER NOT NULL,
    event_count INTEGER NOT NULL,
    rolling_7d_avg REAL NOT NULL,
    growth_rate REAL NOT NULL,
    rev INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    PRIMARY KEY (resolution, day, h3_index)
) WITHOUT ROWID;

CREATE TABLE risk_scores (
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,
    h3_index INTEGER NOT NULL,
    profile TEXT NOT NULL,
    risk_score REAL NOT NULL,
    risk_level TEXT NOT NULL,
    rev INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    PRIMARY KEY (resolution, day, h3_index, profile)
) WITHOUT ROWID;

CREATE TABLE anomaly_flags (
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,
    h3_index INTEGER NOT NULL,
    z_score REAL NOT NULL,
    flagged INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    PRIMARY KEY (resolution, day, h3_index)
) WITHOUT ROWID;

CREATE VIEW mv_daily_risk AS
SELECT a.h3_index, a.resolution, a.day, a.event_count, a.rolling_7d_avg, a.growth_rate,
       s.profile, s.risk_score, s.risk_level, f.z_score, f.flagged, c.geom AS geom
FROM cell_aggregates AS a
JOIN risk_scores AS s ON s.resolution = a.resolution AND s.day = a.day AND s.h3_index = a.h3_index
JOIN anomaly_flags AS f ON f.resolution = a.resolution AND f.day = a.day AND f.h3_index = a.h3_index
JOIN h3_cells AS c ON c.h3_index = a.h3_index;

-- What the centre has yet to be told. An entry is a slice of a table, not a row of it: the rows of the slice whose
-- rev is above acked_rev are pending. So a month offline costs an entry per table, resolution and day, however
-- often the rows were rewritten meanwhile.
CREATE TABLE outbox (
    kind TEXT NOT NULL,                      -- cell_aggregates, risk_scores, anomaly_flags, h3_cells
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,                       -- '' for h3_cells
    rev INTEGER NOT NULL,                    -- the highest in the slice
    acked_rev INTEGER NOT NULL DEFAULT 0,    -- the highest that the centre has acknowledged
    PRIMARY KEY (kind, resolution, day)
) WITHOUT ROWID;
CREATE INDEX outbox_pending ON outbox (rev) WHERE rev > acked_rev;

CREATE TABLE tombstones (                    -- rows gone from a slice of which the centre already has some
    kind TEXT NOT NULL,
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,
    h3_index INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    PRIMARY KEY (kind, resolution, day, h3_index)
) WITHOUT ROWID;

CREATE TABLE sync_state (                    -- one row: the batch in flight and the last one acknowledged
    one INTEGER PRIMARY KEY CHECK (one = 1),
    last_seq INTEGER NOT NULL,               -- the last batch the centre has acknowledged
    flight_seq INTEGER,                      -- the batch sent and not yet acknowledged, NULL when none is
    flight_kind TEXT,
    flight_resolution INTEGER,
    flight_day TEXT,
    flight_rev INTEGER,                      -- acked_rev of the slice once the batch is acknowledged
    last_acked_at INTEGER
);
INSERT INTO sync_state (one, last_seq) VALUES (1, 0);

CREATE TABLE users (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    generation INTEGER NOT NULL,             -- raised with the password: tokens of an earlier one are void
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) WITHOUT ROWID;
