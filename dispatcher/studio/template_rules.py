"""WhatsApp's rules for what fills a template, and which links the vendor can open."""

import ipaddress
import re
from urllib.parse import urlsplit

LOCALE_PATTERN = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
"""WhatsApp's locale codes, case-sensitive: ``en`` and ``en_US`` are different templates."""

HEADER_MAX_CHARACTERS = 60
"""WhatsApp's bound on a header's text parameter."""

BODY_MAX_CHARACTERS = 1024
"""WhatsApp's bound on the body after substitution; its parameters together can never be longer."""


def tidy_parameter(text: str) -> str:
    """Return a filled text as it goes into a message: what a blank cell leaves behind are no spaces.

    Spaces at both ends go, and of several in a row one stays.
    """
    text = text.strip(" ")
    return _SPACES.sub(" ", text) if "  " in text else text


_SPACES = re.compile("  +")


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


def find_link_trouble(url: str) -> str:
    """Return why the vendor could not open ``url``, or an empty text for a public https URL."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "is no URL"
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return "holds a space or a control character"
    if not url.startswith("https://"):
        return "does not begin with https://"
    if "@" in parts.netloc:
        return "holds a user name or a password"
    return "" if _is_public_host(host) else "cannot be reached from outside"


def _is_public_host(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        is_name = len(labels) > 1 and all(re.fullmatch(r"[\w-]+", label) for label in labels)
        return is_name and not labels[-1][0].isdigit() and labels[-1] not in _PRIVATE_DOMAINS
    return address.is_global and not address.is_multicast


_PRIVATE_DOMAINS = frozenset(
    {"corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost", "private", "test"}
)
