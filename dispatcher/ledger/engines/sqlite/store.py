"""The ledger's file while this process owns it: every commit guarded, what it cannot take kept beside it."""

import itertools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from dispatcher.errors import LedgerError
from dispatcher.ledger.engines.sqlite.compaction import compact
from dispatcher.ledger.engines.sqlite.errors import translated
from dispatcher.ledger.engines.sqlite.header import read_version
from dispatcher.ledger.engines.sqlite.location import lock_path
from dispatcher.ledger.engines.sqlite.opening import open_writer
from dispatcher.ledger.engines.sqlite.seal import Seal
from dispatcher.ledger.engines.sqlite.spill import Spill
from dispatcher.ledger.engines.sqlite.triggers import verify_triggers
from dispatcher.ledger.engines.sqlite.watermark import Watermark
from dispatcher.ledger.identity import SCHEMA_VERSION, Kind
from dispatcher.ledger.queue import Conclusion, Intent, last_attempt_id, replay_conclusions, write_intents

_PASSING = (OperationalError, OSError)
"""Refusals that may pass: a full disk, an I/O error, a busy file."""

_T = TypeVar("_T")


class SqliteStore:
    """One open ledger file; a context manager, to be used while holding the lock. See ``engine.Store``."""

    def __init__(self, path: Path, kind: Kind | None) -> None:
        """Open the file, upgrade it where it is an older one, and bring in what an earlier run could not write.

        Raises:
            LedgerError: it cannot be created or opened, is damaged, or is no ledger of this kind.
        """
        self._path = path.resolve()
        with ExitStack() as undo, translated(self._path):
            self._engine = open_writer(self._path, kind)
            undo.callback(self._engine.dispose)
            self._watermark = Watermark(self._path)
            undo.callback(self._watermark.close)
            self._spill = Spill(self._path)
            undo.callback(self._spill.close)
            with self._engine.connect() as connection:
                last_id = self._verify_watermark(connection)
                self.notice = _upgrade_if_older(self._path, connection)
                verify_triggers(self._path, connection)
                with connection.begin():
                    replay_conclusions(connection, self._spill.read())
            self._attempt_ids = itertools.count(last_id + 1)  # nobody else writes, so nobody else counts
            self._spill.reserve()
            self._seal = Seal.of(self._path)
            self._undo = undo.pop_all()

    def _verify_watermark(self, connection: Connection) -> int:
        """Return the highest attempt's id; before an upgrade, for an older copy put back is no ledger to upgrade."""
        with connection.begin():
            last_id = last_attempt_id(connection)
        self._watermark.verify(last_id)
        return last_id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def connect(self) -> Connection:
        """See ``engine.Store``, as for all that follows."""
        return self._engine.connect()

    def commit(self, connection: Connection, work: Callable[[Connection], _T]) -> _T:
        """Refuse where something else touched the files since the last commit."""
        with translated(self._path):
            self._check_seal()
            try:
                with connection.begin():
                    return work(connection)
            finally:
                self._seal = Seal(self._seal.identity, Seal.of(self._path).content)

    def write_intents(self, connection: Connection, intents: Sequence[Intent]) -> list[int]:
        """Count the attempts on in memory."""
        return write_intents(connection, intents, self._attempt_ids)

    def note_attempt(self, attempt_id: int) -> None:
        """Move the watermark, which may lag behind what is committed."""
        try:
            self._watermark.set(attempt_id)
        except OSError as error:
            raise LedgerError(f"{lock_path(self._path)}: cannot be written: {error.strerror}") from None

    def may_pass(self, error: LedgerError) -> bool:
        """Ask what SQLite or the disk said."""
        return isinstance(error.__cause__, _PASSING)

    def keep(self, conclusion: Conclusion) -> str | None:
        """Put it into the spill file."""
        return str(self._spill.path) if self._spill.add(conclusion) else None

    def compact(self) -> None:
        """Rewrite the file."""
        with translated(self._path), self._engine.connect() as connection:
            compact(connection)

    def _check_seal(self) -> None:
        try:
            is_intact = Seal.of(self._path) == self._seal
        except FileNotFoundError:
            is_intact = False
        if not is_intact:
            raise LedgerError(f"{self._path}: something else replaced, removed or wrote to the ledger during a run")


def _upgrade_if_older(path: Path, connection: Connection) -> str:
    """Return what a person should know about it, nothing where the ledger is of today."""
    version = read_version(connection.connection.cursor())
    if version == SCHEMA_VERSION:
        return ""
    from dispatcher.ledger.engines.sqlite.upgrade import upgrade  # once in a ledger's life

    copy = upgrade(path, connection, version)
    return (
        f"the ledger was upgraded from schema {version} to {SCHEMA_VERSION}; {copy} is a copy from before. Remove it"
        " when all is well: it holds numbers, and a purge does not reach it"
    )
