"""Hotspots: where events gather beyond chance, where that is new, lasting or over, and the shapes of such places."""
