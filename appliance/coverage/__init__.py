"""Which cells were watched when: states of devices and views in, coverage of cells out. Pure."""
