"""All SQL of the centre: PostGIS, with TimescaleDB where it is."""
