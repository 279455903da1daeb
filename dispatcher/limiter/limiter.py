"""The asyncio face of the limiter: thin, for all that is decided is decided by the ``Pacer``."""

import asyncio
from collections.abc import Sequence

from aiolimiter import AsyncLimiter

from dispatcher.limiter.lanes import Slot
from dispatcher.limiter.pacer import Pacer, Signal
from dispatcher.limiter.stances import Learnt

LONGEST_LEAD_S = 0.05
LEAD_FACTOR, LEAD_WEIGHT = 1.5, 0.1  # a lead is a little more than is usually needed; the usual, over some ten slots


class Limiter:
    """Gives out the right to start sessions, for everything that shares one limit.

    Create it inside the running event loop, one for each limit scope, and ask it before every request. A slot is
    given out a little before its moment, by as much as is usually needed to commit the intent, 0.05 s at most:
    otherwise every lane would lose that time in every second.

    Underneath the pacer stands the hard ceiling: one ``AsyncLimiter(1, 1)`` for each session of a second,
    used in turn, so that call k + limit can never start within a second of call k. (A single
    ``AsyncLimiter(limit, 1)`` starts full and lets twice the limit through in its first second.)

    Args:
        limit: sessions per second approved, at least 1.
        granted: the limits there are; a lower one may hold while the approved one is not active.
        learnt: what an earlier run knew about the agent, or None.
        idle_s: seconds since an earlier process last sent for this agent, None if none ever did; less than
            1.5 holds the first session back until the server can no longer count those calls.
        held_s: seconds until the first session may start, what an earlier refusal asked for; 0 or less holds nothing.

    Raises:
        ValueError: the limit is below 1.
        RuntimeError: there is no running event loop.
    """

    def __init__(
        self,
        limit: int,
        *,
        granted: Sequence[int] = (),
        learnt: Learnt | None = None,
        idle_s: float | None = None,
        held_s: float = 0.0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._pacer = Pacer(limit, self._loop.time(), granted=granted, learnt=learnt, idle_s=idle_s, held_s=held_s)
        self._ceilings = [AsyncLimiter(1, 1) for _ in range(limit)]
        self._turn = 0
        self._usual_lead_s = 0.0
        self._queue = asyncio.Lock()
        self._released = asyncio.Event()

    @property
    def learnt(self) -> Learnt:
        """What the agent's next run should start with."""
        return self._pacer.learnt

    @property
    def pace_per_s(self) -> float:
        """Sessions a second that are accepted at present, for people."""
        return self._pacer.pace_per_s

    @property
    def note(self) -> str | None:
        """One sentence for people when less than the approved limit is accepted, else None."""
        return self._pacer.note

    async def acquire(self) -> Slot:
        """Wait until the next session may soon start; who asked first goes first.

        Cancelling the wait takes no slot.

        Returns:
            The slot, to be started with ``start``, and to be given back exactly once with ``release``.
        """
        async with self._queue:
            ready_s = await self._until_nearly_ready(min(LONGEST_LEAD_S, LEAD_FACTOR * self._usual_lead_s))
            return self._pacer.take(max(ready_s, self._loop.time()), self._loop.time())

    async def _until_nearly_ready(self, lead_s: float) -> float:
        while (ready_s := self._pacer.ready_at_s(self._loop.time())) - lead_s > self._loop.time():
            self._released.clear()
            try:
                async with asyncio.timeout_at(ready_s - lead_s):
                    await self._released.wait()
            except TimeoutError:
                continue
        return ready_s

    @property
    def asked_to_wait_s(self) -> float:
        """Seconds for which a ``Retry-After`` still holds everything, 0 for none."""
        return self._pacer.asked_to_wait_s(self._loop.time())

    async def start(self, slot: Slot) -> bool:
        """Wait for the slot's moment once everything is prepared; its request must leave as soon as this returns.

        Returns:
            Whether it may leave: not if a ``Retry-After`` came in after the slot was given out.
        """
        lead_s = self._loop.time() - slot.taken_at_s
        self._usual_lead_s += LEAD_WEIGHT * (min(LONGEST_LEAD_S, lead_s) - self._usual_lead_s)
        await asyncio.sleep(slot.started_at_s - self._loop.time())
        while (wait_s := self._pacer.start_at_s(slot) - self._loop.time()) > 0:  # noqa: ASYNC110 - time alone ends it
            await asyncio.sleep(wait_s)
        if self.asked_to_wait_s:
            return False
        ceiling = self._ceilings[self._turn]
        self._turn = (self._turn + 1) % len(self._ceilings)
        await ceiling.acquire()
        self._pacer.start(slot, self._loop.time())
        return True

    def release(
        self,
        slot: Slot,
        signal: Signal,
        *,
        retry_after_s: float | None = None,
        new_connection: bool = False,
    ) -> None:
        """Give ``slot`` back and say what became of it.

        Args:
            slot: from ``acquire``, not yet given back.
            signal: what became of it.
            retry_after_s: what a refusal asked for; nothing of this limit starts earlier than that.
            new_connection: the call had to set up its connection first, so its time tells nothing.

        Raises:
            ValueError: the slot was given back before.
        """
        self._pacer.release(slot, signal, self._loop.time(), retry_after_s=retry_after_s, new_connection=new_connection)
        self._released.set()
