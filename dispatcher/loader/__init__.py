"""Reads a CSV file or a workbook into ``Recipient`` or ``Refusal``, one per row, in file order."""

from dispatcher.loader.look import Look, look_at
from dispatcher.loader.sheet import Sheet, read_recipients

__all__ = ["Look", "Sheet", "look_at", "read_recipients"]
