"""From the broker to the store, in the devices' own words."""
