"""A disk that writes down what is written and synced, and refuses when asked to; the real ledger code runs on it.

SQLite comes through APSW here, because only that lets Python stand between SQLite and the disk (a VFS). Everything
above the driver, from the settings to the group commit, is the ledger's own code.
"""

import itertools
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import pytest

_NAMES = itertools.count()
SECTOR = 512
"""What a disk writes whole or not at all."""


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that were handed to the system, durable only after the next sync of their file."""

    path: str
    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file that was cut to a size, durable only after its next sync."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Everything written to a file so far is durable."""

    path: str


@dataclass(frozen=True, slots=True)
class Delete:
    """A file is gone; counted as durable at once."""

    path: str


@dataclass(frozen=True, slots=True)
class Promise:
    """The test was told that something is on disk."""

    what: Any


Step = Write | Truncate | Sync | Delete | Promise


@dataclass
class Disk:
    """Everything that happened, in order, and which operation is to fail.

    Attributes:
        steps: what happened.
        fail_at: the number of the write, truncate or sync that is refused.
        error: as what it is refused.
        is_passing: whether the next operation works again.
        operations: how many there were.
    """

    steps: list[Step] = field(default_factory=list)
    fail_at: int | None = None
    error: type[apsw.Error] = apsw.IOError
    is_passing: bool = False
    operations: int = 0

    def record(self, step: Step) -> None:
        """Write an operation down, or refuse it."""
        self.operations += 1
        past = -1 if self.fail_at is None else self.operations - self.fail_at
        if past == 0 or (past > 0 and not self.is_passing):
            raise self.error("refused by the test")
        self.steps.append(step)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: "apsw.URIFilename | str | None", flags: list[int]) -> None:
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else name or ""
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's names
        self._disk.record(Write(self._path, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self._disk.record(Truncate(self._path, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.record(Sync(self._path))  # and no more: the test loses no power, and real syncs take their time


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self.name = f"recording{next(_NAMES)}"
        self._disk = disk
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: N802
        return _File(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self._disk.steps.append(Delete(filename))


class _Cursor:
    """The part of DB-API that SQLAlchemy's SQLite dialect uses, over APSW."""

    arraysize = 1
    lastrowid: int | None = None

    def __init__(self, connection: "_Connection") -> None:
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []
        self.description: Sequence[tuple[Any, ...]] | None = None
        self.rowcount = -1

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "_Cursor":
        return self.executemany(statement, [parameters])

    def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> "_Cursor":
        database = self._connection.database
        before = database.total_changes()
        with _as_sqlite3():
            cursor = database.cursor()
            cursor.exec_trace = self._describe  # the only moment at which APSW tells the columns of no rows
            self._rows = []
            for values in parameters:
                cursor.execute(statement, [_plain(value) for value in values])
                self._rows += cursor.fetchall()
            self.lastrowid = database.last_insert_rowid()
        self.rowcount = database.total_changes() - before
        return self

    def _describe(self, cursor: apsw.Cursor, statement: str, values: Any) -> bool:
        columns = cursor.get_description()
        self.description = [(column[0], *[None] * 6) for column in columns] or None
        return True

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        taken, self._rows = self._rows[:size], self._rows[size:]
        return taken

    def fetchall(self) -> list[tuple[Any, ...]]:
        taken, self._rows = self._rows, []
        return taken

    def close(self) -> None:
        self._rows = []


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value  # an enum's word, as sqlite3 takes it


@contextmanager
def _as_sqlite3() -> Iterator[None]:
    try:
        yield
    except apsw.ConstraintError as error:
        raise sqlite3.IntegrityError(str(error)) from error
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise sqlite3.DatabaseError(str(error)) from error
    except apsw.FullError:
        raise sqlite3.OperationalError("database or disk is full") from None
    except apsw.IOError:
        raise sqlite3.OperationalError("disk I/O error") from None
    except apsw.Error as error:
        raise sqlite3.OperationalError(str(error)) from error


class _Connection:
    def __init__(self, database: apsw.Connection) -> None:
        self.database = database

    def cursor(self) -> _Cursor:
        return _Cursor(self)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> _Cursor:
        return self.cursor().execute(statement, parameters)

    def commit(self) -> None:
        if self.database.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.database.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, *arguments: Any, **options: Any) -> None:
        """Do nothing: SQLAlchemy offers a REGEXP that the ledger does not use."""

    def close(self) -> None:
        self.database.close()


@contextmanager
def recording(monkeypatch: pytest.MonkeyPatch, disk: Disk) -> Iterator[None]:
    """Let every ledger opened inside run on the disk."""
    vfs = _Vfs(disk)

    def connect(path: Path, *, is_writer: bool) -> _Connection:
        flags = apsw.SQLITE_OPEN_READWRITE if is_writer else apsw.SQLITE_OPEN_READONLY
        with _as_sqlite3():
            return _Connection(apsw.Connection(str(path), flags=flags, vfs=vfs.name))

    with monkeypatch.context() as patch:
        patch.setattr("dispatcher.ledger.engines.sqlite.connection.connect", connect)
        patch.setattr("dispatcher.ledger.engines.sqlite.spill.os.fsync", lambda descriptor: None)
        yield
    vfs.unregister()


def crash_image(steps: Sequence[Step], choice: random.Random) -> dict[str, bytes]:
    """Return the files as a disk may hold them after a power loss at the end of ``steps``.

    What was synced is there. Each later write is there, missing, or torn at a sector, whatever came after it;
    the same goes for truncations. Creating and deleting a file counts as durable at once.
    """
    last_sync = {step.path: place for place, step in enumerate(steps) if isinstance(step, Sync)}
    files: dict[str, bytearray] = {}
    for place, step in enumerate(steps):
        if isinstance(step, Promise):
            continue
        if isinstance(step, Delete):
            files.pop(step.path, None)
            continue
        content = files.setdefault(step.path, bytearray())
        is_durable = place <= last_sync.get(step.path, -1)
        if isinstance(step, Truncate) and (is_durable or choice.random() < 0.5):
            del content[step.size :]
        elif isinstance(step, Write):
            kept = step.content if is_durable else _kept(step.content, choice)
            for offset, piece in kept if isinstance(kept, list) else [(0, kept)]:
                _put(content, step.offset + offset, piece)
    return {path: bytes(content) for path, content in files.items()}


def _kept(content: bytes, choice: random.Random) -> list[tuple[int, bytes]]:
    """Return the pieces of an unsynced write that reached the disk: all, none, or some of its sectors."""
    fate = choice.random()
    if fate < 0.4:
        return [(0, content)]
    if fate < 0.7:
        return []
    pieces = [(offset, content[offset : offset + SECTOR]) for offset in range(0, len(content), SECTOR)]
    return [piece for piece in pieces if choice.random() < 0.5]


def _put(content: bytearray, offset: int, piece: bytes) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(piece)] = piece


def write_image(image: dict[str, bytes], folder: Path) -> None:
    """Write the files of a crash image into a folder, without the shared memory, which is none of the disk's."""
    for path, content in image.items():
        if not path.endswith("-shm"):
            (folder / Path(path).name).write_bytes(content)
