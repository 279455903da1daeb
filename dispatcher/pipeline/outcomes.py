"""From the ledger back to the sheet: an export in the sheet's own columns."""

from pathlib import Path

from dispatcher import ledger
from dispatcher.errors import LedgerError, UsageError
from dispatcher.models import Campaign, State


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
