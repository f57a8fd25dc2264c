"""ChirpStack v4: uplinks and what else it tells of its devices and gateways."""
