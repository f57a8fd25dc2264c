"""Bluetooth sensors: OpenMQTTGateway, Theengs and Ruuvi's gateway."""
