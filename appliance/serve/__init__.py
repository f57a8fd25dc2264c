"""HTTP: API, tiles, live stream, map."""
