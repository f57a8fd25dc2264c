"""MQTT on the wire, without I/O: packets to bytes and bytes to packets, 3.1.1 and 5, as far as the bridge needs it."""
