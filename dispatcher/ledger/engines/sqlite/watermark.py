"""How many attempts were made with a ledger, kept outside it.

A lost ``-wal``, an older copy put back, or a ledger that was removed: SQLite opens each without an error, and
the people messaged since would be messaged again. The watermark, in the lock file beside the ledger, tells.
"""

import os
from pathlib import Path

from dispatcher.errors import LedgerError
from dispatcher.ledger.engines.sqlite.location import lock_path

WATERMARK_OFFSET = 512
"""Where the watermark lies in the lock file, behind the words about who holds it."""


class Watermark:
    """The highest attempt a ledger is known to hold.

    It is written after the commit and not synced: it may lag behind the ledger, never lead.
    """

    def __init__(self, ledger_path: Path) -> None:
        """Open the lock file, creating it where there is none.

        Raises:
            OSError: it cannot be created or opened.
        """
        self._ledger_path = ledger_path
        self._path = lock_path(ledger_path)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    def verify(self, attempt_id: int) -> None:
        """Refuse a ledger whose last attempt is ``attempt_id`` when a higher one was made with it.

        Raises:
            LedgerError: the ledger is older than the last run.
        """
        text = os.pread(self._descriptor, 32, WATERMARK_OFFSET)
        known = int(text) if text.strip().isdigit() else 0
        if attempt_id < known:
            raise LedgerError(
                f"{self._ledger_path}: holds {attempt_id:,} attempts, but {known:,} were made with it. It is an older"
                " copy, or its -wal is gone, and people would get a second message. Put the newest copy back, or"
                f" remove {self._path} to go on with this one"
            )

    def set(self, attempt_id: int) -> None:
        """Note the highest attempt that is on disk."""
        os.pwrite(self._descriptor, b"%020d" % attempt_id, WATERMARK_OFFSET)

    def close(self) -> None:
        """Close the lock file; whoever holds the lock goes on holding it."""
        os.close(self._descriptor)
