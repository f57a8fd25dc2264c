-- What is out of the ordinary, with its life; and what the detectors remember and have yet to see.

-- Rows that were measured, in the order of their commit: each transaction that writes some has a number, which its rows
-- carry, and says in which spans of time they lie. So whoever follows finds what is new by a look at the primary key,
-- however late or out of order it came. 0: written before there were numbers, or moved since.
ALTER TABLE reading_values ADD COLUMN recorded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE positions ADD COLUMN recorded INTEGER NOT NULL DEFAULT 0;
CREATE TABLE fresh_rows (
    recorded INTEGER PRIMARY KEY,            -- the newest row always stays, so that no number comes again
    table_name TEXT NOT NULL,                -- reading_values, positions
    spans BLOB NOT NULL,                     -- MessagePack [[first, last], ...] of observed_at, both inclusive
    row_count INTEGER NOT NULL
);

CREATE TABLE watch_cursor (                  -- one row: up to which number everything is judged, and that is written down
    one INTEGER PRIMARY KEY CHECK (one = 1),
    judged INTEGER NOT NULL,
    values_a_day REAL NOT NULL               -- that are judged, by which the bar of each stands
);
INSERT INTO watch_cursor VALUES (1, 0, 0);
CREATE TABLE watch_states (                  -- what a detector knows of one series, or of where one device was
    state_pk INTEGER PRIMARY KEY,
    table_name TEXT NOT NULL,
    subject TEXT NOT NULL,                   -- the series' key in digits; a device's source
    judged INTEGER NOT NULL,                 -- its own cursor, at or above the common one
    changed_at INTEGER NOT NULL,
    state BLOB NOT NULL,                     -- zlib of MessagePack
    UNIQUE (table_name, subject)
);
CREATE INDEX watch_states_age ON watch_states (changed_at);
CREATE TABLE judged_hours (                  -- site hours whose cells were judged, the last few days; as they were counted then
    resolution INTEGER NOT NULL,
    hour INTEGER NOT NULL,                   -- the instant at which the site's hour began
    digest INTEGER NOT NULL,                 -- of its counters: another one means that the hour is open again
    PRIMARY KEY (resolution, hour)
) WITHOUT ROWID;

CREATE TABLE anomalies (
    anomaly_id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,                      -- cell_count, series, stuck, impossible, impossible_move
    subject TEXT NOT NULL,                   -- whose threshold it is judged by, as 'cell/613...' or 'series/agency/device/metric'
    family TEXT NOT NULL,                    -- and of which kin, as 'cells/8/motion' or 'series/temperature'
    resolution INTEGER,
    h3_index INTEGER,
    event_type TEXT NOT NULL DEFAULT '',     -- '' all types together
    device TEXT NOT NULL DEFAULT '',
    metric TEXT NOT NULL DEFAULT '',         -- with its channel, as in readings
    unit TEXT NOT NULL DEFAULT '',
    longitude REAL,                          -- the cell's centre, or where the device was
    latitude REAL,
    spot INTEGER,                            -- the cell of that place at spatial.cells.EVENT_RESOLUTION
    started_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    found_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',      -- open, acknowledged, explained, false
    score REAL NOT NULL,                     -- 0 to 1, 0.5 at the threshold
    observed REAL NOT NULL,
    expected REAL,
    probability REAL,                        -- of so much or more by chance; NULL where that is not the question
    bar REAL NOT NULL,                       -- decades by which the threshold stood above the standard
    detail_json TEXT NOT NULL,               -- what the words are made of
    version TEXT NOT NULL,                   -- of the detector
    labelled_by TEXT NOT NULL DEFAULT '',
    labelled_at INTEGER,
    note TEXT NOT NULL DEFAULT '',
    rev INTEGER NOT NULL
);
CREATE INDEX anomalies_time ON anomalies (started_at, anomaly_id);
CREATE INDEX anomalies_subject ON anomalies (subject, kind, last_at);
CREATE INDEX anomalies_cell ON anomalies (h3_index, last_at) WHERE h3_index IS NOT NULL;
CREATE INDEX anomalies_labels ON anomalies (family, labelled_at) WHERE labelled_at IS NOT NULL;
CREATE TABLE anomaly_thresholds (            -- how far labels have moved a bar, as it was when it was last moved
    subject TEXT PRIMARY KEY,                -- a subject or a family
    decades REAL NOT NULL,                   -- above the standard, at changed_at; it comes back by itself
    changed_at INTEGER NOT NULL,
    false_count INTEGER NOT NULL,            -- labels it was learned from
    true_count INTEGER NOT NULL,
    version INTEGER NOT NULL                 -- raised with each change
) WITHOUT ROWID;
