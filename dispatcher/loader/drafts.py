"""Turns a row of texts into what a verdict needs: tidy values, faults, notices, the number and the key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from dispatcher.loader.cells import is_tidy, tidy_text
from dispatcher.loader.dates import find_date_columns, is_iso, read_date
from dispatcher.loader.excel_cells import read_error
from dispatcher.loader.header import BUILT_IN, Header, wanted_columns
from dispatcher.loader.hollow import ERRORS, is_invisible
from dispatcher.loader.phone_numbers import TWO_NUMBERS, Number, holds_two_numbers, read_number
from dispatcher.loader.rows import Note, Row
from dispatcher.models import Campaign, Notice
from dispatcher.placeholders import Placeholder, Text, close_gaps
from dispatcher.text import mask_digits, mask_phone_numbers


@dataclass(slots=True)
class Draft:
    """A row on its way to a verdict.

    Attributes:
        row: as the reader handed it on.
        values: every cell as tidy text by folded label.
        faults: why a cell cannot be used, for the columns the campaign uses, by folded label.
        notices: what a person should know about the row.
        to: the number, or empty.
        to_reason: why there is no number, or empty.
        key: the identity, or empty.
        key_column: the column without which there is no key, or empty.
    """

    row: Row
    values: dict[str, str]
    faults: dict[str, str] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    to: str = ""
    to_reason: str = ""
    key: str = ""
    key_column: str = ""


def _begins_with_code(text: str) -> bool:
    """Return whether the first digits of a number were taken for a country code, and neither + nor 00 says so."""
    return text.lstrip("'`")[:1].isdigit() and not text.startswith("00")


def is_one_column(text: Text) -> bool:
    """Return whether ``text`` is nothing but one placeholder without a format."""
    (first, *rest) = text.parts or ("",)
    return isinstance(first, Placeholder) and not first.format and not rest


class Drafter:
    """Drafts the rows of one sheet; counts what is to be said once per column.

    Attributes:
        to_columns: the folded columns the number is made of.
        key_columns: the folded columns the key is made of, built-in names left out.
    """

    def __init__(self, campaign: Campaign, header: Header, today: date) -> None:
        self._rules = campaign.recipient
        self._today = today.isoformat()
        self._keys = header.keys
        self._labels = dict(zip(header.keys, header.labels, strict=True))
        self._used = wanted_columns(campaign)
        self._dates = find_date_columns(campaign.message_texts) - BUILT_IN
        order = campaign.sheet.text_dates
        self._day_first = None if order is None else order == "day_first"
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

    def draft(self, row: Row) -> Draft:
        """Return the row with tidy values; a row of another width is cut or filled up with blanks."""
        texts: Sequence[str] = row.texts
        missing = len(self._keys) - len(texts)
        if missing > 0:
            texts = [*texts, *[""] * missing]
        draft = Draft(row, dict(zip(self._keys, texts, strict=False)))
        if row.faults or row.notes or not is_tidy(texts):
            self._tidy(draft)
        self._look_through(draft)
        for key in self._dates:
            if not is_iso(draft.values[key]) and key not in draft.faults:
                self._read_date(draft, key)
        return draft

    def _tidy(self, draft: Draft) -> None:
        row = draft.row
        for position, key in enumerate(self._keys):
            text = draft.values[key]
            tidy = tidy_text(text)
            draft.values[key] = tidy.text
            if key in self._used:
                self._keep(draft, key, row.notes.get(position), row.faults.get(position, ""))
                self._keep(draft, key, tidy.note, tidy.fault)
            if key in self.to_columns:
                self._keep(draft, key, None, row.find_lack(position))
                if holds_two_numbers(text):
                    draft.faults.setdefault(key, TWO_NUMBERS)  # a line break between them is now a space

    def _look_through(self, draft: Draft) -> None:
        """Name the errors of formulas that stand as text, and empty cells in which nobody sees anything."""
        values = draft.values
        for key in self._used:
            value = values[key]
            if value in ERRORS:
                draft.faults.setdefault(key, read_error(value).fault)
            elif value > "\x7f" and is_invisible(value):  # nothing that begins with ASCII is invisible
                values[key] = ""

    def _read_date(self, draft: Draft, key: str) -> None:
        moment = read_date(draft.values[key], day_first=self._day_first, from_1904=draft.row.from_1904)
        draft.values[key] = moment.text
        self._keep(draft, key, moment.note, moment.fault)

    def _keep(self, draft: Draft, key: str, note: Note | None, fault: str) -> None:
        if fault:
            draft.faults.setdefault(key, fault)
        if note is None:
            return
        notice = self.make_notice(draft, key, note.reason)
        if not note.once:
            draft.notices.append(notice)
            return
        identity = (key, note.reason.partition(";")[0])
        first, count = self._once.get(identity, (notice, 0))
        self._once[identity] = (first, count + 1)

    def label(self, key: str) -> str:
        """Return a column as the sheet labels it; ``""`` for the whole row."""
        return self._labels.get(key, "")

    def show(self, draft: Draft, key: str) -> str:
        """Return a cell as people may see it: phone numbers masked."""
        value = draft.values.get(key, "")
        return mask_digits(value) if key in self.to_columns else mask_phone_numbers(value)

    def make_notice(self, draft: Draft, key: str, reason: str) -> Notice:
        """Return a notice about one cell."""
        return Notice(reason, draft.row.number, self.label(key), self.show(draft, key))

    def identify(self, draft: Draft) -> None:
        """Read the number and build the key, as far as that is possible."""
        if draft.faults and not draft.faults.keys().isdisjoint(self.to_columns):
            return
        text = self._fill_number(draft)
        if not text.strip():
            draft.to_reason = "the cell is empty: fill in a phone number or delete the row"
            return
        number = read_number(text, self._rules)
        if not isinstance(number, Number):
            draft.to_reason = f"the number {number.reason}"
            return
        draft.to = number.digits
        if self._is_undeclared and text[0] != "+" and _begins_with_code(text):
            self._guess_count += 1
            self._first_guess = self._first_guess or f"+{mask_digits(draft.to)} in row {draft.row.number}"
        for note in number.notes:
            key = self.to_columns[0] if self.to_columns else ""
            draft.notices.append(self.make_notice(draft, key, f"the number {note}"))
        self._build_key(draft)

    def find_person(self, draft: Draft) -> str:
        """Return the digits of the number, whether its country is allowed or not; ``""`` if it cannot be read."""
        if not draft.faults.keys().isdisjoint(self.to_columns):
            return ""
        number = read_number(self._fill_number(draft), replace(self._rules, allowed_countries=()))
        return number.digits if isinstance(number, Number) else ""

    def _fill_number(self, draft: Draft) -> str:
        only = self._only_to_column
        return draft.values[only] if only else self._fill(self._rules.to, draft.values)

    def _build_key(self, draft: Draft) -> None:
        if self._rules.key.source == "{to}":
            draft.key = draft.to
            return
        unusable = (key for key in self.key_columns if not draft.values[key] or key in draft.faults)
        draft.key_column = next(unusable, "")
        if not draft.key_column:
            built_in = {"to": draft.to, "today": self._today}
            draft.key = self._fill(self._rules.key, {**draft.values, **built_in}).strip()

    def render(self, draft: Draft, text: Text) -> str:
        """Return a text of the message as people may see it, in English; phone numbers masked."""
        sent = close_gaps(self._fill(text, {**draft.values, "to": draft.to, "today": self._today}))
        numbers = {"to", *self.to_columns}
        is_free_of_numbers = numbers.isdisjoint(part.key for part in text.placeholders)
        return mask_phone_numbers(sent) if is_free_of_numbers else mask_digits(sent)

    @staticmethod
    def _fill(text: Text, values: Mapping[str, str]) -> str:
        try:
            return text.fill(values)
        except ValueError:  # a date format on something that is no date
            return ""
