"""From the ledger back to the sheet: what became of every row, as a file or as a DataFrame."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dispatcher import ledger
from dispatcher.errors import LedgerError, UsageError
from dispatcher.models import Campaign, State

if TYPE_CHECKING:
    from dispatcher.outputs.frames import DataFrame


def refuse_input(out: Path, campaign: Campaign, locator: ledger.Locator | None, *sheets: Path) -> None:
    """Refuse to write over what the campaign is made of, by whatever name or link it is called.

    ``sheets`` are recipients files beside the campaign's own, such as the one that was loaded last.

    Raises:
        UsageError: ``out`` is such a file; says which.
    """
    inputs = [
        *((sheet, "the recipients file") for sheet in (campaign.recipients_path, *sheets)),
        (campaign.recipient.suppress_path, "the list of numbers never to be messaged"),
        (campaign.path, "the campaign file"),
    ]
    for path, what in inputs:
        if path is not None and _is_same_file(out, path):
            raise UsageError(_NEVER_WRITTEN.format(out, what))
    if locator is not None and ledger.is_part_of(locator, out):
        raise UsageError(_NEVER_WRITTEN.format(out, "the ledger"))


_NEVER_WRITTEN = "{}: is {}, which is never written to; choose another name"


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them does not exist
        return False


def export_outcomes(campaign: Campaign, locator: ledger.Locator, out: Path, *, states: tuple[State, ...] = ()) -> int:
    """Write what became of every row to ``out``; return how many rows.

    Without ``states`` the rows of the present sheet are written, in its order; with them every row the
    ledger ever held in one of these states.

    Raises:
        LedgerError: there is no ledger, or the campaign is not in it.
        UsageError: ``out`` is a file the campaign is made of, has no known ending, or cannot be written.
    """
    from dispatcher.outputs.export import write_export  # heavy: pandas

    with ledger.open_reader(locator) as connection:
        record = ledger.find_campaign(connection, campaign.name)
        if record is None:
            raise LedgerError(f"{locator}: {campaign.name!r} was never sent; `dispatcher send` loads it")
        refuse_input(out, campaign, locator, Path(record.sheet_path))
        return write_export(out, record.columns, ledger.read_rows(connection, record.id, states))


def read_outcomes(campaign: Campaign, locator: ledger.Locator, states: Iterable[str] | None) -> "DataFrame":
    """Return what ``dispatcher.outcomes`` documents, of a campaign in a ledger.

    Raises:
        LedgerError: there is no ledger yet, or it cannot be read.
        UsageError: a state is none.
    """
    from dispatcher.outputs.frames import make_frame  # heavy: pandas

    with _open_rows(campaign, locator, _read_states(states)) as (columns, rows):
        return make_frame(columns, rows)


def read_outcome_chunks(
    campaign: Campaign, locator: ledger.Locator, states: Iterable[str] | None, size: int
) -> Iterator["DataFrame"]:
    """Return what ``dispatcher.outcome_chunks`` documents; the ledger is opened with the first frame.

    Raises:
        LedgerError: there is no ledger yet, or it cannot be read.
        UsageError: a state is none, or ``size`` is not positive.
    """
    if size < 1:
        raise UsageError(f"rows={size}: a frame holds at least one row")
    return _read_chunks(campaign, locator, _read_states(states), size)


def _read_chunks(
    campaign: Campaign, locator: ledger.Locator, states: tuple[State, ...] | None, size: int
) -> Iterator["DataFrame"]:
    from dispatcher.outputs.frames import make_frames  # heavy: pandas

    with _open_rows(campaign, locator, states) as (columns, rows):
        yield from make_frames(columns, rows, size=size)


@contextmanager
def _open_rows(
    campaign: Campaign, locator: ledger.Locator, states: tuple[State, ...] | None
) -> Iterator[tuple[tuple[str, ...], Iterable[ledger.RowRecord]]]:
    """Yield the sheet's labels and the rows, with None for ``states`` those of the present sheet."""
    with ledger.open_reader(locator) as connection:
        record = ledger.find_campaign(connection, campaign.name)
        if record is None:
            yield (), ()
        elif states == ():  # to the ledger this means any
            yield record.columns, ()
        else:
            yield record.columns, ledger.read_rows(connection, record.id, states or ())


def _read_states(words: Iterable[str] | None) -> tuple[State, ...] | None:
    if words is None:
        return None
    words = [words] if isinstance(words, str) else list(words)
    for word in words:
        if word not in tuple(State):
            raise UsageError(f"{word!r} is no state; there are {', '.join(State)}")
    return tuple(map(State, words))
