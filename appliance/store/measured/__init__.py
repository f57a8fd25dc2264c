"""Measured values and positions, their tiers, and their history."""
