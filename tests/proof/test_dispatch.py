"""What the proof found in the dispatch itself, each as small as it can be shown."""

import asyncio

from dispatcher.limiter.limiter import Limiter
from dispatcher.pipeline.control import Halt
from dispatcher.pipeline.dispatch import AgentDispatch


def test_a_landing_is_not_missed() -> None:
    """A run ends although its last delivery lands between the look at the air and the wait for it."""

    async def land() -> None:
        return None

    async def run() -> object:
        halt = Halt()
        dispatch = AgentDispatch([], Limiter(5), {}, halt=halt, on_progress=lambda event: None)
        delivery = asyncio.create_task(land())
        dispatch._in_air.add(delivery)
        delivery.add_done_callback(dispatch._in_air.discard)
        await asyncio.sleep(0)  # now it is over, and about to be taken out of the air
        async with asyncio.timeout(1):
            return await dispatch._next()

    assert asyncio.run(run()) is None
