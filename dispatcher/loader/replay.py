"""Keeps the rows of a workbook for a second look, for parsing its XML again would take many times as long."""

import json
import tempfile
from collections.abc import Iterable, Iterator

from dispatcher.loader.rows import NO_FAULTS, NO_NOTES, Note, Row

_MAX_BYTES_IN_MEMORY = 16 << 20


class RecordedRows:
    """Rows in a temporary file without a name; a small sheet never leaves memory."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by ``replay``, or with its owner
            _MAX_BYTES_IN_MEMORY, mode="w+", encoding="ascii"
        )

    def record(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Pass the rows on, and keep each."""
        for row in rows:
            notes = [(position, *note) for position, note in row.notes.items()]
            self._file.write(json.dumps([row.number, row.texts, [*row.faults.items()], notes, row.hidden]) + "\n")
            yield row

    def replay(self) -> Iterator[Row]:
        """Yield the rows again; ends the recording."""
        with self._file as file:
            file.seek(0)
            for line in file:
                number, texts, faults, notes, hidden = json.loads(line)
                read_notes = {position: Note(*note) for position, *note in notes}
                yield Row(number, texts, dict(faults) or NO_FAULTS, read_notes or NO_NOTES, hidden)
