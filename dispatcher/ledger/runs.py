"""Runs in the ledger: one record for each campaign of an invocation of ``send`` or ``retry``."""

import os
import socket
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, update

from dispatcher.ledger.schema import runs
from dispatcher.ledger.times import utc_now


@dataclass(slots=True)
class RunCounts:
    """Attempts of one run: ``sent`` is how many may have reached the API, the others are by outcome."""

    sent: int = 0
    accepted: int = 0
    throttled: int = 0
    unsent: int = 0
    rejected: int = 0
    in_doubt: int = 0


def begin_run(connection: Connection, campaign_id: int, command: str) -> int:
    """Record that a run begins; return its id."""
    started = {"command": command, "started_at": utc_now(), "pid": os.getpid(), "host": socket.gethostname()}
    statement = insert(runs).values(campaign_id=campaign_id, **started).returning(runs.c.id)
    return int(connection.execute(statement).scalar_one())


def end_run(connection: Connection, run_id: int, *, counts: RunCounts, exit_code: int, note: str) -> None:
    """Record how a run ended."""
    ended = {"ended_at": utc_now(), "exit_code": exit_code, "note": note}
    connection.execute(update(runs).where(runs.c.id == run_id).values(**ended, **asdict(counts)))
