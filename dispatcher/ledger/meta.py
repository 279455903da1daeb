"""What the ledger says of itself: one row, the same on every engine."""

from sqlalchemy import Connection, insert, update

from dispatcher import __version__
from dispatcher.ledger.identity import SCHEMA_VERSION, Kind
from dispatcher.ledger.schema import ledger_meta
from dispatcher.ledger.times import utc_now


def describe_ledger(connection: Connection, kind: Kind) -> None:
    """Write the row into a new ledger."""
    described = {"id": 1, "kind": kind, "schema_version": SCHEMA_VERSION, "program_version": __version__}
    connection.execute(insert(ledger_meta).values(**described, created_at=utc_now()))


def note_version(connection: Connection) -> None:
    """Note that the tables are those of today."""
    connection.execute(update(ledger_meta).values(schema_version=SCHEMA_VERSION, program_version=__version__))
