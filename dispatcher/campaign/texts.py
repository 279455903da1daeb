"""Checks of the texts in a campaign file; each raises what is wrong, to go on where the value ends."""

import re

from dispatcher.placeholders import fold, parse_text


def check_placeholders(source: str) -> str:
    """Refuse braces that name no column."""
    parse_text(source)
    return source


def check_text(source: str) -> str:
    """Refuse a text that goes into a message and holds what nobody sees."""
    constant = "".join(part for part in parse_text(source).parts if isinstance(part, str))
    if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", constant):
        raise ValueError("holds a control character; remove it")
    return source


def check_number_column(source: str) -> str:
    """Refuse a number that is in no column, or is shown as a date."""
    placeholders = parse_text(source).placeholders
    if not placeholders:
        raise ValueError("names no column, so every row would have the same number")
    if any(placeholder.format for placeholder in placeholders):
        raise ValueError("shows the number as a date")
    return source


def check_identity(source: str) -> str:
    """Refuse a key that is the same for every row: only the first one would be sent."""
    if all(placeholder.key == "today" for placeholder in parse_text(source).placeholders):
        raise ValueError("names no column, so only the first row would be sent")
    return source


def check_skip_columns(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """Refuse a rule that would let through whom it seems to leave out."""
    seen: dict[str, str] = {}
    for column, words in columns.items():
        if not column.strip() or "{" in column:
            raise ValueError(f'names the column "{column}"; write its header, without braces')
        if not words or not all(word.strip() for word in words):
            raise ValueError(f'has no word, or an empty one, for "{column}"; write the words that leave a row out')
        if seen.setdefault(fold(column), column) != column:
            raise ValueError(f'names the column "{column}" twice; write all its words in one list')
    return columns


def check_encoding(name: str) -> str:
    """Refuse an encoding Python cannot read texts in."""
    try:
        "".encode(name)
    except (LookupError, ValueError):
        raise ValueError("is no encoding of texts") from None
    return name
