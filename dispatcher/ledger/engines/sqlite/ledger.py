"""A ledger in one file, as ``engine.LedgerEngine`` wants it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dispatcher.ledger.engine import Ask
from dispatcher.ledger.engines.sqlite.driver import open_for_questions
from dispatcher.ledger.engines.sqlite.location import copy_prefix, lock_path, side_files
from dispatcher.ledger.identity import Kind

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from dispatcher.ledger.engines.sqlite.store import SqliteStore


@dataclass(frozen=True, slots=True)
class SqliteLedger:
    """The ledger at ``path``, which need not be there yet."""

    path: Path

    def is_there(self) -> bool:
        """Return whether there is a file; whether it is a ledger turns out when it is opened."""
        return self.path.exists()

    def answer(self) -> AbstractContextManager[Ask]:
        """Open the file for reading with Python's own driver."""
        return open_for_questions(self.path)

    def read(self) -> "AbstractContextManager[Connection]":
        """Open the file for reading only."""
        from dispatcher.ledger.engines.sqlite.opening import open_reader  # brings SQLAlchemy along, as below

        return open_reader(self.path)

    @contextmanager
    def own(
        self, *, kind: Kind | None, is_fresh: bool, wait_s: float, is_stopped: Callable[[], bool]
    ) -> "Iterator[SqliteStore]":
        """Hold the lock, and keep the file open for writing."""
        from dispatcher.ledger.engines.sqlite.lock import RunLock
        from dispatcher.ledger.engines.sqlite.opening import remove_rehearsal
        from dispatcher.ledger.engines.sqlite.store import SqliteStore

        with RunLock(self.path) as lock:
            lock.acquire(wait_s=wait_s, is_stopped=is_stopped)
            if is_fresh:
                remove_rehearsal(self.path)
            with SqliteStore(self.path, kind) as store:
                yield store

    def list_copies(self) -> list[str]:
        """Look beside the file."""
        path = self.path.resolve()
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        return sorted(str(file) for file in beside if file.name.startswith(copy_prefix(path)))

    def holds(self, file: Path) -> bool:
        """Compare it with the ledger's file and what lies beside it."""
        return any(_is_same_file(file, own) for own in (self.path, *side_files(self.path), lock_path(self.path)))


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist
        return False
