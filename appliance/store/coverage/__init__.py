"""Which cells were watched, and by what."""
