"""The command line: options plus one call."""
