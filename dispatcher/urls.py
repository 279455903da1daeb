"""Which URLs can only reach this machine, and which ones anybody can open."""

import ipaddress
import re
from urllib.parse import urlsplit


def is_loopback_url(url: str) -> bool:
    """Return whether ``url`` is an http(s) URL that can only reach this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "@" not in parts.netloc and _is_loopback_host(host)


def _is_loopback_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def find_link_trouble(url: str) -> str:
    """Return why others could not open ``url``, or an empty text for a public https URL."""
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
