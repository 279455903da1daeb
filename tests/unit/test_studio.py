"""The studio room: outcomes, and what is read from an answer without ever deciding anything."""

import asyncio
import base64
import json
import subprocess
import sys
import time
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from dispatcher.studio.client import Studio
from dispatcher.studio.outcomes import classify_status, describe_failure
from tests.support.faulty_server import FaultServer, answer_with, http

KEY = "canary-4f1c+key/=="
SECRETS = spellings_of(KEY)
REFUSALS = {400, 404, 405, 410, 411, 413, 414, 415, 422, 431}
ACCOUNT_REFUSALS = {401, 402, 403}
IN_DOUBT_STATUSES = set(range(100, 600)) - set(range(200, 400)) - REFUSALS - ACCOUNT_REFUSALS - {429}


def send(answer: bytes) -> AttemptResult:
    """Send one request to a server that gives ``answer``."""

    async def run() -> AttemptResult:
        async with FaultServer(answer_with(answer)) as server, Studio(KEY) as studio:
            return await studio.send(server.url, b'{"to":"12025550123"}')

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param(set(range(200, 300)), (Outcome.ACCEPTED, None), id="2xx"),
        pytest.param({429}, (Outcome.THROTTLED, None), id="429"),
        pytest.param(REFUSALS, (Outcome.REJECTED, None), id="definite refusals"),
        pytest.param(IN_DOUBT_STATUSES, (Outcome.IN_DOUBT, None), id="everything else"),
    ],
)
def test_each_status_has_its_outcome(statuses: set[int], expected: tuple[Outcome, str | None]) -> None:
    """Only what is known to be definite is called so; 408, 409, 423, 425 and 5xx are not."""
    assert {classify_status(status) for status in statuses} == {expected}


@pytest.mark.parametrize("status", sorted(ACCOUNT_REFUSALS))
def test_a_refused_account_stops_the_run(status: int) -> None:
    """Every row would be refused alike, so the first refusal of the key or the account is the last."""
    outcome, stop = classify_status(status)

    assert outcome is Outcome.REJECTED
    assert stop == (
        f"AI Studio refuses the key or the account (HTTP {status}): check the API key, that it belongs to"
        " [agent] region and id, and the balance"
    )


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_is_in_doubt_and_stops_the_run(status: int) -> None:
    """A 303 often follows a POST that succeeded; the endpoint has to be put right first."""
    outcome, stop = classify_status(status)

    assert outcome is Outcome.IN_DOUBT
    assert stop is not None
    assert stop.startswith(f"the endpoint points elsewhere (HTTP {status})")


@pytest.mark.parametrize("key", ["", " ", "a b", "a\r\nX: y", '"abc"', "'abc'", "schlüssel", "a\x00b"])
def test_a_key_that_is_no_key_is_refused_before_anything_is_sent(key: str) -> None:
    """A key that would break the header is refused when the studio is made, and is not repeated."""
    with pytest.raises(UsageError) as caught:
        Studio(key)

    assert str(caught.value) == (
        "the API key is empty or holds white space, a quote or a letter outside ASCII;"
        " copy it again from AI Studio (user icon, Generate API Key)"
    )


def test_a_studio_must_be_entered() -> None:
    """Forgetting ``async with`` is a mistake in the program, found at the first send."""
    with pytest.raises(RuntimeError, match="enter the studio with `async with` before sending"):
        asyncio.run(Studio(KEY).send("http://127.0.0.1/", b"{}"))


def test_the_outcome_of_a_refusal_tells_people_what_was_wrong() -> None:
    """The API's own words come first; numbers are masked, and the answer is kept for later."""
    body = b'{"statusCode":400,"message":["body.to 12025550123 is wrong","locale is missing"],"error":"Bad"}'

    result = send(http(400, body))

    assert result.outcome is Outcome.REJECTED
    assert result.reason == "HTTP 400: body.to 12******123 is wrong; locale is missing"
    assert result.answer == body.decode().replace("12025550123", "12******123")
    assert result.headers_sent
    assert result.latency_ms >= 0


def test_a_throttled_request_says_how_long_to_wait() -> None:
    """429 carries Retry-After when the API gave one; its body need not be JSON."""
    result = send(http(429, b'{"message":"\\"Too Many', {"Retry-After": "7"}))

    assert (result.outcome, result.retry_after_s) == (Outcome.THROTTLED, 7.0)
    assert result.reason == 'HTTP 429: {"message":"\\"Too Many'


@pytest.mark.parametrize("status", [200, 400, 500])
def test_an_answer_that_echoes_the_key_does_not_leak_it(status: int) -> None:
    """The key appears in no field of the outcome, in none of the forms a server may echo it in."""
    echo = " ".join([KEY, *SECRETS, "ok"])

    result = send(http(status, json.dumps({"message": echo, "id": KEY}).encode()))

    assert not any(secret in repr(result) for secret in SECRETS)
    assert "***" in result.answer


def test_the_spellings_of_a_key_are_plain_url_and_base64() -> None:
    """Servers echo headers in these forms."""
    assert (KEY, "canary-4f1c%2Bkey%2F%3D%3D", base64.b64encode(KEY.encode()).decode()) == SECRETS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("to 12025550123 is wrong", "to 12******123 is wrong", id="digits"),
        pytest.param("+1 (202) 555-0123", "+1 (2**) ***-*123", id="written with gaps"),
        pytest.param('{"to":"12025550123"}', '{"to":"12******123"}', id="in JSON"),
        pytest.param("x12025550123y", "x12******123y", id="inside a word"),
        pytest.param("error 132000 at row 17", "error 132000 at row 17", id="an error code"),
        pytest.param("id 0aa1f2b3-1234-5678-9012-0123456789ab", "id 0aa1f2b3-1234-5678-9012-01*****789ab", id="a UUID"),
        pytest.param("2025-03-05T22:51:41Z", "2025-03-05T22:51:41Z", id="a time"),
        pytest.param("\x1b[31mred\x1b[0m\x07\r\x9b1m", "red   1m", id="terminal escapes"),
        pytest.param("a\u202eb\u200bc", "a b c", id="invisible letters"),
        pytest.param("two\nlines", "two\nlines", id="lines stay"),
        pytest.param("\ud800", " ", id="half a surrogate pair"),
    ],
)
def test_an_answer_is_made_fit_for_people(text: str, expected: str) -> None:
    """Numbers are masked, ids stay readable, and no terminal obeys what a server wrote."""
    assert clean_answer(text, SECRETS) == expected


@given(st.text(st.characters() | st.sampled_from("0123456789+- .()\x1b[m\n"), max_size=6000))
def test_no_answer_is_too_odd_to_be_kept(text: str) -> None:
    """Whatever came: at most 4 KiB that can be stored and shown, without a run of digits like a number's."""
    cleaned = clean_answer(text + KEY, SECRETS)

    assert len(cleaned.encode()) <= 4096
    assert all(letter.isprintable() or letter == "\n" for letter in cleaned)
    assert not any(run.isdigit() and len(run) >= 10 for run in cleaned.split())
    assert KEY not in cleaned


@given(st.text() | st.lists(st.text() | st.integers(), max_size=5), st.text())
def test_a_message_is_always_one_short_line(message: Any, answer: str) -> None:
    """``message`` may be anything at all; what people see is one printable line."""
    line = find_message({"message": message}, answer, SECRETS)

    assert len(line) <= 300
    assert line.isprintable()


def test_cleaning_stays_quick_on_hostile_text() -> None:
    """A server cannot keep the program busy with text that resembles numbers without end."""
    began_s = time.process_time()

    for text in ("1 " * 2048, "1-" * 2048, "1" * 4096, "\x1b[" * 2048, "1" * 9 + "x"):
        clean_answer(text, SECRETS)

    assert time.process_time() - began_s < 0.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"message":"no"}', "no", id="text"),
        pytest.param('{"message":["a","b "]}', "a; b", id="list"),
        pytest.param('{"message":"","detail":"why"}', "why", id="detail"),
        pytest.param('{"message":[1,null],"title":"t","error":"e"}', "t", id="title"),
        pytest.param('{"statusCode":400,"error":"Bad Request"}', "Bad Request", id="error"),
        pytest.param('{"code":7}', '{"code":7}', id="no field for people"),
        pytest.param("<h1>Bad\n gateway</h1>", "<h1>Bad gateway</h1>", id="HTML"),
        pytest.param("", "", id="nothing"),
        pytest.param('{"message":"' + "ä" * 400 + '"}', "ä" * 299 + "…", id="too long"),
    ],
)
def test_the_message_of_an_answer(text: str, expected: str) -> None:
    """The first field meant for people is shown, else the beginning of the answer."""
    assert find_message(parse_object(text), text, SECRETS) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"session_id":"s","id":"i"}', "s", id="session_id first"),
        pytest.param('{"id":"i","conversation_id":"c"}', "c", id="order of names, not of the answer"),
        pytest.param('{"sessionId":"s"}', "s", id="sessionId"),
        pytest.param('{"conversation_uuid":"u"}', "u", id="conversation_uuid"),
        pytest.param('{"id":17}', "17", id="number"),
        pytest.param('{"session_id":null,"id":"i"}', "i", id="null is not an id"),
        pytest.param('{"session_id":"","id":true}', None, id="neither empty text nor true"),
        pytest.param('{"id":{"a":1}}', None, id="object"),
        pytest.param('{"id":"a\\nb"}', None, id="not printable"),
        pytest.param('{"id":"' + "a" * 129 + '"}', None, id="too long"),
        pytest.param('["id"]', None, id="list"),
        pytest.param("[" * 5000, None, id="too deep"),
        pytest.param('{"id":"a"', None, id="cut"),
        pytest.param('{"id":' + "9" * 4400 + "}", None, id="endless number"),
    ],
)
def test_the_session_id_of_an_answer(text: str, expected: str | None) -> None:
    """Only a short printable id under a known name counts."""
    assert find_session_id(parse_object(text), SECRETS) == expected


DATE = "Wed, 05 Mar 2025 22:51:41 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="absent"),
        pytest.param({"Retry-After": "5"}, 5.0, id="seconds"),
        pytest.param({"Retry-After": " 1.5 "}, 1.5, id="fraction"),
        pytest.param({"Retry-After": "0"}, 0.0, id="zero"),
        pytest.param({"Retry-After": "86400"}, 300.0, id="a day is capped"),
        pytest.param({"Retry-After": "9" * 5000}, 300.0, id="endless number"),
        pytest.param({"Retry-After": "-5"}, None, id="negative"),
        pytest.param({"Retry-After": "nan"}, None, id="no number"),
        pytest.param({"Retry-After": "soon"}, None, id="a word"),
        pytest.param({"Retry-After": "Wed, 05 Mar 2025 22:52:41 GMT", "Date": DATE}, 60.0, id="date"),
        pytest.param({"Retry-After": "Wed, 05 Mar 2025 22:52:41 -0000", "Date": DATE}, 60.0, id="no zone"),
        pytest.param({"Retry-After": "Thu, 06 Mar 2025 22:52:41 GMT", "Date": DATE}, 300.0, id="far date"),
        pytest.param({"Retry-After": DATE, "Date": "Thu, 06 Mar 2025 00:00:00 GMT"}, 0.0, id="past date"),
        pytest.param({"Retry-After": DATE, "Date": "yesterday"}, 0.0, id="past date by this machine's clock"),
        pytest.param({"Retry-After": "Wed, 99 Mar 2025 22:52:41 GMT"}, None, id="no such day"),
    ],
)
def test_retry_after_is_seconds_between_0_and_300(headers: dict[str, str], expected: float | None) -> None:
    """Seconds or an HTTP date, never negative, never more than five minutes, never a reason to fail."""
    assert read_retry_after(headers) == expected


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_retry_after_is_too_odd_to_be_read(text: str, date: str) -> None:
    """Whatever a server writes there is a number of seconds within bounds, or nothing."""
    wait_s = read_retry_after({"Retry-After": text, "Date": date})

    assert wait_s is None or 0 <= wait_s <= 300


def test_a_pinned_certificate_that_does_not_match_stops_the_run() -> None:
    """Somebody else answers at the endpoint: no further row is tried."""
    error = aiohttp.ServerFingerprintMismatch(b"a", b"b", "127.0.0.1", 443)

    assert describe_failure(error) == (
        "the TLS certificate of the endpoint is not the pinned one",
        "the TLS certificate of the endpoint is not the pinned one: check [agent] endpoint and the pin",
    )


def test_what_is_known_of_the_vendor_costs_no_http_client() -> None:
    """Most commands never send; the client is imported by the one that does."""
    program = "import sys, dispatcher.studio; sys.exit(any(name in sys.modules for name in ('aiohttp', 'asyncio')))"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
