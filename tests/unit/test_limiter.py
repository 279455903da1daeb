"""The limiter under an event loop whose clock the test holds: no test here waits for real time."""

import asyncio
import selectors
from collections.abc import Coroutine
from itertools import pairwise
from typing import TypeVar

import pytest

from dispatcher.limiter.lanes import Slot
from dispatcher.limiter.least_time import warm_up_left_s
from dispatcher.limiter.limiter import Limiter
from dispatcher.limiter.pacer import Signal
from dispatcher.limiter.stances import Learnt

T = TypeVar("T")
GRANTED = (1, 3, 5)


class _SkippingSelector(selectors.DefaultSelector):
    """Never waits: what it was asked to wait it adds to ``skipped_s``, and a microsecond for each turn."""

    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        self.skipped_s += 1e-6 + (timeout or 0.0) * (not ready)
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time."""

    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.skipped_s


def run(main: Coroutine[object, object, T]) -> T:
    """Run ``main`` to its end on a virtual clock that starts at 0."""
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(main)


def now_s() -> float:
    """Return the virtual time."""
    return asyncio.get_running_loop().time()


async def call(
    limiter: Limiter, round_trip_s: float, signal: Signal = Signal.ANSWERED, *, prepare_s: float = 0.0
) -> float:
    """Prepare and make one call and return when it started."""
    slot = await limiter.acquire()
    if prepare_s:
        await asyncio.sleep(prepare_s)
    await limiter.start(slot)
    started_at_s = now_s()
    await asyncio.sleep(round_trip_s)
    limiter.release(slot, signal)
    return started_at_s


@pytest.mark.parametrize("prepare_s", [0.0, 0.02], ids=["no intent", "slow intent"])
@pytest.mark.parametrize("limit", [1, 3, 5])
def test_keeps_the_rate_without_a_burst(limit: int, prepare_s: float) -> None:
    """A steady, quick API is used to 99 % however long intents take; in no second more than the limit starts."""

    async def main() -> list[float]:
        limiter = Limiter(limit, granted=GRANTED)
        calls = (call(limiter, 0.01, prepare_s=prepare_s) for _ in range(60 * limit))
        return sorted(await asyncio.gather(*calls))

    starts = run(main())

    assert all(later - earlier >= 1 for earlier, later in zip(starts, starts[limit:], strict=False))
    assert starts[-1] <= 60 * 1.01


def test_an_intent_that_takes_long_once_starts_late_and_no_faster() -> None:
    """A slot whose preparation outlasts its lead starts late, and those after it still keep the limit."""

    async def main() -> list[float]:
        limiter = Limiter(5, granted=GRANTED)
        calls = (call(limiter, 0.01, prepare_s=0.7 if number % 7 == 3 else 0.004) for number in range(100))
        return sorted(await asyncio.gather(*calls))

    starts = run(main())

    assert all(later - earlier >= 1 for earlier, later in zip(starts, starts[5:], strict=False))


def test_an_unapproved_high_limit_costs_nothing() -> None:
    """With the limit lifted for measurements, thousands may be in the air at once."""

    async def main() -> float:
        limiter = Limiter(10_000, granted=GRANTED)
        await asyncio.gather(*(call(limiter, 0.5) for _ in range(9_000)))
        return now_s()

    assert run(main()) == pytest.approx(0.5, abs=0.01)


def test_a_cancelled_wait_takes_no_slot() -> None:
    """Who stops waiting leaves the queue to the others, and the rate is not disturbed."""

    async def main() -> list[float]:
        limiter = Limiter(1, granted=GRANTED)
        first = await call(limiter, 0.01)
        given_up = asyncio.create_task(call(limiter, 0.01))
        waiting = asyncio.create_task(call(limiter, 0.01))
        await asyncio.sleep(0.5)
        given_up.cancel()
        return [first, await waiting]

    first, second = run(main())

    assert 1 <= second - first < 1.05


def test_a_slow_answer_stalls_nobody_else() -> None:
    """While one call waits a minute for its answer, the others go on."""

    async def main() -> float:
        limiter = Limiter(5, granted=GRANTED)
        slow = asyncio.create_task(call(limiter, 60))
        for _ in range(100):
            await call(limiter, 0.01)
        slow.cancel()
        return now_s()

    assert run(main()) < 24


def test_a_slot_given_back_unused_is_free() -> None:
    """What was never sent does not shut the lane for the time an answer would take."""

    async def main() -> float:
        limiter = Limiter(1, granted=GRANTED)
        limiter.release(await limiter.acquire(), Signal.UNUSED)
        await limiter.acquire()
        return now_s()

    assert run(main()) <= 1.001


def test_retry_after_is_a_floor() -> None:
    """After a refusal nothing starts before what the server asked for."""

    async def main() -> float:
        limiter = Limiter(5, granted=GRANTED)
        limiter.release(await limiter.acquire(), Signal.REFUSED, retry_after_s=7.0)
        await limiter.acquire()
        return now_s()

    assert run(main()) == pytest.approx(7.0, abs=0.01)


def test_a_slot_that_was_given_out_before_a_retry_after_does_not_start() -> None:
    """Its intent took long, and meanwhile the server asked for a pause; the slot goes back unused."""

    async def main() -> tuple[bool, float]:
        limiter = Limiter(5, granted=GRANTED)
        first, second = await limiter.acquire(), await limiter.acquire()
        await limiter.start(first)
        limiter.release(first, Signal.REFUSED, retry_after_s=7.0)
        refused_s = now_s()
        may_leave = await limiter.start(second)
        limiter.release(second, Signal.UNUSED)
        await limiter.acquire()
        return may_leave, now_s() - refused_s

    may_leave, paused_s = run(main())

    assert may_leave is False
    assert paused_s == pytest.approx(7.0, abs=0.01)


@pytest.mark.parametrize("even", [True, False])
def test_calls_whose_intents_stalled_together_leave_one_by_one(even: bool) -> None:
    """A disk that stands still for a while makes no burst: an even server would refuse all but one of it."""

    async def main() -> list[float]:
        limiter = Limiter(5, granted=GRANTED, learnt=Learnt(5, 0.1, 0.1, 1000, even=even, patience_s=0.005))
        slots = [await limiter.acquire() for _ in range(4)]
        await asyncio.sleep(1.3)
        starts = []

        async def leave(slot: Slot) -> None:
            await limiter.start(slot)
            starts.append(now_s())

        await asyncio.gather(*map(leave, slots))
        return starts

    starts = run(main())

    assert min(later - earlier for earlier, later in pairwise(starts)) >= (0.199 if even else 0.099)


def test_ten_refusals_in_a_row_take_well_under_forty_seconds() -> None:
    """The holds double from half a second up to five, so the run stops soon when nothing is accepted."""

    async def main() -> list[float]:
        limiter = Limiter(1, granted=GRANTED)
        return [await call(limiter, 0.01, Signal.REFUSED) for _ in range(10)]

    starts = run(main())

    gaps = [round(later - earlier) for earlier, later in pairwise(starts)]
    assert gaps == [1, 1, 2, 4, 5, 5, 5, 5, 5]


@pytest.mark.parametrize(("idle_s", "held_s"), [(None, 0), (0, 1.5), (-3, 1.5), (1, 0.5), (9, 0)])
def test_a_restart_waits_until_the_server_has_forgotten(idle_s: float | None, held_s: float) -> None:
    """The first session of a new process waits for what the server may still count of the old one."""

    async def main() -> float:
        limiter = Limiter(5, granted=GRANTED, idle_s=idle_s)
        await limiter.acquire()
        return now_s()

    assert run(main()) == pytest.approx(held_s, abs=0.001)


@pytest.mark.parametrize(("held_s", "idle_s", "first_s"), [(20, None, 20), (20, 0, 20), (1, 0, 1.5), (-5, None, 0)])
def test_a_hold_that_an_earlier_run_was_asked_for_is_held(held_s: float, idle_s: float | None, first_s: float) -> None:
    """The longer of what a refusal asked for and what a restart demands comes before the first session."""

    async def main() -> float:
        limiter = Limiter(5, granted=GRANTED, idle_s=idle_s, held_s=held_s)
        await limiter.acquire()
        return now_s()

    assert run(main()) == pytest.approx(first_s, abs=0.001)


def test_what_was_learnt_survives_as_json() -> None:
    """A run that ends hands on what it knows, and keys of another version are no trouble."""
    learnt = Learnt(limit=5, least_s=0.01, typical_s=0.011, samples=40, even=False)

    assert Learnt.from_json({**learnt.to_json(), "from_a_newer_version": 1}) == learnt


@pytest.mark.parametrize(
    "wrong",
    [{"least_s": None}, {"least_s": "x"}, {"patience_s": float("nan")}, {"failed_dares": "1"}, {"samples": -1}],
    ids=str,
)
def test_what_was_not_learnt_so_is_refused(wrong: dict[str, object]) -> None:
    """A ledger that somebody meddled with must not stop a run in its middle."""
    with pytest.raises(ValueError, match=r"^what was learnt is no number from 0 on$"):
        Learnt.from_json(Learnt(limit=5).to_json() | wrong)


def test_a_slot_is_given_back_once() -> None:
    """Giving a slot back twice is a mistake of the program and is said so."""

    async def main() -> None:
        limiter = Limiter(1, granted=GRANTED)
        slot = await limiter.acquire()
        limiter.release(slot, Signal.ANSWERED)
        limiter.release(slot, Signal.ANSWERED)

    with pytest.raises(ValueError, match=r"^this slot was given back before$"):
        run(main())


@pytest.mark.parametrize(
    ("elapsed_s", "left_s"),
    [(0, 300), (100, 200), (300, 0), (9_999, 0), (-50, 300), (None, 0)],
    ids=["just changed", "under way", "just over", "long over", "clock stepped back", "never changed"],
)
def test_warm_up_left(elapsed_s: float | None, left_s: float) -> None:
    """What is left of a warm-up lies between nothing and the whole, whatever the clock says."""
    assert warm_up_left_s(warm_up_s=300, elapsed_s=elapsed_s) == left_s
