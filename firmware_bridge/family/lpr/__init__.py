"""Plate readers: Plate Recognizer, OpenALPR and plainer objects."""
