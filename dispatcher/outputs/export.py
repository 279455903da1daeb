"""What became of every row, in the sheet's own columns, as a file for people."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from dispatcher.added_columns import OUTCOME_COLUMNS
from dispatcher.outputs.frames import OutcomeRow, make_frames
from dispatcher.outputs.table_file import open_table

_CHUNK = 1_000  # rows of one frame; more would only take more memory


def write_export(path: Path, columns: Sequence[str], rows: Iterable[OutcomeRow]) -> int:
    """Write rows with their outcomes to ``path``; return how many.

    ``columns`` are the sheet's labels; what they hold stays text, in either format.

    Raises:
        UsageError: the name ends in neither .xlsx nor .csv, or the file cannot be written.
    """
    with open_table(path, [*columns, *OUTCOME_COLUMNS], state_column=len(columns)) as table:
        for frame in make_frames(columns, rows, size=_CHUNK):
            table.write(frame)
    return table.count
