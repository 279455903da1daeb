"""What a run is about to take: how many people it messages, and how long that lasts at least."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dispatcher.limiter.least_time import seconds_at_limit
from dispatcher.pipeline.progress import Plan


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is about to happen in a whole run; ``seconds`` counts the warm-up in."""

    people: int
    seconds: float


def forecast(plans: Sequence[Plan], people_max: int | None) -> Forecast:
    """Add up what is planned for each campaign; at least one of them has something due.

    Agents send side by side, the campaigns of one agent one after the other; ``people_max`` bounds them all.
    """
    due_of: Counter[str] = Counter()
    for plan in plans:
        due_of[plan.scope] += plan.due
    people = min(due_of.total(), people_max or due_of.total())
    lasting_s = (
        seconds_at_limit(min(due_of[plan.scope], people), plan.limit) + plan.warm_up_left_s
        for plan in plans
        if plan.due
    )
    return Forecast(people, max(lasting_s))
