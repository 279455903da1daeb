"""What the ledger remembers of each agent: its limit, when that changed, what pacing learnt."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from dispatcher.ledger.file import utc_now
from dispatcher.ledger.schema import agents, attempts

LIMIT_OF_AN_UNKNOWN_AGENT = 1
"""The vendor's page: "We currently only allow one session per second" until more is asked for."""

_BOOT_ID_PATH = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """One agent, or one API key where the limit is counted by key.

    ``elapsed_s`` is the time since the limit changed, None when it never did; ``learnt`` is what an
    earlier run learnt about pacing, as the limiter wrote it.
    """

    scope: str
    limit: int
    changed_at: str | None
    elapsed_s: float | None
    learnt: str


def note_limit(connection: Connection, scope: str, limit: int) -> AgentRecord:
    """Record the limit a campaign states; a limit other than the known one starts the warm-up clock."""
    row = connection.execute(select(agents).where(agents.c.scope == scope)).first()
    if row is None:
        connection.execute(insert(agents).values(scope=scope, sessions_per_second=LIMIT_OF_AN_UNKNOWN_AGENT))
        row = connection.execute(select(agents).where(agents.c.scope == scope)).one()
    if row.sessions_per_second != limit:
        _set_clock(connection, scope, elapsed_s=0)
        changes = {"sessions_per_second": limit, "changed_at": utc_now(), "learnt": ""}
        connection.execute(update(agents).where(agents.c.scope == scope).values(**changes))
        row = connection.execute(select(agents).where(agents.c.scope == scope)).one()
    elapsed_s = _elapsed_s(row)
    if elapsed_s is not None and row.boot_id != _boot_id():
        _set_clock(connection, scope, elapsed_s=elapsed_s)
    return AgentRecord(scope, row.sessions_per_second, row.changed_at, elapsed_s, row.learnt)


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


def _set_clock(connection: Connection, scope: str, *, elapsed_s: float) -> None:
    clock = {"boot_id": _boot_id(), "boot_clock_s": _boot_clock_s() - elapsed_s}
    connection.execute(update(agents).where(agents.c.scope == scope).values(**clock))


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
