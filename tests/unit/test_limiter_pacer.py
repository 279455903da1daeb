"""The pure part of the limiter: what must hold whatever happens, and the figures it must reach."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from heapq import heappop, heappush
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.limiter.lanes import Slot
from dispatcher.limiter.pacer import Pacer, Signal
from dispatcher.limiter.stances import Learnt
from dispatcher.models import AttemptResult, Outcome
from dispatcher.pipeline.control import Streak
from tests.benchmarks.frontier import REFUSED_MAX, Cell
from tests.benchmarks.simulate import simulate
from tests.benchmarks.strict_server import COUNTINGS, LATENCIES, Latency

GRANTED = (1, 3, 5)
SIMULATED_S = 3_600
HALF_AN_HOUR_S = 1_800


@dataclass(frozen=True)
class Step:
    """One call of a made-up history; all times in seconds."""

    idle_s: float
    commit_s: float
    round_trip_s: float
    signal: Signal
    retry_after_s: float | None


def durations(longest_s: float) -> st.SearchStrategy[float]:
    """Return times from nothing to ``longest_s``, with an eye for the shortest."""
    return st.floats(0, longest_s) | st.sampled_from([0.0, 0.001, 0.01])


STEPS = st.builds(
    Step,
    idle_s=durations(3),
    commit_s=durations(0.02),
    round_trip_s=durations(3),
    signal=st.sampled_from(Signal),
    retry_after_s=st.none() | st.floats(0, 10),
)
HISTORIES = st.lists(STEPS, max_size=60)
LIMITS = st.sampled_from([1, 3, 5, 30, 2_000])
LEARNT = st.builds(
    Learnt,
    limit=LIMITS,
    least_s=durations(1),
    typical_s=durations(1),
    samples=st.integers(0, 1_000),
    even=st.booleans(),
    patience_s=st.sampled_from([0.0, 0.005, 2.0]),
)


def live_through(pacer: Pacer, history: list[Step]) -> tuple[list[float], float]:
    """Start and end every call of ``history``; return when they left and when the last one ended."""
    now_s, starts, in_air = 0.0, list[float](), list[tuple[float, int, Slot, Step]]()
    for number, step in enumerate(history):
        now_s += step.idle_s
        now_s = _wait_until_ready(pacer, in_air, now_s)
        slot = pacer.take(now_s)
        if step.commit_s:
            now_s += step.commit_s
            pacer.start(slot, now_s)
        starts.append(now_s)
        heappush(in_air, (now_s + step.round_trip_s, number, slot, step))
    while in_air:
        now_s = max(now_s, _land(pacer, in_air))
    return starts, now_s


def _wait_until_ready(pacer: Pacer, in_air: list[tuple[float, int, Slot, Step]], now_s: float) -> float:
    while True:
        ready_s = max(now_s, pacer.ready_at_s(now_s))
        if in_air and in_air[0][0] <= ready_s:
            now_s = max(now_s, _land(pacer, in_air))
        elif ready_s > now_s:
            now_s = ready_s
        else:
            return now_s


def _land(pacer: Pacer, in_air: list[tuple[float, int, Slot, Step]]) -> float:
    ended_s, _, slot, step = heappop(in_air)
    pacer.release(slot, step.signal, ended_s, retry_after_s=step.retry_after_s)
    return ended_s


def start_eagerly(pacer: Pacer, since_s: float, until_s: float) -> list[float]:
    """Start as many calls as the pacer allows, each answered at once."""
    now_s, starts = since_s, list[float]()
    while (now_s := max(now_s, pacer.ready_at_s(now_s))) < until_s:
        pacer.release(pacer.take(now_s), Signal.UNANSWERED, now_s)
        starts.append(now_s)
    return starts


def most_in_a_second(starts: list[float]) -> int:
    """Return the largest number of starts in any half-open second."""
    starts = sorted(starts)
    return max((sum(first <= at < first + 1 - 1e-9 for at in starts) for first in starts), default=0)


@given(limit=LIMITS, learnt=st.none() | LEARNT, history=HISTORIES)
def test_never_more_than_the_limit_in_any_second(limit: int, learnt: Learnt | None, history: list[Step]) -> None:
    """Whatever was learnt and whatever is answered, our own clock never sees more than the limit."""
    starts, _ = live_through(Pacer(limit, 0.0, granted=GRANTED, learnt=learnt), history)

    assert most_in_a_second(starts) <= limit


@given(limit=st.sampled_from([1, 3, 5]), learnt=st.none() | LEARNT, history=HISTORIES)
def test_every_slot_returns(limit: int, learnt: Learnt | None, history: list[Step]) -> None:
    """However calls ended, refused ones included, the whole limit is there again after a while."""
    pacer = Pacer(limit, 0.0, granted=GRANTED, learnt=learnt)

    _, ended_s = live_through(pacer, history)
    pacer.ready_at_s(ended_s + 400)
    starts = start_eagerly(pacer, ended_s + 402, ended_s + 412)

    assert len(starts) >= 10 * limit * 0.98 - 1


@given(limit=st.sampled_from([1, 3, 5]), history=HISTORIES, pause_s=durations(3))
def test_a_restart_never_adds_to_what_the_server_still_counts(limit: int, history: list[Step], pause_s: float) -> None:
    """The calls of the old and of the new process together keep the limit, half a second to spare."""
    old = Pacer(limit, 0.0, granted=GRANTED)
    old_starts, _ = live_through(old, history)
    last_s = old_starts[-1] if old_starts else 0.0

    new = Pacer(limit, last_s + pause_s, granted=GRANTED, learnt=old.learnt, idle_s=pause_s)
    new_starts = start_eagerly(new, last_s + pause_s, last_s + pause_s + 3)

    assert new_starts[0] >= last_s + 1.5 - 1e-9
    assert new_starts[0] <= max(last_s + pause_s, last_s + 1.5) + 0.001
    assert most_in_a_second(old_starts + new_starts) <= limit


@given(limit=LIMITS, history=HISTORIES)
@settings(max_examples=30)
def test_what_was_learnt_is_json_and_comes_back(limit: int, history: list[Step]) -> None:
    """A new pacer that starts with what an old one learnt knows just as much."""
    old = Pacer(limit, 0.0, granted=GRANTED)
    live_through(old, history)

    learnt = Learnt.from_json(old.learnt.to_json())

    assert Pacer(learnt.limit, 0.0, granted=GRANTED, learnt=learnt).learnt == learnt


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("counting", COUNTINGS)
@pytest.mark.parametrize("limit", [1, 3, 5])
def test_the_approved_rate_is_used_to_the_full(limit: int, counting: str, latency: str) -> None:
    """However the server counts and however long calls take, the goal is reached and refusals are few."""
    pacer = Pacer(limit, 0.0, granted=GRANTED)

    tally = simulate(pacer, COUNTINGS[counting](limit), LATENCIES[latency], seconds=SIMULATED_S, seed=1, phase_s=0.4)

    assert tally.used(limit, 60, SIMULATED_S) >= Cell(limit, counting, latency).goal
    assert tally.refused < REFUSED_MAX
    if latency == "5ms" and counting != "even":
        assert not tally.refused_at_s


@pytest.mark.parametrize("seed", [2, 3, 5, 7])
def test_a_spread_that_failed_does_not_keep_the_guard_away(seed: int) -> None:
    """Where the API works and wants even spacing, lanes may fail first; the guard is dared all the same."""
    counting, latency = COUNTINGS["even"](5), LATENCIES["works-600ms"]

    tally = simulate(
        Pacer(5, 0.0, granted=GRANTED), counting, latency, seconds=180, seed=seed, phase_s=(seed * 0.618) % 1
    )

    assert tally.used(5, 60, 180) >= 96
    assert len(tally.refused_at_s) <= 6


def test_a_stance_that_lasted_is_taken_up_again_soon() -> None:
    """Three refusals close together, after thousands of accepted calls, end the beat only for a moment."""
    counting, latency = COUNTINGS["fixed"](5), LATENCIES["80ms-jitter"]

    tally = simulate(Pacer(5, 0.0, granted=GRANTED), counting, latency, seconds=3_600, seed=2, phase_s=(2 * 0.618) % 1)

    assert tally.used(5, 2_200, 3_600) > 99
    assert tally.refused < 0.1


def _works(median_s: float) -> Callable[[Random], float]:
    return lambda rng: median_s * rng.lognormvariate(0, 0.3)


class LateLimit:
    """Counts one session a second until a moment, and the full limit from then on."""

    def __init__(self, limit: int, active_at_s: float, counting: str = "sliding") -> None:
        self._before, self._after = COUNTINGS[counting](1), COUNTINGS[counting](limit)
        self._active_at_s = active_at_s
        self.in_a_row = self.most_in_a_row = 0

    def admit(self, now_s: float) -> bool:
        """Count the call and tell whether it is accepted."""
        is_accepted = (self._after if now_s >= self._active_at_s else self._before).admit(now_s)
        self.in_a_row = 0 if is_accepted else self.in_a_row + 1
        self.most_in_a_row = max(self.most_in_a_row, self.in_a_row)
        return is_accepted


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("limit", [3, 5])
def test_a_limit_that_is_not_active_yet(limit: int, latency: str) -> None:
    """The campaign goes on at what is accepted, far from ten refusals in a row, and finds the limit later."""
    pacer, server = Pacer(limit, 0.0, granted=GRANTED), LateLimit(limit, active_at_s=200)

    before = simulate(pacer, server, LATENCIES[latency], seconds=50)

    assert pacer.note == f"refused as if the limit were 1 a second instead of {limit}"
    assert before.used(1, 10, 50) > 55
    assert server.most_in_a_row <= 4


@pytest.mark.parametrize("limit", [3, 5])
def test_a_limit_that_becomes_active_is_found(limit: int) -> None:
    """The approved limit is tried again after a minute, then ever more rarely, and kept once accepted."""
    pacer, server = Pacer(limit, 0.0, granted=GRANTED), LateLimit(limit, active_at_s=200)

    tally = simulate(pacer, server, LATENCIES["5ms"], seconds=900)

    assert pacer.note is None
    assert tally.used(limit, 600, 900) > 98
    assert len(tally.refused_at_s) <= 20


SLOW = {
    median_s: Latency(lambda _: 0.002, _works(median_s), refuses_late=True) for median_s in (0.005, 0.3, 1, 1.5, 2, 3)
}


class Watched(Pacer):
    """Passes every answer on to the error brake as the dispatch does, and remembers when the note was first said."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit, 0.0, granted=GRANTED)
        self._brake = Streak()
        self.answers, self.noted_after, self.noted_at_s = 0, math.inf, math.inf
        self.stopped_because: str | None = None

    def release(
        self,
        slot: Slot,
        signal: Signal,
        now_s: float,
        *,
        retry_after_s: float | None = None,
        new_connection: bool = False,
    ) -> None:
        """Give ``slot`` back."""
        super().release(slot, signal, now_s, retry_after_s=retry_after_s, new_connection=new_connection)
        latency_ms = round(1_000 * (now_s - slot.started_at_s))
        self.stopped_because = self.stopped_because or self._brake.add(_outcome(signal, latency_ms), now_s)
        self.answers += 1
        if self.note and math.isinf(self.noted_at_s):
            self.noted_after, self.noted_at_s = self.answers, now_s


def _outcome(signal: Signal, latency_ms: int) -> AttemptResult:
    if signal is Signal.REFUSED:
        return AttemptResult(Outcome.THROTTLED, "HTTP 429", 429, latency_ms=latency_ms)
    return AttemptResult(Outcome.ACCEPTED, "accepted", 200, latency_ms=latency_ms)


@cache
def _used_when_approved_for_one(counting: str, median_s: float, seed: int) -> float:
    server = COUNTINGS[counting](1)
    return simulate(Pacer(1, 0.0, granted=GRANTED), server, SLOW[median_s], seconds=HALF_AN_HOUR_S, seed=seed).used(
        1, 60, HALF_AN_HOUR_S
    )


@pytest.mark.parametrize("counting", ["sliding", "sliding-all"])
@pytest.mark.parametrize("median_s", SLOW)
@pytest.mark.parametrize("limit", [3, 5])
def test_a_limit_that_is_not_active_is_noticed_however_slow_the_answers(
    limit: int, median_s: float, counting: str
) -> None:
    """When every answer takes seconds, refusals too, it is said early, the run goes on, and little is lost."""
    for seed in range(10):
        pacer, server = Watched(limit), COUNTINGS[counting](1)

        tally = simulate(pacer, server, SLOW[median_s], seconds=HALF_AN_HOUR_S, seed=seed)

        assert pacer.noted_after <= 30
        assert pacer.stopped_because is None
        expected = _used_when_approved_for_one(counting, median_s, seed)
        assert tally.used(1, pacer.noted_at_s, HALF_AN_HOUR_S) >= 0.8 * expected


@pytest.mark.parametrize("counting", ["sliding", "sliding-all"])
@pytest.mark.parametrize("median_s", SLOW)
@pytest.mark.parametrize("limit", [3, 5])
def test_a_limit_that_becomes_active_is_found_however_slow_the_answers(
    limit: int, median_s: float, counting: str
) -> None:
    """The probe that comes at most five minutes later is not mistaken for one that fails."""
    for seed in range(3):
        pacer, server = Watched(limit), LateLimit(limit, 600, counting)

        tally = simulate(pacer, server, SLOW[median_s], seconds=1_100, seed=seed)

        assert pacer.note is None
        assert pacer.stopped_because is None
        assert tally.used(limit, 960, 1_100) > 97


@pytest.mark.parametrize("seed", range(3))
def test_a_probe_that_fails_does_not_undo_what_was_found_before_it(seed: int) -> None:
    """The guard that was found at the lower limit is there at once when the approved one is refused again."""
    pacers = [Pacer(3, 0.0, granted=GRANTED) for _ in range(3)]

    for pacer, seconds in zip(pacers, (70, 82, 98), strict=True):
        simulate(pacer, COUNTINGS["sliding-all"](1), SLOW[3], seconds=seconds, seed=seed)

    before, probing, after = pacers
    assert (before.limit, probing.limit, after.limit) == (1, 3, 1)
    assert after.stance == before.stance != probing.stance


def test_refusals_of_an_earlier_stance_say_nothing_about_the_next() -> None:
    """When five calls in the air are all refused, one dare is taken back, and the limit is not doubted."""
    pacer = Pacer(5, 0.0, granted=GRANTED, learnt=Learnt(5, least_s=0.1, typical_s=0.1, samples=100, even=False))
    slots = [pacer.take(pacer.ready_at_s(0.0)) for _ in range(5)]

    for slot in slots:
        pacer.release(slot, Signal.REFUSED, 2.0)

    assert pacer.stance.even
    assert pacer.limit == 5


def test_refusals_of_calls_from_before_say_nothing_about_a_lowered_limit() -> None:
    """When fifteen calls in the air are all refused, the limit is lowered once, not twice."""
    learnt = Learnt(5, least_s=3.0, typical_s=3.0, samples=100, even=False, patience_s=0.005)
    pacer, slots = Pacer(5, 0.0, granted=GRANTED, learnt=learnt), list[Slot]()
    for _ in range(15):
        slots.append(pacer.take(pacer.ready_at_s(0.0)))

    for slot in slots:
        pacer.release(slot, Signal.REFUSED, slot.started_at_s + 3)

    assert slots[-1].started_at_s < 3
    assert pacer.limit == 3


@pytest.mark.parametrize("counting", ["sliding", "even"])
@pytest.mark.parametrize("limit", [1, 5])
def test_a_way_that_becomes_longer_is_noticed(limit: int, counting: str) -> None:
    """When every call suddenly takes longer, the old floor is forgotten within a minute, not within hours."""
    legs = iter([0.03] * 600 * limit + [0.08] * 10_000)
    jitter = Random(1)
    latency = Latency(lambda _: next(legs) * jitter.lognormvariate(0, 0.03))

    tally = simulate(Pacer(limit, 0.0, granted=GRANTED), COUNTINGS[counting](limit), latency, seconds=600)

    assert tally.used(limit, 400, 600) > 92
    assert len(tally.refused_at_s) <= 6


def test_a_way_that_becomes_shorter_is_noticed() -> None:
    """When every call suddenly takes less long, one quick answer is enough to lower the floor."""
    legs = iter([0.08] * 6_000 + [0.005] * 20_000)

    tally = simulate(
        Pacer(5, 0.0, granted=GRANTED), COUNTINGS["sliding"](5), Latency(lambda _: next(legs)), seconds=900
    )

    assert tally.used(5, 700, 900) > 99
    assert len(tally.refused_at_s) <= 6


@pytest.mark.parametrize("work_s", [0.3, 2.0])
def test_answers_that_take_longer_than_the_pace_do_not_set_it(work_s: float) -> None:
    """Where every answer takes longer than 1/limit, or than a second, the rate is used all the same."""
    latency = Latency(lambda _: 0.02, lambda _: work_s)

    tally = simulate(Pacer(5, 0.0, granted=GRANTED), COUNTINGS["sliding"](5), latency, seconds=600)

    assert tally.used(5, 60, 600) > 98
    assert not tally.refused_at_s
