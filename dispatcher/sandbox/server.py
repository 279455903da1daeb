"""The sandbox's server: take a request, check it, note it, answer it."""

import asyncio
import json
import os
import random
import socket
import struct
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from dispatcher.errors import UsageError
from dispatcher.sandbox.callbacks import CallbackPost
from dispatcher.sandbox.checks import find_faults
from dispatcher.sandbox.journal import Entry, Journal
from dispatcher.sandbox.windows import WINDOWS, Counting, Window

_PATH = "/messaging/conversation"
_HOST = "127.0.0.1"
_SHUTDOWN_S = 1.0
_TOO_MANY = '"Too Many Requests" Please reach studio team to increase rate limit'


class Fate(Enum):
    """What a magic number does, whatever else is right about its request."""

    REFUSED = "refused with 400"
    THROTTLED_ONCE = "429 the first time"
    THROTTLED = "always 429"
    SERVER_ERROR = "500"
    CLOSED_BEFORE = "connection closed, not accepted"
    RESET_AFTER = "accepted, then the connection is reset"
    SILENT = "accepted and never answered"
    UNAUTHORIZED = "refused with 401"
    LATE = "accepted, answered late"
    BROKEN_ANSWER = "accepted, the answer breaks off after its headers"


MAGIC_NUMBERS: dict[str, Fate] = {f"120255501{number}": fate for number, fate in enumerate(Fate, start=90)}


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """How the stand-in behaves.

    Attributes:
        limit: sessions per second of an agent that ``limits`` does not name, from 1.
        limits: sessions per second by agent id.
        takes_effect_s: limits above 1 count as 1 until this long after the start, as after a raise.
        window: how sessions are counted; the vendor does not say which way is its own.
        latency_s: how long every answer takes.
        jitter_s: up to so much more, evenly distributed.
        late_s: how long the late magic number takes.
        callback_delay_s: pause before each status callback.
        journal_path: where to append what was seen, or None.
        seed: of the session ids and the jitter.
    """

    limit: int = 1
    limits: Mapping[str, int] = field(default_factory=dict)
    takes_effect_s: float = 0.0
    window: Counting = "sliding"
    latency_s: float = 0.0
    jitter_s: float = 0.0
    late_s: float = 3.0
    callback_delay_s: float = 0.05
    journal_path: Path | None = None
    seed: int = 0


_DEFAULT_OPTIONS = SandboxOptions()


@dataclass(frozen=True, slots=True)
class _Fault:
    """An answer that starts no session."""

    status: int
    messages: tuple[str, ...] = ()


class Sandbox:
    """The stand-in on 127.0.0.1; use as ``async with Sandbox(options) as sandbox``.

    Args:
        options: how it behaves.
    """

    def __init__(self, options: SandboxOptions = _DEFAULT_OPTIONS) -> None:
        self._options = options
        self._random = random.Random(options.seed)  # noqa: S311  # ids and jitter that repeat, no secrets
        self._windows: dict[str, Window] = defaultdict(WINDOWS[options.window])
        self._throttled_once: set[str] = set()
        self._stopping = asyncio.Event()
        self._journal: Journal | None = None
        self._callbacks = CallbackPost(options.callback_delay_s)
        self._runner: web.ServerRunner | None = None
        self._port = 0
        self._started_s = 0.0
        self.throttled = 0
        """Requests refused with 429."""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def endpoint(self) -> str:
        """The URL requests go to; meaningful once started."""
        return f"http://{_HOST}:{self._port}{_PATH}"

    @property
    def accepted(self) -> int:
        """Sessions started, the unanswered ones included."""
        return self._journal.counts["accepted"] if self._journal else 0

    @property
    def refused(self) -> int:
        """Requests answered without starting a session, 429 included."""
        return self._journal.counts["refused"] if self._journal else 0

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1.

        Args:
            port: where to listen; 0 takes any free one.

        Raises:
            UsageError: the port is taken or not allowed.
        """
        self._journal = Journal(self._options.journal_path)
        self._runner = web.ServerRunner(web.Server(self._receive, access_log=None), shutdown_timeout=_SHUTDOWN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, _HOST, port).start()
        except OSError as error:
            await self.stop()
            why = os.strerror(error.errno or 0)
            raise UsageError(f"the sandbox cannot listen on {_HOST}:{port} ({why}); choose another port") from error
        self._port = self._runner.addresses[0][1]
        self._started_s = time.monotonic()

    async def stop(self) -> None:
        """Close every connection, unanswered requests included, and the journal."""
        self._stopping.set()
        await self._callbacks.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._journal is not None:
            self._journal.close()

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        """Check one request that was read whole; the journal knows before the client does."""
        raw = await request.read()
        body, fault = _read_body(request, raw)
        fate = MAGIC_NUMBERS.get(str(body.get("to")))
        if fault is None and fate is Fate.CLOSED_BEFORE:
            self._note("dropped", raw, body, reason=fate.value)
            return _cut_off(request, is_reset=False)
        fault = fault or self._fated_fault(fate, body) or self._count(body)
        if fault is not None:
            return await self._refuse(fault, raw, body)
        session_id = self._new_id()
        self._note("accepted", raw, body, status=200, session_id=session_id)
        self._callbacks.announce(body, session_id, self._new_id())
        return await self._confirm(request, fate, session_id)

    def _fated_fault(self, fate: Fate | None, body: dict[str, Any]) -> _Fault | None:
        """Return the refusal a magic number asks for."""
        if fate is Fate.THROTTLED_ONCE and body["to"] not in self._throttled_once:
            self._throttled_once.add(body["to"])
            return _Fault(429)
        refusals = {
            Fate.REFUSED: _Fault(400, ("to is not a number that can be messaged",)),
            Fate.THROTTLED: _Fault(429),
            Fate.SERVER_ERROR: _Fault(500, ("Internal server error",)),
            Fate.UNAUTHORIZED: _Fault(401, ("Unauthorized",)),
        }
        return refusals.get(fate) if fate else None

    def _count(self, body: dict[str, Any]) -> _Fault | None:
        """Return a 429 when the agent's second is full."""
        now_s = time.monotonic()
        agent_id = body["agent_id"]
        limit = self._options.limits.get(agent_id, self._options.limit)
        if now_s - self._started_s < self._options.takes_effect_s:
            limit = 1
        return None if self._windows[agent_id].admit(now_s, limit) else _Fault(429)

    async def _refuse(self, fault: _Fault, raw: bytes, body: dict[str, Any]) -> web.Response:
        self._note("refused", raw, body, status=fault.status, reason="; ".join(fault.messages))
        if fault.status == 429:
            self.throttled += 1
            answer: dict[str, Any] = {"message": _TOO_MANY}
        else:
            phrase = HTTPStatus(fault.status).phrase
            answer = {"statusCode": fault.status, "message": list(fault.messages), "error": phrase}
        await self._take_time()
        return web.json_response(answer, status=fault.status)

    async def _confirm(self, request: web.BaseRequest, fate: Fate | None, session_id: str) -> web.StreamResponse:
        """Answer an accepted request, or fail to, as its number asks."""
        await self._take_time()
        if fate is Fate.RESET_AFTER:
            return _cut_off(request, is_reset=True)
        if fate is Fate.SILENT:
            await self._stopping.wait()
            return _cut_off(request, is_reset=False)
        if fate is Fate.LATE:
            await asyncio.sleep(self._options.late_s)
        if fate is Fate.BROKEN_ANSWER:
            response = web.StreamResponse(headers={"Content-Length": "100"})
            await response.prepare(request)
            return _cut_off(request, is_reset=False)
        return web.json_response({"session_id": session_id})

    async def _take_time(self) -> None:
        options = self._options
        if options.latency_s or options.jitter_s:
            await asyncio.sleep(options.latency_s + self._random.uniform(0, options.jitter_s))

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _note(self, entry: Entry, raw: bytes, body: dict[str, Any], **facts: Any) -> None:
        assert self._journal is not None  # noqa: S101  # start() opens it before the first request
        self._journal.note(entry, raw, agent_id=body.get("agent_id"), to=body.get("to"), **facts)


async def serve(options: SandboxOptions, port: int, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Run a sandbox until the task is cancelled.

    Args:
        options: how it behaves.
        port: where to listen on 127.0.0.1.
        on_ready: called once with the endpoint when it listens.

    Raises:
        UsageError: the port is taken or not allowed.
    """
    sandbox = Sandbox(options)
    await sandbox.start(port)
    try:
        if on_ready is not None:
            on_ready(sandbox.endpoint)
        await asyncio.Event().wait()
    finally:
        await sandbox.stop()


def run_sandbox(options: SandboxOptions, port: int, *, on_ready: Callable[[str], None] | None = None) -> None:
    """Run a sandbox until Ctrl-C, see ``serve``."""
    asyncio.run(serve(options, port, on_ready=on_ready))


def _read_body(request: web.BaseRequest, raw: bytes) -> tuple[dict[str, Any], _Fault | None]:
    """Return the JSON object of a request and what is wrong with the request, if anything."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = None
    known = body if isinstance(body, dict) else {}
    if request.path != _PATH:
        return known, _Fault(404, (f"Cannot {request.method} {request.path}",))
    if request.method != "POST":
        return known, _Fault(405, (f"Cannot {request.method} {request.path}",))
    if not request.headers.get("X-Vgai-Key", "").strip():
        return known, _Fault(401, ("Unauthorized",))
    if request.content_type != "application/json":
        return known, _Fault(415, ("Content-Type must be application/json",))
    if not isinstance(body, dict):
        return known, _Fault(400, ("the body must be a JSON object",))
    faults = find_faults(body)
    return body, _Fault(400, tuple(faults)) if faults else None


def _cut_off(request: web.BaseRequest, *, is_reset: bool) -> web.Response:
    """End the connection without (the rest of) an answer; what is returned can no longer be written."""
    if request.transport is not None:
        if is_reset:
            # Lingering for no time turns the close into a reset.
            connection = request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.close()
    return web.Response()
