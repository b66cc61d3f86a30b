"""Learning on a recording of one's own, without labels."""
