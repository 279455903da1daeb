"""Event loops whose clock runs faster than the wall's: real sockets and files, no waiting."""

import asyncio
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

SPEED = 25
"""Fast enough to be quick, slow enough that a round trip on loopback stays below a tenth of a second."""


class _FastSelector(selectors.DefaultSelector):
    """Waits a fraction of what the loop asks for, and counts as waited what was asked for.

    Only waiting is hurried. What the machine takes for its work counts as it is, and a wait never counts for more
    than it was meant to last: else a busy machine would be late by so many times its own lateness.
    """

    def __init__(self, speed: float) -> None:
        super().__init__()
        self.speed = speed
        self.gained_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        began_s = time.monotonic()
        found = super().select(None if timeout is None else timeout / self.speed)
        waited_s = time.monotonic() - began_s
        counted_s = waited_s * self.speed
        if timeout is not None:
            counted_s = min(counted_s, timeout) if found else timeout
        self.gained_s += counted_s - waited_s
        return found


class FastLoop(asyncio.SelectorEventLoop):
    """A loop in whose ``time()``, and so in every sleep and time-out, waiting passes ``speed`` times as fast."""

    def __init__(self, speed: float) -> None:
        self._hurried = _FastSelector(speed)
        super().__init__(self._hurried)

    def time(self) -> float:
        """Return the loop's own time in seconds."""
        return super().time() + self._hurried.gained_s


@contextmanager
def fast_asyncio(monkeypatch: pytest.MonkeyPatch, speed: float) -> Iterator[None]:
    """Let ``asyncio.run`` use fast loops."""
    runner = asyncio.Runner

    def fast_runner(**options: Any) -> asyncio.Runner:
        return runner(**options | {"loop_factory": lambda: FastLoop(speed)})

    with monkeypatch.context() as patch:
        patch.setattr("asyncio.runners.Runner", fast_runner)
        yield
