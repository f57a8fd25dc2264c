-- Coverage: how each device was over time, and what that makes of the cells that devices look at.

CREATE TABLE device_spans (                  -- a row for each time that a device was in one state for one cause; written by the bridge
    span_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    device_pk INTEGER NOT NULL,
    state TEXT NOT NULL,
    cause TEXT NOT NULL,                     -- as in devices: silence, will, outage:<segment>, ...
    from_time INTEGER NOT NULL,
    to_time INTEGER                          -- NULL while it lasts
);
CREATE UNIQUE INDEX device_spans_open ON device_spans (device_pk) WHERE to_time IS NULL;
CREATE INDEX device_spans_device ON device_spans (device_pk, from_time);
CREATE INDEX device_spans_end ON device_spans (to_time, from_time);
INSERT INTO device_spans (device_pk, state, cause, from_time) SELECT device_pk, state, cause, state_at FROM devices;

CREATE TABLE cell_watchers (                 -- which devices look at which cells, as the registry has it now
    resolution INTEGER NOT NULL,
    h3_index INTEGER NOT NULL,
    device_pk INTEGER NOT NULL,
    PRIMARY KEY (resolution, h3_index, device_pk)
) WITHOUT ROWID;

CREATE TABLE cell_coverage (                 -- only cells that devices look at; of the others the site's day speaks
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,
    h3_index INTEGER NOT NULL,
    coverage TEXT NOT NULL,                  -- observed, unknown
    watched REAL NOT NULL,                   -- 0..1, of the time in which it had devices
    cause TEXT NOT NULL,                     -- of what was not watched: ours, segment, maintenance, own; '' where all was
    devices INTEGER NOT NULL,                -- that look at it, at the end of the day or now
    down INTEGER NOT NULL,                   -- of these, not watching then
    PRIMARY KEY (resolution, day, h3_index)
) WITHOUT ROWID;

CREATE TABLE coverage_state (                -- one row: how far it is computed
    one INTEGER PRIMARY KEY CHECK (one = 1),
    computed_to INTEGER NOT NULL,            -- the instant up to which it was
    span_pk INTEGER NOT NULL,                -- what was known then: the newest span, outage and step of the clock
    outage_pk INTEGER NOT NULL,
    step_pk INTEGER NOT NULL,
    deaf_since INTEGER,                      -- since when the bridge itself has not been heard of; NULL while it is
    rev INTEGER NOT NULL                     -- the site's revision at the last change that shows
);
INSERT INTO coverage_state VALUES (1, 0, 0, 0, 0, NULL, 0);
