-- Settling: what an event needs beside its own row is written behind, sorted and many at a time.
-- A live index on (source, event_id) and one on the cell touch a page of their own for nearly each event: 49 bytes were written for each byte the
-- file grew by. Appended rows and a sorted write every few thousand events come to a fifth of that.

DROP INDEX events_identity;
DROP INDEX events_cell;

CREATE TABLE event_keys (                    -- who an event is, of those with event_pk <= settled.indexed_pk
    source TEXT NOT NULL,
    event_id TEXT NOT NULL,
    event_pk INTEGER NOT NULL,
    PRIMARY KEY (source, event_id)
) WITHOUT ROWID;

CREATE TABLE event_cells (                   -- where and when an event is, of the same; those of deleted events may stay until their segment goes
    segment INTEGER NOT NULL,                -- event_pk >> 16: what is written lies together, so the pages touched are few
    h3_index INTEGER NOT NULL,
    event_timestamp INTEGER NOT NULL,
    event_pk INTEGER NOT NULL,
    PRIMARY KEY (segment, h3_index, event_timestamp, event_pk)
) WITHOUT ROWID;

CREATE TABLE settled (                       -- one row: how far what is written behind has come
    one INTEGER PRIMARY KEY CHECK (one = 1),
    indexed_pk INTEGER NOT NULL,             -- event_keys and event_cells hold the events up to this one
    counted_pk INTEGER NOT NULL              -- event_counts likewise
);

CREATE TABLE purged_hours (                  -- site hours of which events are deleted: their counters are all that is left
    hour INTEGER PRIMARY KEY
);

INSERT INTO event_keys SELECT source, event_id, event_pk FROM events ORDER BY source, event_id;
INSERT INTO event_cells
SELECT event_pk >> 16, h3_index, event_timestamp, event_pk FROM events WHERE h3_index IS NOT NULL ORDER BY 1, 2, 3, 4;
INSERT INTO settled SELECT 1, coalesce(max(event_pk), 0), coalesce(max(event_pk), 0) FROM events;
