"""Which URLs a campaign file may name."""

import ipaddress
import re
from urllib.parse import urlsplit

_VENDOR_DOMAINS = ("vonage.com", "nexmo.com", "vonage.net")


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


def find_status_url_trouble(url: str) -> str:
    """Return what is wrong with a status URL, or an empty text.

    Source: the vendor's page asks for a URL of one's own and warns of endless loops on its own hosts.
    """
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "is no URL"
    if re.search(r"[\s\x00-\x1f\x7f]", url) or "@" in parts.netloc:
        return "holds a space, a control character or a user name"
    if is_loopback_url(url):  # right only beside a loopback endpoint, which no single key can show
        return ""
    if parts.scheme != "https":
        return "is not https"
    if any(host == domain or host.endswith(f".{domain}") for domain in _VENDOR_DOMAINS):
        return "is the vendor's own host, which loops without end"
    if not _is_public_host(host):
        return "cannot be reached from outside"
    return ""


def _is_public_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        labels = host.split(".")
        return len(labels) > 1 and all(labels) and labels[-1] not in ("local", "localhost", "internal", "lan", "test")
