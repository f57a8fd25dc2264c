-- The boot ledger: by what and since when the box knew the time in each run of the machine. Offsets are a time less CLOCK_BOOTTIME, which
-- nobody can set; everything in microseconds. Meaning of each: `appliance/timekeeping.py`.
CREATE TABLE boots (
    boot_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    boot_id TEXT NOT NULL UNIQUE,            -- the kernel's, random for each start
    base_us INTEGER NOT NULL,                -- offset of box time while the time was not known
    floor_us INTEGER,                        -- the last time known to be right when it was first seen; NULL: there was none
    wall_us INTEGER NOT NULL,                -- offset of the system clock when it was first seen
    seen_us INTEGER NOT NULL,                -- CLOCK_BOOTTIME when it was first seen
    last_us INTEGER NOT NULL,                -- and when last written down: every ten minutes, and at a clean stop
    offset_us INTEGER,                       -- that of the true time; NULL while it is not known
    evidence TEXT NOT NULL DEFAULT '',       -- network, satellite, centre, person, battery, set, estimate; '' while it is not known
    known_us INTEGER,                        -- CLOCK_BOOTTIME when it became known
    spread_us INTEGER NOT NULL DEFAULT 0     -- by how much an estimate may be off
);
CREATE TABLE clock_steps (                   -- how the offset was found and moved; the newest 500
    step_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    boot_id TEXT NOT NULL,
    boottime_us INTEGER NOT NULL,
    offset_us INTEGER NOT NULL,
    evidence TEXT NOT NULL
);

-- Rows that wait for their time. In a box that knows the time these are empty and cost nothing.
CREATE INDEX events_undated ON events (received_at) WHERE clock_quality IN ('untrusted', 'undated');
CREATE INDEX reading_values_undated ON reading_values (received_at) WHERE clock_quality IN ('untrusted', 'undated');
CREATE INDEX positions_undated ON positions (received_at) WHERE clock_quality IN ('untrusted', 'undated');
