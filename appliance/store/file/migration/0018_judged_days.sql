-- A count is judged against its cell's mean and spread over a run's interval, so one more event changes the deviation of
-- each of the cell's days. What is stored is the cell's mean and spread; `anomaly_flags` is what follows from them.

CREATE TABLE baseline_sets (                 -- the cells of an interval of days, as its last run found them
    baseline_id INTEGER PRIMARY KEY AUTOINCREMENT,
    resolution INTEGER NOT NULL,
    from_day TEXT NOT NULL,                  -- inclusive, both
    to_day TEXT NOT NULL
);
CREATE TABLE baselines (
    baseline_id INTEGER NOT NULL,
    h3_index INTEGER NOT NULL,
    mean REAL NOT NULL,                      -- events a day
    spread REAL NOT NULL,                    -- their population standard deviation
    rev INTEGER NOT NULL,                    -- since when mean and spread are these
    run_id INTEGER NOT NULL,
    PRIMARY KEY (baseline_id, h3_index)
) WITHOUT ROWID;
CREATE TABLE judged_days (                   -- what the rows of a day were made from
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,
    baseline_id INTEGER NOT NULL,
    cells TEXT NOT NULL,                     -- digest of the cells that have rows
    changes TEXT NOT NULL,                   -- of changed_days, which they hold: of seven days before and the day; '' unknown
    low REAL NOT NULL,                       -- the raw scores that became 0 and 100
    high REAL NOT NULL,
    PRIMARY KEY (resolution, day)
) WITHOUT ROWID;

-- Which days' counters were changed, and when: each transaction that changes any takes the next number.
ALTER TABLE settled ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
CREATE TABLE changed_days (
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (resolution, day)
) WITHOUT ROWID;
CREATE TABLE packed_days (                   -- the sums of a day's counters, valid while the change is the day's
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,
    change INTEGER NOT NULL,
    types TEXT NOT NULL,                     -- those that were summed, comma between; '' for all
    cells BLOB NOT NULL,                     -- ascending, 8 bytes each, little-endian
    counts BLOB NOT NULL,                    -- 4 bytes each, little-endian
    PRIMARY KEY (resolution, day)
);

-- Of days that were judged before, each has a set of its own that gives the deviations it had.
INSERT INTO baseline_sets (resolution, from_day, to_day)
SELECT DISTINCT resolution, day, day FROM anomaly_flags ORDER BY resolution, day;
INSERT INTO baselines
SELECT s.baseline_id, f.h3_index, a.event_count - f.z_score, 1.0, f.rev, f.run_id FROM baseline_sets AS s
JOIN anomaly_flags AS f ON f.resolution = s.resolution AND f.day = s.from_day
JOIN cell_aggregates AS a ON a.resolution = f.resolution AND a.day = f.day AND a.h3_index = f.h3_index;
INSERT INTO judged_days SELECT resolution, from_day, baseline_id, '', '', 0.0, 0.0 FROM baseline_sets;
DROP VIEW mv_daily_risk;
DROP TABLE anomaly_flags;

CREATE VIEW anomaly_flags AS
SELECT cell_aggregates.resolution, cell_aggregates.day, cell_aggregates.h3_index,
    CASE WHEN spread > 0 THEN (event_count - mean) / spread ELSE 0.0 END AS z_score,
    spread > 0 AND (event_count - mean) / spread >= 2.0 - 1e-9 AS flagged,
    max(cell_aggregates.rev, baselines.rev) AS rev, max(cell_aggregates.run_id, baselines.run_id) AS run_id
FROM cell_aggregates
JOIN judged_days ON judged_days.resolution = cell_aggregates.resolution AND judged_days.day = cell_aggregates.day
JOIN baselines ON baselines.baseline_id = judged_days.baseline_id AND baselines.h3_index = cell_aggregates.h3_index;

CREATE VIEW mv_daily_risk AS
SELECT a.h3_index, a.resolution, a.day, a.event_count, a.rolling_7d_avg, a.growth_rate,
    s.profile, s.risk_score, s.risk_level, f.z_score, f.flagged, c.geom AS geom
FROM cell_aggregates AS a
JOIN risk_scores AS s ON s.resolution = a.resolution AND s.day = a.day AND s.h3_index = a.h3_index
JOIN anomaly_flags AS f ON f.resolution = a.resolution AND f.day = a.day AND f.h3_index = a.h3_index
JOIN h3_cells AS c ON c.h3_index = a.h3_index;
