"""Tests of decoding the archive anew."""
