"""Home Assistant: devices that announce themselves, and entities' states."""
