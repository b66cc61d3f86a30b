"""The HTML page that says what a user must know before trusting a rig."""
