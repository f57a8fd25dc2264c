"""Families of firmware: one module each, with its `FAMILY`; those that data can describe are mapping files beside."""
