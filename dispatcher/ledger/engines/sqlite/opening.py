"""The ledger as a file: created private, opened by who may, refused when it is not what it must be."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from dispatcher.errors import LedgerError
from dispatcher.ledger.engines.sqlite.connection import apply_settings, make_engine, read_pragma
from dispatcher.ledger.engines.sqlite.driver import refuse_missing
from dispatcher.ledger.engines.sqlite.errors import translated
from dispatcher.ledger.engines.sqlite.header import APPLICATION_IDS, check_header, refuse_unreadable
from dispatcher.ledger.engines.sqlite.integrity import check_soon
from dispatcher.ledger.engines.sqlite.location import refuse_unfit_location, side_files
from dispatcher.ledger.engines.sqlite.triggers import create_triggers
from dispatcher.ledger.engines.sqlite.watermark import Watermark
from dispatcher.ledger.identity import SCHEMA_VERSION, Kind
from dispatcher.ledger.meta import describe_ledger
from dispatcher.ledger.schema import metadata
from dispatcher.ledger.views import create_views


def open_writer(path: Path, kind: Kind | None) -> Engine:
    """Open the ledger for writing, creating it where there is none; either kind will do when ``kind`` is None.

    Raises:
        LedgerError: the file is no ledger, is damaged, is of a newer version, holds real outcomes where a
            rehearsal's are wanted or the other way round, or the disk refuses.
    """
    refuse_unfit_location(path)
    _create_private(path)
    engine = make_engine(path, is_writer=True)
    with ExitStack() as undo, translated(path), engine.connect() as connection:
        undo.callback(engine.dispose)
        is_new = _is_empty(connection)
        if not is_new:
            check_header(path, connection.connection.cursor(), wanted=kind)
        apply_settings(path, connection)
        if is_new:
            _create_tables(connection, kind or Kind.REAL)
        else:
            check_soon(path, connection)
        undo.pop_all()
    return engine


@contextmanager
def open_reader(path: Path) -> Iterator[Connection]:
    """Open the ledger for reading only; a run may be writing to it meanwhile.

    Raises:
        LedgerError: there is no ledger, or it cannot be read as one.
    """
    refuse_missing(path)
    engine = make_engine(path, is_writer=False)
    try:
        with translated(path), engine.connect() as connection:
            check_header(path, connection.connection.cursor())
            refuse_unreadable(path, connection.connection.cursor())
            with connection.begin():
                yield connection
    finally:
        engine.dispose()


def remove_rehearsal(path: Path) -> None:
    """Remove a rehearsal's ledger and its side files, if there is one; the caller holds its lock.

    Raises:
        LedgerError: the file is anything but a rehearsal's ledger; it stays.
    """
    if not path.exists():
        return
    with open_reader(path) as connection:
        check_header(path, connection.connection.cursor(), wanted=Kind.REHEARSAL)
    for file in (path, *side_files(path)):
        file.unlink(missing_ok=True)
    watermark = Watermark(path)
    watermark.set(0)
    watermark.close()


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
    return bool(tables == 0 and read_pragma(connection, "application_id") == 0)


def _create_tables(connection: Connection, kind: Kind) -> None:
    with connection.begin():
        metadata.create_all(connection)
        describe_ledger(connection, kind)
        create_views(connection)
        create_triggers(connection)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_IDS[kind]}")
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
