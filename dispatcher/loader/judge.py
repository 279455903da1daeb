"""Decides what a row is: a recipient, or a refusal with the first reason that holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from dispatcher.loader.cells import is_tidy, tidy_text
from dispatcher.loader.dates import find_date_columns, read_date
from dispatcher.loader.header import BUILT_IN, Header, wanted_columns
from dispatcher.loader.phone_numbers import Number, read_number
from dispatcher.loader.rows import Note, Row, Table, column_letters
from dispatcher.loader.seen import SeenKeys
from dispatcher.models import Campaign, Notice, Recipient, Refusal, State, mask_digits
from dispatcher.placeholders import Placeholder, Text, fold

# Words that stand for "nothing"; a message must not greet anybody with them.
_EMPTY_WORDS = frozenset({"n/a", "#n/a", "null", "none", "nan", "undefined", "-", "--", "\N{EN DASH}", "\N{EM DASH}"})

Check = Callable[[Recipient], Refusal | None]


@dataclass(slots=True)
class _Draft:
    """A row on its way to a verdict; ``faults`` are those of the columns the campaign uses."""

    row: Row
    values: dict[str, str]
    faults: dict[str, str] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    to: str = ""
    to_reason: str = ""
    key: str = ""
    key_column: str = ""


class Judge:
    """Judges the rows of one sheet in their order; remembers keys and people who opted out."""

    def __init__(
        self,
        campaign: Campaign,
        table: Table,
        header: Header,
        *,
        today: date,
        suppressed: SeenKeys,
        check: Check | None,
    ) -> None:
        self._campaign = campaign
        self._rules = campaign.recipient
        self._table = table
        self._header = header
        self._today = today.isoformat()
        self._suppressed = suppressed
        self._check = check
        self._keys = header.keys
        self._labels = dict(zip(header.keys, header.labels, strict=True))
        self._used = {header.keys.index(key): key for key in wanted_columns(campaign)}
        self._to_columns = [placeholder.key for placeholder in self._rules.to.placeholders]
        self._key_columns = [
            placeholder.key for placeholder in self._rules.key.placeholders if placeholder.key not in BUILT_IN
        ]
        self._dates = find_date_columns(campaign.message_texts) - BUILT_IN
        self._filled, self._parameters = _template_columns(campaign)
        self._seen = SeenKeys()
        self._refused = SeenKeys()
        self._opted_out = SeenKeys()
        self._once: dict[tuple[str, str], tuple[Notice, int]] = {}

    @property
    def column_notices(self) -> list[Notice]:
        """What is said once per column: its first cell, with the number of cells it holds for."""
        return [
            replace(notice, reason=f"{notice.reason} ({count:,} cells)") if count > 1 else notice
            for notice, count in self._once.values()
        ]

    def judge(self, row: Row) -> Recipient | Refusal:
        """Return what ``row`` is; the first reason against it wins.

        Order: shape of the row, hidden, opted out, number, suppressed, key, cells in use, the caller's check,
        duplicate. So a row is skipped as a duplicate only of one that can be sent.
        """
        draft = self._draft(row)
        broken = self._find_broken_shape(draft)
        if broken:
            return broken
        self._identify(draft)
        return (
            self._find_left_out(draft)
            or self._find_unreadable_number(draft)
            or self._find_suppressed(draft)
            or self._find_unusable_cell(draft)
            or self._accept(draft)
        )

    def _draft(self, row: Row) -> _Draft:
        texts: Sequence[str] = row.texts
        surplus = len(texts) - len(self._keys)
        if surplus < 0:
            texts = [*texts, *[""] * -surplus]
        if row.faults or row.notes or self._dates or not is_tidy(texts):
            return self._clean(row, texts)
        return _Draft(row, dict(zip(self._keys, texts, strict=False)))

    def _clean(self, row: Row, texts: Sequence[str]) -> _Draft:
        """Tidy every cell, and collect faults and notes of those the campaign uses."""
        draft = _Draft(row, {})
        for position, key in enumerate(self._keys):
            tidy = tidy_text(texts[position])
            text, note, fault = tidy.text, row.notes.get(position) or tidy.note, row.faults.get(position)
            if key in self._dates and not fault and not tidy.fault:
                text, changed, fault = read_date(text)
                note = changed or note
            draft.values[key] = text
            if position in self._used:
                self._keep(draft, key, note, fault or tidy.fault)
        return draft

    def _keep(self, draft: _Draft, key: str, note: Note | None, fault: str) -> None:
        if fault:
            draft.faults[key] = fault
        if note is None:
            return
        notice = self._make_notice(draft, key, note.reason)
        if not note.once:
            draft.notices.append(notice)
            return
        first, count = self._once.get((key, note.reason.partition(";")[0]), (notice, 0))
        self._once[key, note.reason.partition(";")[0]] = (first, count + 1)

    def _make_notice(self, draft: _Draft, key: str, reason: str) -> Notice:
        return Notice(reason, draft.row.number, self._labels[key], self._show(draft, key))

    def _show(self, draft: _Draft, key: str) -> str:
        value = draft.values.get(key, "")
        return mask_digits(value) if key in self._to_columns else value

    def _identify(self, draft: _Draft) -> None:
        """Read the number and build the key, as far as that is possible."""
        text = self._rules.to.source if not self._to_columns else self._fill(self._rules.to, draft.values)
        if not text.strip():
            draft.to_reason = "the cell is empty: fill in a phone number or delete the row"
            return
        number = read_number(text, self._rules)
        if not isinstance(number, Number):
            draft.to_reason = f"the number {number.reason}"
            return
        draft.to = number.digits
        for note in number.notes:
            draft.notices.append(self._make_notice(draft, self._to_columns[0], f"the number {note}"))
        self._build_key(draft)

    def _build_key(self, draft: _Draft) -> None:
        if self._rules.key.source == "{to}":
            draft.key = draft.to
            return
        draft.key_column = next((key for key in self._key_columns if not draft.values[key] or key in draft.faults), "")
        if not draft.key_column:
            built_in = {"to": draft.to, "today": self._today}
            draft.key = self._fill(self._rules.key, {**draft.values, **built_in})

    @staticmethod
    def _fill(text: Text, values: Mapping[str, str]) -> str:
        try:
            return text.fill(values)
        except ValueError:
            return text.fill(dict.fromkeys(values, ""))

    def _find_broken_shape(self, draft: _Draft) -> Refusal | None:
        """Refuse a row that is longer or shorter than the header, where its cells may have moved."""
        texts, width = draft.row.texts, len(self._keys)
        if len(texts) == width:
            return None
        surplus = [position for position in range(width, len(texts)) if texts[position].strip()]
        if not self._table.has_fixed_width:
            for position in surplus[:1]:
                draft.notices.append(
                    Notice(
                        "stands to the right of the last column and is left out",
                        draft.row.number,
                        f"column {column_letters(position)}",
                        mask_digits(texts[position]),
                    )
                )
            return None
        if surplus:
            count = surplus[-1] + 1
            reason = f"the row has {count} values for {width} columns: put a text with a comma in double quotes"
            return self._refuse(draft, "", reason)
        if len(texts) < width:
            return self._refuse(draft, "", f"the row has {len(texts)} of {width} columns: complete or delete it")
        return None

    def _refuse(self, draft: _Draft, key: str, reason: str, state: State = State.REFUSED) -> Refusal:
        return Refusal(
            draft.row.number,
            self._labels.get(key, ""),
            self._show(draft, key),
            reason,
            draft.values,
            state,
            key=self._claim(draft),
            to=draft.to or None,
            notices=tuple(draft.notices),
        )

    def _claim(self, draft: _Draft) -> str | None:
        """Return the key of a row that is not sent, if no earlier row owns it."""
        if not draft.key or self._seen.find(draft.key):
            return None
        return draft.key if self._refused.add(draft.key, draft.row.number) is None else None

    def _find_left_out(self, draft: _Draft) -> Refusal | None:
        """Skip a hidden row and a person who opted out, in this row or in one above."""
        if draft.row.hidden and self._campaign.sheet.hidden_rows == "skip":
            return self._refuse(draft, "", "hidden by a filter in Excel or by hand", State.SKIPPED)
        for key, words in self._rules.skip_if.items():
            if key in draft.faults:
                return self._refuse(draft, key, f"the cell {draft.faults[key]}")
            if draft.values[key] and fold(draft.values[key]) in words:
                return self._skip_opted_out(draft, key)
        return None

    def _skip_opted_out(self, draft: _Draft, key: str) -> Refusal:
        if draft.to:
            self._opted_out.add(draft.to, draft.row.number)
            earlier = self._seen.find(draft.key) if draft.key else None
            if earlier:
                reason = f"row {earlier} above has the same number and will be sent: mark it as well"
                draft.notices.append(self._make_notice(draft, key, reason))
        return self._refuse(draft, key, f'left out because "{self._labels[key]}" says so', State.SKIPPED)

    def _find_unreadable_number(self, draft: _Draft) -> Refusal | None:
        for key in self._to_columns:
            if key in draft.faults:
                return self._refuse(draft, key, f"the cell {draft.faults[key]}")
        if not draft.to_reason:
            return None
        blank = [key for key in self._to_columns if not draft.values[key]]
        key = (blank or self._to_columns or [""])[0]
        return self._refuse(draft, key, draft.to_reason + self._hint_merged(draft, key))

    def _hint_merged(self, draft: _Draft, key: str) -> str:
        if draft.values.get(key) or key not in self._keys:
            return ""
        cell = self._table.scan().merged_with(draft.row.number, self._keys.index(key))
        return f" (it is merged with {cell}: unmerge the cells)" if cell else ""

    def _find_suppressed(self, draft: _Draft) -> Refusal | None:
        key = self._to_columns[0] if self._to_columns else ""
        if self._suppressed.find(draft.to):
            return self._refuse(draft, key, "on the list of numbers never to be messaged", State.SKIPPED)
        earlier = self._opted_out.find(draft.to)
        if earlier:
            return self._refuse(draft, key, f"opted out in row {earlier}", State.SKIPPED)
        return None

    def _find_unusable_cell(self, draft: _Draft) -> Refusal | None:
        """Refuse a row without a key, with an error in a cell that is used, or with an empty parameter."""
        for key, fault in draft.faults.items():
            return self._refuse(draft, key, f"the cell {fault}")
        if draft.key_column or not draft.key.strip():
            key = draft.key_column
            hint = self._hint_merged(draft, key)
            return self._refuse(draft, key, f"the cell is empty, and the key needs it: fill it in{hint}")
        for key in self._parameters:
            if not draft.values[key]:
                hint = self._hint_merged(draft, key)
                return self._refuse(draft, key, f"the cell is empty, and the message needs it: fill it in{hint}")
        for key in self._filled:
            if draft.values[key].casefold() in _EMPTY_WORDS:
                return self._refuse(
                    draft,
                    key,
                    "the cell stands for an empty one, and the message needs it: fill in the value",
                )
        return None

    def _accept(self, draft: _Draft) -> Recipient | Refusal:
        """Make the row a recipient, unless the caller's check objects or an earlier row has its key."""
        recipient = Recipient(draft.row.number, draft.to, draft.key, draft.values, tuple(draft.notices))
        refusal = self._check(recipient) if self._check else None
        if refusal is not None:
            return replace(refusal, key=self._claim(draft), to=draft.to)
        earlier = self._seen.add(draft.key, draft.row.number)
        return recipient if earlier is None else self._refuse_duplicate(draft, earlier)

    def _refuse_duplicate(self, draft: _Draft, earlier: int) -> Refusal:
        is_number = draft.key == draft.to
        reason = f"the same {'number' if is_number else 'key'} as in row {earlier}, which is the one that is sent"
        column = (self._to_columns if is_number else [*self._key_columns, *self._to_columns])[:1]
        state = State.SKIPPED
        if self._campaign.sheet.duplicates == "error":
            reason, state = (
                f"the same {'number' if is_number else 'key'} as in row {earlier}: delete one",
                State.REFUSED,
            )
        return self._refuse(draft, column[0] if column else "", reason, state)


def _template_columns(campaign: Campaign) -> tuple[list[str], list[str]]:
    """Return the columns that go into the template, and those that fill a whole parameter alone."""
    if campaign.template is None:
        return [], []
    template = campaign.template
    texts = (template.locale, *template.header, *template.body)
    filled = dict.fromkeys(placeholder.key for text in texts for placeholder in text.placeholders)
    alone = dict.fromkeys(
        text.parts[0].key for text in texts if len(text.parts) == 1 and isinstance(text.parts[0], Placeholder)
    )
    return [key for key in filled if key not in BUILT_IN], [key for key in alone if key not in BUILT_IN]
