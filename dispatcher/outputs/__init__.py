"""What became of every row, for people and their tools: typed DataFrames, and tables in the sheet's own columns."""
