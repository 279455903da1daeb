"""The ledger's file through Python's own driver, without SQLAlchemy, which takes longer to import than `status` may."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from dispatcher.errors import LedgerError
from dispatcher.ledger.engine import Ask
from dispatcher.ledger.engines.sqlite.errors import translated
from dispatcher.ledger.engines.sqlite.header import check_header, refuse_unreadable


def connect(path: Path, *, is_writer: bool) -> sqlite3.Connection:
    """Open an existing file; whoever uses the connection begins its transactions.

    Raises:
        sqlite3.Error: there is no such file, or it cannot be opened.
    """
    uri = f"file:{_quote(path)}?mode={'rw' if is_writer else 'ro'}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _quote(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def refuse_missing(path: Path) -> None:
    """Raise LedgerError where there is no file to read."""
    if not path.exists():
        raise LedgerError(f"{path}: there is no ledger yet; `dispatcher send` creates it")


@contextmanager
def open_for_questions(path: Path) -> Iterator[Ask]:
    """Open the ledger for reading, in one transaction; a run may be writing to it meanwhile.

    Raises:
        LedgerError: there is no ledger, or it cannot be read as one.
    """
    refuse_missing(path)
    with translated(path), closing(connect(path, is_writer=False)) as connection:

        def ask(query: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
            cursor = connection.execute(query, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

        check_header(path, connection.cursor())
        refuse_unreadable(path, connection.cursor())
        connection.execute("BEGIN")
        yield ask
