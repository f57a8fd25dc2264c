"""`/iot`: zones and cells as their sensors and cameras see them."""
