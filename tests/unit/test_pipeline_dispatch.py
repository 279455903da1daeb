"""How the dispatch of an agent ends when the API says no, on a real ledger and with a real limiter."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from dispatcher import ledger
from dispatcher.errors import ExitCode
from dispatcher.limiter.limiter import Limiter
from dispatcher.models import AttemptResult, Campaign, Outcome
from dispatcher.pipeline.control import Halt
from dispatcher.pipeline.dispatch import AgentDispatch
from dispatcher.pipeline.progress import Progress, RowDone, Warned
from dispatcher.pipeline.queue import Budget, CampaignQueue
from tests.support import campaign_files, ledgers

_WRONG_KEY = AttemptResult(Outcome.REJECTED, "HTTP 401", 401, headers_sent=True, stop="the key is wrong")


@dataclass
class _Refusing:
    """Answers every request as an API does that does not know the key."""

    requests: int = 0

    async def send(self, endpoint: str, body: bytes) -> AttemptResult:
        self.requests += 1
        return _WRONG_KEY


class _Scene:
    """Five rows are due to one agent, whose limiter has a pace to warn of; one request is in the air at a time."""

    def __init__(self, campaign: Campaign, writer: ledger.Writer) -> None:
        self.run_halt = Halt()
        self.agent_halt = Halt(self.run_halt)
        self.sender = _Refusing()
        self._campaign = campaign
        self._queue = CampaignQueue(
            campaign,
            ledgers.campaign_id(writer),
            ledgers.begin_run(writer),
            date(2026, 11, 22),
            writer,
            Budget(None),
            Halt(self.agent_halt),
        )

    def dispatch(self, on_progress: Callable[[Progress], None]) -> None:
        """Dispatch what is due."""
        asyncio.run(self._dispatch(on_progress))

    async def _dispatch(self, on_progress: Callable[[Progress], None]) -> None:
        limiter = Limiter(5)
        limiter._pacer._set_limit(1, asyncio.get_running_loop().time())
        senders = {self._campaign.channel: self.sender}
        await AgentDispatch(
            [self._queue], limiter, senders, halt=self.agent_halt, in_air_max=1, on_progress=on_progress
        ).run()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[_Scene]:
    """A loaded campaign."""
    campaign = campaign_files.load(tmp_path, template__body=None)
    with ledger.own(tmp_path / "ledger.db") as writer:
        ledgers.load(writer, [ledgers.person(index) for index in range(5)])
        yield _Scene(campaign, writer)


def test_what_has_to_stop_has_stopped_when_it_is_told(scene: _Scene) -> None:
    """The pace comes before the row whose answer it rests on, and both after the brake; no other row passes."""
    told: list[tuple[type, ExitCode | None]] = []

    scene.dispatch(lambda event: told.append((type(event), scene.agent_halt.code)))

    assert told == [(Warned, ExitCode.STOPPED), (RowDone, ExitCode.STOPPED)]
    assert (scene.agent_halt.reason, scene.sender.requests) == ("the key is wrong", 1)


@pytest.mark.parametrize("kind", [Warned, RowDone])
def test_who_watches_and_raises_neither_skips_the_brake_nor_is_overlooked(scene: _Scene, kind: type) -> None:
    """The run stops for both reasons, and what was raised is raised once all have landed."""

    def watch(event: Progress) -> None:
        if isinstance(event, kind):
            raise BrokenPipeError("nobody reads on")

    with pytest.raises(BrokenPipeError, match="nobody reads on"):
        scene.dispatch(watch)

    assert scene.run_halt.code is ExitCode.UNEXPECTED
    assert scene.agent_halt._pulled == [(ExitCode.STOPPED, "the key is wrong")]
    assert scene.sender.requests == 1
