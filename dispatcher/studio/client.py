"""Post one request and watch how far it gets."""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from ssl import SSLContext
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp
from aiohttp.connector import Connection

from dispatcher import __version__
from dispatcher.errors import UsageError
from dispatcher.models import AttemptResult, Outcome
from dispatcher.studio.answers import (
    clean_answer,
    find_message,
    find_session_id,
    parse_object,
    read_retry_after,
    spellings_of,
)
from dispatcher.studio.outcomes import classify_status, describe_failure

_READ_AT_MOST_BYTES = 64 * 1024
_API_KEY = re.compile(r"[!#-&(-~]+")  # printable ASCII without space and quotes


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each step of one request may take, in seconds, all above 0.

    Attributes:
        total_s: the whole request; only this one ends an answer that trickles in.
        connect_s: getting a connection, the wait for a free one included.
        sock_connect_s: the TCP connection and the TLS handshake.
        sock_read_s: silence between two pieces of the answer.
        body_s: the body after the status line; it decides nothing and must not hold up the row.
    """

    total_s: float = 90
    connect_s: float = 15
    sock_connect_s: float = 10
    sock_read_s: float = 60
    body_s: float = 5


KEEP_ALIVE_S = 4.0
"""Seconds an idle connection is kept: short, so that few requests meet one the server is just closing."""

_DEFAULT_TIMEOUTS = Timeouts()


@dataclass(slots=True)
class _Flight:
    """What has been seen of one request so far."""

    headers_sent: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    error: BaseException | None = None


class _Request(aiohttp.ClientRequest):
    """A request that does not leave on a connection where something waits to be read.

    The client would take what a server said unasked (a proxy's 408 to an idle connection, say) for the answer
    to this request: https://github.com/aio-libs/aiohttp/issues/13656. Nothing has left yet, so the row waits.
    """

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Send on ``conn`` if it is clean, else close it."""
        if conn.protocol is None or conn.protocol.should_close:
            conn.close()
            raise aiohttp.ClientConnectionError("the server spoke unasked on an idle connection")
        return await super().send(conn)


class Studio:
    """AI Studio behind one API key; use as ``async with Studio(key) as studio``.

    Connections are kept for ``KEEP_ALIVE_S`` and used again, so that a message costs no handshake and its way
    to the server takes an even time, which pacing lives on.

    Args:
        api_key: sent as ``X-Vgai-Key``; printable ASCII without spaces and quotes.
        connections: requests in the air at most, from 1; so many rows can a crash put in doubt.
        timeouts: how long each step may take.
        tls: the certificates to trust for https; None takes the system's.

    Raises:
        UsageError: the key is empty or holds a character no key has.
    """

    def __init__(
        self,
        api_key: str,
        *,
        connections: int = 100,
        timeouts: Timeouts = _DEFAULT_TIMEOUTS,
        tls: SSLContext | None = None,
    ) -> None:
        if not _API_KEY.fullmatch(api_key):
            raise UsageError(
                "the API key is empty or holds white space, a quote or a letter outside ASCII;"
                " copy it again from AI Studio (user icon, Generate API Key)"
            )
        self._api_key = api_key
        self._secrets = spellings_of(api_key)
        self._connections = connections
        self._timeouts = timeouts
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_note_headers_sent)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections,
                # An idle connection must be gone before the read time-out of its last answer fires on the next one:
                # https://github.com/aio-libs/aiohttp/issues/12953
                keepalive_timeout=min(KEEP_ALIVE_S, self._timeouts.sock_read_s / 2),
                ttl_dns_cache=60,
                ssl=self._tls or True,
            ),
            headers=self._headers(),
            timeout=aiohttp.ClientTimeout(
                total=self._timeouts.total_s,
                connect=self._timeouts.connect_s,
                sock_connect=self._timeouts.sock_connect_s,
                sock_read=self._timeouts.sock_read_s,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            raise_for_status=False,
            trace_configs=[trace],
            request_class=_Request,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, endpoint: str, body: bytes) -> AttemptResult:
        """Post ``body`` to ``endpoint`` once and say how that ended; nothing is ever repeated.

        When its task is cancelled, this call still returns an outcome: the intent is on disk, and what is
        known about the request must reach the ledger even when people stop the program. The wish to stop is
        not lost: ``asyncio.current_task().cancelling()`` stays above 0 for the caller to act on.

        Args:
            endpoint: http or https URL.
            body: the request as JSON.

        Returns:
            The outcome; nothing that happens on the network raises.

        Raises:
            RuntimeError: the studio was not entered with ``async with``.
        """
        if self._session is None:
            raise RuntimeError("enter the studio with `async with` before sending")
        began = time.monotonic()
        flight = _Flight()
        try:
            await self._fly(self._session, endpoint, body, flight)
        except (Exception, asyncio.CancelledError) as error:
            flight.error = error
        latency_ms = round((time.monotonic() - began) * 1000)
        if flight.status is None:
            return _conclude_silence(flight, latency_ms)
        return self._conclude_answer(flight.status, flight, latency_ms)

    def _headers(self) -> dict[str, str]:
        return {
            "X-Vgai-Key": self._api_key,
            "Content-Type": "application/json",
            # Answers are never unpacked, they could be bombs, so none is asked for in a packed form.
            "Accept-Encoding": "identity",
            "User-Agent": f"dispatcher/{__version__}",
        }

    async def _fly(self, session: aiohttp.ClientSession, endpoint: str, body: bytes, flight: _Flight) -> None:
        """Post and note what is seen; the method is fixed because the client repeats a lost GET or PUT."""
        response = await session.post(endpoint, data=body, allow_redirects=False, trace_request_ctx=flight)
        flight.status = response.status
        flight.headers = response.headers
        try:
            async with asyncio.timeout(self._timeouts.body_s):
                while room := _READ_AT_MOST_BYTES - len(flight.body):
                    piece = await response.content.read(room)
                    if not piece:
                        break
                    flight.body += piece
        finally:
            response.close()

    def _conclude_answer(self, status: int, flight: _Flight, latency_ms: int) -> AttemptResult:
        """Return the result of an answered request; ``status`` alone decides the outcome."""
        outcome, stop = classify_status(status)
        is_packed = flight.headers.get("Content-Encoding", "identity").lower() != "identity"
        text = "" if is_packed else flight.body.decode("utf-8", "replace")
        parsed = parse_object(text)
        reason = f"HTTP {status}"
        if outcome is not Outcome.ACCEPTED and (message := find_message(parsed, text, self._secrets)):
            reason += f": {message}"
        if flight.error is not None:
            reason += " (the answer broke off)"
        return AttemptResult(
            outcome,
            reason,
            http_status=status,
            headers_sent=True,
            session_id=find_session_id(parsed, self._secrets) if outcome is Outcome.ACCEPTED else None,
            retry_after_s=read_retry_after(flight.headers),
            answer=clean_answer(text, self._secrets),
            stop=stop,
            latency_ms=latency_ms,
        )


async def _note_headers_sent(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    """Note that from here on a byte may leave; the client calls this before the socket gets the first one."""
    context.trace_request_ctx.headers_sent = True


def _conclude_silence(flight: _Flight, latency_ms: int) -> AttemptResult:
    """Return the result of a request without a status line; the flag alone decides the outcome."""
    words, stop = describe_failure(flight.error)
    if flight.headers_sent:
        return AttemptResult(Outcome.IN_DOUBT, words, headers_sent=True, stop=stop, latency_ms=latency_ms)
    return AttemptResult(Outcome.UNSENT, f"not sent: {words}", stop=stop, latency_ms=latency_ms)
