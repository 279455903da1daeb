"""What ends a run early, each rule as small as it can be shown."""

import asyncio
import gc

from dispatcher.pipeline.control import Halt


def test_who_waits_for_a_halt_leaves_nothing_behind() -> None:
    """A wait that is cancelled from outside ends what it waited for; no task is destroyed while pending."""
    complaints: list[str] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(str(context["message"])))
        waiting = asyncio.create_task(Halt().or_halted(asyncio.Event().wait()))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await asyncio.sleep(0)
        gc.collect()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())

    assert complaints == []
