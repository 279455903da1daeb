"""How the event loop waits for the ledger's writing thread."""

import asyncio
from collections import deque
from concurrent.futures import Future
from typing import ClassVar, TypeVar

_T = TypeVar("_T")


async def written(future: "Future[_T]") -> _T:
    """Wait until the ledger's writing thread has it on disk.

    ``asyncio.wrap_future`` would do, but it wakes the loop for every future; here all that one commit
    settled wake it once.
    """
    return await _Landings.of(asyncio.get_running_loop()).wait(future)


class _Landings:
    """Carries futures that the writing thread settled over to those who wait for them in the loop."""

    _current: "ClassVar[_Landings | None]" = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._landed: deque[asyncio.Future[None]] = deque()
        self._is_woken = False

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "_Landings":
        """Return those of the running loop, of which there is one at a time."""
        if cls._current is None or cls._current._loop is not loop:
            cls._current = cls(loop)
        return cls._current

    async def wait(self, future: "Future[_T]") -> _T:
        """Wait until ``future`` is settled; return its result or raise its error."""
        waiter = self._loop.create_future()
        future.add_done_callback(lambda _: self._land(waiter))
        await waiter
        return future.result()

    def _land(self, waiter: "asyncio.Future[None]") -> None:
        """Note, in the writing thread, that one may go on."""
        self._landed.append(waiter)
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._is_woken = False  # first of all: what lands from now on wakes the loop again
        while self._landed:
            waiter = self._landed.popleft()
            if not waiter.done():
                waiter.set_result(None)
