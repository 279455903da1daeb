"""The recipients file as the rest of the program sees it: a sheet to iterate over."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from dispatcher.channel import Channel
from dispatcher.errors import HiddenRowsError, SheetError
from dispatcher.loader.formats.kept_rows import KeptRows
from dispatcher.loader.formats.tables import Row
from dispatcher.loader.header import wanted_columns
from dispatcher.loader.judging.facts import SheetFacts
from dispatcher.loader.judging.first_rows import FirstRows
from dispatcher.loader.judging.judge import Judge
from dispatcher.loader.judging.opt_outs import OptOutSearch
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

    def __init__(self, campaign: Campaign, path: Path, opened: OpenedSheet, *, today: date, channel: Channel) -> None:
        self.path = path
        self.sheet_name = opened.table.name
        self.columns = opened.header.labels
        self.header_row = opened.header.row_number
        self.notices: list[Notice] = []
        self._campaign, self._today, self._channel = campaign, today, channel
        self._table, self._header = opened
        self._suppressed = read_suppressed(campaign.recipient, campaign.sheet.encoding)

    def __iter__(self) -> Iterator[Recipient | Refusal]:
        """Yield what every row that is not blank is, in file order.

        Raises:
            SheetError: the file turns out to be broken, or has no rows below its header.
        """
        self.notices = [*self._describe_file(), *self._suppressed.notices]
        opted_out, read_rows = self._look_ahead()
        facts = SheetFacts(
            self._campaign,
            self._channel,
            table=self._table,
            header=self._header,
            today=self._today,
            suppressed=self._suppressed.numbers,
            opted_out=opted_out,
        )
        judge = Judge(facts)
        is_empty, header_row, is_export = True, self.header_row, bool(self._header.hidden_texts)
        for row in read_rows():
            if row.number > header_row and not row.is_blank:
                is_empty = False
                yield judge.judge(self._header.restore_hidden(row) if is_export else row)
        if is_empty:
            raise SheetError(f"{self.path.name}: has no rows below its header in row {self.header_row}")
        self.notices += facts.reader.sheet_notices

    def _look_ahead(self) -> tuple[FirstRows, Callable[[], Iterator[Row]]]:
        """Find who opted out anywhere in the sheet, hidden rows too; return what reads the rows from then on."""
        read_rows = self._table.read_rows
        if not self._campaign.recipient.skip_if:
            return FirstRows(), read_rows
        reader = RowReader(self._campaign, self._table, self._header, self._today)
        search = OptOutSearch(self._campaign, self._header, reader, has_fixed_width=self._table.has_fixed_width)
        kept = None if self._table.is_quick else KeptRows()
        for row in read_rows():
            if row.number > self.header_row:
                search.look_at(row)
                if kept and not row.is_blank:
                    kept.keep(row)
        self.notices += search.describe_others()
        return search.numbers, kept.read if kept else read_rows

    def refuse_hidden_rows(self) -> None:
        """Raise ``HiddenRowsError`` when rows are hidden, for the campaign does not say what they mean.

        Excel hides them, or hid them in the sheet that this is an export of.
        """
        is_export = bool(self._header.hidden_texts)
        if not is_export and not self._table.scan().may_hide_rows:
            return
        rows = (row for row in self._table.read_rows() if row.number > self.header_row and not row.is_blank)
        hidden = [row.number for row in rows if self._header.restore_hidden(row).hidden]
        if hidden:
            raise HiddenRowsError(self.path.name, hidden, is_export=is_export)

    def _describe_file(self) -> Iterator[Notice]:
        if self.header_row > 1:
            yield Notice(f"the header is in row {self.header_row}; what is above it is left out")
        if self.path.with_name(f"~${self.path.name}").exists():
            yield Notice(f"{self.path.name} is open in Excel; what was saved last is read")


def read_recipients(campaign: Campaign, path: Path, *, today: date, channel: Channel) -> Sheet:
    """Open a recipients file, and find its sheet and its header.

    Args:
        campaign: says which columns are needed and how they are to be read.
        path: a .csv, .tsv, .txt, .xlsx, .xlsm, .xls or .ods file; it is never written to.
        today: the day that ``{today}`` stands for.
        channel: carries the campaign's messages; its rules are among those a row is held against.

    Raises:
        SheetError: the file as a whole cannot be trusted; says what is wrong, where, and what to do.
        HiddenRowsError: rows are hidden and ``hidden_rows`` is ``error``.
    """
    opened = open_sheet(path, campaign.sheet, wanted_columns(campaign))
    sheet = Sheet(campaign, path, opened, today=today, channel=channel)
    if campaign.sheet.hidden_rows == "error":
        sheet.refuse_hidden_rows()
    return sheet
