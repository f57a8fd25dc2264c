-- The calibrated profile. A row that is gone is named with its profile, since another profile's row of the cell may stay.
CREATE TABLE tombstones_of_profiles (
    kind TEXT NOT NULL,
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,
    h3_index INTEGER NOT NULL,
    profile TEXT NOT NULL,                   -- '' for tables without one
    rev INTEGER NOT NULL,
    PRIMARY KEY (kind, resolution, day, h3_index, profile)
) WITHOUT ROWID;
INSERT INTO tombstones_of_profiles
SELECT kind, resolution, day, h3_index, CASE kind WHEN 'risk_scores' THEN 'composite' ELSE '' END, rev FROM tombstones;
DROP TABLE tombstones;
ALTER TABLE tombstones_of_profiles RENAME TO tombstones;

CREATE TABLE forecast_parameters (           -- what the site's history taught, by version
    resolution INTEGER NOT NULL,
    event_type TEXT NOT NULL,                -- '' for all
    version TEXT NOT NULL,                   -- twelve hex digits of the content
    parameters TEXT NOT NULL,                -- JSON, forecast.parameters.Parameters
    code_version TEXT NOT NULL,
    state TEXT NOT NULL,                     -- active, proposed, retired
    reason TEXT NOT NULL,                    -- why it was learned, proposed or accepted
    learned_at INTEGER NOT NULL,
    learned_days INTEGER NOT NULL,           -- of how many days of history
    learned_until TEXT NOT NULL,             -- the first day that was not learned from
    watermark INTEGER NOT NULL,              -- as in runs
    events INTEGER NOT NULL,                 -- learned from; 0: the defaults
    PRIMARY KEY (resolution, event_type, version)
) WITHOUT ROWID;
CREATE UNIQUE INDEX forecast_parameters_active ON forecast_parameters (resolution, event_type) WHERE state = 'active';

CREATE TABLE forecast_runs (                 -- the last runs that came to their end
    run_id INTEGER PRIMARY KEY AUTOINCREMENT,
    resolution INTEGER NOT NULL,             -- at which it was computed
    day TEXT NOT NULL,                       -- what came before it was known
    settings TEXT NOT NULL,                  -- digest of what was configured
    parameter_version TEXT NOT NULL,
    watermark INTEGER NOT NULL,
    seen_pk INTEGER NOT NULL,                -- the last event there was
    corrections INTEGER NOT NULL,            -- made of events so far
    rows_changed INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    took_s REAL NOT NULL,
    message TEXT NOT NULL                    -- why there is no forecast, '' where there is one
);

CREATE TABLE forecast_checks (               -- forecasts of the last days held against what came
    day TEXT NOT NULL,                       -- the first that was not tested
    horizon TEXT NOT NULL,
    parameter_version TEXT NOT NULL,
    figures TEXT NOT NULL,                   -- JSON, forecast.verdict.Figures
    offered INTEGER NOT NULL,                -- whether the forecast beats the plain count
    reason TEXT NOT NULL,                    -- why not
    drift TEXT NOT NULL,                     -- what has drifted, '' for nothing
    judged INTEGER NOT NULL,                 -- whether drift was looked for, which is done once a week
    PRIMARY KEY (day, horizon)
) WITHOUT ROWID;

CREATE TABLE forecasts (                     -- of the newest days; a slice is a row, since all its cells change together
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,                       -- the first day of what is forecast
    horizon TEXT NOT NULL,                   -- next_day, next_7_days
    event_type TEXT NOT NULL,                -- '' for all
    grid TEXT NOT NULL,                      -- the cells
    body BLOB NOT NULL,                      -- 14 bytes a cell, little-endian: mean f32, low u32, high u32, 100 * score u16
    total REAL NOT NULL,                     -- the sum of the means
    method TEXT NOT NULL,                    -- calibrated, or count_all where that is not offered
    reason TEXT NOT NULL,                    -- why it is not
    code_version TEXT NOT NULL,
    parameter_version TEXT NOT NULL,
    reference TEXT NOT NULL,                 -- the scale of the scores
    watermark INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (resolution, day, horizon, event_type)
);

CREATE TABLE forecast_grids (                -- cells of slices, ascending: 8 bytes each, little-endian
    grid TEXT PRIMARY KEY,                   -- digest of the cells
    resolution INTEGER NOT NULL,
    cells BLOB NOT NULL
);
