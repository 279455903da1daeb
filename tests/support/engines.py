"""The one list of engines: what must hold on each is tested with every entry of it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from dispatcher import ledger
from dispatcher.ledger.engines.sqlite.connection import make_engine
from dispatcher.ledger.engines.sqlite.triggers import read_triggers


class EngineUnderTest(Protocol):
    """One engine as a test sees it."""

    name: str

    def locate(self, folder: Path) -> ledger.Locator:
        """Return the locator of a ledger that is not there yet and belongs to this test."""
        ...

    def change_by_hand(self, locator: ledger.Locator) -> AbstractContextManager[Connection]:
        """Open a ledger as a person with a tool does: the rules are at work, and nothing is committed."""
        ...

    def read_rules(self, connection: Connection) -> set[str]:
        """Return the names of the rules that the engine itself says it enforces."""
        ...


class SqliteUnderTest:
    """A file."""

    name = "sqlite"

    def locate(self, folder: Path) -> ledger.Locator:
        """Return a path in the folder."""
        return folder / "ledger.db"

    @contextmanager
    def change_by_hand(self, locator: ledger.Locator) -> Iterator[Connection]:
        """Open the file without the writer's settings."""
        engine = make_engine(Path(locator), is_writer=True)
        with engine.connect() as connection:
            yield connection
        engine.dispose()

    def read_rules(self, connection: Connection) -> set[str]:
        """Return its triggers."""
        return set(read_triggers(connection))


ENGINES: tuple[EngineUnderTest, ...] = (SqliteUnderTest(),)
