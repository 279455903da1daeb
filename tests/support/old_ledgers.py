"""Ledgers of earlier versions, as the program that was released then left them.

``version_1.db`` was made by the first release, 0.1.0, with its own commands against its own sandbox: a campaign that
was purged (``yesterday``), and one (``reminders``) with rows in every state, a retry, a decision, a Retry-After that
was kept, and a run that was killed while a request was in the air. Nobody in it exists: the numbers are reserved for
stories and tests.
"""

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

VERSION_1 = Path(__file__).with_name("version_1.db")

DUE = ("12025550192", "447700900006", "447700900007")
"""Who still gets a message of ``reminders``: one that was refused with 429, and two that wait."""

IN_THE_AIR = "12025550196"
"""Whose request was in the air when the run was killed; it was attempt 25, of row 17."""

SHEET = (
    ("+447700900001", "Eva", ""),
    ("+447700900002", "Finn", ""),
    ("+12025550190", "Gus", ""),
    ("+12025550193", "Hope", ""),
    ("+12025550195", "Ida", ""),
    ("12", "Jon", ""),
    ("+447700900003", "Kim", "x"),
    ("+12025550191", "Lea", ""),
    ("+12025550192", "Otto", ""),
    ("+12025550196", "Pia", ""),
    ("+447700900006", "Quin", ""),
    ("+447700900007", "Rosa", ""),
)
"""The sheet of ``reminders`` as it was loaded last, with the columns Phone, First name and Opt out."""


def put_version_1(path: Path) -> Path:
    """Copy the ledger of version 1 to a path, and return that."""
    return shutil.copyfile(VERSION_1, path)


def multiply_rows(path: Path, count: int) -> None:
    """Add so many rows that wait to a campaign of its own, so that an upgrade takes its time."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO campaigns (id, name, agent_id) VALUES (3, 'large', 'agent')")
        connection.execute(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
            " INSERT INTO recipients (campaign_id, row_number, key, to_number, state, cells, updated_at, digest)"
            " SELECT 3, n, 'key ' || n, '12025550100', 'pending', '{\"name\": \"somebody\"}', '', '' FROM numbers",
            (count,),
        )


def read_content(path: Path) -> Mapping[str, list[Any]]:
    """Return every row of every table that version 1 had, by the table's name; the file is only read.

    Whether a sheet was loaded is left out: after an upgrade the next run looks at every row again.
    """
    with _read_only(path) as connection:
        return {
            table: connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()  # noqa: S608 - from here
            for table, columns in _CONTENT.items()
        }


def read_version(path: Path) -> tuple[int, int]:
    """Return what a program of any version looks at first: the kind of file, and its schema's version."""
    with _read_only(path) as connection:
        kind, version = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _HEADER)
        return kind, version


def _read_only(path: Path) -> "closing[sqlite3.Connection]":
    # What nobody writes to gets no files beside it either: here they would lie among the tests.
    mode = "mode=ro&immutable=1" if path == VERSION_1 else "mode=ro"
    return closing(sqlite3.connect(f"file:{path}?{mode}", uri=True))


_CONTENT = {
    "campaigns": "id, name, agent_id, sheet_path, columns, today, loaded_at",
    **dict.fromkeys(("recipients", "attempts", "runs", "agents", "events", "hash_keys"), "*"),
}
_HEADER = ("application_id", "user_version")
