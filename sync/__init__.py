"""Brings the centre up to date when there is a link."""
