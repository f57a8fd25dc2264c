"""Tests of the raw archive."""
