"""Reading TOML from a file that people edit, and saying plainly what is wrong with it."""

import re
import tomllib
from pathlib import Path
from typing import Any

from dispatcher.campaign.api_key import explain
from dispatcher.errors import CampaignError

_HINTS = {
    "Cannot overwrite a value": "the same key stands there twice; delete one",
    "Cannot declare": "the same [table] stands there twice; put its keys together",
    "Duplicate inline table key": "the same key stands there twice; delete one",
    "Unescaped '\\'": "a backslash in double quotes; write a path in 'single quotes' or with /",
    "Invalid hex value": "a backslash in double quotes; write a path in 'single quotes' or with /",
    "Invalid value": 'a value that is no TOML; write texts in straight quotes, as in region = "eu"',
    "Expected '='": "a line without =; write key = value, and a comment after #",
    "Invalid statement": "a line that is no TOML; write key = value, [table], or a comment after #",
    "Invalid initial character": "a line that is no TOML; write key = value, [table], or a comment after #",
    "Unterminated string": "a text without its closing quote; add it",
    "Illegal character": "a text without its closing quote; add it",
    "Exceeds the limit": "a number with thousands of digits; correct it",
    "Unclosed array": "a list without its closing ]; add it",
}


def read_text(path: Path) -> str:
    """Return the file's text; the mark that Windows editors put in front of UTF-8 is taken off.

    Raises:
        CampaignError: the file cannot be read or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CampaignError(str(path), [f"cannot be read: {explain(error)}"]) from None


def parse_toml(path: Path, text: str) -> dict[str, Any]:
    """Return what the text of the file at ``path`` holds.

    Raises:
        CampaignError: it is no TOML; says where and why.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise CampaignError(str(path), ["holds lists or tables nested without end; remove them"]) from None
    except ValueError as error:  # TOMLDecodeError is one, and so is a number with thousands of digits
        raise CampaignError(str(path), [_describe(str(error))]) from None


def _describe(message: str) -> str:
    """Say where the mistake is and, for the ones people make, what to write."""
    match = re.fullmatch(r"(?P<what>.*) \(at (?P<where>[^()]*)\)", message, re.DOTALL)
    what, where = (match["what"], match["where"]) if match else (message, "")
    hint = next((hint for start, hint in _HINTS.items() if what.startswith(start)), f"no valid TOML ({what})")
    return f"{where}: {hint}" if where else hint
