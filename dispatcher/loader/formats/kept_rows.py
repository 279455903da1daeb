"""Keeps the rows of a sheet that is read once, for parsing it again would take many times as long."""

import json
import tempfile
import weakref
from collections.abc import Iterator

from dispatcher.errors import SheetError
from dispatcher.loader.formats.tables import NO_FAULTS, NO_NOTES, Row
from dispatcher.loader.values.cells import Note

_MAX_BYTES_IN_MEMORY = 16 << 20
_BLOCK_BYTES = 1 << 16


class KeptRows:
    """Rows in a temporary file without a name; those of a small sheet never leave memory."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_MAX_BYTES_IN_MEMORY)  # noqa: SIM115 - closed with its owner
        weakref.finalize(self, self._file.close)

    def keep(self, row: Row) -> None:
        """Add a row.

        Raises:
            SheetError: the disk refuses to keep it.
        """
        self.keep_line(write_row(row))

    def keep_line(self, line: bytes) -> None:
        """Add a row as ``write_row`` writes it; raises as ``keep`` does."""
        try:
            self._file.write(line)
        except OSError as error:
            folder = tempfile.gettempdir()
            raise SheetError(f"{folder}: the rows cannot be kept there ({error.strerror}); make room") from None

    def read(self) -> Iterator[Row]:
        """Yield the rows from the first on; several may be reading at a time, once all rows are kept."""
        offset = 0
        while True:
            self._file.seek(offset)
            lines = self._file.readlines(_BLOCK_BYTES)
            offset = self._file.tell()
            if not lines:
                return
            yield from map(read_row, lines)


def write_row(row: Row) -> bytes:
    """Return a row as one line of JSON."""
    said = [(position, *note) for position, note in row.notes.items()]
    return json.dumps([row.number, row.texts, [*row.faults.items()], said, row.hidden]).encode("ascii") + b"\n"


def read_row(line: bytes) -> Row:
    """Return the row that ``write_row`` wrote."""
    number, texts, faults, said, hidden = json.loads(line)
    notes = {position: Note(*note) for position, *note in said}
    return Row(number, texts, dict(faults) or NO_FAULTS, notes or NO_NOTES, hidden)
