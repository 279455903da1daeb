"""What a cell means: texts, numbers, dates, and what only looks like a value."""
