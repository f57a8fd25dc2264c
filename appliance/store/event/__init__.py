"""Events: each stored once, and read back a page at a time."""
