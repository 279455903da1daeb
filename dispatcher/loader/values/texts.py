"""Makes the texts of a row fit to be read by people: one line, single spaces, no invisible marks."""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from dispatcher.loader.values.cells import Note

MAX_CHARACTERS = 32_767  # what a cell of Excel holds
_SHOWN_CHARACTERS = 100
# Marks nobody sees: zero-width space, word joiner, byte order mark. The joiners U+200C and U+200D carry
# meaning (Persian, emoji) and stay.
_INVISIBLE = re.compile("[\u200b\u2060\ufeff]")
_EDGE_MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_EDGES = re.compile(rf"\A[\s{_EDGE_MARKS}]+|[\s{_EDGE_MARKS}]+\Z")
# How exports keep Excel from turning a text into a number or a formula; a quote inside stands twice.
_WRAPPED = re.compile(r'="((?:[^"]|"")*)"', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_LETTERS_LOST = f"holds {_REPLACEMENT} where letters were lost before the file was saved: type the text again"
_LINE_BREAK = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]")
_UNTIDY = re.compile(
    "[\x01-\x1f\x7f-\xa0\u1680\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u2069\u3000\ufeff\ufffd]"
    '|  |\x00 | \x00|\\A | \\Z|="'
)


class TidyText(NamedTuple):
    """A cell's text as it is used, with what was changed (a note) or why it cannot be used (a fault)."""

    text: str
    note: Note | None = None
    fault: str = ""


def is_tidy(texts: Sequence[str]) -> bool:
    """Return whether no cell of a row needs :func:`tidy_text`; one look at the whole row is quick."""
    joined = "\x00".join(texts)
    if len(joined) > MAX_CHARACTERS:
        return False
    if joined.isascii():
        return _UNTIDY.search(joined) is None
    return _UNTIDY.search(joined) is None and unicodedata.is_normalized("NFC", joined)


def tidy_text(text: str) -> TidyText:
    """Return ``text`` on one line, with single spaces and without invisible marks.

    Blanks at both ends go without a word, and letters are composed (NFC); every other change is noted.
    """
    if len(text) > MAX_CHARACTERS:
        return TidyText(
            tidy_text(text[:_SHOWN_CHARACTERS]).text + "\N{HORIZONTAL ELLIPSIS}",
            fault=f"has {len(text):,} characters, more than the {MAX_CHARACTERS:,} a cell of Excel holds: shorten it",
        )
    control = _CONTROL.search(text)
    if control:
        visible = tidy_text(_CONTROL.sub(_REPLACEMENT, text)).text
        return TidyText(
            visible,
            fault=f"holds the control character U+{ord(control.group()):04X}: delete it or retype the cell",
        )
    wrapped = _WRAPPED.fullmatch(text)
    if wrapped:
        text = wrapped[1].replace('""', '"')
    composed = unicodedata.normalize("NFC", text)
    # Composed once more, for an invisible mark may have stood between a letter and its accent.
    seen = _EDGES.sub("", unicodedata.normalize("NFC", _INVISIBLE.sub("", composed)))
    fault = _LETTERS_LOST if _REPLACEMENT in seen else ""
    return TidyText(" ".join(seen.split()), _describe_change(composed, seen), fault)


def _describe_change(before: str, seen: str) -> Note | None:
    if _LINE_BREAK.search(seen):
        return Note("line breaks and tabs became single spaces")
    if any(character != " " and character.isspace() for character in seen):
        return Note("non-breaking spaces became ordinary spaces")
    if "  " in seen:
        return Note("doubled spaces became single ones")
    if seen != before.strip():
        return Note("invisible marks were removed")
    return None
