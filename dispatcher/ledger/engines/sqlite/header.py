"""The header of a ledger's file: by it a file is known as a ledger, of which kind and version.

Nobody looks into tables before they are known to be there. ``ledger_meta`` says the same and more, on every engine;
the header is what programs of any version read first.
"""

from pathlib import Path
from typing import Any, Protocol

from dispatcher.errors import LedgerError
from dispatcher.ledger.engines.sqlite.errors import DAMAGED
from dispatcher.ledger.identity import FIRST_VERSION, OLDEST_READABLE_VERSION, SCHEMA_VERSION, Kind

APPLICATION_IDS = {Kind.REAL: 0x44535054, Kind.REHEARSAL: 0x44535053}
"""``DSPT`` and ``DSPS``, in the header of every ledger: a file without one of them is none of ours."""


class Cursor(Protocol):
    """The driver's, which begins no transaction by itself."""

    def execute(self, statement: str, /) -> Any:
        """Return what can be fetched from."""
        ...


def check_header(path: Path, cursor: Cursor, *, wanted: Kind | None = None) -> None:
    """Refuse what is no ledger, of the other kind, of a later version, or contradicts itself.

    Args:
        path: the file.
        cursor: of a connection to it.
        wanted: what its outcomes must be, None for either.

    Raises:
        LedgerError: what it is instead, and what to do.
    """
    application_id = _read(cursor, "PRAGMA application_id")
    kind = next((kind for kind, known_id in APPLICATION_IDS.items() if known_id == application_id), None)
    if kind is None:
        raise LedgerError(f"{path}: this is no ledger of dispatcher; choose another file with --ledger")
    if wanted is Kind.REAL and kind is Kind.REHEARSAL:
        raise LedgerError(f"{path}: this is a rehearsal's ledger; choose another file with --ledger")
    if wanted is Kind.REHEARSAL and kind is Kind.REAL:
        raise LedgerError(f"{path}: this ledger holds real outcomes; choose another file for the rehearsal")
    version = read_version(cursor)
    _check_version(path, version)
    if version == SCHEMA_VERSION:
        said = cursor.execute("SELECT kind, schema_version FROM ledger_meta").fetchall()
        if said != [(kind, SCHEMA_VERSION)]:
            raise LedgerError(f"{path}: {DAMAGED.format('its header and its ledger_meta differ')}")


def refuse_unreadable(path: Path, cursor: Cursor) -> None:
    """Refuse an older ledger that does not hold everything that is looked at.

    Raises:
        LedgerError: who upgrades it.
    """
    version = read_version(cursor)
    if version < OLDEST_READABLE_VERSION:
        raise LedgerError(
            f"{path}: written by an older dispatcher (schema {version}, this one reads {OLDEST_READABLE_VERSION} and"
            " later); the next `dispatcher send` upgrades it"
        )


def read_version(cursor: Cursor) -> int:
    """Return the version of a ledger's tables."""
    return _read(cursor, "PRAGMA user_version")


def _read(cursor: Cursor, statement: str) -> int:
    return int(cursor.execute(statement).fetchone()[0])


def _check_version(path: Path, version: int) -> None:
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"{path}: written by a newer dispatcher (schema {version}, this one knows {SCHEMA_VERSION}); "
            "install the newer program"
        )
    if version < FIRST_VERSION:
        raise LedgerError(f"{path}: {DAMAGED.format(f'no ledger ever had schema {version}')}")
