"""How much is dared: from a stance that no way of counting refuses to bolder ones, where they pay."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from dispatcher.limiter.round_trips import RoundTrips

ANSWER_PATIENCE_S = 2.0  # a lane waits at most this long for its answer
WORK_S = 0.15  # answers usually this much above the least one: the API works, the network is not so uneven
LEAST_GUARD_S, GUARD_STEP = 0.005, 4.0
LEAST_GAIN, LEAST_PATIENCE_GAIN = 0.005, 0.02  # shares of the rate that must be at stake
PRICE_CALLS, PRICE_S = 1.0, 0.8  # what must have been lost before a dare: a refusal, and the holds of a failure
REPEAT_FACTOR = 300.0  # what a dare that failed must promise, as a multiple of its price
LEAST_CALLS = 5  # in a stance, and round trips, before another is judged
SAME_TROUBLE_CALLS = 20  # failures that follow within so many calls are one
MOST_FAILURES = 6
PAID_CALLS = 3_000  # a stance that is refused three times only after so many calls was no failure: 0.1 %
LEAST_EVEN_GAP_S = 0.05  # below this nothing can be kept even


@dataclass(frozen=True, slots=True)
class Stance:
    """How calls are spread and how long their answers are waited for.

    Attributes:
        even: one lane of 1/limit seconds instead of ``limit`` lanes of one second.
        patience_s: how long a lane waits for an answer that is later than the floor.
    """

    even: bool
    patience_s: float = ANSWER_PATIENCE_S

    def adds_guard(self, before: "Stance") -> bool:
        """Tell whether what is bolder here than ``before`` is the guard, not how calls are spread or the beat."""
        return self.even == before.even and self.patience_s > 0


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is known about an agent when a run ends, so that the next one starts warm.

    Attributes:
        limit: the limit it was learnt at; the stance of another limit is worth nothing.
        least_s: least round trip seen, seconds; 0 when unknown.
        typical_s: median of the latest round trips, seconds; 0 when unknown.
        samples: how many round trips this rests on, at most 1,000.
        even: see ``Stance``.
        patience_s: see ``Stance``.
        failed_dares: how often a bolder stance other than a guard was refused.
        failed_guards: how often a guard was refused.
        calls_since_failure: calls since the last time, or since ever.
    """

    limit: int
    least_s: float = 0.0
    typical_s: float = 0.0
    samples: int = 0
    even: bool = True
    patience_s: float = ANSWER_PATIENCE_S
    failed_dares: int = 0
    failed_guards: int = 0
    calls_since_failure: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as a flat JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` returned; keys of other versions are left out.

        Raises:
            ValueError: it holds what ``to_json`` never returns.
        """
        known = {field.name for field in fields(cls)}
        learnt = cls(**{name: value for name, value in stored.items() if name in known})
        if not all(_is_count(value) for name, value in asdict(learnt).items() if name != "even"):
            raise ValueError("what was learnt is no number from 0 on")
        return learnt


def _is_count(value: object) -> bool:
    return isinstance(value, int | float) and 0 <= value < math.inf


class Boldness:
    """Chooses the stance: one step bolder when that pays, one step back when it is refused.

    Args:
        limit: sessions per second approved.
        learnt: what an earlier run knew, of the same limit or another.
    """

    def __init__(self, limit: int, learnt: Learnt) -> None:
        self._has_window = limit > 1
        self._price = PRICE_CALLS + PRICE_S * limit
        self._stances = [Stance(even=1 / limit >= LEAST_EVEN_GAP_S)]
        self.failed_dares, self.failed_guards, self.calls_since_failure = 0, 0, 0
        self._calls_in_stance = 0
        self._refused_at: deque[int] = deque(maxlen=3)
        if learnt.limit == limit:
            self.failed_dares, self.failed_guards = learnt.failed_dares, learnt.failed_guards
            self.calls_since_failure = learnt.calls_since_failure
            known = Stance(learnt.even and self.stance.even, learnt.patience_s)
            self._stances += [known] * (known != self.stance)

    @property
    def stance(self) -> Stance:
        """The stance in force."""
        return self._stances[-1]

    @property
    def is_first(self) -> bool:
        """Whether nothing is dared."""
        return len(self._stances) == 1

    def count_call(self) -> None:
        """Note that one more call was started."""
        self._calls_in_stance += 1
        self.calls_since_failure += 1

    def dare(self, trips: RoundTrips, window_s: float) -> bool:
        """Take the next bolder stance if that pays, and tell whether it was taken.

        It pays when the calls that the present stance has cost since the last failure are more than
        the price of a failure, and after a failure of this kind ``REPEAT_FACTOR`` times as many, doubling.
        """
        if self._calls_in_stance < LEAST_CALLS or trips.count < LEAST_CALLS:
            return False
        bolder = self._bolder(trips, window_s)
        if bolder is None:
            return False
        self._stances.append(bolder)
        self.settle()
        return True

    def _bolder(self, trips: RoundTrips, window_s: float) -> Stance | None:
        """Return the next bolder stance: the one with the least risk that helps, if it pays."""
        stance = self.stance
        wait_s = min(stance.patience_s, trips.usual_wait_s(window_s))
        is_patient = stance.patience_s == ANSWER_PATIENCE_S
        works = is_patient and trips.usual_excess_s >= WORK_S
        outlasts = is_patient and trips.typical_s > window_s
        if stance.even and self._has_window and not works and not (outlasts and self.failed_dares):
            wait_s = min(stance.patience_s, max(wait_s, trips.mean_excess_s))
            bolder, least = replace(stance, even=False), LEAST_GAIN
        elif is_patient:
            bolder, least = replace(stance, patience_s=LEAST_GUARD_S if works or outlasts else 0.0), LEAST_PATIENCE_GAIN
        elif stance.patience_s > LEAST_GUARD_S:
            bolder, least = replace(stance, patience_s=stance.patience_s / GUARD_STEP), LEAST_PATIENCE_GAIN
        else:
            return None
        return bolder if self._pays(bolder, wait_s / window_s, least) else None

    def _pays(self, bolder: Stance, stake: float, least: float) -> bool:
        failed = self.failed_guards if bolder.adds_guard(self.stance) else self.failed_dares
        factor = REPEAT_FACTOR * 2 ** (failed - 1) if failed else 1.0
        return stake >= least and stake * self.calls_since_failure >= self._price * factor

    def count_refusal(self) -> None:
        """Note that a call started in this stance was refused."""
        self._refused_at.append(self._calls_in_stance)

    def refused_within(self, refusals: int, calls: int) -> bool:
        """Tell whether the last ``refusals`` lie within ``calls`` calls of this stance."""
        recent = list(self._refused_at)[-refusals:]
        return len(recent) == refusals and recent[-1] - recent[0] < calls

    @property
    def _enough(self) -> int:
        """How many refusals prove a stance too bold; the beat may have to be shifted more than once."""
        return 3 if self.stance.patience_s == 0 and self._has_window else 2

    def retreat(self, trips: RoundTrips, window_s: float) -> bool:
        """Take the last dare back if refusals come close together, and tell whether it was taken back.

        A guard that was too small is tried again ``GUARD_STEP`` times as large while that still pays.
        """
        if self.is_first or not (self.refused_within(self._enough, 10) or self.refused_within(3, 100)):
            return False
        failed = self._stances.pop()
        self._count_failure(failed)
        wider_s = failed.patience_s * GUARD_STEP
        if failed.even == self.stance.even and 0 < wider_s < trips.usual_wait_s(window_s) / 2:
            self._stances.append(replace(failed, patience_s=wider_s))
        self.settle()
        return True

    def _count_failure(self, failed: Stance) -> None:
        """Remember a dare that was refused, unless it had paid for that; failures close together are one.

        A guard says nothing about other dares, for answers late by so much have one cause only; and where
        spreading calls failed, that is what guards were refused for in that spread.
        """
        is_new = self.calls_since_failure >= SAME_TROUBLE_CALLS
        is_paid = self._calls_in_stance >= PAID_CALLS
        if failed.adds_guard(self.stance) and not is_paid:
            self.failed_guards = _one_more(self.failed_guards, is_new=is_new)
        elif not is_paid:
            self.failed_dares = _one_more(self.failed_dares, is_new=is_new)
        if failed.even != self.stance.even:
            self.failed_guards = 0
        self.calls_since_failure = 0

    def settle(self) -> None:
        """Judge what follows on its own: earlier calls and refusals say nothing about it."""
        self._calls_in_stance = 0
        self._refused_at.clear()


def _one_more(failures: int, *, is_new: bool) -> int:
    return min(failures + 1, MOST_FAILURES) if is_new or not failures else failures
