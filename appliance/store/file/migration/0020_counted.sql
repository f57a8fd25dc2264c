-- Each resolution is counted as far as it is: what a run reads each minute, and the fine one, of which every event
-- touches a page of its own, in larger steps.

CREATE TABLE counted (                       -- event_counts of a resolution hold the events up to this one
    resolution INTEGER PRIMARY KEY,
    event_pk INTEGER NOT NULL
);
INSERT INTO counted
SELECT CAST(value AS INTEGER), counted_pk FROM site, json_each('[' || resolutions || ']'), settled;
ALTER TABLE settled DROP COLUMN counted_pk;
