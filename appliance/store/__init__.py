"""All SQL of the box: one SpatiaLite file."""
