"""The composite profile's rows, the runs that wrote them, and the picture drawn from both."""
