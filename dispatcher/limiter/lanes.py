"""The lanes calls travel in: one call at a time each, shut for a while after it started."""

from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush


@dataclass(slots=True, eq=False)
class Slot:
    """The right to start one session, given back exactly once.

    Attributes:
        started_at_s: when the request left, or may leave as long as nobody said that it did.
        taken_at_s: when the slot was taken, at most a lead before that.
        lanes: the lanes it was taken from; others may be in use when it comes back.
        lane: which of them.
        is_open: whether it still has to be given back.
    """

    started_at_s: float
    taken_at_s: float
    lanes: "Lanes"
    lane: int = -1
    is_open: bool = True


@dataclass(slots=True, eq=False)
class _Lane:
    free_at_s: float
    holder: Slot | None = None


@dataclass
class Lanes:
    """``count`` lanes that open one after the other.

    Attributes:
        count: how many calls the server may count within ``window_s``.
        window_s: how long the server counts a call.
        first_s: when the first lane opens.
        beat_s: from one start to the next when nothing has to be waited for.
        gap_s: how long after one lane the next one opens for the first time.
    """

    count: int
    window_s: float
    first_s: float
    beat_s: float
    gap_s: float
    _lanes: list[_Lane] = field(init=False, repr=False)
    _order: list[tuple[float, int]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._lanes = [_Lane(self.first_s + index * self.gap_s) for index in range(self.count)]
        self._order = [(lane.free_at_s, index) for index, lane in enumerate(self._lanes)]
        heapify(self._order)

    @property
    def free_at_s(self) -> float:
        """When the next lane is free, as far as is known."""
        while self._order[0][0] != self._lanes[self._order[0][1]].free_at_s:
            heappop(self._order)  # this lane was freed earlier than first thought, and has another entry
        return self._order[0][0]

    def take(self, slot: Slot, free_at_s: float) -> None:
        """Give ``slot`` the next lane, which is shut until ``free_at_s`` at the latest."""
        _ = self.free_at_s
        _, slot.lane = heappop(self._order)
        self._lanes[slot.lane].holder = slot
        self._shut(slot.lane, free_at_s)

    def free(self, slot: Slot, free_at_s: float) -> None:
        """Open the lane of ``slot`` at ``free_at_s``, unless a later call has it by now."""
        if self._lanes[slot.lane].holder is slot:
            self._shut(slot.lane, free_at_s)

    def _shut(self, index: int, free_at_s: float) -> None:
        self._lanes[index].free_at_s = free_at_s
        heappush(self._order, (free_at_s, index))

    def behind_beat_s(self, now_s: float) -> float:
        """Return how long ago the last beat was."""
        return (now_s - self.first_s) % self.beat_s
