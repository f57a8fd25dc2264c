"""Each family of firmware against the messages its documentation and its users show."""
