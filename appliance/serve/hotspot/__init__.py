"""`/hotspots`: where events gather, grow and fade beyond chance, explained."""
