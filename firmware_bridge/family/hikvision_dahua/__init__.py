"""Hikvision and Dahua: events as cameras, recorders and bridges publish them."""
