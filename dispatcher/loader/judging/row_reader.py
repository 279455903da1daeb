"""Turns a row of texts into what a decision needs: tidy values, faults, notices, the number and the key."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from dispatcher.loader.formats.tables import Row, Table, name_column
from dispatcher.loader.header import BUILT_IN, Header, wanted_columns
from dispatcher.loader.values.cells import Note, read_error
from dispatcher.loader.values.dates import find_date_columns, is_iso, read_date
from dispatcher.loader.values.no_values import ERRORS, is_invisible
from dispatcher.loader.values.phone_numbers import TWO_NUMBERS, Number, holds_two_numbers, read_number
from dispatcher.loader.values.texts import is_tidy, tidy_text
from dispatcher.models import Campaign, Notice, Recipient
from dispatcher.placeholders import Placeholder, Text, close_gaps
from dispatcher.text import mask_digits, mask_phone_numbers

_LONG_DIGITS = re.compile(r"\d{7,}")


@dataclass(slots=True)
class ReadRow:
    """A row whose cells have been read, on its way to a decision.

    Attributes:
        row: as the file has it.
        values: every cell as tidy text by folded label.
        faults: why a cell cannot be used, for the columns the campaign uses, by folded label.
        notices: what a person should know about the row.
        to: the number, or empty.
        to_reason: why there is no number, or empty.
        key: the identity, or empty.
        key_column: the column without which there is no key, or empty.
        shape_fault: why the cells may stand in other columns than they belong to, or empty.
    """

    row: Row
    values: dict[str, str]
    faults: dict[str, str] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    to: str = ""
    to_reason: str = ""
    key: str = ""
    key_column: str = ""
    shape_fault: str = ""
    _recipient: Recipient | None = None

    def as_recipient(self) -> Recipient:
        """Return the row as one that can be sent; it must have a number and a key, and gets no more notices."""
        if self._recipient is None:
            self._recipient = Recipient(self.row.number, self.to, self.key, self.values, tuple(self.notices))
        return self._recipient


def _begins_with_code(text: str) -> bool:
    """Return whether the first digits of a number were taken for a country code, and neither + nor 00 says so."""
    return text.lstrip("'`")[:1].isdigit() and not text.startswith("00")


def is_one_column(text: Text) -> bool:
    """Return whether ``text`` is nothing but one placeholder without a format."""
    (first, *rest) = text.parts or ("",)
    return isinstance(first, Placeholder) and not first.format and not rest


class RowReader:
    """Reads the rows of one sheet; counts what is to be said once per column.

    Attributes:
        to_columns: the folded columns the number is made of.
        key_columns: the folded columns the key is made of, built-in names left out.
    """

    def __init__(self, campaign: Campaign, table: Table, header: Header, today: date) -> None:
        self._from_1904, self._has_fixed_width = table.from_1904, table.has_fixed_width
        self._rules = campaign.recipient
        self._today = today.isoformat()
        self._keys = header.keys
        self._labels = dict(zip(header.keys, header.labels, strict=True))
        self._used = wanted_columns(campaign)
        self._dates = find_date_columns(campaign.message_texts) - BUILT_IN
        text_dates = campaign.sheet.text_dates
        self._day_first = None if text_dates is None else text_dates == "day_first"
        self._is_undeclared = self._rules.written_as is None and self._rules.default_region is None
        self._guess_count, self._first_guess = 0, ""
        self._once: dict[tuple[str, str], tuple[Notice, int]] = {}
        self.to_columns = [placeholder.key for placeholder in self._rules.to.placeholders]
        self._only_to_column = self.to_columns[0] if is_one_column(self._rules.to) else ""
        self.key_columns = [
            placeholder.key for placeholder in self._rules.key.placeholders if placeholder.key not in BUILT_IN
        ]

    @property
    def sheet_notices(self) -> list[Notice]:
        """What is said once per column, with the first cell and how many there are, or once per sheet."""
        notices = [
            replace(notice, reason=f"{notice.reason} ({count:,} cells)") if count > 1 else notice
            for notice, count in self._once.values()
        ]
        return [*notices, Notice(self._describe_guesses())] if self._guess_count else notices

    def _describe_guesses(self) -> str:
        what = "1 number" if self._guess_count == 1 else f"{self._guess_count:,} numbers"
        return (
            f"read {what} without + as beginning with the country code, such as {self._first_guess}; if that is right,"
            ' write written_as = "international" in the campaign file, if not, written_as = "national" and'
            " default_region"
        )

    def read(self, row: Row) -> ReadRow:
        """Return the row with its number and its key, as far as there are any; a broken row has none."""
        read = self.read_cells(row)
        if len(row.texts) != len(self._keys):
            self._check_shape(read)
        if not read.shape_fault:
            self._identify(read)
        return read

    def read_cells(self, row: Row) -> ReadRow:
        """Return the row with tidy values; a row of another width is cut or filled up with blanks."""
        texts: Sequence[str] = row.texts
        missing = len(self._keys) - len(texts)
        if missing > 0:
            texts = [*texts, *[""] * missing]
        read = ReadRow(row, dict(zip(self._keys, texts, strict=False)))
        if row.faults or row.notes or not is_tidy(texts):
            self._tidy(read)
        self._look_through(read)
        for key in self._dates:
            if not is_iso(read.values[key]) and key not in read.faults:
                self._read_date(read, key)
        return read

    def _tidy(self, read: ReadRow) -> None:
        row = read.row
        for position, key in enumerate(self._keys):
            text = read.values[key]
            tidy = tidy_text(text)
            read.values[key] = tidy.text
            if key in self._used:
                self._keep(read, key, row.notes.get(position), row.faults.get(position, ""))
                self._keep(read, key, tidy.note, tidy.fault)
            if key in self.to_columns:
                self._keep(read, key, None, row.find_lack(position))
                if holds_two_numbers(text):
                    read.faults.setdefault(key, TWO_NUMBERS)  # a line break between them is now a space

    def _look_through(self, read: ReadRow) -> None:
        """Name the errors of formulas that stand as text, and empty cells in which nobody sees anything."""
        values = read.values
        for key in self._used:
            value = values[key]
            if value in ERRORS:
                read.faults.setdefault(key, read_error(value).fault)
            elif value > "\x7f" and is_invisible(value):  # nothing that begins with ASCII is invisible
                values[key] = ""

    def _read_date(self, read: ReadRow, key: str) -> None:
        moment = read_date(read.values[key], day_first=self._day_first, from_1904=self._from_1904)
        read.values[key] = moment.text
        self._keep(read, key, moment.note, moment.fault)

    def _keep(self, read: ReadRow, key: str, note: Note | None, fault: str) -> None:
        if fault:
            read.faults.setdefault(key, fault)
        if note is None:
            return
        reason = note.reason
        if key in self.to_columns:
            reason = _LONG_DIGITS.sub(lambda digits: mask_digits(digits[0]), reason)
        notice = self.make_notice(read, key, reason)
        if not note.once:
            read.notices.append(notice)
            return
        identity = (key, note.reason.partition(";")[0])
        first, count = self._once.get(identity, (notice, 0))
        self._once[identity] = (first, count + 1)

    def label(self, key: str) -> str:
        """Return a column as the sheet labels it; ``""`` for the whole row."""
        return self._labels.get(key, "")

    def show(self, read: ReadRow, key: str) -> str:
        """Return a cell as people may see it: phone numbers masked."""
        value = read.values.get(key, "")
        return mask_digits(value) if key in self.to_columns else mask_phone_numbers(value)

    def make_notice(self, read: ReadRow, key: str, reason: str) -> Notice:
        """Return a notice about one cell."""
        return Notice(reason, read.row.number, self.label(key), self.show(read, key))

    def _check_shape(self, read: ReadRow) -> None:
        """Find out whether a row that is longer or shorter than the header is broken.

        In a workbook cells cannot move: what stands to the right of the last column is only pointed out.
        """
        texts, width = read.row.texts, len(self._keys)
        surplus = [position for position in range(width, len(texts)) if texts[position].strip()]
        if surplus and self._has_fixed_width:
            count = surplus[-1] + 1
            read.shape_fault = (
                f"the row has {count} values for {width} columns: put a text with a comma in double quotes"
            )
        elif len(texts) < width and self._has_fixed_width:
            read.shape_fault = f"the row has {len(texts)} of {width} columns: complete or delete it"
        elif surplus:
            reason = "stands to the right of the last column and is left out"
            value = mask_digits(tidy_text(texts[surplus[0]]).text)
            read.notices.append(Notice(reason, read.row.number, name_column(surplus[0]), value))

    def _identify(self, read: ReadRow) -> None:
        """Read the number and build the key, as far as that is possible."""
        if read.faults and not read.faults.keys().isdisjoint(self.to_columns):
            return
        text = self._fill_number(read)
        if not text.strip():
            read.to_reason = "the cell is empty: fill in a phone number or delete the row"
            return
        number = read_number(text, self._rules)
        if not isinstance(number, Number):
            read.to_reason = f"the number {number.reason}"
            return
        read.to = number.digits
        if self._is_undeclared and text[0] != "+" and _begins_with_code(text):
            self._guess_count += 1
            self._first_guess = self._first_guess or f"+{mask_digits(read.to)} in row {read.row.number}"
        for note in number.notes:
            key = self.to_columns[0] if self.to_columns else ""
            read.notices.append(self.make_notice(read, key, f"the number {note}"))
        self._build_key(read)

    def find_person(self, read: ReadRow) -> str:
        """Return the digits of the number, whether its country is allowed or not; ``""`` if it cannot be read."""
        if not read.faults.keys().isdisjoint(self.to_columns):
            return ""
        number = read_number(self._fill_number(read), replace(self._rules, allowed_countries=()))
        return number.digits if isinstance(number, Number) else ""

    def _fill_number(self, read: ReadRow) -> str:
        only = self._only_to_column
        return read.values[only] if only else self._fill(self._rules.to, read.values)

    def _build_key(self, read: ReadRow) -> None:
        if self._rules.key.source == "{to}":
            read.key = read.to
            return
        unusable = (key for key in self.key_columns if not read.values[key] or key in read.faults)
        read.key_column = next(unusable, "")
        if not read.key_column:
            built_in = {"to": read.to, "today": self._today}
            read.key = self._fill(self._rules.key, {**read.values, **built_in}).strip()

    def render(self, read: ReadRow, text: Text) -> str:
        """Return a text of the message as people may see it, in English; phone numbers masked."""
        sent = close_gaps(self._fill(text, {**read.values, "to": read.to, "today": self._today}))
        numbers = {"to", *self.to_columns}
        is_free_of_numbers = numbers.isdisjoint(part.key for part in text.placeholders)
        return mask_phone_numbers(sent) if is_free_of_numbers else mask_digits(sent)

    @staticmethod
    def _fill(text: Text, values: Mapping[str, str]) -> str:
        try:
            return text.fill(values)
        except ValueError:  # a date format on something that is no date
            return ""
