"""What the ledger remembers of an agent, and the clock by which its warm-up is counted."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

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

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Self:
        """Return the record in a row of ``agents``."""
        return cls(
            scope=row["scope"],
            limit=row["sessions_per_second"],
            changed_at=row["changed_at"],
            elapsed_s=_elapsed_s(row),
            warm_up_s=row["warm_up_s"],
            learnt=row["learnt"],
        )


def boot_clock(elapsed_s: float) -> dict[str, str | float]:
    """Return what the columns of the clock hold for a change that was made so many seconds ago."""
    return {"boot_id": _boot_id(), "boot_clock_s": _boot_clock_s() - elapsed_s}


def _elapsed_s(row: Mapping[Any, Any]) -> float | None:
    """Measure by the machine's uptime, which no clock step moves; across a reboot only the clock is left."""
    if row["changed_at"] is None:
        return None
    if row["boot_id"] and row["boot_id"] == _boot_id():
        return max(0.0, _boot_clock_s() - float(row["boot_clock_s"]))
    return max(0.0, seconds_since(row["changed_at"]))


def seconds_since(moment: str) -> float:
    """Return the seconds since one of the ledger's times; below 0 where the clock was stepped back."""
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def _boot_id() -> str:
    try:
        return _BOOT_ID_PATH.read_text().strip()
    except OSError:
        return ""


def _boot_clock_s() -> float:
    """Seconds since the machine started, time asleep included where the system counts it."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
