"""Event loops whose clock runs faster than the wall's: real sockets and files, no waiting."""

import asyncio
import selectors
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

SPEED = 25
"""Fast enough to be quick, slow enough that a round trip on loopback stays below a tenth of a second."""


class _FastSelector(selectors.DefaultSelector):
    """Waits a fraction of what the loop asks for."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self.speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout / self.speed if timeout else timeout)


class FastLoop(asyncio.SelectorEventLoop):
    """A loop whose ``time()``, and so every sleep and time-out in it, runs ``speed`` times as fast."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        super().__init__(_FastSelector(speed))

    def time(self) -> float:
        """Return the loop's own time in seconds."""
        return super().time() * self.speed


@contextmanager
def fast_asyncio(monkeypatch: pytest.MonkeyPatch, speed: float) -> Iterator[None]:
    """Let ``asyncio.run`` use fast loops."""
    runner = asyncio.Runner

    def fast_runner(**options: Any) -> asyncio.Runner:
        return runner(**options | {"loop_factory": lambda: FastLoop(speed)})

    with monkeypatch.context() as patch:
        patch.setattr("asyncio.runners.Runner", fast_runner)
        yield
