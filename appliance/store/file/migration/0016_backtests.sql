-- Whether the forecast holds at this site: backtests that were asked for, and what they found.
CREATE TABLE backtests (
    backtest_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
    resolution INTEGER NOT NULL,
    test_days INTEGER NOT NULL,              -- the most that were to be tested
    asked_at INTEGER NOT NULL,
    made_at INTEGER,                         -- when it came to its end, well or not
    from_day TEXT,                           -- of the incidents that were reported
    to_day TEXT,
    events INTEGER NOT NULL DEFAULT 0,
    version TEXT NOT NULL DEFAULT '',        -- of the forecast's code
    watermark INTEGER NOT NULL DEFAULT 0,    -- stored events and corrections that it has seen
    attempts INTEGER NOT NULL DEFAULT 0,     -- how often it was begun
    message TEXT NOT NULL DEFAULT '',        -- why it failed
    report_json TEXT
);
