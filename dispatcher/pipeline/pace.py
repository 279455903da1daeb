"""Tells people when an agent's requests are refused as if its limit were lower, and when that is over."""

from collections.abc import Callable

from dispatcher.channels import channel_of
from dispatcher.limiter.limiter import Limiter
from dispatcher.models import Campaign
from dispatcher.pipeline.progress import Progress, Warned

_CALLS_TO_TRUST = 30
"""The limiter gives the approved limit up again when three of so many calls are refused."""


class PaceWatch:
    """Looks at the pace of one agent after each of its outcomes.

    Args:
        limiter: the agent's.
        on_progress: told what a person should know; must not block.
    """

    def __init__(self, limiter: Limiter, *, on_progress: Callable[[Progress], None]) -> None:
        self._limiter = limiter
        self._on_progress = on_progress
        self._note: str | None = None
        self._calls_at_limit = 0

    def tell(self, campaign: Campaign) -> None:
        """Say once when less than the approved limit is accepted, and once when it is accepted again."""
        agent, words = campaign.agent, channel_of(campaign).words
        note = self._limiter.note
        self._calls_at_limit = 0 if note else self._calls_at_limit + 1
        if note and note != self._note:
            self._note = note
            self._on_progress(Warned(f"agent {agent.id}: {note}: {words.inactive_limit}", agent.id))
        elif self._note and self._calls_at_limit == _CALLS_TO_TRUST:
            self._note = None
            self._on_progress(Warned(f"agent {agent.id}: {agent.limit} a second are accepted again", agent.id))
