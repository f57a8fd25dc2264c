"""A fleet of devices that does not exist: what it publishes and when, and how it answers. Without I/O or a clock."""
