"""What was in a store that was lost or damaged, put back into the one that records now."""
