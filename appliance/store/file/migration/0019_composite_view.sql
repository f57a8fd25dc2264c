-- A composite score follows from a row's counts and from the raw extremes between which its run is scaled, so one event
-- that moves an extreme changed every row of the interval. What is stored is the extremes; `risk_scores` is what follows
-- from them, beside the scores of profiles that do not follow from the counts.

ALTER TABLE judged_days ADD COLUMN cell_count INTEGER NOT NULL DEFAULT 0;  -- rows that the day was given
ALTER TABLE judged_days ADD COLUMN low_rev INTEGER NOT NULL DEFAULT 0;     -- since which the cell of ordinal 0 has this low;
ALTER TABLE judged_days ADD COLUMN high_rev INTEGER NOT NULL DEFAULT 0;    -- ordinal n: n more. Likewise high
ALTER TABLE judged_days ADD COLUMN run_id INTEGER NOT NULL DEFAULT 0;      -- that found the extremes
UPDATE judged_days SET cell_count = (
    SELECT count(*) FROM cell_aggregates AS a WHERE a.resolution = judged_days.resolution AND a.day = judged_days.day);

CREATE TABLE forecast_scores (               -- of profiles that do not follow from the counts
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
CREATE TABLE legacy_scores (                 -- of days whose extremes were not noted (judged_days.cells is ''), until a run
    resolution INTEGER NOT NULL,             -- judges them anew
    day TEXT NOT NULL,
    h3_index INTEGER NOT NULL,
    risk_score REAL NOT NULL,
    PRIMARY KEY (resolution, day, h3_index)
) WITHOUT ROWID;
INSERT INTO forecast_scores SELECT resolution, day, h3_index, profile, risk_score, risk_level, rev, run_id
FROM risk_scores WHERE profile <> 'composite';
INSERT INTO legacy_scores SELECT resolution, day, h3_index, risk_score
FROM judged_days CROSS JOIN risk_scores USING (resolution, day) WHERE cells = '' AND profile = 'composite';
DROP VIEW mv_daily_risk;
DROP TABLE risk_scores;

-- What the centre has of a day it is not told again. Where some of a day waits, the day does.
UPDATE outbox SET rev = max(rev, (SELECT coalesce(max(a.rev), 0) FROM cell_aggregates AS a
    WHERE a.resolution = outbox.resolution AND a.day = outbox.day))
WHERE kind = 'risk_scores' AND (resolution, day) IN (SELECT resolution, day FROM judged_days);
UPDATE judged_days SET low_rev = (SELECT rev + 1 FROM site), high_rev = (SELECT rev + 1 FROM site)
WHERE EXISTS (SELECT 1 FROM outbox AS o WHERE o.kind = 'risk_scores' AND o.resolution = judged_days.resolution
    AND o.day = judged_days.day AND o.rev > o.acked_rev);
UPDATE site SET rev = rev + (
    SELECT coalesce(max(cells), 0) FROM (SELECT count(*) AS cells FROM h3_cells GROUP BY resolution));
UPDATE outbox SET rev = (SELECT rev FROM site) WHERE kind = 'risk_scores' AND rev > acked_rev;

CREATE VIEW composite_scores AS              -- of each row of counts of a day that is judged
SELECT resolution, day, h3_index, event_count, rolling_7d_avg, growth_rate, risk_score,
    CASE WHEN risk_score <= 25.0 THEN 'low' WHEN risk_score <= 50.0 THEN 'medium' WHEN risk_score <= 75.0 THEN 'high'
        ELSE 'critical' END AS risk_level, baseline_id, rev, run_id
FROM (
    SELECT judged_days.resolution, judged_days.day, h3_index,
        event_count, rolling_7d_avg, growth_rate, baseline_id,
        CASE
            WHEN cells = '' THEN (SELECT legacy_scores.risk_score FROM legacy_scores
                WHERE legacy_scores.resolution = cell_aggregates.resolution AND legacy_scores.day = cell_aggregates.day
                AND legacy_scores.h3_index = cell_aggregates.h3_index)
            WHEN low = high THEN 0.0
            ELSE (0.5 * event_count + 0.3 * growth_rate + 0.2 * rolling_7d_avg - low) / (high - low) * 100.0
        END AS risk_score,
        -- 0 and 100 stay what they are when the other extreme moves; a subquery, so who asks for no rev looks for none
        max(cell_aggregates.rev, (SELECT ordinal FROM h3_cells WHERE h3_cells.h3_index = cell_aggregates.h3_index)
            + CASE 0.5 * event_count + 0.3 * growth_rate + 0.2 * rolling_7d_avg
                WHEN low THEN low_rev WHEN high THEN high_rev ELSE max(low_rev, high_rev) END) AS rev,
        max(cell_aggregates.run_id, judged_days.run_id) AS run_id
    FROM judged_days
    CROSS JOIN cell_aggregates
        ON cell_aggregates.resolution = judged_days.resolution AND cell_aggregates.day = judged_days.day
);

CREATE VIEW composite_risk AS                -- the same, with the deviation from what is usual in the cell
SELECT resolution, day, composite_scores.h3_index, event_count, rolling_7d_avg, growth_rate, risk_score, risk_level,
    CASE WHEN spread > 0 THEN (event_count - mean) / spread ELSE 0.0 END AS z_score,
    spread > 0 AND (event_count - mean) / spread >= 2.0 - 1e-9 AS flagged
FROM composite_scores
CROSS JOIN baselines
    ON baselines.baseline_id = composite_scores.baseline_id AND baselines.h3_index = composite_scores.h3_index;

-- The casts give both halves columns of the same types: else SQLite makes the whole view before it looks into it.
CREATE VIEW risk_scores AS
SELECT resolution, day, h3_index, CAST('composite' AS TEXT) AS profile, CAST(risk_score AS REAL) AS risk_score,
    CAST(risk_level AS TEXT) AS risk_level, CAST(rev AS INTEGER) AS rev, CAST(run_id AS INTEGER) AS run_id
FROM composite_scores
UNION ALL
SELECT resolution, day, h3_index, profile, risk_score, risk_level, rev, run_id FROM forecast_scores;

CREATE VIEW mv_daily_risk AS
SELECT composite_risk.h3_index, composite_risk.resolution, day, event_count, rolling_7d_avg, growth_rate,
    CAST('composite' AS TEXT) AS profile, CAST(risk_score AS REAL) AS risk_score, CAST(risk_level AS TEXT) AS risk_level,
    z_score, flagged, geom
FROM composite_risk
CROSS JOIN h3_cells ON h3_cells.h3_index = composite_risk.h3_index
UNION ALL
SELECT composite_risk.h3_index, composite_risk.resolution, composite_risk.day, event_count, rolling_7d_avg, growth_rate,
    profile, forecast_scores.risk_score, forecast_scores.risk_level, z_score, flagged, geom
FROM composite_risk
CROSS JOIN forecast_scores ON forecast_scores.resolution = composite_risk.resolution
    AND forecast_scores.day = composite_risk.day AND forecast_scores.h3_index = composite_risk.h3_index
CROSS JOIN h3_cells ON h3_cells.h3_index = composite_risk.h3_index;
