"""Critical assets and their risk by day."""
