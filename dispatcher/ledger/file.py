"""The ledger as a file: created private, opened with settings that are read back, checked before use."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from dispatcher.errors import LedgerError
from dispatcher.ledger.mark import Mark
from dispatcher.ledger.place import refuse_unfit_place
from dispatcher.ledger.schema import APPLICATION_ID, SANDBOX_APPLICATION_ID, SCHEMA_VERSION, metadata

# WAL with FULL loses no committed record on power loss; NORMAL, the usual advice, loses the last ones.
_WRITER_SETTINGS: dict[str, int | str] = {
    "journal_mode": "wal",
    "synchronous": 2,
    "foreign_keys": 1,
    "busy_timeout": 5000,
    "trusted_schema": 0,
    "cell_size_check": 1,
}

_CHECK_AT_START_MAX_BYTES = 64_000_000
_DAMAGED = "the ledger is damaged ({}); nothing was sent. Put back a copy made with `VACUUM INTO`"


def utc_now() -> str:
    """Return the time as the ledger writes it: UTC with milliseconds, ``2026-11-22T09:30:00.000Z``."""
    return utc_text(datetime.now(UTC))


def utc_text(moment: datetime) -> str:
    """Return an aware moment as the ledger writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def open_writer(path: Path, *, sandbox: bool | None) -> Engine:
    """Open the ledger for writing, creating it where there is none.

    Raises:
        LedgerError: the file is no ledger, is damaged, is of a newer version, holds real outcomes where a
            rehearsal's are wanted or the other way round, or the disk refuses.
    """
    application_id = None if sandbox is None else SANDBOX_APPLICATION_ID if sandbox else APPLICATION_ID
    refuse_unfit_place(path)
    _create_private(path)
    engine = _engine(f"file:{_quote(path)}?mode=rw")
    with ExitStack() as undo, translated(path), engine.connect() as connection:
        undo.callback(engine.dispose)
        is_new = _is_empty(connection)
        if not is_new:
            _check_header(path, connection, application_id)
        _apply_settings(path, connection)
        if is_new:
            _create_tables(connection, application_id or APPLICATION_ID)
        else:
            _check_soon(path, connection)
        undo.pop_all()
    return engine


@contextmanager
def open_reader(path: Path) -> Iterator[Connection]:
    """Open the ledger for reading only; a run may be writing to it meanwhile.

    Raises:
        LedgerError: there is no ledger, or it cannot be read as one.
    """
    if not path.exists():
        raise LedgerError(f"{path}: there is no ledger yet; `dispatcher send` creates it")
    engine = _engine(f"file:{_quote(path)}?mode=ro")
    try:
        with translated(path), engine.connect() as connection:
            _check_header(path, connection)
            with connection.begin():
                yield connection
    finally:
        engine.dispose()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what the database or the disk says into a ``LedgerError`` that says what to do."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, OSError, UnicodeDecodeError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise LedgerError(f"{path}: {_advise(path, str(cause))}") from error


def _advise(path: Path, message: str) -> str:
    if any(word in message for word in ("not a database", "malformed", "decode")):
        return _DAMAGED.format(message)
    if "full" in message or "disk I/O" in message or "No space" in message:
        usage = os.statvfs(path.parent)
        free_mb = usage.f_bavail * usage.f_frsize // 1_000_000
        return f"the disk refuses to write ({message}); {free_mb} MB are free there. Make room and run it again"
    if "refused by" in message:
        return f"a forbidden change was refused ({message}); nothing was changed"
    return f"the ledger cannot be used ({message})"


def _create_private(path: Path) -> None:
    """Create an empty file only its owner can read; SQLite's side files inherit its mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise LedgerError(f"{path}: the ledger cannot be created: {error.strerror}") from None


def _is_empty(connection: Connection) -> bool:
    """Return whether nothing was ever created in the file, as after a crash right at the start."""
    tables = connection.connection.cursor().execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return bool(tables == 0 and _pragma(connection, "application_id") == 0)


def _create_tables(connection: Connection, application_id: int) -> None:
    with connection.begin():
        metadata.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA application_id = {application_id}")  # lives in SQLite's file header
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _quote(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _connect(uri: str) -> sqlite3.Connection:
    # Transactions are opened by a listener, not by the driver, so that each begins IMMEDIATE.
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _engine(uri: str) -> Engine:
    engine = create_engine("sqlite://", creator=lambda: _connect(uri), poolclass=StaticPool)
    begin = "BEGIN" if uri.endswith("=ro") else "BEGIN IMMEDIATE"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _pragma(connection: Connection, name: str) -> Any:
    # Through the driver: a pragma belongs to the connection, not to a transaction.
    return connection.connection.cursor().execute(f"PRAGMA {name}").fetchone()[0]


def _apply_settings(path: Path, connection: Connection) -> None:
    for name, wanted in _WRITER_SETTINGS.items():
        connection.connection.cursor().execute(f"PRAGMA {name} = {wanted}")
        found = _pragma(connection, name)
        if found != wanted:
            raise LedgerError(f"{path}: {name} is {found} and must be {wanted}; keep the ledger on a local disk")


def _check_header(path: Path, connection: Connection, wanted: int | None = None) -> None:
    found = _pragma(connection, "application_id")
    if found == SANDBOX_APPLICATION_ID and wanted == APPLICATION_ID:
        raise LedgerError(f"{path}: this is a rehearsal's ledger; choose another file with --ledger")
    if found == APPLICATION_ID and wanted == SANDBOX_APPLICATION_ID:
        raise LedgerError(f"{path}: this ledger holds real outcomes; choose another file for the rehearsal")
    if found not in (APPLICATION_ID, SANDBOX_APPLICATION_ID):
        raise LedgerError(f"{path}: this is no ledger of dispatcher; choose another file with --ledger")
    version = _pragma(connection, "user_version")
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"{path}: written by a newer dispatcher (schema {version}, this one knows {SCHEMA_VERSION}); "
            "install the newer program"
        )


def _check_soon(path: Path, connection: Connection) -> None:
    """Check a ledger's pages and CHECKs at the start, as long as that takes no more than half a second.

    A larger one is still safe to send from: a row leaves only if its digest is right and its state, read
    by its id, is one of the two that wait, and no single flipped bit turns one state into another.
    ``check_before_load`` looks at everything, however large.
    """
    if path.stat().st_size <= _CHECK_AT_START_MAX_BYTES:
        _check(connection, "quick_check")


def check_before_load(connection: Connection) -> None:
    """Check everything, indexes included: a damaged one could hide a key, and the row would be sent again.

    Raises:
        LedgerError: the ledger is damaged.
    """
    _check(connection, "integrity_check")


def _check(connection: Connection, kind: str) -> None:
    finding = _pragma(connection, f"{kind}(1)")  # both read the CHECK constraints too; only SQLite needs this
    if finding != "ok":
        raise LedgerError(_DAMAGED.format(finding))


def compact(path: Path) -> None:
    """Rewrite the file without what was deleted from it; nobody else may have it open.

    Raises:
        LedgerError: the disk refuses; the ledger is as it was.
    """
    engine = _engine(f"file:{_quote(path)}?mode=rw")
    with translated(path), engine.connect() as connection:
        cursor = connection.connection.cursor()
        for statement in ("PRAGMA synchronous = 2", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            cursor.execute(statement)  # of SQLite only: PostgreSQL has its own VACUUM
    engine.dispose()


def remove_sandbox_ledger(path: Path) -> None:
    """Remove a rehearsal's ledger and its side files, if there is one; the caller holds its lock.

    Raises:
        LedgerError: the file is anything but a rehearsal's ledger; it stays.
    """
    if not path.exists():
        return
    with open_reader(path) as connection:
        _check_header(path, connection, SANDBOX_APPLICATION_ID)
    for suffix in ("", "-wal", "-shm", "-journal", ".spill"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    mark = Mark(path)
    mark.set(0)
    mark.close()
