"""Hotspots: statistics, clusters and words."""
