"""Zigbee2MQTT: devices' values, the bridge's word of them, and its older forms."""
