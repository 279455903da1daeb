"""A server on 127.0.0.1 that answers as a test says and keeps a journal of what reached it."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.support.fast_clock import FastLoop


@dataclass(frozen=True)
class Answer:
    """One answer; status 0 closes the connection without any.

    Attributes:
        delay_s: it is held for so long,
        is_held: and then as long as this says so.
    """

    status: int = 200
    body: str = '{"session_id": "s-1"}'
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0
    is_held: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Received:
    """One request as it was read."""

    at_s: float
    raw: bytes
    answered: int

    @property
    def to(self) -> str:
        """The recipient's number."""
        return str(json.loads(self.raw)["to"])


class Loopback:
    """The server, in a thread of its own; ``script`` decides on each body, given the requests before it."""

    def __init__(
        self, script: Callable[[dict[str, Any], list[Received]], Answer] | None = None, *, speed: float = 1
    ) -> None:
        self.received: list[Received] = []
        self.endpoint = ""
        self._script = script or (lambda body, earlier: Answer())
        self._loop = FastLoop(speed)
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    @property
    def accepted(self) -> Counter[str]:
        """How often each number was answered with 2xx."""
        return Counter(request.to for request in self.received if 200 <= request.answered < 300)

    async def _serve(self) -> None:
        server = web.Server(self._receive)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}/messaging/conversation"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _receive(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = await request.read()
        answer = self._script(json.loads(raw), self.received)
        self.received.append(Received(self._loop.time(), raw, answer.status))
        await asyncio.sleep(answer.delay_s)
        while answer.is_held():  # noqa: ASYNC110 - what ends it happens in another thread
            await asyncio.sleep(0.1)
        if answer.status == 0:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        return web.Response(status=answer.status, text=answer.body, headers=answer.headers)


def sliding_window(limit: int) -> Callable[[dict[str, Any], list[Received]], Answer]:
    """Return a script that accepts ``limit`` requests in any second and answers 429 above."""

    def decide(body: dict[str, Any], earlier: list[Received]) -> Answer:
        now_s = asyncio.get_running_loop().time()
        recent = [one for one in earlier if one.answered == 200 and one.at_s > now_s - 1]
        return Answer() if len(recent) < limit else Answer(429, "Too Many Requests")

    return decide
