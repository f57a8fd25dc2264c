"""What the sensors and cameras of a zone add up to: its risk by parts, and what crowds have to do with incidents."""
