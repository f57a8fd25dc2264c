"""One batch of what came in, written in one transaction."""
