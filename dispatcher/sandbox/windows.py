"""Ways in which an API may count sessions per second; the vendor does not say which is its own."""

import math
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol

Counting = Literal["sliding", "sliding_all", "fixed", "token", "even"]


class Window(Protocol):
    """Counts the calls of one agent."""

    def admit(self, now_s: float, limit: int) -> bool:
        """Return whether a call at ``now_s`` (monotonic seconds, never decreasing) is within ``limit``."""
        ...


class SlidingWindow:
    """At most ``limit`` calls in any one second; ``counts_refused`` lets refused calls fill it, too."""

    def __init__(self, *, counts_refused: bool = False) -> None:
        self._counts_refused = counts_refused
        self._calls: deque[float] = deque()

    def admit(self, now_s: float, limit: int) -> bool:
        """Forget calls a second old, then see whether there is room for one more."""
        while self._calls and now_s - self._calls[0] >= 1:
            self._calls.popleft()
        is_admitted = len(self._calls) < limit
        if is_admitted or self._counts_refused:
            self._calls.append(now_s)
        return is_admitted


class FixedWindow:
    """At most ``limit`` calls between two ticks of the clock's second."""

    def __init__(self) -> None:
        self._second = 0
        self._count = 0

    def admit(self, now_s: float, limit: int) -> bool:
        """Count within the current second; a new one starts from nothing."""
        second = math.floor(now_s)
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count <= limit


class TokenBucket:
    """A bucket of ``burst`` tokens (None: ``limit``), filled at ``limit`` a second; 1 wants even spacing."""

    def __init__(self, burst: int | None = None) -> None:
        self._burst = burst
        self._tokens = math.inf
        self._seen_s = 0.0

    def admit(self, now_s: float, limit: int) -> bool:
        """Fill up for the time that went by, then take one token if there is one."""
        self._tokens = min(self._burst or limit, self._tokens + (now_s - self._seen_s) * limit)
        self._seen_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


WINDOWS: dict[Counting, Callable[[], Window]] = {
    "sliding": SlidingWindow,
    "sliding_all": lambda: SlidingWindow(counts_refused=True),
    "fixed": FixedWindow,
    "token": TokenBucket,
    "even": lambda: TokenBucket(burst=1),
}
