"""Many become few: counts per cell and day."""
