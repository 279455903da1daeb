"""Everything that can go wrong with the machinery, each kind with the exit code it ends the program with.

Trouble with a single row is never an exception: it is a ``Refusal`` or an ``Outcome`` (see ``models``).
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the program tells the shell; cron and scripts rely on these numbers."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    SHEET_REFUSED = 3
    LEDGER = 4
    RETRYABLE_REMAIN = 5
    ROWS_NEED_ATTENTION = 6
    STOPPED = 7
    TIME_LIMIT = 10
    LOCKED = 11
    INTERRUPTED = 130


class DispatcherError(Exception):
    """A failure the user can read: one sentence that says what, where and what to do."""

    exit_code = ExitCode.UNEXPECTED


class UsageError(DispatcherError):
    """The command line asks for something that cannot be done."""

    exit_code = ExitCode.USAGE


class CampaignError(DispatcherError):
    """The campaign file is wrong; ``problems`` lists every finding, not only the first.

    Each problem names the key in the file and what to write instead.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, path: str, problems: list[str]) -> None:
        self.path = path
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([f"{path}: {count}", *(f"  {line}" for line in problems)]))


class SheetError(DispatcherError):
    """The recipients file as a whole cannot be trusted; nothing is sent."""

    exit_code = ExitCode.SHEET_REFUSED


class HiddenRowsError(SheetError):
    """Excel hides rows of the sheet, and nobody has said whether they are meant.

    ``row_numbers`` are the hidden rows, as Excel shows them. In an export (``is_export``) their outcome alone says
    that they were hidden.
    """

    def __init__(self, file_name: str, row_numbers: list[int], *, is_export: bool = False) -> None:
        self.row_numbers = row_numbers
        shown = ", ".join(map(str, row_numbers[:5])) + (", ..." if len(row_numbers) > 5 else "")
        hidden = "1 row is" if len(row_numbers) == 1 else f"{len(row_numbers):,} rows are"
        marked = " (in an export: empty the cells that say so)" if is_export else ""
        super().__init__(
            f"{file_name}: {hidden} hidden by a filter or by hand ({shown})."
            f" Show them in Excel{marked}, or decide"
            ' in the campaign file: [sheet] hidden_rows = "skip" leaves them'
            ' out, "include" sends to them too'
        )


class LedgerError(DispatcherError):
    """The ledger cannot be opened, read or written, or does not hold what it must."""

    exit_code = ExitCode.LEDGER


class LockHeldError(DispatcherError):
    """Another run is writing to this ledger."""

    exit_code = ExitCode.LOCKED


class InterruptedRunError(DispatcherError):
    """A person or the system asked the run to stop before it began to dispatch."""

    exit_code = ExitCode.INTERRUPTED
