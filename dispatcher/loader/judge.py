"""Decides what a row is: a recipient, or a refusal with the first reason that holds."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date

from dispatcher.loader.cells import tidy_text
from dispatcher.loader.drafts import Draft, Drafter
from dispatcher.loader.header import BUILT_IN, Header
from dispatcher.loader.hollow import EMPTY_WORDS, PROGRAM_WORDS
from dispatcher.loader.rows import Row, Table, name_column
from dispatcher.loader.seen import SeenKeys
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
        suppressed: SeenKeys,
        opted_out: SeenKeys,
        check: Check | None,
    ) -> None:
        self._campaign = campaign
        self._table = table
        self._has_merged_cells = bool(table.scan().merged)
        self._keys = header.keys
        self._drafter = Drafter(campaign, header, today)
        self._to_column = next(iter(self._drafter.to_columns), "")
        self._suppressed = suppressed
        self._check = check
        texts = () if campaign.template is None else campaign.template.parameters
        self._filled = list(_columns_in(texts))
        self._parameters = list(_columns_in(text for text in texts if _is_whole_parameter(text)))
        self._longer = [text for text in texts if text.placeholders and not _is_whole_parameter(text)]
        self._beside = [key for key in _columns_in(campaign.message_texts) if key not in self._filled]
        self._seen = SeenKeys()
        self._refused = SeenKeys()
        self._opted_out = opted_out

    @property
    def sheet_notices(self) -> list[Notice]:
        """What is to be said once per column or once per sheet, after all rows."""
        return self._drafter.sheet_notices

    def judge(self, row: Row) -> Recipient | Refusal:
        """Return what ``row`` is; the first reason against it wins.

        Order: shape of the row, opted out, hidden, suppressed, number, key, cells in use, the caller's check,
        duplicate. So a row is skipped as a duplicate only of one that can be sent. What is wrong with number,
        key and cells is named together.
        """
        draft = self._drafter.draft(row)
        if len(row.texts) != len(self._keys):
            broken = self._find_broken_shape(draft)
            if broken:
                return broken
        self._drafter.identify(draft)
        return (
            self._find_left_out(draft)
            or self._find_suppressed(draft)
            or self._refuse_problems(draft)
            or self._accept(draft)
        )

    def _refuse(self, draft: Draft, key: str, reason: str, state: State = State.REFUSED) -> Refusal:
        return Refusal(
            draft.row.number,
            self._drafter.label(key),
            self._drafter.show(draft, key),
            reason,
            draft.values,
            state,
            key=self._claim_key(draft),
            to=draft.to or None,
            notices=tuple(draft.notices),
        )

    def _claim_key(self, draft: Draft) -> str | None:
        """Return the key of a row that is not sent, if no earlier row has it."""
        if not draft.key or self._seen.find(draft.key):
            return None
        return draft.key if self._refused.add(draft.key, draft.row.number) is None else None

    def _find_broken_shape(self, draft: Draft) -> Refusal | None:
        """Refuse a row that is longer or shorter than the header, where its cells may have moved.

        In a workbook cells cannot move: what stands to the right of the last column is only pointed out.
        """
        texts, width = draft.row.texts, len(self._keys)
        surplus = [position for position in range(width, len(texts)) if texts[position].strip()]
        if surplus and self._table.has_fixed_width:
            count = surplus[-1] + 1
            reason = f"the row has {count} values for {width} columns: put a text with a comma in double quotes"
            return self._refuse(draft, "", reason)
        if len(texts) < width and self._table.has_fixed_width:
            reason = f"the row has {len(texts)} of {width} columns: complete or delete it"
            return self._refuse(draft, "", reason)
        for position in surplus[:1]:
            reason = "stands to the right of the last column and is left out"
            column = name_column(position)
            draft.notices.append(Notice(reason, draft.row.number, column, mask_digits(tidy_text(texts[position]).text)))
        return None

    def _find_left_out(self, draft: Draft) -> Refusal | None:
        """Skip a person who opted out and a hidden row; refuse a row of which nobody knows who opted out."""
        rules = self._campaign.recipient.skip_if
        for key, words in rules.items():
            if draft.values[key] and fold(draft.values[key]) in words:
                reason = f'left out because "{self._drafter.label(key)}" says so'
                return self._find_unknown_person(draft, key) or self._refuse(draft, key, reason, State.SKIPPED)
        if draft.row.hidden and self._campaign.sheet.hidden_rows == "skip":
            return self._refuse(draft, "", HIDDEN_REASON, State.SKIPPED)
        for key in rules:
            if key in draft.faults:
                return self._refuse(draft, key, f"the cell {draft.faults[key]}")
            if hint := self._hint_merged(draft, key):
                return self._refuse(draft, key, f"the cell is blank, and it may leave the person out{hint}")
        return None

    def _find_unknown_person(self, draft: Draft, key: str) -> Refusal | None:
        """Refuse an opt-out without a number that can be read: another row of that person may be sent."""
        if self._drafter.find_person(draft):
            return None
        ((column, reason),) = self._find_number_problem(draft).items()
        label = self._drafter.label(key)
        return self._refuse(draft, column, f'{reason}; "{label}" leaves a person out, and nobody can say whom')

    def _find_number_problem(self, draft: Draft) -> dict[str, str]:
        """Return why there is no number, by the column to blame; empty when there is one."""
        for key in self._drafter.to_columns:
            if key in draft.faults:
                return {key: f"the cell {draft.faults[key]}"}
        if not draft.to_reason:
            return {}
        blank = (key for key in self._drafter.to_columns if not draft.values[key])
        key = next(blank, self._to_column)
        return {key: draft.to_reason + self._hint_merged(draft, key)}

    def _hint_merged(self, draft: Draft, key: str) -> str:
        """Say that a blank cell is covered by a merged one; only the first cell of a range has the value."""
        if not self._has_merged_cells or key not in self._keys or draft.values[key]:
            return ""
        cell = self._table.scan().merged_with(draft.row.number, self._keys.index(key))
        return f" (it is merged with {cell}: unmerge the cells)" if cell else ""

    def _find_suppressed(self, draft: Draft) -> Refusal | None:
        if len(self._suppressed) and self._suppressed.find(draft.to):
            reason = "on the list of numbers never to be messaged"
            return self._refuse(draft, self._to_column, reason, State.SKIPPED)
        earlier = self._opted_out.find(draft.to) if len(self._opted_out) else None
        if earlier:
            return self._refuse(draft, self._to_column, f"opted out in row {earlier}", State.SKIPPED)
        return None

    def _refuse_problems(self, draft: Draft) -> Refusal | None:
        """Refuse a row for the first of its problems, and name the others."""
        problems = self._find_problems(draft)
        if not problems:
            return None
        (first, reason), *others = problems.items()
        named = (Problem(self._drafter.label(key), self._drafter.show(draft, key), why) for key, why in others)
        return replace(self._refuse(draft, first, reason), others=tuple(named))

    def _find_problems(self, draft: Draft) -> dict[str, str]:
        """Return what is wrong by column, the number first and then as the message uses them."""
        values = draft.values
        problems = {} if draft.to else self._find_number_problem(draft)
        for key, fault in draft.faults.items():
            problems.setdefault(key, f"the cell {fault}")
        if draft.to and not draft.key:
            problems = self._find_key_problem(draft) | problems
        for key in self._parameters:
            if not values[key]:
                reason = f"the cell is empty, and the message needs it: fill it in{self._hint_merged(draft, key)}"
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

    def _find_key_problem(self, draft: Draft) -> dict[str, str]:
        key = draft.key_column or next(iter(self._drafter.key_columns), self._to_column)
        return {key: f"the cell is empty, and the key needs it: fill it in{self._hint_merged(draft, key)}"}

    def _point_out(self, draft: Draft) -> None:
        """Point out "n/a" in what goes to the agent, and what a message lacks."""
        for key in self._beside:
            if draft.values[key] in EMPTY_WORDS:
                notice = self._drafter.make_notice(draft, key, "stands for an empty cell, and is sent as it is")
                draft.notices.append(notice)
        for text in self._longer:
            self._point_out_blanks(draft, text)

    def _point_out_blanks(self, draft: Draft, text: Text) -> None:
        """Show what a text comes to without the value of a blank cell."""
        blank = [key for key in _columns_in([text]) if not draft.values[key]]
        if blank:
            sent = self._drafter.render(draft, text)
            reason = f'is blank, and the message says "{sent}" without it' if sent else "is blank"
            draft.notices.extend(self._drafter.make_notice(draft, key, f"the cell {reason}") for key in blank)

    def _accept(self, draft: Draft) -> Recipient | Refusal:
        """Make the row a recipient, unless the caller's check objects or an earlier row has its key."""
        self._point_out(draft)
        recipient = Recipient(draft.row.number, draft.to, draft.key, draft.values, tuple(draft.notices))
        refusal = self._check(recipient) if self._check else None
        if refusal is not None:
            column = self._label_as_sheet(refusal.column)
            return replace(refusal, column=column, key=self._claim_key(draft), to=draft.to)
        earlier = self._seen.add(draft.key, draft.row.number)
        return recipient if earlier is None else self._refuse_duplicate(draft, earlier)

    def _label_as_sheet(self, columns: str) -> str:
        """Return the columns that the caller's check blames, as the campaign file spells them, by their labels."""
        whole = self._drafter.label(fold(columns))
        return whole or ", ".join(self._drafter.label(fold(name)) or name for name in columns.split(", "))

    def _refuse_duplicate(self, draft: Draft, earlier: int) -> Refusal:
        what = "number" if draft.key == draft.to else "key"
        key = next(iter(self._drafter.key_columns), self._to_column)
        if self._campaign.sheet.duplicates == "error":
            return self._refuse(draft, key, f"the same {what} as in row {earlier}: delete one")
        reason = f"the same {what} as in row {earlier}, which is the one that is sent"
        return self._refuse(draft, key, reason, State.SKIPPED)


def _columns_in(texts: Iterable[Text]) -> dict[str, None]:
    """Return the folded columns the texts use, each once and in order, built-in names left out."""
    keys = (placeholder.key for text in texts for placeholder in text.placeholders)
    return dict.fromkeys(key for key in keys if key not in BUILT_IN)


def _is_whole_parameter(text: Text) -> bool:
    return len(text.parts) == 1 and isinstance(text.parts[0], Placeholder)
