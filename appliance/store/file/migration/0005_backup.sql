-- Copies of the store, and what is put back after damage.

CREATE TABLE backups (                       -- the ledger of attempts; the copies tell of themselves by their manifests
    backup_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    folder TEXT NOT NULL,                    -- where it lies, or was to lie
    done INTEGER NOT NULL,                   -- 1: it was opened, checked and counts
    bytes INTEGER NOT NULL,
    message TEXT NOT NULL                    -- why it was not done
);

CREATE TABLE salvage (                       -- a store that was lost or damaged, and how much of it is back; none: nothing was
    salvage_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    begun_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    damaged TEXT NOT NULL,                   -- the folder that the damaged file was moved to; '' where it was missing
    backup TEXT NOT NULL,                    -- the folder of the newest backup that held; '' where there was none
    position_json TEXT NOT NULL DEFAULT '{}', -- how far it has come, step by step
    found_json TEXT NOT NULL DEFAULT '{}',   -- what came back, and what could not be read
    finished_at INTEGER
);

-- Raised where the file was put back: at its first greeting the box begins an epoch above the one that the centre has.
ALTER TABLE site ADD COLUMN claims_epoch INTEGER NOT NULL DEFAULT 0;
