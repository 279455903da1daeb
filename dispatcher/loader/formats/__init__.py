"""How each kind of file becomes tables: one file a format, each claims a file, opens it and yields rows of cells.

A format is a module with the two functions of ``Format``; what it needs beyond them stands in modules that begin with
its name. To add one, write the module and list it in ``FORMATS``.
"""

from pathlib import Path
from typing import Protocol

from dispatcher.errors import SheetError
from dispatcher.loader.formats import csv, ods, xls, xlsx
from dispatcher.loader.formats.file_start import FileStart, read_start
from dispatcher.loader.formats.refused import refuse_foreign
from dispatcher.loader.formats.tables import Table


class Format(Protocol):
    """A kind of file that is read. Its module imports its library only once a file of its kind is opened."""

    def claims(self, file: FileStart) -> bool:
        """Return whether the file is of this kind by what is in it, whatever it is called."""
        ...

    def open_tables(self, file: FileStart, encoding: str | None) -> list[Table]:
        """Return the file's tables, in its order: the sheets of a workbook, or the ways to read a text.

        Args:
            file: what ``claims`` claimed.
            encoding: what the campaign file says of a text; a workbook says it itself.

        Raises:
            SheetError: its name says something else, it is damaged, or could exhaust the machine.
        """
        ...


FORMATS: tuple[Format, ...] = (csv, ods, xlsx, xls)
"""The commonest first; no two claim the same file but .ods and .xlsx, of which the first one wins."""


def open_tables(path: Path, encoding: str | None) -> list[Table]:
    """Return the sheets of a workbook, or the ways to split a CSV file into columns.

    Raises:
        SheetError: there is no such file, or it is not what its name says.
    """
    try:
        file = read_start(path)
        refuse_foreign(file)
        reader = next(candidate for candidate in FORMATS if candidate.claims(file))
        tables = reader.open_tables(file, encoding)
    except OSError as error:
        raise SheetError(f"{path}: cannot be read ({error}); try again") from error
    if not tables:
        raise SheetError(f"{path.name}: has no worksheet; save the rows as .xlsx or CSV UTF-8")
    return tables
