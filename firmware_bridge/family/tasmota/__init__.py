"""Tasmota: telemetry, answers, health and what it heard of others."""
