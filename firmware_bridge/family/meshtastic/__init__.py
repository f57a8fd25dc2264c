"""Meshtastic: nodes of a mesh, as its gateways write them in JSON."""
