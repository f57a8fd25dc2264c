"""The database file itself: its driver, its schema's versions, its health, and the disk under it."""
