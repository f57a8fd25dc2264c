-- The centre's house: who sends, how far each has come, and what every box found, under the names its users know.
-- H3 cells are bigint, days are dates of the site's own calendar, SRID 4326.

CREATE EXTENSION IF NOT EXISTS postgis;

CREATE TABLE hexpost.sites (
    site_id text PRIMARY KEY,
    name text NOT NULL,
    tenant text NOT NULL,
    timezone text NOT NULL,                      -- the zone in which the site's days are cut
    latitude double precision,
    longitude double precision,
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE hexpost.sync_site (                 -- how far the centre has come with a site; locked while it merges
    site_id text PRIMARY KEY REFERENCES hexpost.sites,
    epoch bigint NOT NULL DEFAULT 0,
    last_seq bigint NOT NULL DEFAULT 0
);

CREATE TABLE hexpost.sync_batch (                -- the ledger: the last 1000 batches of each site
    site_id text NOT NULL REFERENCES hexpost.sites,
    epoch bigint NOT NULL,
    batch_seq bigint NOT NULL,
    kind text NOT NULL,
    resolution smallint NOT NULL,
    day text NOT NULL,                           -- as the box says it: '' for cells
    upto_rev bigint NOT NULL,
    n_rows integer NOT NULL,
    n_changed integer NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site_id, epoch, batch_seq)
);

CREATE TABLE hexpost.h3_cells (                  -- each polygon once, not with every row
    site_id text NOT NULL,
    h3_index bigint NOT NULL,
    resolution smallint NOT NULL,
    centre_longitude double precision NOT NULL,
    centre_latitude double precision NOT NULL,
    geom geometry(MultiPolygon, 4326) NOT NULL,
    epoch bigint NOT NULL,
    rev bigint NOT NULL,
    PRIMARY KEY (site_id, h3_index)
);
CREATE INDEX h3_cells_geom ON hexpost.h3_cells USING gist (geom);

-- The daily tables are written here as plain ones and made below as the server can hold them.
CREATE TEMPORARY TABLE cell_aggregates (
    site_id text NOT NULL,
    resolution smallint NOT NULL,
    day date NOT NULL,
    h3_index bigint NOT NULL,
    event_count integer NOT NULL,
    rolling_7d_avg double precision NOT NULL,
    growth_rate double precision NOT NULL,
    epoch bigint NOT NULL,
    rev bigint NOT NULL,
    PRIMARY KEY (site_id, resolution, day, h3_index)
) ON COMMIT DROP;

CREATE TEMPORARY TABLE risk_scores (
    site_id text NOT NULL,
    resolution smallint NOT NULL,
    day date NOT NULL,
    h3_index bigint NOT NULL,
    profile text NOT NULL,
    risk_score double precision NOT NULL,
    risk_level text NOT NULL,
    epoch bigint NOT NULL,
    rev bigint NOT NULL,
    PRIMARY KEY (site_id, resolution, day, h3_index, profile)
) ON COMMIT DROP;

CREATE TEMPORARY TABLE anomaly_flags (
    site_id text NOT NULL,
    resolution smallint NOT NULL,
    day date NOT NULL,
    h3_index bigint NOT NULL,
    z_score double precision NOT NULL,
    flagged boolean NOT NULL,
    epoch bigint NOT NULL,
    rev bigint NOT NULL,
    PRIMARY KEY (site_id, resolution, day, h3_index)
) ON COMMIT DROP;

-- By day: hypertables where this database has TimescaleDB, else native range partitions by month, made on demand by
-- ensure_month. The default partition only catches what is inserted past it.
DO $$
DECLARE
    kind text;
    hypertables boolean := EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');
BEGIN
    FOREACH kind IN ARRAY ARRAY['cell_aggregates', 'risk_scores', 'anomaly_flags'] LOOP
        IF hypertables THEN
            EXECUTE format('CREATE TABLE hexpost.%1$I (LIKE pg_temp.%1$I INCLUDING ALL)', kind);
            EXECUTE format(
                'SELECT create_hypertable(%L, %L, chunk_time_interval => INTERVAL %L, create_default_indexes => false)',
                'hexpost.' || kind, 'day', '1 month');
        ELSE
            EXECUTE format(
                'CREATE TABLE hexpost.%1$I (LIKE pg_temp.%1$I INCLUDING ALL) PARTITION BY RANGE (day)', kind);
            EXECUTE format(
                'CREATE TABLE hexpost.%I PARTITION OF hexpost.%I DEFAULT', kind || '_default', kind);
        END IF;
    END LOOP;
END
$$;

-- Called before rows of a day are merged, in a transaction of its own. Runs as the owner of the tables, so that the
-- role of a box needs no right to create any. Does nothing on hypertables.
CREATE FUNCTION hexpost.ensure_month(of_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first date := date_trunc('month', of_day::timestamp)::date;
    kind text;
    part text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['cell_aggregates', 'risk_scores', 'anomaly_flags'] LOOP
        part := kind || to_char(first, '"_y"YYYY"m"MM');
        CONTINUE WHEN to_regclass('hexpost.' || part) IS NOT NULL;
        CONTINUE WHEN NOT EXISTS (
            SELECT FROM pg_class WHERE oid = to_regclass('hexpost.' || kind) AND relkind = 'p');
        PERFORM pg_advisory_xact_lock(hashtext('hexpost.ensure_month'));  -- two boxes may need the same month
        BEGIN
            EXECUTE format(
                'CREATE TABLE IF NOT EXISTS hexpost.%I PARTITION OF hexpost.%I FOR VALUES FROM (%L) TO (%L)',
                part, kind, first, (first + INTERVAL '1 month')::date);
        EXCEPTION WHEN check_violation THEN
            -- Rows of the month are in the default partition already: the others may join them there.
            RAISE WARNING 'hexpost.%_default holds rows of %; move them to have a partition of their own', kind, first;
        END;
    END LOOP;
END
$$;

CREATE VIEW hexpost.mv_daily_risk AS
SELECT a.site_id, a.h3_index, a.resolution, a.day, a.event_count, a.rolling_7d_avg, a.growth_rate,
       s.profile, s.risk_score, s.risk_level, f.z_score, f.flagged, c.geom
FROM hexpost.cell_aggregates AS a
JOIN hexpost.risk_scores AS s USING (site_id, resolution, day, h3_index)
JOIN hexpost.anomaly_flags AS f USING (site_id, resolution, day, h3_index)
JOIN hexpost.h3_cells AS c USING (site_id, h3_index);
