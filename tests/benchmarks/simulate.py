"""Run a pacer, or a rival, against a way of counting in virtual time."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count, takewhile

from dispatcher.limiter.lanes import Slot
from dispatcher.limiter.pacer import Pacer, Signal
from tests.benchmarks.strict_server import Counting, Latency


def timer_lateness_s(rng: random.Random) -> float:
    """Return how late an event loop wakes: epoll rounds up to whole milliseconds."""
    return 0.0001 + 0.001 * rng.random()


@dataclass
class Tally:
    """When calls were accepted and refused, in seconds of virtual time, by arrival."""

    accepted_at_s: list[float] = field(default_factory=list)
    refused_at_s: list[float] = field(default_factory=list)
    starts_s: list[float] = field(default_factory=list)

    def used(self, limit: int, since_s: float, until_s: float) -> float:
        """Return the accepted share of the limit, per cent, from the first to the last call in between."""
        accepted = [at_s for at_s in self.accepted_at_s if since_s <= at_s < until_s]
        if len(accepted) < 2:
            return 0.0
        return 100 * (len(accepted) - 1) / (limit * (accepted[-1] - accepted[0]))

    @property
    def refused(self) -> float:
        """The share of all calls that was refused, per cent."""
        return 100 * len(self.refused_at_s) / max(1, len(self.refused_at_s) + len(self.accepted_at_s))


def simulate(
    pacer: Pacer,
    counting: Counting,
    latency: Latency,
    *,
    seconds: float = 3600,
    rows: int | None = None,
    seed: int = 0,
    phase_s: float = 0.0,
) -> Tally:
    """Drive ``pacer`` against a server whose timers are as late as ours, as on loopback.

    It goes on until ``seconds`` have passed or ``rows`` calls were accepted.

    Args:
        pacer: fresh, its clock at 0.
        counting: fresh, judges each call when it arrives.
        latency: how long each call takes.
        seconds: virtual time after which to stop.
        rows: calls to have accepted, None for no end.
        seed: of the latencies.
        phase_s: what the server's clock shows when ours shows 0.
    """
    rng = random.Random(seed)
    tally, numbers = Tally(), count()
    events: list[tuple[float, int, Slot, Signal | None]] = []
    now_s, late_s, in_air = 0.0, timer_lateness_s(rng), 0
    while now_s < seconds and (rows is None or len(tally.accepted_at_s) < rows):
        wake_s = math.inf
        if rows is None or len(tally.accepted_at_s) + in_air < rows:
            wake_s = max(now_s, pacer.ready_at_s(now_s) + late_s)
        if not events or wake_s < events[0][0]:
            now_s, late_s, in_air = wake_s, timer_lateness_s(rng), in_air + 1
            tally.starts_s.append(now_s)
            heappush(
                events,
                (now_s + latency.leg_s(rng) + timer_lateness_s(rng), next(numbers), pacer.take(now_s), None),
            )
            continue
        now_s, _, slot, signal = heappop(events)
        if signal is not None:
            pacer.release(slot, signal, now_s)
            continue
        is_accepted = counting.admit(now_s + phase_s)
        in_air -= 1
        (tally.accepted_at_s if is_accepted else tally.refused_at_s).append(now_s)
        signal = Signal.ANSWERED if is_accepted else Signal.REFUSED
        work_s = latency.work_s(rng) if is_accepted or latency.refuses_late else 0.0
        answered_s = now_s + work_s + latency.leg_s(rng) + timer_lateness_s(rng)
        heappush(events, (answered_s, next(numbers), slot, signal))
    return tally


def simulate_starts(
    starts_s: Iterator[float],
    counting: Counting,
    latency: Latency,
    *,
    seconds: float,
    seed: int,
    phase_s: float,
) -> Tally:
    """Let calls start at ``starts_s`` whatever is answered, as limiters that do not listen do."""
    rng, tally = random.Random(seed), Tally()
    tally.starts_s = list(takewhile(lambda start_s: start_s < seconds, starts_s))
    for at_s in sorted(start_s + latency.leg_s(rng) + timer_lateness_s(rng) for start_s in tally.starts_s):
        is_accepted = counting.admit(at_s + phase_s)
        (tally.accepted_at_s if is_accepted else tally.refused_at_s).append(at_s)
    return tally


def spaced_starts_s(limit: int, seed: int) -> Iterator[float]:
    """Yield starts 1/limit apart, each counted from when the one before really happened.

    So do ``AsyncLimiter(1, 1 / limit)``, aiometer and a loop that sleeps.
    """
    rng, start_s = random.Random(seed), 0.0
    while True:
        yield start_s
        start_s += 1 / limit + timer_lateness_s(rng)


def bucket_starts_s(limit: int, seed: int) -> Iterator[float]:
    """Yield the starts of ``AsyncLimiter(limit, 1)``: a burst of ``limit``, then one each 1/limit."""
    rng = random.Random(seed)
    for number in count():
        yield 0.0 if number < limit else (number - limit + 1) / limit + timer_lateness_s(rng)
