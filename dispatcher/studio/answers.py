"""What can be read from an answer, none of which decides: the API promises neither JSON nor any field."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from dispatcher.text import mask_digits

_KEPT_BYTES = 4 * 1024
_REASON_LENGTH = 300
_RETRY_AFTER_CAP_S = 300.0
_SESSION_ID_LENGTH = 128
_SESSION_ID_NAMES = ("session_id", "sessionId", "conversation_id", "conversation_uuid", "id")
_MESSAGE_NAMES = ("message", "detail", "title", "error")

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_TERMINAL_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# A long run of digits anywhere, or seven digits and more written with gaps; ids such as UUIDs stay whole.
_PHONE_NUMBER = re.compile(r"\d{10,}|(?<![\w-])\+?\d(?:[ ().-]{0,2}\d){6,}(?![\w-])")


def spellings_of(secret: str) -> tuple[str, ...]:
    """Return the forms in which a server may echo ``secret``."""
    return (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())


def clean_answer(text: str, secrets: tuple[str, ...]) -> str:
    """Return the first 4 KiB of ``text`` fit for people to see.

    Secrets become ``***``, phone numbers are masked, and nothing is left that a terminal would obey.
    """
    for secret in secrets:
        text = text.replace(secret, "***")
    text = _TERMINAL_ESCAPE.sub("", text[:_KEPT_BYTES])
    text = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text)
    text = _PHONE_NUMBER.sub(lambda number: mask_digits(number.group()), text)
    return text.encode()[:_KEPT_BYTES].decode("utf-8", "ignore")


def parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object that ``text`` is, or an empty one."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def find_message(parsed: Mapping[str, Any], answer: str, secrets: tuple[str, ...]) -> str:
    """Return in one line what the API says was wrong, at most 300 characters.

    ``message`` may be a text or a list of texts; without a field for people the answer's beginning serves.
    """
    fields = ("; ".join(_texts(parsed.get(name))) for name in _MESSAGE_NAMES)
    message = next(filter(None, fields), answer)
    line = " ".join(clean_answer(message, secrets).split())
    return line if len(line) <= _REASON_LENGTH else line[: _REASON_LENGTH - 1] + "…"


def find_session_id(parsed: Mapping[str, Any], secrets: tuple[str, ...]) -> str | None:
    """Return the first usable id under a name AI Studio may use for it."""
    for name in _SESSION_ID_NAMES:
        value = parsed.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            continue
        if len(value) <= _SESSION_ID_LENGTH and not any(secret in value for secret in secrets):
            return value
    return None


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds an answer asks us to wait, 0 to 300, or None where it says nothing usable.

    A date is counted from the answer's own ``Date``, so that a wrong clock on this machine does no harm.
    """
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _RETRY_AFTER_CAP_S)
    until = _parse_date(text)
    if until is None:
        return None
    since = _parse_date(headers.get("Date", "")) or datetime.now(UTC)
    return min(max((until - since).total_seconds(), 0.0), _RETRY_AFTER_CAP_S)


def _texts(value: object) -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and item.strip():
            yield item.strip()


def _parse_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
