"""Texts for people: numbers masked, counts and durations as they are read."""

import re


def mask_digits(text: str) -> str:
    """Return ``text`` with all but the first two and the last three of its digits hidden.

    Texts with fewer than seven digits hold no phone number and stay as they are.
    """
    digit_positions = [index for index, character in enumerate(text) if character.isdigit()]
    if len(digit_positions) < 7:
        return text
    hidden = set(digit_positions[2:-3])
    return "".join("*" if index in hidden else character for index, character in enumerate(text))


def mask_phone_numbers(text: str) -> str:
    """Return ``text`` with what looks like an international number masked; ids and dates stay readable.

    That is a ``+`` (an Asian keyboard has a wide one) and at least seven digits, with what people put between
    them: ``+44 (0)7700 900-123``.
    """
    return _INTERNATIONAL.sub(lambda number: mask_digits(number[0]), text)


_INTERNATIONAL = re.compile(r"[+\uff0b]\(?\d(?:[\s().\-/\u2010-\u2014]{0,3}\d){6,}")


def parse_duration_s(text: str) -> float:
    """Return the seconds a duration such as ``90s``, ``5m``, ``1h30m`` or ``90d`` stands for.

    Raises:
        ValueError: the text is no duration.
    """
    match = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", text.strip())
    if not match or not any(match.groups()):
        raise ValueError(f"{text!r} is no duration")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def format_duration(seconds: float) -> str:
    """Return a duration as people read it: ``8 s``, ``4 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def format_count(count: int, noun: str) -> str:
    """Return a count as people read it: ``1 row``, ``1,200 rows``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
