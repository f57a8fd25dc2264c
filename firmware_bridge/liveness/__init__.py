"""Who is alive, what fell silent together, and whose clock is wrong: pure cores, driven by `field`."""
