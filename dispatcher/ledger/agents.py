"""What the ledger remembers of each agent: its limit, when that changed, what pacing learnt."""

from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from dispatcher.ledger.agent_record import AgentRecord, boot_clock, seconds_since
from dispatcher.ledger.reading import ask_through
from dispatcher.ledger.schema import agents, attempts
from dispatcher.ledger.standing import ask_for_limit
from dispatcher.ledger.times import utc_text


def note_limit(connection: Connection, scope: str, limit: int, *, first_limit: int, warm_up_s: float) -> AgentRecord:
    """Record the limit a campaign states; a limit other than the known one starts the warm-up clock.

    Args:
        connection: to the ledger.
        scope: the agent's id, or what stands for its API key.
        limit: sessions per second.
        first_limit: the limit of an agent that the ledger does not know yet.
        warm_up_s: how long a changed limit holds sending.
    """
    if find_agent(connection, scope) is None:
        connection.execute(insert(agents).values(scope=scope, sessions_per_second=first_limit))
    if _one(connection, scope).limit != limit:
        set_limit(connection, scope, limit, datetime.now(UTC), warm_up_s=warm_up_s)
    record = _one(connection, scope)
    change = {"warm_up_s": warm_up_s} | boot_clock(record.elapsed_s or 0.0)  # from here on this boot's clock counts
    connection.execute(update(agents).where(agents.c.scope == scope).values(**change))
    return record


def set_limit(connection: Connection, scope: str, limit: int, changed_at: datetime, *, warm_up_s: float) -> None:
    """Record that an agent's limit changed, now or at an earlier moment, which starts its warm-up clock.

    What was learnt is worth nothing at another limit, and is kept when the number is the same as before. An agent
    that the ledger does not know yet warms up for ``warm_up_s``; of the others a campaign has said how long.
    """
    known = find_agent(connection, scope)
    if known is None:
        connection.execute(insert(agents).values(scope=scope, sessions_per_second=limit, warm_up_s=warm_up_s))
    elapsed_s = max(0.0, (datetime.now(UTC) - changed_at).total_seconds())
    change = {"sessions_per_second": limit, "changed_at": utc_text(changed_at)} | boot_clock(elapsed_s)
    if known is None or known.limit != limit:
        change["learnt"] = ""
    connection.execute(update(agents).where(agents.c.scope == scope).values(**change))


def list_agents(connection: Connection) -> list[AgentRecord]:
    """Return every agent the ledger knows, by its name."""
    return [AgentRecord.of(row._mapping) for row in connection.execute(select(agents).order_by(agents.c.scope))]


def find_agent(connection: Connection, scope: str) -> AgentRecord | None:
    """Return one agent, None when the ledger never saw it."""
    row = connection.execute(select(agents).where(agents.c.scope == scope)).first()
    return AgentRecord.of(row._mapping) if row else None


def find_limit(connection: Connection, agent_id: str) -> AgentRecord | None:
    """Return what holds for an agent, see ``standing.ask_for_limit``."""
    return ask_for_limit(ask_through(connection), agent_id)


def _one(connection: Connection, scope: str) -> AgentRecord:
    return AgentRecord.of(connection.execute(select(agents).where(agents.c.scope == scope)).one()._mapping)


def keep_learnt(connection: Connection, scope: str, learnt: str) -> None:
    """Keep what pacing learnt about an agent for its next run."""
    connection.execute(update(agents).where(agents.c.scope == scope).values(learnt=learnt))


def seconds_since_last_attempt(connection: Connection) -> float | None:
    """Return how long ago the ledger's last attempt began, None when there was none.

    A server may still count it. A clock that was stepped back makes it 0, the careful answer.
    """
    query = select(attempts.c.started_at).order_by(attempts.c.id.desc()).limit(1)
    last = connection.execute(query).scalar()
    return None if last is None else max(0.0, seconds_since(last))
