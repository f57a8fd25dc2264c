"""What was acknowledged is stored, once: kills, frozen processes and power cuts against the real broker and bridge."""
