-- What needs somebody's attention. Of one kind and subject at most one alert is not closed: told again it only counts.
CREATE TABLE alerts (
    alert_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,                      -- the rule that raised it: asset_risk, ...
    subject TEXT NOT NULL,                   -- what it is about, as that rule names it
    severity TEXT NOT NULL,                  -- info, warning, critical
    title TEXT NOT NULL,
    detail_json TEXT NOT NULL DEFAULT '{}',  -- of the last time it was told
    state TEXT NOT NULL DEFAULT 'open',      -- open, acknowledged, closed
    raised_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,                -- when it was last told again
    times INTEGER NOT NULL DEFAULT 1,        -- how often, at most once a minute
    changed_at INTEGER NOT NULL,             -- when it last became worse, or came into its state
    acknowledged_by TEXT NOT NULL DEFAULT '',
    acknowledged_at INTEGER,
    closed_by TEXT NOT NULL DEFAULT '',      -- '' where its rule closed it
    closed_at INTEGER,
    note TEXT NOT NULL DEFAULT '',
    rev INTEGER NOT NULL                     -- rises within the table with each such change: what outlets follow
);
CREATE UNIQUE INDEX alerts_open ON alerts (kind, subject) WHERE state <> 'closed';
CREATE INDEX alerts_closed ON alerts (closed_at) WHERE state = 'closed';
CREATE INDEX alerts_rev ON alerts (rev);

CREATE TABLE alert_outlets (                 -- who tells alerts on, and how far each has come
    outlet TEXT PRIMARY KEY,                 -- mqtt
    rev INTEGER NOT NULL
) WITHOUT ROWID;
