"""A table on its way to a file, .xlsx or .csv by its ending: it is there when it is complete, or not at all."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dispatcher.errors import UsageError
from dispatcher.outputs.csv import CsvTable, create_csv
from dispatcher.outputs.labels import number_labels
from dispatcher.outputs.replacing import replacing
from dispatcher.outputs.xlsx import XlsxTable, create_xlsx


@dataclass(slots=True)
class TableFile:
    """A table that is being written to ``path``; ``count`` rows so far."""

    path: Path
    table: CsvTable | XlsxTable
    count: int = 0

    def write(self, frame: pd.DataFrame) -> None:
        """Add the rows of a frame.

        Raises:
            UsageError: they cannot be written, or do not fit.
        """
        with _explained(self.path):
            self.table.write(frame)
        self.count += len(frame)


@contextmanager
def open_table(path: Path, columns: Sequence[str], *, state_column: int | None = None) -> Iterator[TableFile]:
    """Open a table that takes the place of ``path`` at the end of the block, unless an exception ends that.

    Args:
        path: where to; the ending says which format.
        columns: the header; a label that stands in it twice is numbered.
        state_column: which column, from 0, tells the states that a workbook colours; None for none.

    Raises:
        UsageError: the name ends in neither .xlsx nor .csv, or the file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in (".xlsx", ".csv"):
        raise UsageError(f"{path}: write to a file that ends in .xlsx or .csv")
    labels = number_labels(columns)
    with ExitStack() as opened:
        with _explained(path):
            unfinished = opened.enter_context(replacing(path))
            table = (
                opened.enter_context(create_csv(unfinished, labels))
                if ending == ".csv"
                else opened.enter_context(create_xlsx(unfinished, labels, state_column))
            )
        yield TableFile(path, table)
        with _explained(path):
            opened.close()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say which file it is that cannot be written; what goes wrong elsewhere meanwhile is none of its trouble."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
