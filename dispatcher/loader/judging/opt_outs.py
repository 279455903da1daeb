"""Finds who opted out anywhere in a sheet, before the first of its rows is judged."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import itemgetter

from dispatcher.loader.formats.tables import Row
from dispatcher.loader.header import Header
from dispatcher.loader.judging.first_rows import FirstRows
from dispatcher.loader.judging.row_reader import RowReader
from dispatcher.loader.values.no_values import ERRORS, is_invisible
from dispatcher.loader.values.texts import tidy_text
from dispatcher.models import Campaign, Notice
from dispatcher.placeholders import fold
from dispatcher.text import mask_digits

_MAX_MOVED = 20  # cells of a broken row move by a few columns
_WORDS_SHOWN = 5


class _SkipColumn:
    """One column of ``skip_if``; counts the words in it that the campaign file does not name."""

    def __init__(self, position: int, label: str, words: tuple[str, ...]) -> None:
        self._position, self._label, self._words = position, label, words
        self._others: dict[str, str] = {}
        self._other_count = 0

    def leaves_out(self, texts: Sequence[str]) -> bool:
        """Return whether these cells say that their row is to be left out."""
        return _fold_cell(texts[self._position]) in self._words

    def count_others(self, texts: Sequence[str]) -> None:
        """Remember the word, unless it leaves the row out or is none."""
        word = _fold_cell(texts[self._position])
        if not word or word in self._words:
            return
        self._other_count += 1
        if len(self._others) < _WORDS_SHOWN:
            self._others.setdefault(word, mask_digits(tidy_text(texts[self._position]).text))

    def describe_others(self) -> Iterator[Notice]:
        """Yield what a person should know about the words."""
        if self._others:
            words = ", ".join(f'"{word}"' for word in self._others.values())
            count = "1 cell" if self._other_count == 1 else f"{self._other_count:,} cells"
            reason = f"holds words that leave nobody out: {words} ({count}); add those that should to skip_if"
            yield Notice(f"{reason} in the campaign file", column=self._label)


@lru_cache(maxsize=4096)  # a column of yes and no
def _fold_cell(text: str) -> str:
    """Return a cell as the words of ``skip_if`` are compared; ``""`` where it holds no word."""
    tidy = tidy_text(text).text
    return "" if tidy in ERRORS or is_invisible(tidy) else fold(tidy)


class OptOutSearch:
    """Looks at all rows, hidden ones too, for those that ``skip_if`` leaves out.

    Where a row has too many or too few cells, they may have moved: then each column they may belong to counts.

    Args:
        campaign: its ``skip_if`` names the columns and the words; it is not empty.
        header: names the columns of the rows.
        reader: reads the numbers.
        has_fixed_width: whether a row of another length than the header is broken.

    Attributes:
        numbers: those of everybody who opted out so far, with the row that says so.
    """

    def __init__(self, campaign: Campaign, header: Header, reader: RowReader, *, has_fixed_width: bool) -> None:
        self.numbers = FirstRows()
        self._reader, self._has_fixed_width = reader, has_fixed_width
        self._width = len(header.keys)
        rules = campaign.recipient.skip_if
        positions = [header.keys.index(key) for key in rules]
        self._columns = [
            _SkipColumn(position, header.labels[position], words)
            for position, words in zip(positions, rules.values(), strict=True)
        ]
        self._pick = itemgetter(*positions)

    def look_at(self, row: Row) -> None:
        """Remember the number of a row that is to be left out, and the words that leave nobody out."""
        texts = row.texts
        if len(texts) == self._width and not "".join(self._pick(texts)):
            return
        readings = list(_find_readings(texts, self._width, has_fixed_width=self._has_fixed_width))
        for column in self._columns:
            column.count_others(readings[0])
        if not any(column.leaves_out(texts) for texts in readings for column in self._columns):
            return
        for texts in readings:
            person = self._reader.find_person(self._reader.read_cells(row._replace(texts=texts)))
            if person:
                self.numbers.add(person, row.number)

    def describe_others(self) -> list[Notice]:
        """Return what a person should know about the words that leave nobody out."""
        return [notice for column in self._columns for notice in column.describe_others()]


def _find_readings(texts: Sequence[str], width: int, *, has_fixed_width: bool) -> Iterator[Sequence[str]]:
    """Yield the cells as they stand, filled up with blanks, then moved to the left or right where that may be."""
    missing = max(0, width - len(texts))
    yield [*texts, *[""] * missing]
    if not has_fixed_width:
        return
    surplus = max((position + 1 for position in range(width, len(texts)) if texts[position].strip()), default=width)
    for moved in range(1, min(surplus - width, _MAX_MOVED) + 1):
        yield texts[moved:]
    for moved in range(1, missing + 1):
        yield [*[""] * moved, *texts, *[""] * (missing - moved)]
