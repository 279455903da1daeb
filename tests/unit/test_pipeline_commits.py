"""How the event loop waits for the ledger's writing thread."""

import asyncio
import threading
from pathlib import Path

import pytest

from dispatcher import ledger
from dispatcher.errors import LedgerError
from dispatcher.pipeline.commits import written


def _refuse(_: ledger.Connection) -> None:
    raise LedgerError("no")


def test_written_gives_results_and_errors(tmp_path: Path) -> None:
    """Whoever waits gets the result of his own call, or its error."""

    async def ask(writer: ledger.Writer) -> list[object]:
        calls = [written(writer.call(lambda _, number: number, number)) for number in range(50)]
        return await asyncio.gather(*calls, written(writer.call(_refuse)), return_exceptions=True)

    with ledger.own(tmp_path / "ledger.db") as writer:
        *results, error = asyncio.run(ask(writer))

    assert results == list(range(50))
    assert isinstance(error, LedgerError)


def test_written_may_be_cancelled(tmp_path: Path) -> None:
    """One who no longer waits for a commit disturbs neither the commit nor the writing thread."""
    gate = threading.Event()

    async def ask(writer: ledger.Writer) -> str:
        future = writer.call(lambda _: gate.wait(10))
        waiting = asyncio.create_task(written(future))
        await asyncio.sleep(0)
        waiting.cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert future.result(10)
        return await written(writer.call(lambda _: "still writing"))

    with ledger.own(tmp_path / "ledger.db") as writer:
        assert asyncio.run(ask(writer)) == "still writing"
