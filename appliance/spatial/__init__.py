"""Where things are: H3 cells, tiles, geometry blobs."""
