"""An older ledger is copied beside itself, then brought to today's tables in one transaction.

Killed at any moment it is the old ledger or the new one, whole; a copy that is there already is never replaced.
"""

import filecmp
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from dispatcher.errors import LedgerError
from dispatcher.ledger.engines.sqlite.errors import DAMAGED
from dispatcher.ledger.engines.sqlite.integrity import check_everything
from dispatcher.ledger.engines.sqlite.location import copy_path
from dispatcher.ledger.engines.sqlite.triggers import create_triggers
from dispatcher.ledger.identity import SCHEMA_VERSION
from dispatcher.ledger.migrations import run_steps
from dispatcher.ledger.rules import RULES
from dispatcher.ledger.views import VIEWS, create_views


def upgrade(path: Path, connection: Connection, found: int) -> Path:
    """Bring a ledger of version ``found`` to today's, and return where a copy of the old one lies.

    Raises:
        LedgerError: the ledger is damaged; nothing was changed.
    """
    check_everything(connection)
    copy = _copy_beside(path, connection)
    with _tables_replaceable(connection), connection.begin():
        for kind, names in (("VIEW", VIEWS), ("TRIGGER", [rule.name for rule in RULES])):
            for name in names:
                connection.exec_driver_sql(f"DROP {kind} IF EXISTS {name}")
        run_steps(connection, found)
        create_views(connection)
        create_triggers(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise LedgerError(DAMAGED.format("a row refers to one that is not there"))
    return copy


def _copy_beside(path: Path, connection: Connection) -> Path:
    """Make a private copy of the ledger that is on the disk when this returns."""
    wanted = copy_path(path, SCHEMA_VERSION)
    part = wanted.with_name(wanted.name + ".part")
    part.unlink(missing_ok=True)  # half a copy, of an upgrade that was killed
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        connection.connection.cursor().execute("VACUUM INTO ?", (str(part),))
        os.fsync(descriptor)
        copy = _keep(part, wanted)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return copy


def _keep(part: Path, wanted: Path) -> Path:
    """Give a copy its name, or the next one where another ledger's copy has that; return which."""
    for number in itertools.count(1):
        copy = wanted if number == 1 else wanted.with_name(f"{wanted.name}.{number}")
        if not copy.exists():
            return part.rename(copy)
        if filecmp.cmp(part, copy, shallow=False):  # made by an upgrade that was killed after it
            part.unlink()
            return copy
    raise AssertionError("the count has no end")


@contextmanager
def _tables_replaceable(connection: Connection) -> Iterator[None]:
    """Let a table be dropped that others refer to; in a transaction these settings have no effect."""
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys = 0")
    cursor.execute("PRAGMA legacy_alter_table = 1")
    try:
        yield
    finally:
        cursor.execute("PRAGMA legacy_alter_table = 0")
        cursor.execute("PRAGMA foreign_keys = 1")
