"""Connections to the ledger's file, and the settings of the one that writes, read back."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from dispatcher.errors import LedgerError
from dispatcher.ledger.engines.sqlite.driver import connect

# WAL with FULL loses no committed record on power loss; NORMAL, the usual advice, loses the last ones.
WRITER_SETTINGS: dict[str, int | str] = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "busy_timeout": 5000,
    "trusted_schema": 0,
    "cell_size_check": 1,
}


def make_engine(path: Path, *, is_writer: bool) -> Engine:
    """Return an engine with one connection to an existing file, which is not opened yet."""
    engine = create_engine("sqlite://", creator=lambda: connect(path, is_writer=is_writer), poolclass=StaticPool)
    # By this listener and not by the driver, so that a writer's transactions begin IMMEDIATE.
    begin = "BEGIN IMMEDIATE" if is_writer else "BEGIN"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def read_pragma(connection: Connection, name: str) -> Any:
    """Return what the engine says of itself under a name."""
    # Through the driver: a pragma belongs to the connection, not to a transaction.
    return connection.connection.cursor().execute(f"PRAGMA {name}").fetchone()[0]


def apply_settings(path: Path, connection: Connection) -> None:
    """Set what a writer needs, and read it back: some file systems and builds take a setting without effect.

    Raises:
        LedgerError: one of them did not take.
    """
    for name, wanted in WRITER_SETTINGS.items():
        connection.connection.cursor().execute(f"PRAGMA {name} = {wanted}")
        found = read_pragma(connection, name)
        if found != wanted:
            raise LedgerError(f"{path}: {name} is {found} and must be {wanted}; keep the ledger on a local disk")
