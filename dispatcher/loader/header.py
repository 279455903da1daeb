"""Finds the header row and gives every column a name of its own."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

from dispatcher.added_columns import ADVICE_COLUMN, HIDDEN_REASON, REASON_COLUMN, STATE_COLUMN
from dispatcher.errors import SheetError
from dispatcher.loader.formats.tables import HEADER_SEARCH_ROWS, MAX_COLUMNS, Row, column_letters
from dispatcher.loader.values.texts import tidy_text
from dispatcher.models import Campaign, State
from dispatcher.placeholders import Text, fold
from dispatcher.text import mask_digits

BUILT_IN = frozenset({"to", "today"})
_NUMBERED = re.compile(r" \(\d+\)\Z")


@dataclass(frozen=True)
class Header:
    """The row that names the columns.

    Attributes:
        row_number: as Excel shows it.
        labels: the columns as the sheet labels them, made unique.
        keys: the labels as they are compared.
        repeated: folded names that stand in more than one column, with their Excel letters.
    """

    row_number: int
    labels: tuple[str, ...]
    keys: tuple[str, ...]
    repeated: Mapping[str, tuple[str, ...]]

    @cached_property
    def hidden_texts(self) -> Mapping[int, str]:
        """The texts, by position, that say of a row that it was hidden, where this sheet is one the program wrote.

        Of several exports the last one counts; they number their columns where the sheet has such names:
        ``state (2)``. Empty for a sheet the program did not write.
        """
        texts: dict[int, str] = {}
        state = None
        for position, key in enumerate(self.keys):
            name = _NUMBERED.sub("", key)
            if name == STATE_COLUMN:
                state = position
            elif name == REASON_COLUMN and state is not None:
                texts, state = {state: State.SKIPPED, position: HIDDEN_REASON}, None
            elif name == ADVICE_COLUMN:
                texts = {position: HIDDEN_REASON}
        return texts

    def restore_hidden(self, row: Row) -> Row:
        """Return a row of an export as hidden, if it was so in the sheet; the export itself shows it."""
        said = self.hidden_texts
        if not said or len(row.texts) <= max(said):
            return row
        was_hidden = all(row.texts[position].strip() == text for position, text in said.items())
        return row._replace(hidden=True) if was_hidden else row

    def count_found(self, wanted: Iterable[str]) -> int:
        """Return how many of the wanted folded names are columns."""
        return len(set(wanted).intersection(self.keys))


def wanted_columns(campaign: Campaign) -> dict[str, str]:
    """Return the columns a campaign uses, as written, by folded name.

    ``{to}`` and ``{today}`` are built in everywhere but in ``recipient.to``, where they name columns.
    """
    rules = campaign.recipient
    wanted = _columns_of([rules.to])
    others = _columns_of([rules.key, *campaign.message_texts])
    wanted |= {key: column for key, column in others.items() if key not in BUILT_IN}
    return wanted | {key: key for key in rules.skip_if if key not in wanted}


def _columns_of(texts: Iterable[Text]) -> dict[str, str]:
    return {placeholder.key: placeholder.column for text in texts for placeholder in text.placeholders}


def name_columns(row: Row) -> Header:
    """Make a header of ``row``: blank names become ``column D``, a second ``Name`` becomes ``Name (2)``."""
    names = [tidy_text(text).text for text in row.texts]
    while names and not names[-1]:
        names.pop()
    places: dict[str, list[str]] = {}
    labels: list[str] = []
    keys: list[str] = []
    taken = {fold(name) for name in names}
    for position, name in enumerate(names):
        places.setdefault(fold(name), []).append(column_letters(position))
        label = name or f"column {column_letters(position)}"
        if fold(label) in keys or (not name and fold(label) in taken):
            label = _number_label(label, taken.union(keys))
        labels.append(label)
        keys.append(fold(label))
    repeated = {key: tuple(letters) for key, letters in places.items() if key and len(letters) > 1}
    return Header(row.number, tuple(labels), tuple(keys), repeated)


def _number_label(label: str, taken: set[str]) -> str:
    count = 2
    while fold(f"{label} ({count})") in taken:
        count += 1
    return f"{label} ({count})"


def find_header(rows: Iterator[Row], wanted: Sequence[str], header_row: int | None) -> Header | None:
    """Return the first row that holds all the wanted columns, else the row that comes nearest.

    Looks at the first 20 rows, or only at ``header_row``. None when they are all blank.
    """
    last = header_row or HEADER_SEARCH_ROWS
    best: Header | None = None
    for row in takewhile(lambda candidate: candidate.number <= last, rows):
        if row.is_blank or (header_row and row.number != header_row):
            continue
        header = name_columns(row)
        if best is None or header.count_found(wanted) > best.count_found(wanted):
            best = header
        if best.count_found(wanted) == len(wanted):
            break
    return best


def check_header(header: Header, wanted: Mapping[str, str], where: str) -> None:
    """Refuse a header that lacks a column the campaign uses, or has one of them twice.

    Raises:
        SheetError: names every missing column with the nearest ones, and the columns found.
    """
    problems = [
        f'the column "{wanted[key]}" stands in the columns {" and ".join(letters)}: rename or delete one'
        for key, letters in header.repeated.items()
        if key in wanted
    ]
    if len(header.labels) > MAX_COLUMNS:
        problems.append(
            f"row {header.row_number} reaches beyond column {column_letters(MAX_COLUMNS - 1)}:"
            f" a sheet of recipients has at most {MAX_COLUMNS} columns; delete the stray cells"
        )
    problems += [_describe_missing(column, header) for key, column in wanted.items() if key not in header.keys]
    if not problems:
        return
    found = ", ".join(f'"{mask_digits(label)}"' for label in header.labels[:30])
    raise SheetError(f"{where}, row {header.row_number}: {'; '.join(problems)}. Columns found: {found}")


def _describe_missing(column: str, header: Header) -> str:
    by_key = dict(zip(header.keys, header.labels, strict=True))
    near = difflib.get_close_matches(fold(column), header.keys, n=3, cutoff=0.6)
    hint = f" (near: {', '.join(by_key[key] for key in near)})" if near else ""
    return f'there is no column called "{column}"{hint}'
