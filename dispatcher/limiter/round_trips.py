"""What an agent's answers tell about the way there and back: the least round trip and the usual one."""

import math
from statistics import median
from typing import Self

BLOCK_SIZE = 20  # samples between two looks at the usual round trip
GENERATION_SIZE = 1_000  # the floor is the least of the present and the previous generation
LEAST_SAMPLES = 3  # below this nothing is credited
EARLY_LOOKS = (3, 6, 12)  # as many samples also suffice for a first look
CAUTION = 4.0  # how far below the least round trip seen the floor is set, see ``floor_s``


class RoundTrips:
    """The least and the usual round trip of the last one to two thousand answers.

    When not one of the last ``BLOCK_SIZE`` answers came as quickly as half of those in one of the two
    blocks before (a chance of one in a hundred thousand otherwise), the way has become longer and
    everything older is forgotten. A way that has become shorter shows at once, for one quick answer lowers
    the floor.
    """

    def __init__(self) -> None:
        self._previous_least_s, self._previous_count = math.inf, 0
        self._least_s, self._count = math.inf, 0
        self._block: list[float] = []
        self.typical_s = self._earlier_typical_s = self._mean_s = math.inf

    @classmethod
    def resume(cls, least_s: float, typical_s: float, count: int) -> Self:
        """Return what ``count`` earlier samples of another run amount to."""
        trips = cls()
        if count:
            trips._previous_least_s, trips._previous_count = least_s, count
            trips.typical_s = trips._mean_s = typical_s
        return trips

    @property
    def count(self) -> int:
        """How many samples the floor rests on."""
        return self._previous_count + self._count

    @property
    def least_s(self) -> float:
        """The least round trip seen, infinite when there is none."""
        return min(self._previous_least_s, self._least_s)

    @property
    def floor_s(self) -> float:
        """The round trip that may be credited: seconds that no answer is expected to undercut.

        ``least - (typical - least) * CAUTION * (1 + 2 / sqrt(count)) / sqrt(count)``: the least of few
        samples is no floor yet, so it is lowered in proportion to how widely the samples spread, and the
        more so while even that is known from a handful. On a steady way this costs nothing, on a jittery
        one the chance to undercut the floor stays near 0.02 % from the third sample to the last.
        """
        if self.count < LEAST_SAMPLES or math.isinf(self.typical_s):
            return 0.0
        share = 1 / math.sqrt(self.count)
        return max(0.0, self.least_s - (self.typical_s - self.least_s) * CAUTION * share * (1 + 2 * share))

    @property
    def usual_excess_s(self) -> float:
        """By how much the usual round trip exceeds the least one; 0 while unknown."""
        return self.typical_s - self.least_s if math.isfinite(self.typical_s) else 0.0

    def usual_wait_s(self, window_s: float) -> float:
        """Return how long a lane usually stays shut beyond its window: it also has to know the answer."""
        return max(self.usual_excess_s, self.typical_s - window_s) if math.isfinite(self.typical_s) else 0.0

    @property
    def mean_excess_s(self) -> float:
        """By how much round trips exceed the least one on average, the rare slow ones included."""
        return self._mean_s - self.least_s if math.isfinite(self._mean_s) else 0.0

    def add(self, round_trip_s: float) -> None:
        """Take one more sample."""
        self._least_s = min(self._least_s, round_trip_s)
        self._count += 1
        self._mean_s = round_trip_s if math.isinf(self._mean_s) else self._mean_s + (round_trip_s - self._mean_s) / 100
        self._block.append(round_trip_s)
        if len(self._block) == BLOCK_SIZE or self.count in EARLY_LOOKS:
            self._close_block()
        if self._count == GENERATION_SIZE:
            self._previous_least_s, self._previous_count = self._least_s, self._count
            self._least_s, self._count = math.inf, 0

    def _close_block(self) -> None:
        least_s, typical_s = min(self._block), median(self._block)
        if len(self._block) == BLOCK_SIZE:
            if least_s > min(self.typical_s, self._earlier_typical_s):
                self._previous_least_s, self._previous_count = math.inf, 0
                self._least_s, self._count = least_s, BLOCK_SIZE
            self._earlier_typical_s = self.typical_s
            self._block.clear()
        self.typical_s = typical_s
