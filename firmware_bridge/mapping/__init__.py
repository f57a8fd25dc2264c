"""Mapping files: a family of firmware described in TOML, compiled into the same thing as one written in Python."""
