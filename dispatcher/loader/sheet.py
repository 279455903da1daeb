"""The recipients file as the rest of the program sees it: a sheet to iterate over."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import dropwhile
from pathlib import Path

from dispatcher.errors import HiddenRowsError, SheetError
from dispatcher.loader.formats.kept_rows import KeptRows
from dispatcher.loader.formats.tables import Row
from dispatcher.loader.header import wanted_columns
from dispatcher.loader.judging.first_rows import FirstRows
from dispatcher.loader.judging.judge import Check, Judge
from dispatcher.loader.judging.opt_outs import OptOuts, find_opt_outs
from dispatcher.loader.judging.row_reader import RowReader
from dispatcher.loader.sheet_choice import OpenedSheet, open_sheet
from dispatcher.loader.suppression import read_suppressed
from dispatcher.models import Campaign, Notice, Recipient, Refusal


class Sheet:
    """One sheet of recipients; iterating reads it row by row, so memory does not grow with its length.

    Attributes:
        path: the recipients file.
        sheet_name: the worksheet; None for a CSV file.
        columns: the columns as the sheet labels them, made unique: a column without a name is ``column D``,
            a second ``Name`` is ``Name (2)``.
        header_row: the row that names the columns, as Excel shows it.
        notices: what a person should know about the whole file; complete once all rows are read.
    """

    def __init__(
        self, campaign: Campaign, path: Path, opened: OpenedSheet, *, today: date, check: Check | None
    ) -> None:
        self.path = path
        self.sheet_name = opened.table.name
        self.columns = opened.header.labels
        self.header_row = opened.header.row_number
        self.notices: list[Notice] = []
        self._campaign = campaign
        self._opened = opened
        self._hidden_marks = opened.header.find_hidden_marks()
        self._today = today
        self._check = check
        self._suppressed = read_suppressed(campaign.recipient, campaign.sheet.encoding)

    def __iter__(self) -> Iterator[Recipient | Refusal]:
        """Yield what every row that is not blank is, in file order.

        Raises:
            SheetError: the file turns out to be broken, or has no rows below its header.
        """
        table, header = self._opened
        opt_outs, rows = self._look_ahead()
        self.notices = [*_describe_file(self.path, self._opened), *self._suppressed.notices, *opt_outs.notices]
        judge = Judge(
            self._campaign,
            table,
            header,
            today=self._today,
            suppressed=self._suppressed.numbers,
            opted_out=opt_outs.numbers,
            check=self._check,
        )
        is_empty = True
        for row in rows:
            is_empty = False
            yield judge.judge(row)
        if is_empty:
            raise SheetError(f"{self.path.name}: has no rows below its header in row {header.row_number}")
        self.notices += judge.sheet_notices

    def _look_ahead(self) -> tuple[OptOuts, Iterator[Row]]:
        """Read the sheet for who opted out, for the rows above and hidden rows count; return its rows as well."""
        if not self._campaign.recipient.skip_if:
            return OptOuts(FirstRows(), []), self._data_rows()
        if self._opened.table.is_quick:
            return self._find_opt_outs(self._rows_below_header()), self._data_rows()
        kept = KeptRows()
        for row in self._data_rows():
            kept.keep(row)
        return self._find_opt_outs(kept.read()), kept.read()

    def _find_opt_outs(self, rows: Iterator[Row]) -> OptOuts:
        table, header = self._opened
        reader = RowReader(self._campaign, table, header, self._today)
        return find_opt_outs(self._campaign, header, rows, reader=reader, has_fixed_width=table.has_fixed_width)

    def _data_rows(self) -> Iterator[Row]:
        return (row for row in self._rows_below_header() if not row.is_blank)

    def _rows_below_header(self) -> Iterator[Row]:
        last = self._opened.header.row_number
        rows = dropwhile(lambda row: row.number <= last, self._opened.table.read_rows())
        return _hide_marked(rows, self._hidden_marks) if self._hidden_marks else rows

    def refuse_hidden_rows(self) -> None:
        """Raise ``HiddenRowsError`` when rows are hidden, for the campaign does not say what they mean.

        Excel hides them, or hid them in the sheet that this is an export of.
        """
        if not self._hidden_marks and not self._opened.table.scan().may_hide_rows:
            return
        hidden = [row.number for row in self._data_rows() if row.hidden]
        if hidden:
            raise HiddenRowsError(self.path.name, hidden, is_export=bool(self._hidden_marks))


def read_recipients(campaign: Campaign, path: Path, *, today: date, check: Check | None = None) -> Sheet:
    """Open a recipients file, and find its sheet and its header.

    Args:
        campaign: says which columns are needed and how they are to be read.
        path: a .csv, .tsv, .txt, .xlsx, .xlsm, .xls or .ods file; it is never written to.
        today: the day that ``{today}`` stands for.
        check: a last look at each recipient, such as the rules of its template; returns a refusal or None.

    Raises:
        SheetError: the file as a whole cannot be trusted; says what is wrong, where, and what to do.
        HiddenRowsError: rows are hidden and ``hidden_rows`` is ``error``.
    """
    opened = open_sheet(path, campaign.sheet, wanted_columns(campaign))
    sheet = Sheet(campaign, path, opened, today=today, check=check)
    if campaign.sheet.hidden_rows == "error":
        sheet.refuse_hidden_rows()
    return sheet


def _hide_marked(rows: Iterator[Row], marks: Mapping[int, str]) -> Iterator[Row]:
    """Hide the rows that were hidden in the sheet an export was made of; the export itself shows them."""
    last = max(marks)
    for row in rows:
        is_marked = len(row.texts) > last and all(row.texts[place].strip() == text for place, text in marks.items())
        yield row._replace(hidden=True) if is_marked else row


def _describe_file(path: Path, opened: OpenedSheet) -> list[Notice]:
    notices: list[Notice] = []
    if opened.header.row_number > 1:
        notices.append(Notice(f"the header is in row {opened.header.row_number}; what is above it is left out"))
    if path.with_name(f"~${path.name}").exists():
        notices.append(Notice(f"{path.name} is open in Excel; what was saved last is read"))
    return notices
