-- Late readings that wait for their time, like those of the other tables; a merged one waits for nothing any more.
UPDATE late_readings SET clock_quality = 'estimated' WHERE merged = 1 AND clock_quality IN ('untrusted', 'undated');
CREATE INDEX late_readings_undated ON late_readings (received_at) WHERE clock_quality IN ('untrusted', 'undated');
