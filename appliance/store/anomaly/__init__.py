"""Anomalies with their life, and what the detectors remember."""
