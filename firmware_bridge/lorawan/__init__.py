"""What the bodies of LoRaWAN uplinks say: one codec a vendor, and how the right one is found. Pure."""
