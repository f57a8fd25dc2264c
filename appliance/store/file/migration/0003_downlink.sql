-- The downlink: commands to devices, images of firmware, waves, and who did what.

CREATE TABLE commands (
    command_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    command_id TEXT NOT NULL UNIQUE,         -- random
    device TEXT NOT NULL,
    family TEXT NOT NULL,
    command TEXT NOT NULL,                   -- interval, config, reboot, firmware_update, ...
    parameters_json TEXT NOT NULL,
    state TEXT NOT NULL,                     -- queued, sent, accepted, running; done, failed, expired, cancelled
    progress_percent REAL,
    message TEXT NOT NULL DEFAULT '',
    requested_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    sent_at INTEGER,
    changed_at INTEGER NOT NULL,
    awaits_json TEXT NOT NULL DEFAULT '{}',  -- how its answers are known: method -> interim or final
    wave_id TEXT
);
CREATE INDEX commands_open ON commands (device, command_pk) WHERE state IN ('queued', 'sent', 'accepted', 'running');
CREATE INDEX commands_wave ON commands (wave_id) WHERE wave_id IS NOT NULL;

CREATE TABLE firmware_images (
    image_id TEXT PRIMARY KEY,               -- random: devices fetch by it without a login
    family TEXT NOT NULL,
    version TEXT NOT NULL,
    file_name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    md5 TEXT NOT NULL,                       -- some families check nothing better
    signature BLOB,                          -- Ed25519, over the SHA-256; NULL where taken unsigned
    signed_by TEXT NOT NULL,                 -- name of the key; '' where taken unsigned
    added_by TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    UNIQUE (family, version, file_name)
) WITHOUT ROWID;

CREATE TABLE firmware_waves (
    wave_pk INTEGER PRIMARY KEY AUTOINCREMENT,
    wave_id TEXT NOT NULL UNIQUE,
    image_id TEXT NOT NULL,
    family TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,                     -- running, stopped, done
    size INTEGER NOT NULL,                   -- how many at a time
    stop_after INTEGER NOT NULL,             -- failures
    timeout_s INTEGER NOT NULL,              -- for one device, from the order to the version
    url TEXT NOT NULL,                       -- where the devices fetch the image
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    message TEXT NOT NULL DEFAULT ''
);
CREATE INDEX firmware_waves_unfinished ON firmware_waves (wave_pk) WHERE finished_at IS NULL;
CREATE TABLE firmware_wave_devices (
    wave_id TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    device TEXT NOT NULL,
    state TEXT NOT NULL,                     -- waiting, ordered, updated, failed, left
    command_id TEXT,
    ordered_at INTEGER,
    message TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (wave_id, ordinal)
) WITHOUT ROWID;

-- Append only. The rule of its bound: the newest 100,000 entries stay; older ones may go, and how many did is
-- min(audit_id) - 1, since ids are never reused.
CREATE TABLE audit_log (
    audit_id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,                       -- a user, or system:<part>
    action TEXT NOT NULL,                    -- command.queue, firmware.add, ...
    subject TEXT NOT NULL,
    detail_json TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_subject ON audit_log (subject, audit_id);
CREATE TRIGGER audit_log_stands BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log is append only'); END;
CREATE TRIGGER audit_log_stays BEFORE DELETE ON audit_log
WHEN old.audit_id > (SELECT max(audit_id) FROM audit_log) - 100000
BEGIN SELECT RAISE(ABORT, 'audit_log is append only; only what lies behind the newest 100,000 entries may go'); END;
