"""The sandbox: as strict as AI Studio might be, and its journal never lags behind an answer."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from dispatcher.errors import UsageError
from dispatcher.sandbox import MAGIC_NUMBERS, Fate, Sandbox, SandboxOptions, serve
from dispatcher.sandbox.checks import find_faults
from dispatcher.sandbox.windows import WINDOWS, Counting

AGENT = "66c0ec5d5cd447cc0bafda3b"
OTHER_AGENT = "5f0ec5d5cd447cc0bafda3b0"
TOO_MANY = '"Too Many Requests" Please reach studio team to increase rate limit'
Answer = tuple[int, Any]


def make_body(to: str = "12025550123", **changes: Any) -> dict[str, Any]:
    """Return a request the sandbox accepts, with some fields changed; None removes one."""
    body = {
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ada"}]}],
        "namespace": "0f5f_namespace",
        "template": "appointment_reminder",
        "locale": "en",
        "to": to,
        "agent_id": AGENT,
        "channel": "whatsapp",
        "status_url": "https://hooks.example.com/whatsapp",
        "session_parameters": [{"name": "PATIENT_ID", "value": "17"}],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


async def post(sandbox: Sandbox, body: object, *, method: str = "POST", path: str = "", key: str = "k3y") -> Answer:
    """Send one request and return status and parsed answer."""
    headers = {"X-Vgai-Key": key} if key else {}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session,
        session.request(method, sandbox.endpoint + path, json=body, headers=headers) as response,
    ):
        return response.status, await response.json()


def with_sandbox(
    act: Callable[[Sandbox], Awaitable[Any]], options: SandboxOptions | None = None
) -> tuple[Any, Sandbox]:
    """Run ``act`` against a sandbox and return what it returned and the stopped sandbox."""

    async def run() -> tuple[Any, Sandbox]:
        async with Sandbox(options or SandboxOptions(limit=1000)) as sandbox:
            return await act(sandbox), sandbox

    return asyncio.run(run())


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the journal's lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_good_request_starts_a_session_with_an_id() -> None:
    """A request that keeps every rule is answered 200 with a session id, and counted."""
    (status, answer), sandbox = with_sandbox(lambda sandbox: post(sandbox, make_body()))

    assert status == 200
    assert list(answer) == ["session_id"]
    assert len(answer["session_id"]) == 36
    assert (sandbox.accepted, sandbox.refused, sandbox.throttled) == (1, 0, 0)


def test_the_same_seed_gives_the_same_session_ids() -> None:
    """Rehearsals can be repeated: ids depend on the seed and on nothing else."""
    first, _ = with_sandbox(lambda sandbox: post(sandbox, make_body()))
    second, _ = with_sandbox(lambda sandbox: post(sandbox, make_body()))
    other, _ = with_sandbox(lambda sandbox: post(sandbox, make_body()), SandboxOptions(seed=7))

    assert first == second != other


@pytest.mark.parametrize(
    ("call", "status", "message"),
    [
        pytest.param({"key": ""}, 401, "Unauthorized", id="no key"),
        pytest.param({"key": " "}, 401, "Unauthorized", id="blank key"),
        pytest.param({"method": "GET"}, 405, "Cannot GET /messaging/conversation", id="GET"),
        pytest.param({"method": "PUT"}, 405, "Cannot PUT /messaging/conversation", id="PUT"),
        pytest.param({"path": "s"}, 404, "Cannot POST /messaging/conversations", id="path"),
        pytest.param({"body": []}, 400, "the body must be a JSON object", id="no object"),
    ],
)
def test_a_call_of_the_wrong_kind_is_refused(call: dict[str, Any], status: int, message: str) -> None:
    """Key, method, path and the kind of body are checked before any field."""
    arguments = {"body": make_body(), **call}

    answer, sandbox = with_sandbox(lambda sandbox: post(sandbox, **arguments))

    assert (answer[0], answer[1]["statusCode"], answer[1]["message"]) == (status, status, [message])
    assert (sandbox.accepted, sandbox.refused) == (0, 1)


def test_a_bad_field_is_answered_in_the_vendors_shape() -> None:
    """A 400 carries statusCode, a list of messages and the error's name."""
    answer, _ = with_sandbox(lambda sandbox: post(sandbox, make_body(to="+1 202", agent_id="x")))

    assert answer == (
        400,
        {
            "statusCode": 400,
            "message": [
                "agent_id must be 24 hexadecimal digits",
                "to must be a string of 7 to 15 digits without +",
            ],
            "error": "Bad Request",
        },
    )


def header(*parameters: object) -> dict[str, Any]:
    """Return changes that put one header component into a request."""
    return {"components": [{"type": "header", "parameters": list(parameters)}]}


def text(value: object) -> dict[str, Any]:
    """Return a text parameter."""
    return {"type": "text", "text": value}


BODY_TEXT = "components.0.parameters.0.text"
URL_FAULT = "status_url must be an https URL address that is not Vonage's own"


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        pytest.param({}, [], id="nothing wrong"),
        pytest.param({"components": None, "session_parameters": None}, [], id="only what is mandatory"),
        pytest.param({"namespace": None}, ["namespace must be a non-empty string"], id="namespace missing"),
        pytest.param({"to": 12025550123}, ["to must be a string of 7 to 15 digits without +"], id="to number"),
        pytest.param({"to": "0" * 8}, ["to must be a string of 7 to 15 digits without +"], id="to zeros"),
        pytest.param({"to": "1" * 16}, ["to must be a string of 7 to 15 digits without +"], id="to too long"),
        pytest.param({"locale": "en-US"}, ["locale must be a locale such as en or en_US"], id="locale"),
        pytest.param(
            {"template": "Reminder"},
            ["template must be lower-case letters, digits and underscores"],
            id="template",
        ),
        pytest.param({"status_url": "http://hooks.example.com"}, [URL_FAULT], id="plain http"),
        pytest.param({"status_url": "https://api-eu.vonage.com/x"}, [URL_FAULT], id="vendor host"),
        pytest.param({"status_url": "https://[::1"}, [URL_FAULT], id="url broken"),
        pytest.param({"status_url": "http://127.0.0.1:8901/cb"}, [], id="loopback http"),
        pytest.param({"channel": "mms"}, ["channel must be one of the following values: whatsapp, sms"], id="channel"),
        pytest.param(
            {"channel": "sms"},
            [f"property {name} should not exist" for name in ("components", "namespace", "template", "locale")],
            id="sms with a template",
        ),
        pytest.param({"colour": "red"}, ["property colour should not exist"], id="unknown property"),
        pytest.param({"components": {}}, ["components must be an array"], id="components no list"),
        pytest.param(
            {"components": [{"type": "footer"}]},
            ["components.0.type must be one of the following values: header, body, button"],
            id="component type",
        ),
        pytest.param(header(), ["components.0.parameters must be a non-empty array"], id="no parameter"),
        pytest.param(
            header(text("a"), text("b")),
            ["components.0.parameters must hold one header parameter"],
            id="two header parameters",
        ),
        pytest.param(header(text(" ")), [f"{BODY_TEXT} should not be empty"], id="empty text"),
        pytest.param(header(text(7)), [f"{BODY_TEXT} should not be empty"], id="text a number"),
        pytest.param(
            header(text("a" * 61)),
            [f"{BODY_TEXT} must be shorter than or equal to 60 characters"],
            id="long header",
        ),
        pytest.param(
            header(text("a     b")),
            [f"{BODY_TEXT} cannot have new-line/tab characters or more than 4 consecutive spaces"],
            id="five spaces",
        ),
        pytest.param(header(text("a    b")), [], id="four spaces"),
        pytest.param(
            header({"type": "image", "image": {"link": "http://x"}}),
            ["components.0.parameters.0.image.link must be an https URL address"],
            id="image without https",
        ),
        pytest.param(header({"type": "image", "image": {"link": "https://x/a.png"}}), [], id="image"),
        pytest.param(
            header({"type": "currency"}),
            ["components.0.parameters.0.type currency is not allowed in a header"],
            id="parameter type",
        ),
        pytest.param(header("Ada"), ["components.0.parameters.0.type must be a string"], id="bare text"),
        pytest.param(
            {"components": [{"type": "button", "sub_type": "url", "index": "0", "parameters": [text("suffix")]}]},
            [],
            id="button",
        ),
        pytest.param(
            {"components": [{"type": "button", "sub_type": "url", "index": 0, "parameters": [text("x")]}]},
            ["components.0 must have sub_type url or quick_reply and an index string"],
            id="button index a number",
        ),
        pytest.param(
            {"session_parameters": {"A": "b"}},
            ["session_parameters must be an array"],
            id="no parameter list",
        ),
        pytest.param(
            {"session_parameters": [{"name": "A"}]},
            ["session_parameters.0 must have a name and a value"],
            id="parameter without value",
        ),
        pytest.param(
            {"session_parameters": [{"name": "a b", "value": 1}]},
            [
                "session_parameters.0.name must be capitals, digits and underscores",
                "session_parameters.0.value must be a string",
            ],
            id="parameter name and value",
        ),
    ],
)
def test_every_field_is_checked(changes: dict[str, Any], faults: list[str]) -> None:
    """Each broken rule is named once, with the place where it is broken."""
    assert find_faults(make_body(**changes)) == faults


@pytest.fixture
def _one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """All requests of a test reach the sandbox in the same second, however long they take."""
    monkeypatch.setattr("dispatcher.sandbox.server.time", SimpleNamespace(monotonic=lambda: 1_000.0))


@pytest.mark.usefixtures("_one_moment")
def test_the_answer_above_the_limit_is_the_one_seen_in_the_wild() -> None:
    """Above the limit comes 429 with the vendor's text, and no session is started."""

    async def burst(sandbox: Sandbox) -> list[Answer]:
        return [await post(sandbox, make_body()) for _ in range(3)]

    answers, sandbox = with_sandbox(burst, SandboxOptions(limit=1, limits={AGENT: 2}))

    assert [status for status, _ in answers] == [200, 200, 429]
    assert answers[2][1] == {"message": TOO_MANY}
    assert (sandbox.accepted, sandbox.refused, sandbox.throttled) == (2, 1, 1)


@pytest.mark.usefixtures("_one_moment")
def test_each_agent_has_a_limit_of_its_own() -> None:
    """A full second of one agent does not touch another."""

    async def both(sandbox: Sandbox) -> list[int]:
        bodies = [make_body(), make_body(agent_id=OTHER_AGENT), make_body()]
        return [(await post(sandbox, body))[0] for body in bodies]

    statuses, _ = with_sandbox(both, SandboxOptions(limit=1))

    assert statuses == [200, 200, 429]


@pytest.mark.usefixtures("_one_moment")
def test_a_raised_limit_counts_as_one_until_it_takes_effect() -> None:
    """Right after a raise the agent still gets one session per second, as the vendor warns."""

    async def two(sandbox: Sandbox) -> list[int]:
        return [(await post(sandbox, make_body()))[0] for _ in range(2)]

    statuses, _ = with_sandbox(two, SandboxOptions(limit=5, takes_effect_s=300))

    assert statuses == [200, 429]


@pytest.mark.parametrize(
    ("counting", "limit", "calls_s", "admitted"),
    [
        ("sliding", 2, [0.0, 0.5, 0.9, 1.0, 1.4, 1.5], [1, 1, 0, 1, 0, 1]),
        ("sliding_all", 1, [0.0, 0.5, 1.2, 2.2], [1, 0, 0, 1]),
        ("fixed", 2, [0.8, 0.9, 0.95, 1.0, 1.1, 1.2], [1, 1, 0, 1, 1, 0]),
        ("token", 2, [0.0, 0.0, 0.25, 0.5, 9.0, 9.0, 9.0], [1, 1, 0, 1, 1, 1, 0]),
        ("even", 2, [0.0, 0.25, 0.5, 9.0, 9.0], [1, 0, 1, 1, 0]),
    ],
)
def test_each_way_of_counting_admits_exactly_these_calls(
    counting: Counting, limit: int, calls_s: list[float], admitted: list[int]
) -> None:
    """The windows differ where the vendor is silent; each keeps to its own arithmetic."""
    window = WINDOWS[counting]()

    assert [window.admit(call_s, limit) for call_s in calls_s] == [bool(one) for one in admitted]


@pytest.mark.parametrize(
    ("fate", "status"),
    [(Fate.REFUSED, 400), (Fate.THROTTLED, 429), (Fate.SERVER_ERROR, 500), (Fate.UNAUTHORIZED, 401)],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_magic_number_is_refused_every_time(fate: Fate, status: int) -> None:
    """These numbers never start a session, however often they are tried."""
    number = next(number for number, of in MAGIC_NUMBERS.items() if of is fate)

    async def twice(sandbox: Sandbox) -> list[int]:
        return [(await post(sandbox, make_body(number)))[0] for _ in range(2)]

    statuses, sandbox = with_sandbox(twice)

    assert statuses == [status, status]
    assert sandbox.accepted == 0


def test_magic_number_0191_is_throttled_once() -> None:
    """The number that meets a 429 once is accepted when it is sent again."""

    async def twice(sandbox: Sandbox) -> list[int]:
        return [(await post(sandbox, make_body("12025550191")))[0] for _ in range(2)]

    statuses, sandbox = with_sandbox(twice)

    assert statuses == [429, 200]
    assert sandbox.accepted == 1


@pytest.mark.parametrize(
    ("number", "entry"),
    [
        pytest.param("12025550194", "dropped", id="closed before accepting"),
        pytest.param("12025550195", "accepted", id="reset after accepting"),
        pytest.param("12025550196", "accepted", id="never answered"),
        pytest.param("12025550199", "accepted", id="answer broken off"),
    ],
)
def test_an_unanswered_number_is_in_the_journal_as_what_it_was(number: str, entry: str, tmp_path: Path) -> None:
    """Whether a session was started is known from the journal alone, also where no answer told."""
    journal = tmp_path / "journal.jsonl"

    async def once(sandbox: Sandbox) -> list[dict[str, Any]]:
        request = asyncio.create_task(post(sandbox, make_body(number)))
        while not read_journal(journal):  # noqa: ASYNC110  # the journal is a file
            await asyncio.sleep(0.005)
        with pytest.raises((aiohttp.ClientError, TimeoutError)):
            await asyncio.wait_for(request, 0.3)
        return read_journal(journal)

    lines, _ = with_sandbox(once, SandboxOptions(limit=1000, journal_path=journal))

    assert [line["verdict"] for line in lines] == [entry]


def test_the_late_number_is_answered_late() -> None:
    """The slow number is accepted; its answer takes as long as the option says."""

    async def timed(sandbox: Sandbox) -> tuple[int, float]:
        began = asyncio.get_running_loop().time()
        status, _ = await post(sandbox, make_body("12025550198"))
        return status, asyncio.get_running_loop().time() - began

    (status, took_s), _ = with_sandbox(timed, SandboxOptions(late_s=0.15))

    assert status == 200
    assert took_s >= 0.15


def test_the_journal_holds_each_request_before_its_answer(tmp_path: Path) -> None:
    """When an answer arrives its line is already readable, with the body exactly as it was sent."""
    journal = tmp_path / "journal.jsonl"
    raw = json.dumps(make_body(namespace="ä")).encode()

    async def act(sandbox: Sandbox) -> list[dict[str, Any]]:
        headers = {"X-Vgai-Key": "k3y", "Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(sandbox.endpoint, data=raw, headers=headers) as response,
        ):
            lines = read_journal(journal)
            assert lines[0]["session_id"] == (await response.json())["session_id"]
            return lines

    (line,), _ = with_sandbox(act, SandboxOptions(journal_path=journal))

    assert line["body"].encode() == raw
    assert (line["verdict"], line["status"], line["reason"]) == ("accepted", 200, "")
    assert (line["agent_id"], line["to"]) == (AGENT, "12025550123")
    assert journal.stat().st_mode & 0o777 == 0o600


def test_status_callbacks_go_to_a_receiver_on_this_machine() -> None:
    """Submitted, delivered and read arrive in order, in the shape of the vendor's sample."""
    events: list[dict[str, Any]] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        events.append({"line": head.split(b"\r\n")[0], **json.loads(await reader.readexactly(length))})
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    async def act(sandbox: Sandbox) -> None:
        receiver = await asyncio.start_server(receive, "127.0.0.1", 0)
        port = receiver.sockets[0].getsockname()[1]
        await post(sandbox, make_body(status_url=f"http://127.0.0.1:{port}/cb?row=17"))
        async with asyncio.timeout(60):
            while len(events) < 3:  # noqa: ASYNC110  # the receiver is a plain socket server
                await asyncio.sleep(0.005)
        receiver.close()

    with_sandbox(act, SandboxOptions(callback_delay_s=0.001))

    assert [event["status"] for event in events] == ["submitted", "delivered", "read"]
    assert {event["line"] for event in events} == {b"POST /cb?row=17 HTTP/1.1"}
    assert {event["to"] for event in events} == {"12025550123"}
    assert {event["client_ref"] for event in events} == {"AI Studio"}
    assert len({event["message_uuid"] for event in events}) == 1


def test_a_receiver_that_is_not_there_does_no_harm() -> None:
    """Callbacks fail silently and never change an answer."""

    async def act(sandbox: Sandbox) -> int:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}/cb"
            status, _ = await post(sandbox, make_body(status_url=url))
            await asyncio.sleep(0.02)
        return status

    status, _ = with_sandbox(act, SandboxOptions(callback_delay_s=0.001))

    assert status == 200


def test_a_taken_port_is_named() -> None:
    """Two sandboxes cannot share a port; the message says which one and what to do."""

    async def act(sandbox: Sandbox) -> str:
        port = int(sandbox.endpoint.split(":")[2].split("/")[0])
        with pytest.raises(UsageError) as caught:
            await Sandbox().start(port)
        return str(caught.value).replace(str(port), "PORT")

    message, _ = with_sandbox(act)

    assert message == ("the sandbox cannot listen on 127.0.0.1:PORT (Address already in use); choose another port")


def test_serve_says_where_it_listens_and_runs_until_cancelled() -> None:
    """The command's sandbox reports its endpoint once and closes its port when stopped."""

    async def act() -> str:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serve(SandboxOptions(), 0, on_ready=ready.set_result))
        endpoint = await ready
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return endpoint

    endpoint = asyncio.run(act())

    port = int(endpoint.split(":")[2].split("/")[0])
    assert endpoint == f"http://127.0.0.1:{port}/messaging/conversation"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
