"""Frigate: what its cameras saw, and how they and it are."""
