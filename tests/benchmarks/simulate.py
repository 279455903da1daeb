"""Run a pacer, or a rival, against a way of counting in virtual time."""

import math
import random
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from dispatcher.limiter import Pacer, Signal, Slot
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
        """Return the accepted share of the limit, per cent."""
        accepted = sum(since_s <= at < until_s for at in self.accepted_at_s)
        return 100 * accepted / (limit * (until_s - since_s))

    def refused(self, since_s: float = 0) -> float:
        """Return the share of calls refused, per cent."""
        refused = sum(at >= since_s for at in self.refused_at_s)
        calls = refused + sum(at >= since_s for at in self.accepted_at_s)
        return 100 * refused / max(1, calls)


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
    """Drive ``pacer`` until ``seconds`` have passed or ``rows`` calls were accepted.

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
            heappush(events, (now_s + latency.leg_s(rng), next(numbers), pacer.take(now_s), None))
            continue
        now_s, _, slot, signal = heappop(events)
        if signal is not None:
            pacer.release(slot, signal, now_s)
            continue
        is_accepted = counting.admit(now_s + phase_s)
        in_air -= not is_accepted
        (tally.accepted_at_s if is_accepted else tally.refused_at_s).append(now_s)
        signal = Signal.ANSWERED if is_accepted else Signal.REFUSED
        answered_s = now_s + latency.leg_s(rng) + (latency.work_s(rng) if is_accepted else 0.0)
        heappush(events, (answered_s, next(numbers), slot, signal))
    return tally
