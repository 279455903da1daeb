"""WhatsApp's rules for what fills a template; each says what is wrong with a text, and what to do, or nothing."""

import re

from dispatcher.urls import find_link_trouble

HEADER_MAX_CHARACTERS = 60
"""WhatsApp's bound on a header's text parameter."""

BODY_MAX_CHARACTERS = 1024
"""WhatsApp's bound on the body after substitution; its parameters together can never be longer."""

_LOCALE = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
_LINE_BREAK = re.compile("[\n\r\t\x85\u2028\u2029]")


def is_locale(text: str) -> bool:
    """Return whether a text is one of WhatsApp's locale codes: ``en`` and ``en_US`` are different templates."""
    return _LOCALE.fullmatch(text) is not None


def find_locale_trouble(text: str) -> str:
    """Hold the locale of a message against the rule, and suggest the code that may have been meant."""
    if is_locale(text):
        return ""
    language, _, country = text.strip().replace("-", "_").partition("_")
    nearest = "_".join(filter(None, [language.lower(), country.upper()]))
    return f"is no locale of WhatsApp; write {nearest if is_locale(nearest) else 'one such as en or en_US'}"


def find_parameter_trouble(text: str, max_characters: int) -> str:
    """Hold what fills a placeholder against the rules for all of them.

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


def find_media_trouble(link: str) -> str:
    """Hold the link of a header's file against the rule that the vendor must be able to open it."""
    trouble = find_link_trouble(link)
    return f"{trouble}; write the https link of a file that anybody can open" if trouble else ""


def find_link_end_trouble(text: str) -> str:
    """Hold what a button's link ends with against the rule for links."""
    return "holds a space, and it is the end of a button's link; remove it" if " " in text else ""
