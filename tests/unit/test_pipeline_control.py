"""What ends a run early, each rule as small as it can be shown."""

import asyncio
import gc

import pytest

from dispatcher.errors import ExitCode, LedgerError
from dispatcher.models import AttemptResult, Outcome
from dispatcher.pipeline.control import Halt, Streak


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


REFUSED = AttemptResult(Outcome.THROTTLED, "HTTP 429", 429, latency_ms=3_000)
ACCEPTED = AttemptResult(Outcome.ACCEPTED, "accepted", 200, latency_ms=3_000)


@pytest.mark.parametrize(
    ("apart_s", "most"),
    [(3.5, 10), (1.0, 28), (0.2, 136)],
    ids=["one after the other", "three in the air", "fifteen in the air"],
)
def test_refusals_of_requests_in_the_air_together_count_as_one(apart_s: float, most: int) -> None:
    """Ten decisions in a row must have been refused, each made when the refusal counted before was known."""
    streak, answers = Streak(), 0

    while streak.add(REFUSED, apart_s * answers) is None:
        answers += 1

    assert answers + 1 == most


def test_an_accepted_request_ends_a_streak_of_refusals() -> None:
    """The first refusal after it counts, though it left before the last one was known."""
    streak = Streak()
    streak.add(REFUSED, 10.0)
    streak.add(ACCEPTED, 10.1)

    streak.add(REFUSED, 10.2)

    assert (streak.length, streak.counted_at_s) == (1, 10.2)


def test_a_halt_reaches_down_and_machinery_trouble_everywhere() -> None:
    """A campaign stops alone, an agent stops its campaigns, and what fails for one stops all; the gravest is told."""
    run = Halt()
    agent, other = Halt(run), Halt(run)
    campaign = Halt(agent)

    campaign.pull(ExitCode.STOPPED, "alike")
    after_campaign = [halt.code for halt in (run, agent, other, campaign)]
    agent.pull_everything(LedgerError("disk full"))
    campaign.pull_everything(ValueError("?"))

    assert after_campaign == [None, None, None, ExitCode.STOPPED]
    assert {(halt.code, halt.reason) for halt in (run, agent, other, campaign)} == {
        (ExitCode.UNEXPECTED, "unexpected: ValueError")
    }
