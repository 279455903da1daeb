"""Decides what each row of a sheet is: a recipient, or a refusal with the first reason that holds."""

from dataclasses import replace

from dispatcher.loader.formats.tables import Row
from dispatcher.loader.judging.facts import SheetFacts
from dispatcher.loader.judging.first_rows import FirstRows
from dispatcher.loader.judging.row_reader import ReadRow
from dispatcher.loader.judging.rules import RULES
from dispatcher.models import Recipient, Refusal


class Judge:
    """Judges the rows of one sheet in their order; remembers their keys."""

    def __init__(self, facts: SheetFacts) -> None:
        self._facts = facts
        self._refused = FirstRows()

    def judge(self, row: Row) -> Recipient | Refusal:
        """Return what ``row`` is."""
        read = self._facts.reader.read(row)
        for find_refusal in RULES:
            refusal = find_refusal(read, self._facts)
            if refusal is not None:
                return replace(refusal, key=self._claim_key(read))
        return read.as_recipient()

    def _claim_key(self, row: ReadRow) -> str | None:
        """Return the key of a row that is not sent, if no earlier row has it."""
        if not row.key or self._facts.sendable.find(row.key):
            return None
        return row.key if self._refused.add(row.key, row.row.number) is None else None
