"""Keeps the rows of a workbook for a second look, for parsing its XML again would take many times as long."""

import json
import tempfile
from collections.abc import Iterable, Iterator

from dispatcher.errors import SheetError
from dispatcher.loader.formats.tables import NO_FAULTS, NO_NOTES, Note, Row

_MAX_BYTES_IN_MEMORY = 16 << 20


class KeptRows:
    """Rows in a temporary file without a name; a small sheet never leaves memory."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by ``replay``, or with its owner
            _MAX_BYTES_IN_MEMORY, mode="w+", encoding="ascii"
        )

    def record(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Pass the rows on, and keep each.

        Raises:
            SheetError: the disk refuses to keep them.
        """
        for row in rows:
            number, texts, faults, notes, *rest = row
            said = [(position, *note) for position, note in notes.items()]
            try:
                self._file.write(json.dumps([number, texts, [*faults.items()], said, *rest]) + "\n")
            except OSError as error:
                folder = tempfile.gettempdir()
                raise SheetError(f"{folder}: the rows cannot be kept there ({error.strerror}); make room") from None
            yield row

    def replay(self) -> Iterator[Row]:
        """Yield the rows again; ends the recording."""
        with self._file as file:
            file.seek(0)
            for line in file:
                number, texts, faults, said, *rest = json.loads(line)
                notes = {position: Note(*note) for position, *note in said}
                yield Row(number, texts, dict(faults) or NO_FAULTS, notes or NO_NOTES, *rest)
