"""WhatsApp's rules for what fills a template."""

import re

LOCALE_PATTERN = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
"""WhatsApp's locale codes, case-sensitive: ``en`` and ``en_US`` are different templates."""

HEADER_MAX_CHARACTERS = 60
"""WhatsApp's bound on a header's text parameter."""

BODY_MAX_CHARACTERS = 1024
"""WhatsApp's bound on the body after substitution; its parameters together can never be longer."""


def find_parameter_trouble(text: str, max_characters: int) -> str:
    """Return which of WhatsApp's rules a template parameter breaks, and what to do; empty for none.

    Source: "Localizable parameters ... cannot have new-line/tab characters or more than 4 consecutive
    spaces" (the vendor's answer), and WhatsApp's bounds on header and body.
    """
    if not text.strip():
        return "is empty, and the message needs it; fill it in"
    if _LINE_BREAK.search(text):
        return "holds a line break or a tab, which WhatsApp refuses; remove it"
    if " " * 5 in text:
        return "holds more than 4 spaces in a row, which WhatsApp refuses; remove some"
    if len(text) > max_characters:
        return f"is {len(text):,} characters long, and WhatsApp allows {max_characters:,}; shorten it"
    return ""


_LINE_BREAK = re.compile("[\n\r\t\x85\u2028\u2029]")
