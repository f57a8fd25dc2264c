-- The times of each segment of event_cells: a query for the newest reads the segments that can hold them, and leaves the others alone.
-- They may be wider than what is left of the segment, never narrower; a segment without a row is taken to reach everywhere.

CREATE TABLE event_segments (
    segment INTEGER PRIMARY KEY,
    first_time INTEGER NOT NULL,
    last_time INTEGER NOT NULL
);
INSERT INTO event_segments
SELECT segment, min(event_timestamp), max(event_timestamp) FROM event_cells GROUP BY segment;
