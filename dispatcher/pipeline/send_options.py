"""What one invocation of ``send`` or ``retry`` was asked to do."""

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dispatcher.errors import UsageError
from dispatcher.ledger import Locator
from dispatcher.models import Campaign, Outcome

_SAID_OF_A_LIMIT = {"sessions_per_second": "limit", "warm_up": "warm_up_s"}
"""The keys of a campaign file's ``agent`` table that belong to its limit, and where a ``Campaign`` has them."""


@dataclass(frozen=True, slots=True)
class SendOptions:
    """What one invocation of ``send`` or ``retry`` was asked to do.

    Attributes:
        locator: the ledger.
        recipients_path: a file to read instead of the campaign's own.
        retry_outcomes: rows whose last attempt ended so are made due first; empty for ``send``.
        people_max: at most so many people are messaged, None is no bound.
        duration_max_s: no new rows after so many seconds, None is no bound.
        wait_lock_s: how long to wait for another run's end.
        warm_up: whether a changed limit makes the run wait.
        accept_refused: whether a sheet with many refused rows is sent all the same.
    """

    campaigns: tuple[Campaign, ...]
    locator: Locator
    api_key: str
    today: date
    recipients_path: Path | None = None
    command: str = "send"
    retry_outcomes: tuple[Outcome, ...] = ()
    people_max: int | None = None
    duration_max_s: float | None = None
    wait_lock_s: float = 0
    warm_up: bool = True
    accept_refused: bool = False
    sandbox: bool = False
    keep_sandbox_ledger: bool = False

    @property
    def starts_afresh(self) -> bool:
        """Whether the ledger of an earlier rehearsal is removed first; a retry needs what failed in it."""
        return self.sandbox and not self.keep_sandbox_ledger and self.command != "retry"


def refuse_contradictions(options: SendOptions) -> None:
    """Refuse campaigns that cannot run side by side.

    Raises:
        UsageError: two campaigns of one name, or that share an agent or a limit and differ in what is said of it.
    """
    names: dict[str, Path] = {}
    for campaign in options.campaigns:
        if campaign.name in names:
            raise UsageError(f"{names[campaign.name]} and {campaign.path} are both named {campaign.name!r}; rename one")
        names[campaign.name] = campaign.path
    _refuse_different_limits(options)
    if options.recipients_path and len(options.campaigns) > 1:
        raise UsageError("--recipients goes with one campaign")


def _refuse_different_limits(options: SendOptions) -> None:
    """Refuse an agent under two limits, and a limit of the whole key beside others: each would be used to the full."""
    by_scope = {campaign.agent.limit_scope: campaign for campaign in reversed(options.campaigns)}
    if len(by_scope) > 1:
        one, other = by_scope.values()
        raise UsageError(
            f"{other.path} and {one.path} share a limit and differ in agent.limit_scope "
            f"({other.agent.limit_scope} and {one.agent.limit_scope}); write the same in both"
        )
    known: dict[str, Campaign] = {}
    for campaign in options.campaigns:
        for shared in (campaign.agent.id, limit_scope(campaign, options.api_key)):
            other = known.setdefault(shared, campaign)
            for key, attribute in _SAID_OF_A_LIMIT.items():
                said, said_before = getattr(campaign.agent, attribute), getattr(other.agent, attribute)
                if said != said_before:
                    raise UsageError(
                        f"{other.path} and {campaign.path} share a limit and differ in agent.{key} "
                        f"({said_before} and {said}); write the same in both"
                    )


def limit_scope(campaign: Campaign, api_key: str) -> str:
    """Name what shares one limit: an agent, or all agents of one API key (whose name must not tell the key)."""
    if campaign.agent.limit_scope == "agent":
        return campaign.agent.id
    return f"api_key:{hashlib.sha256(api_key.encode()).hexdigest()[:16]}"
