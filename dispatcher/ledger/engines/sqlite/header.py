"""The header of a ledger's file: by it a file is known as a ledger, of which kind and version."""

from pathlib import Path

from dispatcher.errors import LedgerError
from dispatcher.ledger.identity import SCHEMA_VERSION, Kind

APPLICATION_IDS = {Kind.REAL: 0x44535054, Kind.REHEARSAL: 0x44535053}
"""``DSPT`` and ``DSPS``, in the header of every ledger: a file without one of them is none of ours."""


def check_header(path: Path, application_id: int, version: int, *, wanted: Kind | None = None) -> None:
    """Refuse what is no ledger, one of the other kind, and one that a later version has written.

    Args:
        path: the file.
        application_id: SQLite's pragma of this name.
        version: SQLite's pragma ``user_version``.
        wanted: what its outcomes must be, None for either.

    Raises:
        LedgerError: what it is instead, and what to do.
    """
    kind = next((kind for kind, known_id in APPLICATION_IDS.items() if known_id == application_id), None)
    if kind is None:
        raise LedgerError(f"{path}: this is no ledger of dispatcher; choose another file with --ledger")
    if wanted is Kind.REAL and kind is Kind.REHEARSAL:
        raise LedgerError(f"{path}: this is a rehearsal's ledger; choose another file with --ledger")
    if wanted is Kind.REHEARSAL and kind is Kind.REAL:
        raise LedgerError(f"{path}: this ledger holds real outcomes; choose another file for the rehearsal")
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"{path}: written by a newer dispatcher (schema {version}, this one knows {SCHEMA_VERSION}); "
            "install the newer program"
        )
