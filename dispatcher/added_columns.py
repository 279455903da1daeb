"""The columns that the program adds to a sheet, and what in them still counts when such a sheet is read again."""

STATE_COLUMN, REASON_COLUMN = "state", "reason"
"""The columns of an export that tell what became of a row."""

OUTCOME_COLUMNS = (STATE_COLUMN, REASON_COLUMN, "last attempt", "session id", "attempts", "sheet row")
"""What an export adds to the right of the sheet's own columns."""

ADVICE_COLUMN = "what to do"
"""The column of a list of problems that says what is wrong with a row."""

PROBLEM_COLUMNS = ("problem in", ADVICE_COLUMN, "sheet row")
"""What a list of problems adds to the right of the sheet's own columns."""

HIDDEN_REASON = "hidden by a filter in Excel or by hand"
"""Why a hidden row is skipped. In an export the row is hidden no more, and these words alone say that it was."""
