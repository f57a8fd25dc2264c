-- Events are tallied without the write lock. How often one that is not counted yet was changed or deleted: what was tallied
-- before is void then.
ALTER TABLE settled ADD COLUMN amended INTEGER NOT NULL DEFAULT 0;
