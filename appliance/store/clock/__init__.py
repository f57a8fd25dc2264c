"""What time the box believes it is, and since when."""
