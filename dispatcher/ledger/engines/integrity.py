"""Whether a ledger is whole, as far as its engine can tell."""

from sqlalchemy import Connection

from dispatcher.ledger.engines.sqlite.integrity import check_everything


def check_before_load(connection: Connection) -> None:
    """Check everything, indexes included: a damaged one could hide a key, and the row would be sent again.

    Raises:
        LedgerError: the ledger is damaged.
    """
    if connection.dialect.name == "sqlite":  # a server checks its own pages
        check_everything(connection)
