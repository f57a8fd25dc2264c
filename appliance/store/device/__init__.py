"""The registry of devices, their zones, and how they were over time."""
