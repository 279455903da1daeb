"""Whether the ledger's file is whole."""

from pathlib import Path

from sqlalchemy import Connection

from dispatcher.errors import LedgerError
from dispatcher.ledger.engines.sqlite.connection import read_pragma
from dispatcher.ledger.engines.sqlite.errors import DAMAGED

_CHECK_AT_START_MAX_BYTES = 64_000_000


def check_soon(path: Path, connection: Connection) -> None:
    """Check a ledger's pages and CHECKs at the start, as long as that takes no more than half a second.

    A larger one is still safe to send from: a row leaves only if its digest is right and its state, read
    by its id, is one of the two that wait, and no single flipped bit turns one state into another.
    ``check_everything`` looks at everything, however large.

    Raises:
        LedgerError: the ledger is damaged.
    """
    if path.stat().st_size <= _CHECK_AT_START_MAX_BYTES:
        check_pages(connection)


def check_pages(connection: Connection) -> None:
    """Check every page and every CHECK constraint, but no index."""
    _check(connection, "quick_check")


def check_everything(connection: Connection) -> None:
    """Check pages, CHECK constraints, and that each index agrees with its table."""
    _check(connection, "integrity_check")


def _check(connection: Connection, kind: str) -> None:
    finding = read_pragma(connection, f"{kind}(1)")
    if finding != "ok":
        raise LedgerError(DAMAGED.format(finding))
