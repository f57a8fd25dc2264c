-- What was counted on a day since its sum was packed: the sum follows without its counters being read.

CREATE TABLE day_changes (
    resolution INTEGER NOT NULL,
    day TEXT NOT NULL,
    change INTEGER NOT NULL,                 -- of changed_days, that of the transaction
    previous INTEGER NOT NULL,               -- the day's change before it; 0: it had none
    cells BLOB NOT NULL,                     -- ascending, 8 bytes each, little-endian
    counts BLOB NOT NULL,                    -- by how much, 4 bytes each, little-endian
    PRIMARY KEY (resolution, day, change)
) WITHOUT ROWID;
