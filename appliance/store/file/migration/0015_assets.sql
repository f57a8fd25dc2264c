-- Critical assets: what must not be missed, where it is, and its risk by day.

CREATE TABLE assets (
    asset_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    asset_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL DEFAULT '',           -- substation, corridor, plant, ...: the site's own words
    criticality INTEGER NOT NULL,            -- 1 to 5, 5 matters most
    buffer_m REAL NOT NULL,                  -- what happens so near to it counts as at it
    settings_json TEXT NOT NULL DEFAULT '{}',
    alerting INTEGER NOT NULL DEFAULT 0,     -- 1 from when its risk has reached the threshold until it is well below
    rev INTEGER NOT NULL,                    -- the site's, with each change a person made
    computed_rev INTEGER NOT NULL DEFAULT 0, -- the rev of which asset_cells and asset_risk are
    computed_day TEXT NOT NULL DEFAULT ''    -- the day on which all of its past was last looked at
);
SELECT AddGeometryColumn('assets', 'geom', 4326, 'GEOMETRY', 'XY', 1);
SELECT CreateSpatialIndex('assets', 'geom');

CREATE TABLE asset_cells (                   -- the cells of its footprint, of one resolution
    asset_id TEXT NOT NULL,
    h3_index INTEGER NOT NULL,
    share REAL NOT NULL,                     -- which part of the cell lies in the footprint, 0..1
    PRIMARY KEY (asset_id, h3_index)
) WITHOUT ROWID;

CREATE TABLE asset_risk (
    asset_id TEXT NOT NULL,
    day TEXT NOT NULL,
    expected_events REAL,                    -- in the footprint; NULL with what follows from it where nothing is known
    probability REAL,                        -- of one event or more
    risk_score REAL,                         -- 0..100, as forecast.scale has it
    risk_level TEXT,
    basis TEXT NOT NULL,                     -- forecast, counts_28d; '' for none
    basis_days INTEGER NOT NULL,             -- of how many known days, at the best known cell; 0 for a forecast
    observed_events INTEGER NOT NULL,        -- that came in in the footprint
    observed_whole INTEGER NOT NULL,         -- 0: there were more
    cell_events INTEGER NOT NULL,            -- in its cells: as long as these stay, the others do
    coverage TEXT NOT NULL,                  -- observed, unknown
    watched REAL NOT NULL,                   -- which part of the footprint lies in observed cells, 0..1
    rev INTEGER NOT NULL,
    PRIMARY KEY (asset_id, day)
) WITHOUT ROWID;

CREATE TABLE asset_marks (                   -- one row: after which run the risk of every asset was last computed
    one INTEGER PRIMARY KEY CHECK (one = 1),
    run_id INTEGER NOT NULL
);
INSERT INTO asset_marks VALUES (1, 0);
