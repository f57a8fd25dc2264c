"""How many events each cell is to expect, how sure that is, and whether it held: the calibrated profile."""
