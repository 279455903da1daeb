"""Where the campaigns of a ledger stand, as `status` tells it.

These few queries are plain SQL that every engine understands, so that whatever connection there is can answer them:
an engine's driver alone for `status`, which is to answer at once and has no time to import SQLAlchemy, and
SQLAlchemy's connection inside a run (``reading.ask_through``).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from dispatcher.errors import LedgerError
from dispatcher.ledger.agent_record import AgentRecord
from dispatcher.ledger.engine import Ask
from dispatcher.ledger.locator import Locator, find_engine
from dispatcher.models import State


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """What the ledger knows of a campaign.

    ``columns`` are the sheet's labels in its order; ``fingerprint`` identifies the sheet and the campaign file that
    were loaded last, and is empty where the next load must look at every row again.
    """

    id: int
    name: str
    agent_id: str
    sheet_path: str
    columns: tuple[str, ...]
    today: str
    loaded_at: str | None
    fingerprint: str

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Self:
        """Return the record in a row of ``campaigns``."""
        return cls(
            id=row["id"],
            name=row["name"],
            agent_id=row["agent_id"],
            sheet_path=row["sheet_path"],
            columns=tuple(json.loads(row["columns"])),
            today=row["today"],
            loaded_at=row["loaded_at"],
            fingerprint=row["fingerprint"],
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one campaign stands.

    Attributes:
        campaign: what the ledger knows of it.
        states: how many rows stand in each state, every state present.
        last_run: the record of its last run, None when there was none.
        agent: the limit that holds for it, None when it was never sent.
    """

    campaign: CampaignRecord
    states: dict[State, int]
    last_run: dict[str, Any] | None
    agent: AgentRecord | None


def read_standings(locator: Locator) -> list[Standing]:
    """Return where every campaign stands at one moment, by name.

    Raises:
        UsageError: the locator names no ledger.
        LedgerError: there is no ledger yet, or it cannot be read as one.
    """
    with find_engine(locator).answer() as ask:
        records = [CampaignRecord.of(row) for row in ask("SELECT * FROM campaigns ORDER BY name", {})]
        return [_read_standing(ask, record) for record in records]


def _read_standing(ask: Ask, campaign: CampaignRecord) -> Standing:
    last_run = "SELECT * FROM runs WHERE campaign_id = :campaign_id ORDER BY id DESC LIMIT 1"
    runs = ask(last_run, {"campaign_id": campaign.id})
    states, agent = ask_for_states(ask, campaign.id), ask_for_limit(ask, campaign.agent_id)
    return Standing(campaign, states, runs[0] if runs else None, agent)


def ask_for_states(ask: Ask, campaign_id: int) -> dict[State, int]:
    """Return how many rows stand in each state, every state present.

    Raises:
        LedgerError: a row stands in none of them.
    """
    query = "SELECT state, count(*) AS number FROM recipients WHERE campaign_id = :campaign_id GROUP BY state"
    counted = {known_state(row["state"]): row["number"] for row in ask(query, {"campaign_id": campaign_id})}
    return {state: counted.get(state, 0) for state in State}


def known_state(word: str) -> State:
    """Return the state a row stands in.

    Raises:
        LedgerError: there is no such state.
    """
    try:
        return State(word)
    except ValueError:
        raise LedgerError(f"a row of the ledger is damaged (its state is {word!r}); nothing of it was sent") from None


def ask_for_limit(ask: Ask, agent_id: str) -> AgentRecord | None:
    """Return what holds for an agent: its own record, else that of the API key by which its limit is counted.

    The ledger does not know which key is whose; where it has seen several, the one changed last is taken.
    """
    own = ask("SELECT * FROM agents WHERE scope = :scope", {"scope": agent_id})
    keys = "SELECT * FROM agents WHERE scope LIKE :prefix ORDER BY coalesce(changed_at, '') DESC LIMIT 1"
    found = own or ask(keys, {"prefix": "api_key:%"})
    return AgentRecord.of(found[0]) if found else None
