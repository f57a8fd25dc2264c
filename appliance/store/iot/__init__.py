"""What zones' sensors and cameras are judged by: thresholds, watch list, crowds, activity."""
