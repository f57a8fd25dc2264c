"""Text in, model out: the file and upload formats."""
