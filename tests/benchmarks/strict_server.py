"""A server that refuses above its limit, judged when a call arrives, in any of five ways of counting.

It shares no code with the program. In a process of its own: ``python -m tests.benchmarks.strict_server``.
Each path is a cell of its own, ``/<counting>/<limit>/<latency>/<name>``, opened by its first call;
``GET`` on it tells what it counted.
"""

import argparse
import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

EPSILON = 1e-9  # floating point must not decide whether a second has passed


class Counting(Protocol):
    """One way of counting: asked at each arrival, in order of time."""

    def admit(self, now_s: float) -> bool:
        """Count the call and tell whether it is accepted."""
        ...


class Sliding:
    """At most ``limit`` accepted calls in any second; where ``counts_refused``, at most that many calls."""

    def __init__(self, limit: int, *, counts_refused: bool = False) -> None:
        self._limit, self._counts_refused = limit, counts_refused
        self._counted: deque[float] = deque()

    def admit(self, now_s: float) -> bool:
        """Count the call and tell whether it is accepted."""
        while self._counted and now_s - self._counted[0] >= 1 - EPSILON:
            self._counted.popleft()
        is_accepted = len(self._counted) < self._limit
        if is_accepted or self._counts_refused:
            self._counted.append(now_s)
        return is_accepted


class Fixed:
    """At most ``limit`` accepted calls in each second of the wall clock."""

    def __init__(self, limit: int) -> None:
        self._limit, self._second, self._count = limit, -1, 0

    def admit(self, now_s: float) -> bool:
        """Count the call and tell whether it is accepted."""
        if math.floor(now_s) != self._second:
            self._second, self._count = math.floor(now_s), 0
        self._count += 1
        return self._count <= self._limit


class Bucket:
    """A token bucket filled with ``limit`` tokens a second; ``size`` 1 demands even spacing."""

    def __init__(self, limit: int, size: int) -> None:
        self._limit, self._size = limit, size
        self._tokens, self._seen_at_s = float(size), -math.inf

    def admit(self, now_s: float) -> bool:
        """Count the call and tell whether it is accepted."""
        if self._seen_at_s > -math.inf:
            self._tokens = min(self._size, self._tokens + (now_s - self._seen_at_s) * self._limit)
        self._seen_at_s = now_s
        if self._tokens < 1 - EPSILON:
            return False
        self._tokens -= 1
        return True


COUNTINGS: dict[str, Callable[[int], Counting]] = {
    "sliding": Sliding,
    "sliding-all": lambda limit: Sliding(limit, counts_refused=True),
    "fixed": Fixed,
    "token": lambda limit: Bucket(limit, limit),
    "even": lambda limit: Bucket(limit, 1),
}


@dataclass(frozen=True)
class Latency:
    """How long one call takes: a leg there, the work after it was counted, a leg back; all in seconds.

    A refusal needs no work, unless the server ``refuses_late``.
    """

    leg_s: Callable[[random.Random], float]
    work_s: Callable[[random.Random], float] = lambda _: 0.0
    refuses_late: bool = False


def _spiky(rng: random.Random) -> float:
    return 0.5 if rng.random() < 0.01 else 0.08


LATENCIES: dict[str, Latency] = {
    "5ms": Latency(lambda _: 0.005),
    "80ms-jitter": Latency(lambda rng: 0.08 * rng.lognormvariate(0, 0.25)),
    "80ms-spikes": Latency(_spiky),
    "works-600ms": Latency(lambda _: 0.005, lambda rng: 0.6 * rng.lognormvariate(0, 0.5)),
}


@dataclass
class Cell:
    """One agent on the server: how it counts, how long it takes, and when calls were judged."""

    counting: Counting
    latency: Latency
    rng: random.Random
    accepted_at_s: list[float] = field(default_factory=list)
    refused_at_s: list[float] = field(default_factory=list)

    def judge(self) -> bool:
        """Judge a call that arrives now; the fixed second is the wall clock's."""
        now_s = time.monotonic()
        is_accepted = self.counting.admit(now_s + _WALL_CLOCK_OFFSET_S)
        (self.accepted_at_s if is_accepted else self.refused_at_s).append(now_s)
        return is_accepted


_WALL_CLOCK_OFFSET_S = time.time() - time.monotonic()
_CELLS: web.AppKey[dict[str, Cell]] = web.AppKey("cells", dict)


def _cell(request: web.Request) -> Cell:
    cells = request.app[_CELLS]
    if request.path not in cells:
        names = request.match_info
        counting = COUNTINGS[names["counting"]](int(names["limit"]))
        cells[request.path] = Cell(counting, LATENCIES[names["latency"]], random.Random(request.path))
    return cells[request.path]


async def answer_call(request: web.Request) -> web.Response:
    """Let the call arrive after one leg, judge it, work on it, answer after the leg back."""
    cell = _cell(request)
    await asyncio.sleep(cell.latency.leg_s(cell.rng))
    is_accepted = cell.judge()
    work_s = cell.latency.work_s(cell.rng) if is_accepted or cell.latency.refuses_late else 0.0
    await asyncio.sleep(work_s + cell.latency.leg_s(cell.rng))
    return web.Response(status=200 if is_accepted else 429)


async def tell_counts(request: web.Request) -> web.Response:
    """Tell when calls of this cell were accepted and refused, seconds of the machine's monotonic clock."""
    cell = _cell(request)
    return web.json_response({"accepted_at_s": cell.accepted_at_s, "refused_at_s": cell.refused_at_s})


def create_app() -> web.Application:
    """Return the server's application."""
    app = web.Application()
    app[_CELLS] = {}
    path = "/{counting}/{limit}/{latency}/{name}"
    app.add_routes([web.post(path, answer_call), web.get(path, tell_counts, allow_head=False)])
    return app


def main() -> None:
    """Serve on a port of 127.0.0.1 until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8901)
    arguments = parser.parse_args()
    web.run_app(create_app(), host="127.0.0.1", port=arguments.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
