"""What lies in a shape: an index first, the exact predicate after."""
