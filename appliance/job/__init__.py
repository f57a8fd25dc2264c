"""What happens on schedule."""
