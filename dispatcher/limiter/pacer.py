"""The pure part of the limiter: no clock, no loop; every method is told the time."""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any, Self

from dispatcher.limiter.round_trips import RoundTrips

ANSWER_PATIENCE_S = 2.0  # a lane waits at most this long beyond the floor for its answer
WORK_S = 0.15  # answers usually this much above the least one: the API works, it is not the network
WORK_GUARD_S = 0.005
LEAST_GAIN = 0.01  # share of the rate that must be at stake before anything is dared
DARE_AGAIN_AFTER = 4_000  # calls after a dare that failed; doubles with each failure
SHORTEST_GAP_S = 0.001  # event loops cannot time less
SHORTEST_EVEN_GAP_S = 0.05
RESTART_MARGIN_S = 0.5  # how late the last call of an earlier process may have arrived
BEAT = 0.1
SHIFT = 0.38
LONGEST_HOLD_S = 5.0
LOWER_LIMITS = (1, 3)  # what the vendor grants below 5
PROBE_AFTER_S, LONGEST_PROBE_S = 60.0, 300.0


class Signal(StrEnum):
    """What became of a slot.

    ``answered``: any answer that is not a 429. ``refused``: a 429. ``unanswered``: no answer, so it counts
    as if it had arrived. ``unused``: given back, nothing was sent.
    """

    ANSWERED = "answered"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Stance:
    """How much is dared: the less even and the less patient, the faster and the riskier.

    Attributes:
        even: one lane of 1/limit seconds instead of ``limit`` lanes of one second.
        patience_s: how long a lane waits for its answer beyond the floor.
    """

    even: bool
    patience_s: float = ANSWER_PATIENCE_S


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is known about an agent when a run ends, so that the next one starts warm.

    Attributes:
        limit: the limit it was learnt at; the stance of another limit is worth nothing.
        least_s: least round trip seen, seconds; 0 when unknown.
        typical_s: median of the latest round trips, seconds.
        samples: how many round trips this rests on, at most 1,000.
        even: whether calls are kept 1/limit apart, each timed from the answer to the one before.
        patience_s: how long a lane waits for its answer beyond the floor.
        failed_dares: how often daring more was refused.
        calls_to_dare: calls left until more is dared again.
    """

    limit: int
    least_s: float = 0.0
    typical_s: float = 0.0
    samples: int = 0
    even: bool = True
    patience_s: float = ANSWER_PATIENCE_S
    failed_dares: int = 0
    calls_to_dare: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as a flat JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` returned; keys of other versions are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in known})


@dataclass(slots=True, eq=False)
class _Lane:
    """Carries one call at a time; ``free_at_s`` is when the next one may start."""

    free_at_s: float
    taken_at_s: float = -math.inf


@dataclass(slots=True, eq=False)
class Slot:
    """The right to start one session, given back exactly once.

    Attributes:
        started_at_s: when the request left, or when the slot was taken if nobody said.
    """

    started_at_s: float
    lane: _Lane
    epoch: int
    taken_at_s: float = 0
    is_open: bool = True


class Pacer:
    """Decides when the next session of one limit may start.

    Args:
        limit: sessions per second approved, at least 1.
        now_s: the monotonic clock, seconds.
        learnt: what an earlier run knew, or None.
        idle_s: seconds since an earlier process last sent for this limit, None if none ever did.
    """

    def __init__(self, limit: int, now_s: float, *, learnt: Learnt | None = None, idle_s: float | None = None) -> None:
        if limit < 1:
            raise ValueError(f"a limit is at least 1 session a second, not {limit}")
        self.approved_limit = limit
        self._held_until_s = now_s
        if idle_s is not None:
            self._held_until_s += max(0.0, 1 + RESTART_MARGIN_S - max(0.0, idle_s))
        self._starts: deque[float] = deque(maxlen=limit)
        self._refusals_in_a_row = 0
        self._calls = 0
        self._refused_at_call: deque[int] = deque(maxlen=3)
        self._epoch = 0
        self._probe_at_s, self._probe_wait_s = math.inf, PROBE_AFTER_S
        self._recall(learnt or Learnt(limit))
        self._open_lanes(self._held_until_s)

    def _recall(self, learnt: Learnt) -> None:
        base = Stance(even=1 / self.approved_limit >= SHORTEST_EVEN_GAP_S)
        self._limit = self.approved_limit
        self._stances = [base]
        self._failed_dares, self._dare_at_call = 0, 0
        self._round_trips = (
            RoundTrips(learnt.least_s, learnt.typical_s, learnt.samples) if learnt.samples else RoundTrips()
        )
        if learnt.limit == self.approved_limit:
            self._failed_dares, self._dare_at_call = learnt.failed_dares, learnt.calls_to_dare
            known = Stance(learnt.even and base.even, learnt.patience_s)
            self._stances += [known] if known != base else []

    @property
    def limit(self) -> int:
        """The limit in force: the approved one, or a lower one while that is all that is accepted."""
        return self._limit

    @property
    def stance(self) -> Stance:
        """How much is dared at present."""
        return self._stances[-1]

    @property
    def learnt(self) -> Learnt:
        """What the next run should know."""
        trips = self._round_trips
        stance = self._stances[-1] if self._limit == self.approved_limit else self._stances[0]
        return Learnt(
            limit=self.approved_limit,
            least_s=round(trips.least_s, 6) if trips.count else 0.0,
            typical_s=round(trips.typical_s, 6) if trips.count and math.isfinite(trips.typical_s) else 0.0,
            samples=min(trips.count, 1_000) if math.isfinite(trips.typical_s) else 0,
            even=stance.even,
            patience_s=stance.patience_s,
            failed_dares=self._failed_dares,
            calls_to_dare=max(0, self._dare_at_call - self._calls),
        )

    @property
    def usual_excess_s(self) -> float:
        """How long a lane usually stays shut beyond its window, seconds."""
        return min(self.stance.patience_s, self._round_trips.usual_excess_s)

    @property
    def pace_per_s(self) -> float:
        """Sessions a second that are accepted at present."""
        return self._lane_count / (self._window_s + self.usual_excess_s)

    @property
    def note(self) -> str | None:
        """One sentence for people when the approved limit is not what is accepted."""
        if self._limit == self.approved_limit:
            return None
        return (
            f"refused as if the limit were {self._limit} a second instead of {self.approved_limit}: "
            "the new limit is not active yet: published? five minutes?"
        )

    @property
    def _window_s(self) -> float:
        return 1 / self._limit if self.stance.even else 1.0

    @property
    def _lane_count(self) -> int:
        return 1 if self.stance.even else self._limit

    def _open_lanes(self, first_s: float) -> None:
        """Replace all lanes; they open one after the other at the even pace."""
        self._epoch += 1
        self._beat_s, self._opened_at_call = first_s, self._calls
        self._numbers = count()
        pace = 1 / self._limit if 1 / self._limit >= SHORTEST_GAP_S else 0.0
        lanes = [_Lane(first_s + index * pace) for index in range(self._lane_count)]
        self._lanes = [(lane.free_at_s, next(self._numbers), lane) for lane in lanes]
        heapify(self._lanes)
        half_gap_s = 0.5 / self._limit
        self._gap_s = half_gap_s if half_gap_s >= SHORTEST_GAP_S else 0.0

    def ready_at_s(self, now_s: float) -> float:
        """Return when the next session may start; a release may bring that forward or put it off."""
        if now_s >= self._probe_at_s:
            self._probe(now_s)
        lanes = self._lanes
        while lanes and lanes[0][0] != lanes[0][2].free_at_s:
            heappop(lanes)
        earliest_s = max(lanes[0][0], self._held_until_s)
        if self._starts:
            earliest_s = max(earliest_s, self._starts[-1] + self._gap_s)
        if len(self._starts) == self.approved_limit:
            earliest_s = max(earliest_s, self._starts[0] + 1)
        return earliest_s

    def take(self, now_s: float) -> Slot:
        """Take the next slot; call it only once ``ready_at_s`` has passed."""
        self.ready_at_s(now_s)
        _, _, lane = heappop(self._lanes)
        slot = Slot(now_s, lane, self._epoch)
        slot.taken_at_s = lane.taken_at_s = now_s
        self._starts.append(now_s)
        self._calls += 1
        self._set_free_at(lane, now_s + self._window_s + self.stance.patience_s)
        if self.stance.patience_s == 0:
            self._keep_beat(now_s)
        return slot

    reopens = 0

    def _keep_beat(self, now_s: float) -> None:
        pace = 1 / self._limit
        late_s = (now_s - self._beat_s) % pace
        if pace * BEAT < late_s < pace * 0.95:
            self.reopens += 1
            o = self._opened_at_call
            self._open_lanes(now_s + 2 * pace - late_s)
            self._opened_at_call = o

    def start(self, slot: Slot, now_s: float) -> None:
        """Note that the request of ``slot`` leaves only now."""
        slot.started_at_s = now_s
        if slot.epoch == self._epoch:
            self._set_free_at(slot.lane, now_s + self._window_s + self.stance.patience_s)

    def release(
        self,
        slot: Slot,
        signal: Signal,
        now_s: float,
        *,
        retry_after_s: float | None = None,
        new_connection: bool = False,
    ) -> None:
        """Give ``slot`` back and learn from how it ended.

        Args:
            slot: from ``take``, not yet given back.
            signal: what became of it.
            now_s: the monotonic clock, seconds.
            retry_after_s: what a refusal asked for; nothing starts earlier than that.
            new_connection: the call had to set up its connection first, so its time tells nothing.

        Raises:
            ValueError: the slot was given back before.
        """
        if not slot.is_open:
            raise ValueError("this slot was given back before")
        slot.is_open = False
        self._free_lane(slot, signal, now_s)
        if signal is Signal.ANSWERED:
            self._refusals_in_a_row = 0
            if not new_connection:
                self._round_trips.add(now_s - slot.started_at_s)
            self._dare(now_s)
        elif signal is Signal.REFUSED:
            self._hold(now_s, retry_after_s or 0.0)
            if slot.epoch == self._epoch:
                self._retreat(now_s)

    def _free_lane(self, slot: Slot, signal: Signal, now_s: float) -> None:
        if slot.epoch != self._epoch or slot.taken_at_s != slot.lane.taken_at_s:
            return
        round_trip_s = now_s - slot.started_at_s
        floor_s = 0.0 if signal is Signal.UNANSWERED else self._round_trips.floor_s
        wait_s = min(self.stance.patience_s, max(0.0, round_trip_s - floor_s))
        free_at_s = slot.started_at_s + self._window_s + wait_s
        self._set_free_at(slot.lane, now_s if signal is Signal.UNUSED else free_at_s)

    def _set_free_at(self, lane: _Lane, free_at_s: float) -> None:
        if free_at_s == lane.free_at_s:
            return  # its entry stands; a second one would open the lane twice
        lane.free_at_s = free_at_s
        heappush(self._lanes, (free_at_s, next(self._numbers), lane))

    def _hold(self, now_s: float, retry_after_s: float) -> None:
        hold_s = min(LONGEST_HOLD_S, 0.5 / self._limit * 2**self._refusals_in_a_row)
        self._refusals_in_a_row += 1
        self._held_until_s = max(self._held_until_s, now_s + hold_s, now_s + retry_after_s)

    def _change_stance(self, now_s: float) -> None:
        self._refused_at_call.clear()
        last_s = self._starts[-1] if self._starts else now_s
        self._open_lanes(max(last_s + 1 / self._limit, now_s))

    def _dare(self, now_s: float) -> None:
        """Go one step further when that promises at least ``LEAST_GAIN`` of the rate."""
        if self._calls < self._dare_at_call or self._limit < self.approved_limit:
            return
        stance, excess_s = self.stance, self.usual_excess_s
        if (
            self._round_trips.count < 20
            or self._calls - self._opened_at_call < 20
            or max(excess_s, min(self.stance.patience_s, self._round_trips.mean_excess_s)) / self._window_s < LEAST_GAIN
        ):
            return
        if excess_s >= WORK_S:
            bolder = replace(stance, patience_s=WORK_GUARD_S)
        elif stance.even and self._limit > 1:
            bolder = replace(stance, even=False)
        elif (
            stance.patience_s > 0 and excess_s / self._window_s >= LEAST_GAIN and not (stance.even and self._limit > 1)
        ):
            bolder = replace(stance, patience_s=0.0)
        else:
            return
        self._stances.append(bolder)
        self._change_stance(now_s)

    def _retreat(self, now_s: float) -> None:
        """Take the last dare back, or believe in a lower limit, when refusals come close together."""
        refused = self._refused_at_call
        refused.append(self._calls)
        if len(self._stances) > 1:
            if (len(refused) >= 2 and refused[-1] - refused[-2] < 10) or (
                len(refused) == 3 and refused[-1] - refused[0] < 100
            ):
                self._stances.pop()
                self._dare_at_call = self._calls + DARE_AGAIN_AFTER * 2**self._failed_dares
                self._failed_dares = min(self._failed_dares + 1, 5)
                self._change_stance(now_s)
            elif self.stance.patience_s == 0:
                pace = 1 / self._limit
                self._open_lanes(self._beat_s + math.ceil((now_s + pace - self._beat_s) / pace) * pace + SHIFT * pace)
        elif len(refused) == 3 and refused[-1] - refused[0] <= 30:
            self._lower(now_s)

    def _lower(self, now_s: float) -> None:
        lower = [limit for limit in LOWER_LIMITS if limit < self._limit]
        if not lower:
            return
        if self._limit == self.approved_limit:
            self._probe_at_s = now_s + self._probe_wait_s
            self._probe_wait_s = min(LONGEST_PROBE_S, 2 * self._probe_wait_s)
        self._limit = lower[-1]
        self._change_stance(now_s)

    def _probe(self, now_s: float) -> None:
        self._limit = self.approved_limit
        self._probe_at_s = math.inf
        self._change_stance(now_s)
