"""What an answer's number means, and what to say when no answer came."""

import asyncio
import errno
import ssl

import aiohttp

from dispatcher.models import Outcome

# Definite answers: the request was read and refused. 408, 409, 423, 425 and all 5xx are missing on purpose:
# nobody promised for this API that they mean "not done". RFC 8470 does so for 425, but only as an answer to
# TLS early data, which is never sent here; such a 425 breaks its own rule and proves nothing.
_REFUSALS = frozenset({400, 404, 405, 410, 411, 413, 414, 415, 422, 431})
_ACCOUNT_REFUSALS = frozenset({401, 402, 403})

_UNUSABLE_URL = "the endpoint is not a usable URL"
_UNTRUSTED = "the TLS certificate of the endpoint cannot be trusted"
_WRONG_PIN = "the TLS certificate of the endpoint is not the pinned one"

# Words only, most derived class first: no outcome depends on this table.
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (asyncio.CancelledError, "stopped by hand before an answer came"),
    (aiohttp.ClientConnectorDNSError, "the host name of the endpoint cannot be resolved"),
    (aiohttp.ClientConnectorCertificateError, _UNTRUSTED),
    (aiohttp.ServerFingerprintMismatch, _WRONG_PIN),
    (aiohttp.ClientSSLError, "the TLS handshake failed"),
    (aiohttp.ClientConnectorError, "the endpoint cannot be reached"),
    (aiohttp.InvalidURL, _UNUSABLE_URL),
    (aiohttp.NonHttpUrlClientError, _UNUSABLE_URL),
    (aiohttp.ConnectionTimeoutError, "no connection in time"),
    (TimeoutError, "no answer in time"),
    (aiohttp.ServerDisconnectedError, "the connection was closed before an answer came"),
    (aiohttp.ClientConnectionError, "the connection broke before an answer came"),
    (aiohttp.ClientResponseError, "the answer was not HTTP"),
)
_TLS_ERRORS = (aiohttp.ClientSSLError, ssl.SSLError)
_STOPS: tuple[tuple[type[BaseException], str], ...] = (
    (
        aiohttp.ClientConnectorCertificateError,
        f"{_UNTRUSTED}: check [agent] endpoint, this machine's clock and its certificates",
    ),
    (aiohttp.ServerFingerprintMismatch, f"{_WRONG_PIN}: check [agent] endpoint and the pin"),
    (aiohttp.InvalidURL, f"{_UNUSABLE_URL}: check [agent] endpoint"),
    (aiohttp.NonHttpUrlClientError, f"{_UNUSABLE_URL}: check [agent] endpoint"),
)


def classify_status(status: int) -> tuple[Outcome, str | None]:
    """Return the outcome of an answered request, and why the run must stop, or None.

    What is not known to be definite is in doubt: a gateway may say 5xx after the work was done, and a 303
    often follows a POST that succeeded. After a refusal of the account (401, 402, 403) the row is untouched.

    Args:
        status: number of the status line.
    """
    if 200 <= status <= 299:
        return Outcome.ACCEPTED, None
    if status == 429:
        return Outcome.THROTTLED, None
    if status in _ACCOUNT_REFUSALS:
        return Outcome.REJECTED, (
            f"AI Studio refuses the key or the account (HTTP {status}): check the API key, that it belongs"
            " to [agent] region and id, and the balance"
        )
    if status in _REFUSALS:
        return Outcome.REJECTED, None
    if 300 <= status <= 399:
        return Outcome.IN_DOUBT, (
            f"the endpoint points elsewhere (HTTP {status}) and redirects are never followed:"
            " check [agent] region and endpoint"
        )
    return Outcome.IN_DOUBT, None


def describe_failure(error: BaseException | None) -> tuple[str, str | None]:
    """Return words for what went wrong, and why the run must stop, or None.

    The exception's own text is never used: it may hold the URL.
    """
    words = next((text for kind, text in _WORDS if isinstance(error, kind)), type(error).__name__)
    stop = next((text for kind, text in _STOPS if isinstance(error, kind)), None)
    # A TLS error carries a number of OpenSSL's, which must not be read as one of the system's.
    number = error.errno if isinstance(error, OSError) and not isinstance(error, _TLS_ERRORS) else None
    name = errno.errorcode.get(number) if number else None
    return (f"{words} ({name})" if name else words), stop
