"""What a row is: read once, then held against one list of rules."""
