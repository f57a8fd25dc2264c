-- Tiers of what is measured, and what retention must know.

-- A bin keeps count, exact sum, exact sum of squares (scale and numerator of a whole number over a power of two), the
-- extremes, the first and the last value. Bins lie in the order of time like the values, for the same reason.
CREATE TABLE reading_minutes (
    minute INTEGER NOT NULL,
    series_pk INTEGER NOT NULL,
    value_count INTEGER NOT NULL,
    value_total BLOB NOT NULL,
    value_squares BLOB NOT NULL,
    value_lowest REAL NOT NULL,
    value_highest REAL NOT NULL,
    value_first_at INTEGER NOT NULL,
    value_first REAL NOT NULL,
    value_last_at INTEGER NOT NULL,
    value_last REAL NOT NULL,
    PRIMARY KEY (minute, series_pk)
) WITHOUT ROWID;
CREATE TABLE reading_hours (
    hour INTEGER NOT NULL,                   -- the instant at which the site's hour began
    series_pk INTEGER NOT NULL,
    value_count INTEGER NOT NULL,
    value_total BLOB NOT NULL,
    value_squares BLOB NOT NULL,
    value_lowest REAL NOT NULL,
    value_highest REAL NOT NULL,
    value_first_at INTEGER NOT NULL,
    value_first REAL NOT NULL,
    value_last_at INTEGER NOT NULL,
    value_last REAL NOT NULL,
    PRIMARY KEY (hour, series_pk)
) WITHOUT ROWID;
CREATE TABLE reading_days (
    day TEXT NOT NULL,
    series_pk INTEGER NOT NULL,
    value_count INTEGER NOT NULL,
    value_total BLOB NOT NULL,
    value_squares BLOB NOT NULL,
    value_lowest REAL NOT NULL,
    value_highest REAL NOT NULL,
    value_first_at INTEGER NOT NULL,
    value_first REAL NOT NULL,
    value_last_at INTEGER NOT NULL,
    value_last REAL NOT NULL,
    PRIMARY KEY (day, series_pk)
) WITHOUT ROWID;

CREATE TABLE late_readings (                 -- came when their time was no longer kept: merged into the bins one by one
    observed_at INTEGER NOT NULL,
    series_pk INTEGER NOT NULL,
    value REAL NOT NULL,
    received_at INTEGER NOT NULL,
    clock_quality TEXT NOT NULL,
    merged INTEGER NOT NULL DEFAULT 0,       -- a merged one stays for a while, so that its repeat is known
    PRIMARY KEY (observed_at, series_pk, value)
) WITHOUT ROWID;
CREATE INDEX late_readings_waiting ON late_readings (observed_at) WHERE merged = 0;
CREATE INDEX late_readings_merged ON late_readings (received_at) WHERE merged = 1;
CREATE TABLE reading_repeats (               -- 8 bytes for each value that is no longer kept, by which its repeat is known
    hour INTEGER NOT NULL,                   -- of UTC, as microseconds
    series_pk INTEGER NOT NULL,
    digests BLOB NOT NULL,
    PRIMARY KEY (hour, series_pk)
) WITHOUT ROWID;

CREATE TABLE open_bins (                     -- what a tier must still take up: a row for each span that was written to, not for each value
    ladder TEXT NOT NULL,
    span TEXT NOT NULL,                      -- quarter (of an hour of UTC; rows were written) or day (of the site; hours were)
    bin NOT NULL,                            -- INTEGER start, or ISO day
    taken INTEGER NOT NULL DEFAULT 0,        -- 1 while it is being taken up; what is written meanwhile opens it again
    PRIMARY KEY (ladder, span, bin, taken)
) WITHOUT ROWID;
CREATE TABLE horizons (                      -- from which instant on a table is whole; what is older is gone, or may go at any time
    table_name TEXT PRIMARY KEY,
    kept_from INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE ladders (                       -- the zone in which hours and days were cut
    ladder TEXT PRIMARY KEY,
    timezone TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO open_bins (ladder, span, bin)
SELECT DISTINCT 'readings', 'quarter', observed_at - ((observed_at % 900000000) + 900000000) % 900000000
FROM reading_values;

CREATE TABLE pinned_events (                 -- events that belong to a case stay, whatever their age
    event_pk INTEGER NOT NULL,
    case_id TEXT NOT NULL,
    pinned_at INTEGER NOT NULL,
    PRIMARY KEY (event_pk, case_id)
) WITHOUT ROWID;
CREATE INDEX pinned_events_case ON pinned_events (case_id);

CREATE TABLE chores (                        -- the ledger of what happens on schedule, a row each
    chore TEXT PRIMARY KEY,
    done_at INTEGER,                         -- when it last came to its end
    took_s REAL,
    items INTEGER NOT NULL DEFAULT 0,        -- bins written or rows deleted by that
    waits TEXT NOT NULL DEFAULT '',          -- what it could not do, and why
    failed_at INTEGER,
    error TEXT NOT NULL DEFAULT ''           -- '' once it has come to its end again
) WITHOUT ROWID;
