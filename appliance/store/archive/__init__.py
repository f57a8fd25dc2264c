"""The raw archive: every accepted message as it was received, and what can be made of it anew."""
