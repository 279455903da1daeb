"""Rewriting the ledger's file, so that nothing of what was deleted is left in it."""

from sqlalchemy import Connection


def compact(connection: Connection) -> None:
    """Rewrite the file without what was deleted from it; nobody else may be writing to it."""
    cursor = connection.connection.cursor()
    for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
        cursor.execute(statement)
