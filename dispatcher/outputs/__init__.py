"""What became of every row, written for people: tables in the sheet's own columns."""
