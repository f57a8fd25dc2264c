"""What is sent to devices: commands, images of firmware, waves of updates."""
