"""What SQLite or the disk says, as a ``LedgerError`` that says what to do."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dispatcher.errors import LedgerError

DAMAGED = "the ledger is damaged ({}); nothing was sent. Put back a copy made with `VACUUM INTO`"


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what the database or the disk says into a ``LedgerError`` that says what to do."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", error)  # where SQLAlchemy keeps what the driver raised
        if not isinstance(cause, (sqlite3.Error, OSError, UnicodeDecodeError)):
            raise
        raise LedgerError(f"{path}: {_advise(path, str(cause))}") from error


def _advise(path: Path, message: str) -> str:
    if any(word in message for word in ("not a database", "malformed", "decode")):
        return DAMAGED.format(message)
    if "full" in message or "disk I/O" in message or "No space" in message:
        usage = os.statvfs(path.parent)
        free_mb = usage.f_bavail * usage.f_frsize // 1_000_000
        return f"the disk refuses to write ({message}); {free_mb} MB are free there. Make room and run it again"
    if "refused by" in message:
        return f"a forbidden change was refused ({message}); nothing was changed"
    return f"the ledger cannot be used ({message})"
