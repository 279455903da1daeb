"""Every way a request can fail, each produced by a real server that says what it saw.

The rule under test: ``unsent`` only where the server saw no byte of HTTP, the outcome of an answered request
from its status line alone, ``in_doubt`` for all the rest, and nothing is ever sent twice.
"""

import asyncio
import gzip
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from dispatcher.models import AttemptResult, Outcome
from dispatcher.studio.client import Studio, Timeouts
from dispatcher.studio.outcomes import classify_status
from tests.support.faulty_server import (
    CERTIFICATE_PATH,
    FaultServer,
    Peer,
    Script,
    answer_with,
    close_unread,
    flood,
    flood_early_hints,
    hang,
    http,
    reset_after,
    serve_tls,
    trickle,
)

KEY = "canary-4f1c"
BODY = b'{"to":"12025550123"}'
LARGE_BODY = b'{"to":"' + b"1" * 1_000_000 + b'"}'
# Short enough for a quick run, long enough for a busy machine: loopback answers within a few milliseconds.
PATIENT = Timeouts(total_s=60, connect_s=60, sock_connect_s=60, sock_read_s=60, body_s=60)
"""For servers that do something: nothing ends by the clock, however busy the machine is."""

SHORT = Timeouts(total_s=1.5, connect_s=60, sock_connect_s=60, sock_read_s=0.35, body_s=0.15)
"""For servers that leave the client waiting: silence ends soon, and what trickles in a little later."""

CLOSED = "the connection was closed before an answer came"
BROKE = "the connection broke before an answer came"
RESET = f"{BROKE} (ECONNRESET)"
SILENT = "no answer in time"
NO_HTTP = "the answer was not HTTP"
REFUSED = "not sent: the endpoint cannot be reached (ECONNREFUSED)"
NO_SUCH_HOST = "not sent: the host name of the endpoint cannot be resolved"
NO_URL = "not sent: the endpoint is not a usable URL"
LATE_CONNECTION = "not sent: no connection in time"
BROKEN_OFF = "HTTP 200 (the answer broke off)"


async def send(
    url: str, *, body: bytes = BODY, timeouts: Timeouts = PATIENT, tls: ssl.SSLContext | None = None
) -> AttemptResult:
    """Send one request with a studio of its own."""
    async with Studio(KEY, timeouts=timeouts, tls=tls) as studio:
        return await studio.send(url, body)


def play(script: Script, **arguments: Any) -> tuple[AttemptResult, FaultServer]:
    """Send one request to a server that plays ``script``."""

    async def run() -> tuple[AttemptResult, FaultServer]:
        async with FaultServer(script) as server:
            return await send(server.url, **arguments), server

    return asyncio.run(run())


def facts_of(result: AttemptResult) -> tuple[Outcome, str, int | None, bool]:
    """Return what a table of faults can fix: all but the time it took and texts of the answer."""
    return result.outcome, result.reason, result.http_status, result.headers_sent


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param(answer_with(b""), CLOSED, id="closed after the request"),
        pytest.param(reset_after(None), RESET, id="reset after the request"),
        pytest.param(answer_with(b"", hang), SILENT, id="silence"),
        pytest.param(answer_with(b"HTTP/1.1 200"), CLOSED, id="status line cut"),
        pytest.param(answer_with(b"HTTP/1.1 200 OK\r\nContent-Le"), CLOSED, id="headers cut"),
        pytest.param(answer_with(b"HTTP/1.1 200 OK\r\nContent-Le", hang), SILENT, id="headers stall"),
        pytest.param(answer_with(b"HTTP/1.1 200 OK\r\nX: ", trickle), SILENT, id="headers trickle"),
        pytest.param(answer_with(b"HTTP/1.1 200 OK\r\nX: ", flood), NO_HTTP, id="endless header"),
        pytest.param(answer_with(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), NO_HTTP, id="garbage"),
        pytest.param(answer_with(b"\x00\xff\x15\x03\x01\r\n\r\n" * 9), NO_HTTP, id="binary garbage"),
        pytest.param(answer_with(b"HTTP/1.1 20 OK\r\n\r\n"), NO_HTTP, id="two-digit status"),
        pytest.param(answer_with(b"HTTP/1.1 2O0 OK\r\n\r\n"), NO_HTTP, id="letter in status"),
        pytest.param(answer_with(b"<html>200 OK</html>\r\n\r\n"), NO_HTTP, id="no status line"),
        pytest.param(answer_with(http(200, headers={"Content-Length": "x"})), NO_HTTP, id="length is no number"),
        pytest.param(answer_with(b"", flood_early_hints), SILENT, id="1xx flood"),
        pytest.param(answer_with(b"HTTP/1.1 100 Continue\r\n\r\n", hang), SILENT, id="100, then silence"),
        pytest.param(answer_with(b"HTTP/1.1 103 Hints\r\n\r\n"), CLOSED, id="103, then closed"),
    ],
)
def test_a_delivered_request_without_a_status_line_is_in_doubt(script: Script, reason: str) -> None:
    """The whole request arrived and no answer says what became of it: nobody may call it unsent or failed."""
    result, server = play(script, timeouts=SHORT if reason == SILENT else PATIENT)

    assert facts_of(result) == (Outcome.IN_DOUBT, reason, None, True)
    assert result.stop is None
    assert (server.seen.connections, len(server.seen.requests)) == (1, 1)


@pytest.mark.parametrize(
    ("script", "body"),
    [
        pytest.param(close_unread, BODY, id="closed unread"),
        pytest.param(reset_after(0), BODY, id="reset unread"),
        pytest.param(hang, BODY, id="never read"),
        pytest.param(hang, b"", id="never read, no body"),
        pytest.param(hang, LARGE_BODY, id="never read, large body"),
        pytest.param(reset_after(1), BODY, id="reset after 1 byte"),
        pytest.param(reset_after(1000), LARGE_BODY, id="reset after 1000 bytes"),
    ],
)
def test_a_request_that_may_have_left_is_in_doubt(script: Script, body: bytes) -> None:
    """From this side an unread request looks like a lost answer, so it is in doubt as well."""
    result, server = play(script, body=body, timeouts=SHORT)

    assert (result.outcome, result.http_status) == (Outcome.IN_DOUBT, None)
    assert result.reason.removesuffix(" (ECONNRESET)").removesuffix(" (EPIPE)") in {CLOSED, BROKE, SILENT}
    assert (server.seen.connections, len(server.seen.requests)) == (1, 0)


ANSWER = http(200, b'{"session_id":"abc"}', {"Content-Type": "application/json"})


def test_an_answer_cut_at_any_byte_is_in_doubt_until_its_headers_are_whole() -> None:
    """Half an answer proves nothing; from the end of the headers on, the status counts."""
    headers_end = ANSWER.index(b"\r\n\r\n") + 4

    async def run() -> list[Outcome]:
        outcomes = []
        for cut in range(len(ANSWER) + 1):
            async with FaultServer(answer_with(ANSWER[:cut])) as server:
                outcomes.append((await send(server.url)).outcome)
        return outcomes

    outcomes = asyncio.run(run())

    doubtful = [Outcome.IN_DOUBT] * headers_end
    assert outcomes == doubtful + [Outcome.ACCEPTED] * (len(ANSWER) + 1 - headers_end)


def test_a_request_reset_after_any_number_of_bytes_is_never_unsent() -> None:
    """Wherever in the request the reset falls, the outcome is in doubt."""

    async def run() -> set[Outcome]:
        outcomes = set()
        for bytes_read in range(1, 200, 7):
            async with FaultServer(reset_after(bytes_read)) as server:
                outcomes.add((await send(server.url)).outcome)
        return outcomes

    assert asyncio.run(run()) == {Outcome.IN_DOUBT}


async def bad_chunk(peer: Peer) -> None:
    """Send a chunk whose length is no number, some time after the headers."""
    await asyncio.sleep(0.02)
    await peer.write(b"zzz\r\n")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param(answer_with(http(200)), "HTTP 200", id="empty body"),
        pytest.param(answer_with(http(200, b"OK, thank you")), "HTTP 200", id="no JSON"),
        pytest.param(answer_with(http(200, b'{"a":' * 9000)), "HTTP 200", id="deep JSON"),
        pytest.param(answer_with(http(200, b"\xff\xfe\x00")), "HTTP 200", id="no UTF-8"),
        pytest.param(answer_with(b"HTTP/1.1 204 No Content\r\n\r\n"), "HTTP 204", id="no content"),
        pytest.param(answer_with(b"HTTP/1.0 201\r\n\r\n"), "HTTP 201", id="HTTP 1.0 without a phrase"),
        pytest.param(answer_with(b"HTTP/1.1 103 Early Hints\r\n\r\n" + http(200)), "HTTP 200", id="103, then 200"),
        pytest.param(answer_with(http(200, b"x" * 70_000)), "HTTP 200", id="70 kB"),
        pytest.param(answer_with(http(200, headers={"Content-Length": 10**12}), flood), "HTTP 200", id="endless body"),
        pytest.param(answer_with(http(200, headers={"Content-Length": 9})), BROKEN_OFF, id="body cut"),
        pytest.param(answer_with(http(200, headers={"Content-Length": 9}), hang), BROKEN_OFF, id="body stalls"),
        pytest.param(
            answer_with(http(200, headers={"Content-Length": 10**6}), trickle), BROKEN_OFF, id="body trickles"
        ),
        pytest.param(
            answer_with(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", bad_chunk),
            BROKEN_OFF,
            id="broken chunk",
        ),
        pytest.param(answer_with(http(200, b"not gzip", {"Content-Encoding": "gzip"})), "HTTP 200", id="bad gzip"),
        pytest.param(
            answer_with(http(200, gzip.compress(b" " * 10**7), {"Content-Encoding": "gzip"})),
            "HTTP 200",
            id="gzip bomb",
        ),
    ],
)
def test_no_body_changes_an_accepted_request(script: Script, reason: str) -> None:
    """A 2xx is accepted from its status line, whatever the body is or does, and soon."""
    result, server = play(script, timeouts=replace(PATIENT, body_s=0.15 if reason == BROKEN_OFF else 60))

    assert (result.outcome, result.reason) == (Outcome.ACCEPTED, reason)
    assert result.session_id is None
    assert len(result.answer.encode()) <= 4096
    assert result.latency_ms < 30_000
    assert len(server.seen.requests) == 1


@pytest.mark.parametrize(
    "status", [*range(200, 209), *range(300, 309), *range(400, 432), 451, 499, *range(500, 512), 520, 599]
)
def test_an_answered_request_has_the_outcome_of_its_status(status: int) -> None:
    """The number of the status line decides, also with a body that claims something else."""
    body = b"" if status in {204, 304} else b'{"statusCode":200,"session_id":"s-1"}'

    result, server = play(answer_with(http(status, body)))

    assert (result.outcome, result.stop) == classify_status(status)
    assert result.http_status == status
    assert (server.seen.connections, len(server.seen.requests)) == (1, 1)


def test_switching_protocols_is_in_doubt() -> None:
    """101 is no answer to a POST."""
    result, _ = play(answer_with(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"))

    assert result.outcome is Outcome.IN_DOUBT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(status: int) -> None:
    """Following could post the message twice, or book the answer to a GET as accepted; the run stops."""

    async def run() -> tuple[AttemptResult, FaultServer, FaultServer]:
        async with FaultServer(answer_with(http(200))) as target:
            location = {"Location": target.url}
            async with FaultServer(answer_with(http(status, headers=location))) as server:
                return await send(server.url), server, target

    result, server, target = asyncio.run(run())

    assert facts_of(result) == (Outcome.IN_DOUBT, f"HTTP {status}", status, True)
    assert result.stop == (
        f"the endpoint points elsewhere (HTTP {status}) and redirects are never followed:"
        " check [agent] region and endpoint"
    )
    assert (len(server.seen.requests), target.seen.connections) == (1, 0)


@pytest.mark.parametrize(
    ("url", "reason", "is_stopped"),
    [
        pytest.param("http://127.0.0.1:{closed}/", REFUSED, False, id="refused"),
        pytest.param("http://studio.invalid/", NO_SUCH_HOST, False, id="DNS"),
        pytest.param("ftp://127.0.0.1/", NO_URL, True, id="scheme"),
        pytest.param("http://", NO_URL, True, id="no host"),
        pytest.param("http://[::1", NO_URL, True, id="broken"),
        pytest.param("http://127.0.0.1:99999/", NO_URL, True, id="port"),
    ],
)
def test_a_request_that_finds_no_server_is_unsent(
    url: str, reason: str, is_stopped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a connection no byte left; only a mistake in the endpoint stops the run."""
    resolve = socket.getaddrinfo

    def resolve_nothing_invalid(host: str, *arguments: Any, **options: Any) -> Any:
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_nothing_invalid)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        result = asyncio.run(send(url.replace("{closed}", str(closed.getsockname()[1]))))

    assert facts_of(result) == (Outcome.UNSENT, reason, None, False)
    expected_stop = "the endpoint is not a usable URL: check [agent] endpoint" if is_stopped else None
    assert result.stop == expected_stop


@contextmanager
def full_backlog() -> Iterator[str]:
    """Listen with a queue that is full, so that a further connection is neither taken nor refused."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        for one in waiting:
            one.close()


@pytest.mark.parametrize(
    ("timeouts", "reason"),
    [
        pytest.param(Timeouts(60, 0.2, 60, 60), LATE_CONNECTION, id="connect time-out"),
        pytest.param(Timeouts(60, 60, 0.2, 60), LATE_CONNECTION, id="sock_connect time-out"),
        pytest.param(Timeouts(0.2, 60, 60, 60), "not sent: no answer in time", id="total time-out"),
    ],
)
def test_a_black_hole_is_unsent_whichever_time_out_ends_it(timeouts: Timeouts, reason: str) -> None:
    """The same exception class ends a connect and a read; the flag tells them apart."""
    with full_backlog() as url:
        result = asyncio.run(send(url, timeouts=timeouts))

    assert facts_of(result) == (Outcome.UNSENT, reason, None, False)


def test_waiting_too_long_for_a_free_connection_is_unsent() -> None:
    """A request that never got its turn left no byte, while the one before it is in doubt."""

    async def run() -> tuple[AttemptResult, AttemptResult, FaultServer]:
        async with (
            FaultServer(answer_with(b"", hang)) as server,
            Studio(KEY, connections=1, timeouts=replace(PATIENT, connect_s=1.0)) as studio,
        ):
            first = asyncio.create_task(studio.send(server.url, BODY))
            await asyncio.sleep(0)
            second = await studio.send(server.url, BODY)
            first.cancel()
            return await first, second, server

    first, second, server = asyncio.run(run())

    assert first.outcome is Outcome.IN_DOUBT
    assert facts_of(second) == (Outcome.UNSENT, LATE_CONNECTION, None, False)
    assert len(server.seen.requests) == 1


@pytest.mark.parametrize(
    "timeouts",
    [
        pytest.param(Timeouts(60, 60, 60, 0.2), id="sock_read time-out"),
        pytest.param(Timeouts(1.0, 60, 60, 60), id="total time-out"),
    ],
)
def test_silence_is_in_doubt_whichever_time_out_ends_it(timeouts: Timeouts) -> None:
    """Each time-out works on its own."""
    result, server = play(answer_with(b"", hang), timeouts=timeouts)

    assert facts_of(result) == (Outcome.IN_DOUBT, SILENT, None, True)
    assert len(server.seen.requests) == 1


async def take_turns() -> None:
    """Let the loop turn so often that what the server has written has been read, however long that takes."""
    for _ in range(100):
        await asyncio.sleep(0)


def trust_stand_in() -> ssl.SSLContext:
    """Return a context that trusts the certificate of the tests' TLS server."""
    return ssl.create_default_context(cafile=str(CERTIFICATE_PATH))


UNTRUSTED = "the TLS certificate of the endpoint cannot be trusted"


@pytest.mark.parametrize(
    ("host", "tls"),
    [
        pytest.param("127.0.0.1", None, id="unknown certificate"),
        pytest.param("localhost", trust_stand_in(), id="another host's certificate"),
    ],
)
def test_a_certificate_that_cannot_be_trusted_stops_the_run_unsent(host: str, tls: ssl.SSLContext | None) -> None:
    """Whoever answers there sees no byte of HTTP, so neither key nor numbers, and no further row is tried."""

    async def run() -> tuple[AttemptResult, int]:
        async with serve_tls() as server:
            result = await send(f"https://{host}:{server.port}/messaging", tls=tls)
            return result, server.seen.http_bytes

    result, http_bytes = asyncio.run(run())

    assert facts_of(result) == (Outcome.UNSENT, f"not sent: {UNTRUSTED}", None, False)
    assert result.stop == f"{UNTRUSTED}: check [agent] endpoint, this machine's clock and its certificates"
    assert http_bytes == 0


def test_a_trusted_certificate_lets_the_request_through() -> None:
    """The TLS tests fail for the reason they name: with the certificate trusted the same server answers."""

    async def run() -> tuple[AttemptResult, int]:
        async with serve_tls() as server:
            result = await send(f"https://127.0.0.1:{server.port}/messaging", tls=trust_stand_in())
            return result, len(server.seen.requests)

    result, requests = asyncio.run(run())

    assert facts_of(result) == (Outcome.ACCEPTED, "HTTP 200", 200, True)
    assert requests == 1


@pytest.mark.parametrize(
    ("is_old", "outcome"),
    [
        pytest.param(True, Outcome.UNSENT, id="TLS 1.2: refused in the handshake"),
        pytest.param(False, Outcome.IN_DOUBT, id="TLS 1.3: refused after the client's part of it"),
    ],
)
def test_a_server_that_wants_a_client_certificate(is_old: bool, outcome: Outcome) -> None:
    """In TLS 1.3 the client learns of the refusal after it wrote; only then is the row in doubt."""

    async def run() -> tuple[AttemptResult, int]:
        async with serve_tls(wants_client_certificate=True, is_old=is_old) as server:
            result = await send(f"https://127.0.0.1:{server.port}/messaging", tls=trust_stand_in())
            return result, server.seen.http_bytes

    result, http_bytes = asyncio.run(run())

    assert (result.outcome, result.headers_sent) == (outcome, outcome is Outcome.IN_DOUBT)
    assert http_bytes == 0


async def greet_then(peer: Peer, end: str) -> None:
    """Read the TLS greeting and end, hang, or answer it in plain text."""
    await peer.read()
    match end:
        case "close":
            peer.close()
        case "reset":
            peer.reset()
        case "plain":
            await peer.write(http(400, b"The plain HTTP request was sent to HTTPS port"))
        case _:
            await hang(peer)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        pytest.param("close", "not sent: the endpoint cannot be reached", id="closed"),
        pytest.param("reset", "not sent: the endpoint cannot be reached (ECONNRESET)", id="reset"),
        pytest.param("plain", "not sent: the TLS handshake failed", id="plain HTTP"),
        pytest.param("hang", LATE_CONNECTION, id="silent"),
    ],
)
def test_a_handshake_that_fails_is_unsent(end: str, reason: str) -> None:
    """Before the end of the handshake no HTTP can have left."""

    async def run() -> tuple[AttemptResult, FaultServer]:
        async with FaultServer(lambda peer: greet_then(peer, end)) as server:
            url = server.url.replace("http:", "https:")
            timeouts = replace(PATIENT, connect_s=1.0) if end == "hang" else PATIENT
            return await send(url, tls=trust_stand_in(), timeouts=timeouts), server

    result, server = asyncio.run(run())

    assert facts_of(result) == (Outcome.UNSENT, reason, None, False)
    assert result.stop is None
    assert (server.seen.connections, server.seen.http_bytes) == (1, 0)


def test_the_request_on_the_wire_is_one_post_with_the_key_and_the_body() -> None:
    """Exactly the bytes handed over are posted, once, with the documented headers."""
    _, server = play(answer_with(http(200)))

    (raw,) = server.seen.requests
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /messaging/conversation HTTP/1.1"
    assert {"X-Vgai-Key: canary-4f1c", "Content-Type: application/json"} <= set(lines)
    assert "Accept-Encoding: identity" in lines
    assert body == BODY


def test_an_answer_that_comes_unasked_is_never_taken_for_the_next_one() -> None:
    """A second answer in the same segment must not book another row as accepted."""

    async def run() -> list[AttemptResult]:
        unasked = http(200, b'{"session_id":"stale"}')
        answers = [http(429) + unasked, http(500)]

        async def script(peer: Peer) -> None:
            await peer.read_request()
            await peer.write(answers[server.seen.connections - 1])
            await asyncio.sleep(0.02)
            await peer.write(unasked)
            await hang(peer)

        async with FaultServer(script) as server, Studio(KEY, timeouts=PATIENT) as studio:
            first = await studio.send(server.url, BODY)
            await asyncio.sleep(0.05)
            return [first, await studio.send(server.url, BODY)]

    results = asyncio.run(run())

    assert [result.http_status for result in results] == [429, 500]


def test_nothing_leaves_on_a_connection_where_something_waits_to_be_read() -> None:
    """What a server says to an idle connection is no answer; the next request stays here and is unsent."""

    async def run() -> tuple[list[AttemptResult], int]:
        answered, spoken = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.read_request()
            await peer.write(http(429))
            await answered.wait()
            await peer.write(http(200, b'{"session_id":"stale"}'))
            spoken.set()
            await hang(peer)

        async with FaultServer(script) as server, Studio(KEY, timeouts=PATIENT) as studio:
            first = await studio.send(server.url, BODY)
            answered.set()
            await spoken.wait()
            await take_turns()
            return [first, await studio.send(server.url, BODY)], len(server.seen.requests)

    results, requests = asyncio.run(run())

    assert [result.outcome for result in results] == [Outcome.THROTTLED, Outcome.UNSENT]
    assert requests == 1
    assert not results[1].headers_sent


def test_cookies_are_never_sent_back() -> None:
    """An answer leaves nothing behind that the next request would carry."""
    baked = {"Set-Cookie": "session=1; Path=/"}

    async def run() -> list[bytes]:
        async with (
            FaultServer(answer_with(http(200, headers=baked | {"Connection": "close"}))) as server,
            Studio(KEY, timeouts=PATIENT) as studio,
        ):
            for _ in range(2):
                await studio.send(server.url.replace("127.0.0.1", "localhost"), BODY)
            return server.seen.requests

    requests = asyncio.run(run())

    assert len(requests) == 2
    assert not any(b"cookie" in request.lower() for request in requests)


def test_proxy_settings_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody in between sees key and numbers because a variable happened to be set."""

    async def run() -> tuple[AttemptResult, FaultServer]:
        async with FaultServer(answer_with(http(200))) as proxy:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            async with FaultServer(answer_with(http(200))) as server:
                return await send(server.url), proxy

    result, proxy = asyncio.run(run())

    assert result.outcome is Outcome.ACCEPTED
    assert proxy.seen.connections == 0


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param(
            answer_with(b"", hang),
            (Outcome.IN_DOUBT, "stopped by hand before an answer came", None, True),
            id="while waiting for the answer",
        ),
        pytest.param(
            answer_with(http(200, headers={"Content-Length": 9}), hang),
            (Outcome.ACCEPTED, BROKEN_OFF, 200, True),
            id="while reading the body",
        ),
    ],
)
def test_a_cancelled_request_still_has_an_outcome(
    script: Script, expected: tuple[Outcome, str, int | None, bool]
) -> None:
    """Stopping the program loses nothing that is known, and the wish to stop stays visible to the caller."""

    async def work(url: str) -> tuple[AttemptResult, bool]:
        result = await send(url)
        task = asyncio.current_task()
        return result, task is not None and task.cancelling() > 0

    async def run() -> tuple[AttemptResult, bool]:
        async with FaultServer(script) as server:
            task = asyncio.create_task(work(server.url))
            while not server.seen.requests:  # noqa: ASYNC110  # the server is a plain socket
                await asyncio.sleep(0.005)
            await take_turns()
            task.cancel()
            return await task

    result, wants_to_stop = asyncio.run(run())

    assert facts_of(result) == expected
    assert wants_to_stop


def test_a_request_cancelled_while_connecting_is_unsent() -> None:
    """Before the connection stands no byte can have left."""

    async def run(url: str) -> AttemptResult:
        task = asyncio.create_task(send(url))
        await asyncio.sleep(0.05)
        task.cancel()
        return await task

    with full_backlog() as url:
        result = asyncio.run(run(url))

    assert facts_of(result) == (
        Outcome.UNSENT,
        "not sent: stopped by hand before an answer came",
        None,
        False,
    )


@pytest.mark.parametrize("is_flag_set", [False, True], ids=["before the headers", "after the headers"])
@pytest.mark.parametrize(
    "error",
    [
        ArithmeticError(),
        TimeoutError(),
        ConnectionRefusedError(),
        asyncio.CancelledError(),
        aiohttp.ClientConnectionResetError(),
        aiohttp.ClientPayloadError(),
        aiohttp.ConnectionTimeoutError(),
        aiohttp.ServerDisconnectedError(),
        aiohttp.SocketTimeoutError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_exception_goes_by_the_flag(
    error: BaseException, is_flag_set: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is raised never decides: one class comes from both sides of the line, and new ones will come."""

    async def fail(session: object, url: str, *, trace_request_ctx: Any, **options: Any) -> None:
        trace_request_ctx.headers_sent = is_flag_set
        raise error

    monkeypatch.setattr(aiohttp.ClientSession, "post", fail)
    result = asyncio.run(send("http://127.0.0.1/"))

    assert result.outcome is (Outcome.IN_DOUBT if is_flag_set else Outcome.UNSENT)
    assert result.headers_sent is is_flag_set


def test_an_exception_is_named_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts of exceptions carry URLs, and URLs carry secrets."""

    async def fail(session: object, url: str, **options: Any) -> None:
        raise ArithmeticError(url)

    monkeypatch.setattr(aiohttp.ClientSession, "post", fail)
    result = asyncio.run(send("http://127.0.0.1/?token=secret"))

    assert result.reason == "not sent: ArithmeticError"


def test_a_studio_that_was_left_sends_nothing() -> None:
    """After the end of the run a late request is unsent, not lost."""

    async def run() -> AttemptResult:
        async with Studio(KEY) as studio:
            pass
        return await studio.send("http://127.0.0.1:9/", BODY)

    result = asyncio.run(run())

    assert facts_of(result) == (Outcome.UNSENT, "not sent: RuntimeError", None, False)
