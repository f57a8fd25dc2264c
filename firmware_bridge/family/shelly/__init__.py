"""Shelly: components of Gen2 and later, and Gen1's topics."""
