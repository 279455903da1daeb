"""Which URLs a campaign file may name."""

import ipaddress
from urllib.parse import urlsplit

from dispatcher.studio.template_rules import find_link_trouble

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

    A URL on this machine is right only beside an endpoint on it, which this key alone cannot show.

    Source: the vendor's page asks for a URL of one's own and warns of endless loops on its own hosts.
    """
    trouble = find_link_trouble(url)
    if trouble in ("does not begin with https://", "cannot be reached from outside") and is_loopback_url(url):
        return ""
    if trouble:
        return trouble
    host = (urlsplit(url).hostname or "").rstrip(".")
    if any(host == domain or host.endswith(f".{domain}") for domain in _VENDOR_DOMAINS):
        return "is the vendor's own host, which sends every status back to itself without end"
    return ""
