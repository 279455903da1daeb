"""Decides what a row is: a recipient, or a refusal with the first reason that holds."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date

from dispatcher.loader.formats.tables import Row, Table, name_column
from dispatcher.loader.header import BUILT_IN, Header
from dispatcher.loader.judging.first_rows import FirstRows
from dispatcher.loader.judging.row_reader import ReadRow, RowReader
from dispatcher.loader.values.no_values import EMPTY_WORDS, PROGRAM_WORDS
from dispatcher.loader.values.texts import tidy_text
from dispatcher.models import HIDDEN_REASON, Campaign, Notice, Problem, Recipient, Refusal, State
from dispatcher.placeholders import Placeholder, Text, fold
from dispatcher.text import mask_digits

Check = Callable[[Recipient], Refusal | None]


class Judge:
    """Judges the rows of one sheet in their order; remembers their keys."""

    def __init__(
        self,
        campaign: Campaign,
        table: Table,
        header: Header,
        *,
        today: date,
        suppressed: FirstRows,
        opted_out: FirstRows,
        check: Check | None,
    ) -> None:
        self._campaign = campaign
        self._table = table
        self._has_merged_cells = bool(table.scan().merged)
        self._keys = header.keys
        self._reader = RowReader(campaign, table, header, today)
        self._to_column = next(iter(self._reader.to_columns), "")
        self._suppressed = suppressed
        self._check = check
        texts = () if campaign.template is None else campaign.template.parameters
        self._filled = list(_columns_in(texts))
        self._parameters = list(_columns_in(text for text in texts if _is_whole_parameter(text)))
        self._longer = [text for text in texts if text.placeholders and not _is_whole_parameter(text)]
        self._beside = [key for key in _columns_in(campaign.message_texts) if key not in self._filled]
        self._seen = FirstRows()
        self._refused = FirstRows()
        self._opted_out = opted_out

    @property
    def sheet_notices(self) -> list[Notice]:
        """What is to be said once per column or once per sheet, after all rows."""
        return self._reader.sheet_notices

    def judge(self, row: Row) -> Recipient | Refusal:
        """Return what ``row`` is; the first reason against it wins.

        Order: shape of the row, opted out, hidden, suppressed, number, key, cells in use, the caller's check,
        duplicate. So a row is skipped as a duplicate only of one that can be sent. What is wrong with number,
        key and cells is named together.
        """
        read = self._reader.read(row)
        if len(row.texts) != len(self._keys):
            broken = self._find_broken_shape(read)
            if broken:
                return broken
        self._reader.identify(read)
        return (
            self._find_left_out(read)
            or self._find_suppressed(read)
            or self._refuse_problems(read)
            or self._accept(read)
        )

    def _refuse(self, read: ReadRow, key: str, reason: str, state: State = State.REFUSED) -> Refusal:
        return Refusal(
            read.row.number,
            self._reader.label(key),
            self._reader.show(read, key),
            reason,
            read.values,
            state,
            key=self._claim_key(read),
            to=read.to or None,
            notices=tuple(read.notices),
        )

    def _claim_key(self, read: ReadRow) -> str | None:
        """Return the key of a row that is not sent, if no earlier row has it."""
        if not read.key or self._seen.find(read.key):
            return None
        return read.key if self._refused.add(read.key, read.row.number) is None else None

    def _find_broken_shape(self, read: ReadRow) -> Refusal | None:
        """Refuse a row that is longer or shorter than the header, where its cells may have moved.

        In a workbook cells cannot move: what stands to the right of the last column is only pointed out.
        """
        texts, width = read.row.texts, len(self._keys)
        surplus = [position for position in range(width, len(texts)) if texts[position].strip()]
        if surplus and self._table.has_fixed_width:
            count = surplus[-1] + 1
            reason = f"the row has {count} values for {width} columns: put a text with a comma in double quotes"
            return self._refuse(read, "", reason)
        if len(texts) < width and self._table.has_fixed_width:
            reason = f"the row has {len(texts)} of {width} columns: complete or delete it"
            return self._refuse(read, "", reason)
        for position in surplus[:1]:
            reason = "stands to the right of the last column and is left out"
            column = name_column(position)
            read.notices.append(Notice(reason, read.row.number, column, mask_digits(tidy_text(texts[position]).text)))
        return None

    def _find_left_out(self, read: ReadRow) -> Refusal | None:
        """Skip a person who opted out and a hidden row; refuse a row of which nobody knows who opted out."""
        rules = self._campaign.recipient.skip_if
        for key, words in rules.items():
            if read.values[key] and fold(read.values[key]) in words:
                reason = f'left out because "{self._reader.label(key)}" says so'
                return self._find_unknown_person(read, key) or self._refuse(read, key, reason, State.SKIPPED)
        if read.row.hidden and self._campaign.sheet.hidden_rows == "skip":
            return self._refuse(read, "", HIDDEN_REASON, State.SKIPPED)
        for key in rules:
            if key in read.faults:
                return self._refuse(read, key, f"the cell {read.faults[key]}")
            if hint := self._hint_merged(read, key):
                return self._refuse(read, key, f"the cell is blank, and it may leave the person out{hint}")
        return None

    def _find_unknown_person(self, read: ReadRow, key: str) -> Refusal | None:
        """Refuse an opt-out without a number that can be read: another row of that person may be sent."""
        if self._reader.find_person(read):
            return None
        ((column, reason),) = self._find_number_problem(read).items()
        label = self._reader.label(key)
        return self._refuse(read, column, f'{reason}; "{label}" leaves a person out, and nobody can say whom')

    def _find_number_problem(self, read: ReadRow) -> dict[str, str]:
        """Return why there is no number, by the column to blame; empty when there is one."""
        for key in self._reader.to_columns:
            if key in read.faults:
                return {key: f"the cell {read.faults[key]}"}
        if not read.to_reason:
            return {}
        blank = (key for key in self._reader.to_columns if not read.values[key])
        key = next(blank, self._to_column)
        return {key: read.to_reason + self._hint_merged(read, key)}

    def _hint_merged(self, read: ReadRow, key: str) -> str:
        """Say that a blank cell is covered by a merged one; only the first cell of a range has the value."""
        if not self._has_merged_cells or key not in self._keys or read.values[key]:
            return ""
        cell = self._table.scan().merged_with(read.row.number, self._keys.index(key))
        return f" (it is merged with {cell}: unmerge the cells)" if cell else ""

    def _find_suppressed(self, read: ReadRow) -> Refusal | None:
        if len(self._suppressed) and self._suppressed.find(read.to):
            reason = "on the list of numbers never to be messaged"
            return self._refuse(read, self._to_column, reason, State.SKIPPED)
        earlier = self._opted_out.find(read.to) if len(self._opted_out) else None
        if earlier:
            return self._refuse(read, self._to_column, f"opted out in row {earlier}", State.SKIPPED)
        return None

    def _refuse_problems(self, read: ReadRow) -> Refusal | None:
        """Refuse a row for the first of its problems, and name the others."""
        problems = self._find_problems(read)
        if not problems:
            return None
        (first, reason), *others = problems.items()
        named = (Problem(self._reader.label(key), self._reader.show(read, key), why) for key, why in others)
        return replace(self._refuse(read, first, reason), others=tuple(named))

    def _find_problems(self, read: ReadRow) -> dict[str, str]:
        """Return what is wrong by column, the number first and then as the message uses them."""
        values = read.values
        problems = {} if read.to else self._find_number_problem(read)
        for key, fault in read.faults.items():
            problems.setdefault(key, f"the cell {fault}")
        if read.to and not read.key:
            problems = self._find_key_problem(read) | problems
        for key in self._parameters:
            if not values[key]:
                reason = f"the cell is empty, and the message needs it: fill it in{self._hint_merged(read, key)}"
                problems.setdefault(key, reason)
        for key in self._filled:
            if values[key] in EMPTY_WORDS:
                reason = "the cell stands for an empty one, and the message needs it: fill in the value"
                problems.setdefault(key, reason)
        for key in self._beside:
            if values[key] in PROGRAM_WORDS:
                reason = "the cell holds a program's word for nothing: fill in the value or empty the cell"
                problems.setdefault(key, reason)
        return problems

    def _find_key_problem(self, read: ReadRow) -> dict[str, str]:
        key = read.key_column or next(iter(self._reader.key_columns), self._to_column)
        return {key: f"the cell is empty, and the key needs it: fill it in{self._hint_merged(read, key)}"}

    def _point_out(self, read: ReadRow) -> None:
        """Point out "n/a" in what goes to the agent, and what a message lacks."""
        for key in self._beside:
            if read.values[key] in EMPTY_WORDS:
                notice = self._reader.make_notice(read, key, "stands for an empty cell, and is sent as it is")
                read.notices.append(notice)
        for text in self._longer:
            self._point_out_blanks(read, text)

    def _point_out_blanks(self, read: ReadRow, text: Text) -> None:
        """Show what a text comes to without the value of a blank cell."""
        blank = [key for key in _columns_in([text]) if not read.values[key]]
        if blank:
            sent = self._reader.render(read, text)
            reason = f'is blank, and the message says "{sent}" without it' if sent else "is blank"
            read.notices.extend(self._reader.make_notice(read, key, f"the cell {reason}") for key in blank)

    def _accept(self, read: ReadRow) -> Recipient | Refusal:
        """Make the row a recipient, unless the caller's check objects or an earlier row has its key."""
        self._point_out(read)
        recipient = Recipient(read.row.number, read.to, read.key, read.values, tuple(read.notices))
        refusal = self._check(recipient) if self._check else None
        if refusal is not None:
            column = self._label_as_sheet(refusal.column)
            return replace(refusal, column=column, key=self._claim_key(read), to=read.to)
        earlier = self._seen.add(read.key, read.row.number)
        return recipient if earlier is None else self._refuse_duplicate(read, earlier)

    def _label_as_sheet(self, columns: str) -> str:
        """Return the columns that the caller's check blames, as the campaign file spells them, by their labels."""
        whole = self._reader.label(fold(columns))
        return whole or ", ".join(self._reader.label(fold(name)) or name for name in columns.split(", "))

    def _refuse_duplicate(self, read: ReadRow, earlier: int) -> Refusal:
        what = "number" if read.key == read.to else "key"
        key = next(iter(self._reader.key_columns), self._to_column)
        if self._campaign.sheet.duplicates == "error":
            return self._refuse(read, key, f"the same {what} as in row {earlier}: delete one")
        reason = f"the same {what} as in row {earlier}, which is the one that is sent"
        return self._refuse(read, key, reason, State.SKIPPED)


def _columns_in(texts: Iterable[Text]) -> dict[str, None]:
    """Return the folded columns the texts use, each once and in order, built-in names left out."""
    keys = (placeholder.key for text in texts for placeholder in text.placeholders)
    return dict.fromkeys(key for key in keys if key not in BUILT_IN)


def _is_whole_parameter(text: Text) -> bool:
    return len(text.parts) == 1 and isinstance(text.parts[0], Placeholder)
