"""From the ledger back to the sheet: an export in the sheet's own columns."""

from pathlib import Path

from dispatcher import ledger
from dispatcher.errors import LedgerError, UsageError
from dispatcher.models import Campaign, State
from dispatcher.pipeline.sheet import CheckReport
from dispatcher.placeholders import fold


def export_problems(report: CheckReport, out: Path) -> int:
    """Write the rows that cannot be sent, in the user's own columns, with what to do; return how many.

    Raises:
        UsageError: ``out`` is the recipients file, has no known ending, or cannot be written.
    """
    from dispatcher.export import ProblemRow, write_problems  # heavy: pandas

    _refuse_input(out, report.path)
    keys = [fold(label) for label in report.columns]
    rows = (
        ProblemRow([row.values.get(key, "") for key in keys], row.column, row.reason, row.row_number)
        for row in sorted(report.refused + report.skipped, key=lambda row: row.row_number)
    )
    return write_problems(out, report.columns, rows)


def _refuse_input(out: Path, recipients_path: Path) -> None:
    if out.resolve() == recipients_path.resolve():
        raise UsageError(f"{out}: is the recipients file, which is never written to; choose another name")


def export_outcomes(campaign: Campaign, ledger_path: Path, out: Path, *, states: tuple[State, ...] = ()) -> int:
    """Write what became of every row to ``out``; return how many rows.

    Without ``states`` the rows of the present sheet are written, in its order; with them every row the
    ledger ever held in one of these states.

    Raises:
        LedgerError: there is no ledger, or the campaign is not in it.
        UsageError: ``out`` is the recipients file, has no known ending, or cannot be written.
    """
    from dispatcher.export import ExportRow, write_export  # heavy: pandas

    _refuse_input(out, campaign.recipients_path)
    with ledger.open_reader(ledger_path) as connection:
        record = ledger.find_campaign(connection, campaign.name)
        if record is None:
            raise LedgerError(f"{ledger_path}: {campaign.name!r} was never sent; `dispatcher send` loads it")
        keys = [fold(label) for label in record.columns]
        rows = (
            ExportRow(
                cells=[row.values.get(key, "") for key in keys],
                state=row.state,
                reason=row.reason,
                attempted_at=row.attempted_at,
                session_id=row.session_id,
                attempt_count=row.attempt_count,
                row_number=row.row_number,
            )
            for row in ledger.read_rows(connection, record.id, states)
        )
        return write_export(out, record.columns, rows)
