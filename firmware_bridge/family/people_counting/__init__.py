"""People counters and crowd sensors: Xovis, Axis, Milesight and others."""
