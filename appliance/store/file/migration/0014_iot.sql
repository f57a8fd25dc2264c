-- What the zones' sensors and cameras add up to: activity by hour, thresholds with their state, the plate watch list.

CREATE TABLE iot_followed (                  -- one row: how far the jobs process has looked
    one INTEGER PRIMARY KEY CHECK (one = 1),
    event_pk INTEGER NOT NULL,               -- of the events that are counted in device_activity
    amended INTEGER NOT NULL,                -- as settled.amended was when plates were last looked at again
    undated INTEGER NOT NULL,                -- events passed over that had no time yet; once all have, counting begins anew
    read_from INTEGER NOT NULL,              -- readings before this instant are judged
    timezone TEXT NOT NULL                   -- in which the hours were cut; in another one counting begins anew
);
INSERT INTO iot_followed VALUES (1, 0, 0, 0, 0, '');

CREATE TABLE device_activity (               -- what each device detected in an hour of the site
    hour INTEGER NOT NULL,                   -- the instant at which it began
    source TEXT NOT NULL,
    motions INTEGER NOT NULL,                -- motion and detections of objects
    plates INTEGER NOT NULL,
    PRIMARY KEY (hour, source)
) WITHOUT ROWID;

CREATE TABLE environment_thresholds (        -- where the site departs from the limits that the program brings
    metric TEXT NOT NULL,
    zone TEXT NOT NULL,                      -- '' for every zone that has none of its own
    raise_at REAL NOT NULL,
    clear_at REAL NOT NULL,                  -- below raise_at: too much is the danger; above it: too little
    hold_s REAL NOT NULL,                    -- for so long beyond, or back, before it counts
    severity TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    note TEXT NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (metric, zone)
) WITHOUT ROWID;
CREATE TABLE environment_states (            -- of each series that has a threshold, how it stands to it
    series_pk INTEGER PRIMARY KEY,
    phase TEXT NOT NULL,                     -- calm, rising, raised, falling
    since INTEGER NOT NULL,                  -- when it came into that phase
    raised_at INTEGER,                       -- when it was raised; NULL while it is not
    last_at INTEGER NOT NULL,
    last_value REAL NOT NULL,
    worst REAL NOT NULL,                     -- the value furthest beyond, since it was raised
    alerted INTEGER NOT NULL                 -- 1 once somebody was told that it is raised
);

CREATE TABLE watch_list (                    -- number plates that are looked for, as keyed hashes alone
    entry_id INTEGER PRIMARY KEY AUTOINCREMENT,
    plate_hash TEXT NOT NULL UNIQUE,
    label TEXT NOT NULL,
    reason TEXT NOT NULL,
    added_by TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    expires_at INTEGER                       -- NULL: until it is taken off
);
CREATE TABLE watch_list_hits (               -- the newest 10,000
    hit_id INTEGER PRIMARY KEY AUTOINCREMENT,
    entry_id INTEGER NOT NULL,               -- of an entry that may be off the list since
    label TEXT NOT NULL,
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    observed_at INTEGER NOT NULL,
    zone TEXT NOT NULL,                      -- where it was read: the device's, else the one that holds the place; '' for none
    h3_index INTEGER,
    score REAL,
    UNIQUE (entry_id, source, event_id)
);
CREATE INDEX watch_list_hits_time ON watch_list_hits (observed_at);
