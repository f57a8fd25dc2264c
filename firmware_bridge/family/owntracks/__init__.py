"""OwnTracks: where people and trackers are."""
