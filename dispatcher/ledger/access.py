"""The three ways to a ledger: read it, own it for a run, change it once."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from dispatcher.ledger.identity import Kind
from dispatcher.ledger.locator import Locator, find_engine
from dispatcher.ledger.purging import purge_campaign
from dispatcher.ledger.reading import find_campaign
from dispatcher.ledger.writer import Writer

_P = ParamSpec("_P")
_T = TypeVar("_T")


def is_part_of(locator: Locator, file: Path) -> bool:
    """Return whether a file is one of those the ledger consists of, and must not be written over.

    Raises:
        UsageError: the locator names no ledger.
    """
    return find_engine(locator).holds(file)


def list_copies(locator: Locator) -> list[str]:
    """Return where copies lie that an upgrade made of a ledger: they hold whom a purge forgets.

    Raises:
        UsageError: the locator names no ledger.
    """
    return find_engine(locator).list_copies()


def open_reader(locator: Locator) -> AbstractContextManager[Connection]:
    """Open a ledger for reading only; a run may be writing to it meanwhile.

    Raises:
        UsageError: the locator names no ledger.
        LedgerError: there is no ledger yet, or it cannot be read as one.
    """
    return find_engine(locator).read()


@contextmanager
def own(
    locator: Locator,
    *,
    kind: Kind | None = Kind.REAL,
    is_fresh: bool = False,
    wait_s: float = 0.0,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Writer]:
    """Be the one process that writes to a ledger until the end of the block; there it is let go.

    Args:
        locator: which ledger; it is created where there is none.
        kind: what its outcomes must be; None takes either, and makes a real one.
        is_fresh: whether what an earlier rehearsal left is removed first.
        wait_s: how long to wait for another owner to end, seconds.
        is_stopped: asked meanwhile whether somebody does not want to wait any longer.

    Raises:
        UsageError: the locator names no ledger.
        LockHeldError: another process owns it; the message says which and since when.
        InterruptedRunError: ``is_stopped`` became true while waiting.
        LedgerError: it cannot be created or opened, is damaged, or is of the other kind.
    """
    owned = find_engine(locator).own(kind=kind, is_fresh=is_fresh, wait_s=wait_s, is_stopped=is_stopped)
    with owned as store, Writer(store) as writer:
        yield writer


def change(
    locator: Locator, function: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
) -> _T:
    """Run ``function(connection, ...)`` in one transaction of a ledger, of either kind; return its result.

    Raises:
        LockHeldError: a run owns the ledger.
        LedgerError: it cannot be used; nothing was changed.
    """
    with own(locator, kind=None) as writer:
        return writer.call(function, *args, **kwargs).result()


def purge(locator: Locator, campaign_name: str, *, older_than: timedelta) -> int:
    """Purge a campaign and compact the ledger, so that nothing of what was purged is left in it.

    Args:
        locator: the ledger, of either kind.
        campaign_name: whose rows.
        older_than: rows that were finished longer ago than this.

    Returns:
        How many rows were purged.

    Raises:
        LockHeldError: a run owns the ledger.
        LedgerError: it cannot be used.
    """
    with find_engine(locator).own(kind=None, is_fresh=False, wait_s=0.0, is_stopped=lambda: False) as store:
        with Writer(store) as writer:
            record = writer.call(find_campaign, campaign_name).result()
            count = writer.call(purge_campaign, record.id, older_than).result() if record else 0
        store.compact()
    return count
