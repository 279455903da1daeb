"""A server that refuses above its limit, judged when a call arrives, in any of five ways of counting.

It shares no code with the program. In a process of its own: ``python -m tests.benchmarks.strict_server``.
Each path is a cell of its own, ``/<counting>/<limit>/<latency>/<name>``, opened by its first call;
``GET`` on it tells what it counted.
"""

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

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
    """How long one call takes: a leg there, the work after it was counted, a leg back; all in seconds."""

    leg_s: Callable[[random.Random], float]
    work_s: Callable[[random.Random], float] = lambda _: 0.0


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
    """One agent on the server: its counter, its latency and what happened."""

    counting: Counting
    latency: Latency
    rng: random.Random
    accepted_at_s: list[float] = field(default_factory=list)
    refused_at_s: list[float] = field(default_factory=list)
