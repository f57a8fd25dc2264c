"""What is let go by age or for want of room."""
