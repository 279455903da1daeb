"""What the ledger remembers of each agent: its limit, when that changed, what pacing learnt."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from dispatcher.ledger.schema import agents, attempts
from dispatcher.ledger.times import utc_text

LIMIT_OF_AN_UNKNOWN_AGENT = 1
"""The vendor's page: "We currently only allow one session per second" until more is asked for."""

WARM_UP_S = 300.0
"""The vendor's page: "wait for about 5 minutes" once a raised limit is confirmed and the agents are published."""

_BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """One agent, or one API key where the limit is counted by key.

    Attributes:
        scope: the agent's id, or ``api_key:`` and a hash.
        limit: sessions per second.
        changed_at: when that became the limit, None when it never changed.
        elapsed_s: seconds since then, None when it never changed.
        warm_up_s: how long a changed limit holds sending.
        learnt: what earlier runs learnt about pacing, as the limiter wrote it.
    """

    scope: str
    limit: int
    changed_at: str | None
    elapsed_s: float | None
    warm_up_s: float
    learnt: str


def note_limit(connection: Connection, scope: str, limit: int, *, warm_up_s: float = WARM_UP_S) -> AgentRecord:
    """Record the limit a campaign states; a limit other than the known one starts the warm-up clock."""
    if find_agent(connection, scope) is None:
        connection.execute(insert(agents).values(scope=scope, sessions_per_second=LIMIT_OF_AN_UNKNOWN_AGENT))
    if _one(connection, scope).limit != limit:
        set_limit(connection, scope, limit, datetime.now(UTC))
    record = _one(connection, scope)
    change = {"warm_up_s": warm_up_s} | _clock(record.elapsed_s or 0.0)  # from here on this boot's clock counts
    connection.execute(update(agents).where(agents.c.scope == scope).values(**change))
    return record


def set_limit(connection: Connection, scope: str, limit: int, changed_at: datetime) -> None:
    """Record that an agent's limit changed, now or at an earlier moment, which starts its warm-up clock.

    What was learnt is worth nothing at another limit, and is kept when the number is the same as before.
    """
    known = find_agent(connection, scope)
    if known is None:
        connection.execute(insert(agents).values(scope=scope, sessions_per_second=limit))
    elapsed_s = max(0.0, (datetime.now(UTC) - changed_at).total_seconds())
    change = {"sessions_per_second": limit, "changed_at": utc_text(changed_at)} | _clock(elapsed_s)
    if known is None or known.limit != limit:
        change["learnt"] = ""
    connection.execute(update(agents).where(agents.c.scope == scope).values(**change))


def _clock(elapsed_s: float) -> dict[str, str | float]:
    return {"boot_id": _boot_id(), "boot_clock_s": _boot_clock_s() - elapsed_s}


def list_agents(connection: Connection) -> list[AgentRecord]:
    """Return every agent the ledger knows, by its name."""
    return [_record(row) for row in connection.execute(select(agents).order_by(agents.c.scope))]


def find_agent(connection: Connection, scope: str) -> AgentRecord | None:
    """Return one agent, None when the ledger never saw it."""
    row = connection.execute(select(agents).where(agents.c.scope == scope)).first()
    return _record(row) if row else None


def find_limit(connection: Connection, agent_id: str) -> AgentRecord | None:
    """Return what holds for an agent: its own record, else that of the API key by which its limit is counted.

    The ledger does not know which key is whose; where it has seen several, the one changed last is taken.
    """
    if own := find_agent(connection, agent_id):
        return own
    keys = select(agents).where(agents.c.scope.startswith("api_key:")).order_by(agents.c.changed_at.desc())
    row = connection.execute(keys).first()
    return _record(row) if row else None


def _one(connection: Connection, scope: str) -> AgentRecord:
    return _record(connection.execute(select(agents).where(agents.c.scope == scope)).one())


def _record(row: Row[Any]) -> AgentRecord:
    return AgentRecord(row.scope, row.sessions_per_second, row.changed_at, _elapsed_s(row), row.warm_up_s, row.learnt)


def keep_learnt(connection: Connection, scope: str, learnt: str) -> None:
    """Keep what pacing learnt about an agent for its next run."""
    connection.execute(update(agents).where(agents.c.scope == scope).values(learnt=learnt))


def seconds_since_last_attempt(connection: Connection) -> float | None:
    """Return how long ago the ledger's last attempt began, None when there was none.

    A server may still count it. A clock that was stepped back makes it 0, the careful answer.
    """
    query = select(attempts.c.started_at).order_by(attempts.c.id.desc()).limit(1)
    last = connection.execute(query).scalar()
    return None if last is None else max(0.0, _seconds_since(last))


def _elapsed_s(row: Row[Any]) -> float | None:
    """Measure by the machine's uptime, which no clock step moves; across a reboot only the clock is left."""
    if row.changed_at is None:
        return None
    if row.boot_id and row.boot_id == _boot_id():
        return max(0.0, _boot_clock_s() - float(row.boot_clock_s))
    return max(0.0, _seconds_since(row.changed_at))


def _seconds_since(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def _boot_id() -> str:
    try:
        return _BOOT_ID_PATH.read_text().strip()
    except OSError:
        return ""


def _boot_clock_s() -> float:
    """Seconds since the machine started, time asleep included where the system counts it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
