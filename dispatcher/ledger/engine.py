"""What an engine gives, so that everything above it is the same whatever keeps the ledger."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dispatcher.errors import LedgerError
from dispatcher.ledger.identity import Kind

if TYPE_CHECKING:  # SQLAlchemy and what needs it: not for `status`
    from sqlalchemy import Connection

    from dispatcher.ledger.queue import Conclusion, Intent

_T = TypeVar("_T")


Ask = Callable[[str, Mapping[str, Any]], list[dict[str, Any]]]
"""Answers a query with rows by column; ``:name`` in it stands for the parameter of that name."""


class Store(Protocol):
    """A ledger that this process owns: what the writing thread asks of it, and nobody else.

    Attributes:
        notice: what a person should know of how it was opened, empty for nothing.
    """

    notice: str

    def connect(self) -> "Connection":
        """Return a connection that may write."""
        ...

    def commit(self, connection: "Connection", work: "Callable[[Connection], _T]") -> _T:
        """Do ``work`` in one transaction; return what it returned once that is durable.

        Raises:
            LedgerError: it is not durable, and nothing of it is there.
        """
        ...

    def write_intents(self, connection: "Connection", intents: "Sequence[Intent]") -> list[int]:
        """Move the rows to ``sending`` and open an attempt for each; return the attempts' ids in order.

        Raises:
            LedgerError: a row was not waiting any more; the transaction must be rolled back.
        """
        ...

    def note_attempt(self, attempt_id: int) -> None:
        """Remember outside the ledger that it holds this attempt, so that a ledger that forgot it is found out.

        Raises:
            LedgerError: it cannot be remembered, and no intent may follow.
        """
        ...

    def may_pass(self, error: LedgerError) -> bool:
        """Return whether what was refused may be taken when it is tried again."""
        ...

    def keep(self, conclusion: "Conclusion") -> str | None:
        """Keep an outcome that the ledger cannot take for the next run; return where, None where there is no room."""
        ...

    def compact(self) -> None:
        """Leave nothing of what was deleted in the ledger; nothing may be writing to it.

        Raises:
            LedgerError: it cannot be done; the ledger is as it was.
        """
        ...


class LedgerEngine(Protocol):
    """One ledger at its location, opened in one of two ways."""

    def is_there(self) -> bool:
        """Return whether there is a ledger yet."""
        ...

    def answer(self) -> AbstractContextManager[Ask]:
        """Open it for a few quick questions, with nothing imported that can be spared; else as ``read``."""
        ...

    def read(self) -> "AbstractContextManager[Connection]":
        """Open it for reading only; a run may be writing to it meanwhile.

        Raises:
            LedgerError: there is no ledger, or it cannot be read as one.
        """
        ...

    def own(
        self, *, kind: Kind | None, is_fresh: bool, wait_s: float, is_stopped: Callable[[], bool]
    ) -> AbstractContextManager[Store]:
        """Own it until the end of the block; the arguments are those of ``access.own``."""
        ...

    def list_copies(self) -> list[str]:
        """Return where copies lie that an upgrade made of the ledger and that nobody has removed since."""
        ...

    def holds(self, file: Path) -> bool:
        """Return whether a file is one of those the ledger consists of, by whatever name it is called."""
        ...
