"""The pure part of the limiter: no clock, no loop; every method is told the time."""

import math
from collections import deque
from collections.abc import Sequence
from enum import StrEnum

from dispatcher.limiter.lanes import Lanes, Slot
from dispatcher.limiter.round_trips import RoundTrips
from dispatcher.limiter.stances import Boldness, Learnt, Stance

RESTART_HOLD_S = 1.5  # the second the server may count, and half a second for a call that arrived late
SHORTEST_GAP_S = 0.001  # event loops cannot time less
LONGEST_HOLD_S = 5.0
BEAT_TOLERANCE, BEAT_SHIFT = 0.2, 0.38  # shares of 1/limit, see ``_keep_beat`` and ``_shift_beat``
JUDGED_CALLS = 30  # so many of the latest calls tell whether a limit is active
PROBE_AFTER_S, LONGEST_PROBE_S = 60.0, 300.0  # from a lowered limit to the next try of the approved one


class Signal(StrEnum):
    """What became of a slot.

    ``answered``: any answer that is not a 429. ``refused``: a 429. ``unanswered``: no answer, so it counts
    as if it had arrived. ``unused``: given back, nothing was sent.
    """

    ANSWERED = "answered"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    UNUSED = "unused"


class Pacer:
    """Decides when the next session of one limit may start.

    Args:
        limit: sessions per second approved, at least 1.
        now_s: the monotonic clock, seconds.
        granted: the limits there are, each at least 1; a lower one may hold while the approved one is not active.
        learnt: what an earlier run knew, or None.
        idle_s: seconds since an earlier process last sent for this limit, None if none ever did.
        held_s: seconds until the first session may start; 0 or less holds nothing.

    Raises:
        ValueError: the limit is below 1.
    """

    def __init__(
        self,
        limit: int,
        now_s: float,
        *,
        granted: Sequence[int] = (),
        learnt: Learnt | None = None,
        idle_s: float | None = None,
        held_s: float = 0.0,
    ) -> None:
        if limit < 1:
            raise ValueError(f"a limit is at least 1 session a second, not {limit}")
        learnt = learnt or Learnt(limit)
        self.approved_limit = self.limit = limit
        self._granted = granted
        self._boldness = Boldness(limit, learnt)
        self._trips = RoundTrips.resume(learnt.least_s, learnt.typical_s, learnt.samples)
        self._recent: deque[Slot] = deque(maxlen=limit)
        self._refusals_in_a_row = 0
        self._judged: deque[tuple[float, bool]] = deque(maxlen=JUDGED_CALLS)  # when each started, if it was refused
        self._limit_since_s = -math.inf
        self._probe_at_s, self._probe_wait_s = math.inf, PROBE_AFTER_S
        self._before_probe = Learnt(limit)
        restart_hold_s = 0.0 if idle_s is None else RESTART_HOLD_S - max(0.0, idle_s)
        self._held_until_s = now_s + max(0.0, restart_hold_s, held_s)
        self._asked_until_s = now_s + max(0.0, held_s)
        self._last_start_s = -math.inf
        self._open_lanes(self._held_until_s)

    @property
    def stance(self) -> Stance:
        """How much is dared at present."""
        return self._boldness.stance

    @property
    def learnt(self) -> Learnt:
        """What the next run should know."""
        is_known = math.isfinite(self._trips.typical_s)
        return Learnt(
            limit=self.limit,
            least_s=round(self._trips.least_s, 6) if is_known else 0.0,
            typical_s=round(self._trips.typical_s, 6) if is_known else 0.0,
            samples=min(self._trips.count, 1_000) if is_known else 0,
            even=self.stance.even,
            patience_s=self.stance.patience_s,
            failed_dares=self._boldness.failed_dares,
            failed_guards=self._boldness.failed_guards,
            calls_since_failure=self._boldness.calls_since_failure,
        )

    @property
    def pace_per_s(self) -> float:
        """Sessions a second that can be started at present."""
        wait_s = min(self.stance.patience_s, self._trips.usual_wait_s(self._lanes.window_s))
        return self._lanes.count / (self._lanes.window_s + wait_s)

    @property
    def note(self) -> str | None:
        """One sentence for people when the approved limit is not what is accepted, else None."""
        if self.limit == self.approved_limit:
            return None
        return f"refused as if the limit were {self.limit} a second instead of {self.approved_limit}"

    def ready_at_s(self, now_s: float) -> float:
        """Return when the next session may start; a release may bring that forward or put it off."""
        if now_s >= self._probe_at_s:
            self._set_limit(self.approved_limit, now_s)
        ready_s = max(self._lanes.free_at_s, self._held_until_s)
        if self._recent:
            ready_s = max(ready_s, self._recent[-1].started_at_s + self._gap_s)
        if len(self._recent) == self.approved_limit:
            ready_s = max(ready_s, self._recent[0].started_at_s + 1)
        return ready_s

    def take(self, start_s: float, now_s: float | None = None) -> Slot:
        """Take the next slot, which starts no earlier than ``ready_at_s`` said; ``now_s`` may be a little before."""
        slot = Slot(start_s, start_s if now_s is None else now_s, self._lanes)
        self._lanes.take(slot, self._shut_until_s(slot))
        self._recent.append(slot)
        self._boldness.count_call()
        if self.stance.patience_s == 0:
            self._keep_beat(start_s)
        return slot

    def start_at_s(self, slot: Slot) -> float:
        """Return when the request of ``slot`` may leave: slots whose preparation stalled do not leave together."""
        gap_s = self._lanes.window_s if self.stance.even else self._gap_s
        return max(slot.started_at_s, self._last_start_s + gap_s)

    def asked_to_wait_s(self, now_s: float) -> float:
        """Return the seconds for which a ``Retry-After`` still holds everything, 0 for none."""
        return max(0.0, self._asked_until_s - now_s)

    def start(self, slot: Slot, now_s: float) -> None:
        """Note that the request of ``slot`` leaves now."""
        slot.started_at_s = self._last_start_s = now_s
        slot.lanes.free(slot, self._shut_until_s(slot))

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
        floor_s = 0.0 if signal is Signal.UNANSWERED else self._trips.floor_s
        late_s = now_s - slot.started_at_s - floor_s
        slot.lanes.free(slot, now_s if signal is Signal.UNUSED else self._shut_until_s(slot, late_s))
        if signal in (Signal.ANSWERED, Signal.REFUSED) and slot.taken_at_s >= self._limit_since_s:
            self._judged.append((slot.started_at_s, signal is Signal.REFUSED))
        if signal is Signal.ANSWERED:
            self._refusals_in_a_row = 0
            if not new_connection:
                self._trips.add(now_s - slot.started_at_s)
            if self._boldness.dare(self._trips, self._lanes.window_s):
                self._open_lanes(self._next_even_s(now_s))
        elif signal is Signal.REFUSED:
            self._hold(now_s, retry_after_s or 0.0)
            if self._is_limit_refused():
                self._set_limit(self._next_lower_limit, now_s)
            elif slot.lanes is self._lanes:
                self._doubt(now_s)

    def _shut_until_s(self, slot: Slot, late_s: float = math.inf) -> float:
        wait_s = min(self.stance.patience_s, max(0.0, late_s))
        return slot.started_at_s + slot.lanes.window_s + wait_s

    def _open_lanes(self, first_s: float) -> None:
        """Replace the lanes; the new ones open one after the other, no faster than is to be expected."""
        is_even, pace_s = self.stance.even, 1 / self.limit
        wait_s = min(self.stance.patience_s, max(self._trips.usual_excess_s, self._trips.mean_excess_s))
        self._lanes = Lanes(
            count=1 if is_even else self.limit,
            window_s=pace_s if is_even else 1.0,
            first_s=first_s,
            beat_s=pace_s,
            gap_s=pace_s + wait_s if pace_s >= SHORTEST_GAP_S else 0.0,
        )
        self._gap_s = pace_s / 2 if pace_s >= SHORTEST_GAP_S else 0.0

    def _next_even_s(self, now_s: float) -> float:
        last_s = self._recent[-1].started_at_s if self._recent else now_s
        return max(now_s, last_s + 1 / self.limit)

    def _hold(self, now_s: float, retry_after_s: float) -> None:
        hold_s = min(LONGEST_HOLD_S, 0.5 / self.limit * 2 ** min(self._refusals_in_a_row, 10))
        self._refusals_in_a_row += 1
        self._asked_until_s = max(self._asked_until_s, now_s + retry_after_s)
        self._held_until_s = max(self._held_until_s, now_s + hold_s, self._asked_until_s)

    @property
    def _next_lower_limit(self) -> int:
        """What may hold below the present limit, 0 for nothing."""
        return max((limit for limit in self._granted if limit < self.limit), default=0)

    def _is_limit_refused(self) -> bool:
        """Tell whether more than a second's calls were refused, and no more accepted than a lower limit grants."""
        refused_s = [started_s for started_s, is_refused in self._judged if is_refused]
        if not self._next_lower_limit or len(refused_s) <= self.limit:
            return False
        since_s = min(refused_s)
        accepted = sum(started_s >= since_s and not is_refused for started_s, is_refused in self._judged)
        return accepted <= self._next_lower_limit * (max(self._judged)[0] - since_s)

    def _doubt(self, now_s: float) -> None:
        """Draw the consequence of a refusal: the stance is too bold, or the limit too high, or neither."""
        self._boldness.count_refusal()
        if self._boldness.retreat(self._trips, self._lanes.window_s):
            self._open_lanes(self._next_even_s(now_s))
        elif self._next_lower_limit and self._boldness.is_first and self._boldness.refused_within(3, JUDGED_CALLS):
            self._set_limit(self._next_lower_limit, now_s)
        elif self.stance.patience_s == 0:
            self._shift_beat(now_s)

    def _set_limit(self, limit: int, now_s: float) -> None:
        if limit == self.approved_limit:
            self._probe_at_s, self._before_probe = math.inf, self.learnt
        elif self.limit == self.approved_limit:
            self._probe_at_s = now_s + self._probe_wait_s
            self._probe_wait_s = min(LONGEST_PROBE_S, 2 * self._probe_wait_s)
        self.limit, self._limit_since_s = limit, now_s
        self._judged.clear()
        self._boldness = Boldness(limit, self._before_probe)  # it was the limit that was refused, no stance
        self._open_lanes(self._next_even_s(now_s))

    def _keep_beat(self, now_s: float) -> None:
        """Wait for the next beat once late timers have carried the starts too far from it."""
        beat_s, behind_s = self._lanes.beat_s, self._lanes.behind_beat_s(now_s)
        if beat_s * BEAT_TOLERANCE < behind_s < beat_s * 0.95:
            self._open_lanes(now_s - behind_s + 2 * beat_s)

    def _shift_beat(self, now_s: float) -> None:
        """Move the beat away from where the server's second seems to begin."""
        beat_s, behind_s = self._lanes.beat_s, self._lanes.behind_beat_s(now_s)
        self._open_lanes(now_s - behind_s + (2 + BEAT_SHIFT) * beat_s)
