"""Show the limits of agents, and record that one was changed."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import click

from dispatcher import ledger
from dispatcher.channels import CHANNELS, DEFAULT, read_agent_id
from dispatcher.cli.printing import local_time, print_json, print_lines
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode, UsageError
from dispatcher.ledger import AgentRecord
from dispatcher.limiter.least_time import warm_up_left_s
from dispatcher.limiter.stances import Learnt
from dispatcher.text import format_duration

_KEY_SCOPE = re.compile("api_key:[0-9a-f]{16}")
_LIMITS = sorted({limit for channel in CHANNELS.values() for limit in channel.limits.granted})


@click.command()
@click.argument("agent", required=False)
@click.argument("sessions_per_second", required=False, type=click.Choice([str(limit) for limit in _LIMITS]))
@click.option("--at", "changed_at", type=click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]), help="Local time.")
@shared_options
@click.pass_obj
def limit(settings: Settings, agent: str | None, sessions_per_second: str | None, changed_at: datetime | None) -> int:
    """Show each agent's limit and warm-up; with AGENT and a number, record a change."""
    locator = settings.find_ledger()
    if changed_at and not sessions_per_second:
        raise UsageError("--at goes with an agent and a number: the limit that was changed then")
    if agent and sessions_per_second:
        _record_change(locator, _read_scope(agent), int(sessions_per_second), changed_at)
    with ledger.open_reader(locator) as connection:
        known = ledger.list_agents(connection) if agent is None else [ledger.find_limit(connection, _read_scope(agent))]
    found = [one for one in known if one is not None]
    if agent and not found:
        raise UsageError(f"{locator}: no agent {agent}; `dispatcher limit` lists the agents it knows")
    if settings.json:
        print_json(agents=[_agent_as_json(one) for one in found])
    else:
        for one in found:
            print_lines(describe_agent(one))
    return ExitCode.OK


def _read_scope(agent: str) -> str:
    """Return what an agent, or the agents of an API key, are called in the ledger."""
    return read_agent_id(agent) or agent.lower()


def _record_change(locator: str, scope: str, sessions_per_second: int, changed_at: datetime | None) -> None:
    if not read_agent_id(scope) and not _KEY_SCOPE.fullmatch(scope):
        form = DEFAULT.words.agent_id
        raise UsageError(f"{scope!r} is no agent: write its id of {form}, or api_key:... as listed")
    now = datetime.now().astimezone()
    moment = changed_at.astimezone() if changed_at else now
    if moment > now:
        raise UsageError(f"--at {moment:%Y-%m-%d %H:%M}: lies in the future; record the change once it is made")
    warm_up_s = DEFAULT.limits.warm_up_s
    ledger.change(locator, ledger.set_limit, scope, sessions_per_second, moment, warm_up_s=warm_up_s)


def _agent_as_json(agent: AgentRecord) -> dict[str, Any]:
    return {
        "agent": agent.scope,
        "sessions_per_second": agent.limit,
        "changed_at": agent.changed_at,
        "warm_up_left_s": round(_warm_up_left_s(agent), 1),
        "learnt": parse_learnt(agent),
    }


def _warm_up_left_s(agent: AgentRecord) -> float:
    return warm_up_left_s(warm_up_s=agent.warm_up_s, elapsed_s=agent.elapsed_s)


def describe_agent(agent: AgentRecord) -> Iterator[str]:
    """Yield an agent's limit, since when, when it is or was warm, and what pacing learnt."""
    since = "as for every agent" if agent.changed_at is None else f"since {local_time(agent.changed_at)}"
    yield f"{agent.scope}: {agent.limit} a second, {since}"
    if agent.changed_at is not None:
        yield f"  {_describe_warm_up(agent, agent.changed_at)}"
    if learnt := parse_learnt(agent):
        yield f"  learnt: {_describe_learnt(learnt)}"


def _describe_warm_up(agent: AgentRecord, changed_at: str) -> str:
    if left_s := _warm_up_left_s(agent):  # counted by another clock than the wall's, which may have been stepped
        warm_at = datetime.now().astimezone() + timedelta(seconds=left_s)
        return f"will be warm in {format_duration(left_s)}, at {warm_at:%Y-%m-%d %H:%M:%S}"
    warm_at = datetime.fromisoformat(changed_at) + timedelta(seconds=agent.warm_up_s)
    return f"warm since {warm_at.astimezone():%Y-%m-%d %H:%M:%S}"


def parse_learnt(agent: AgentRecord) -> dict[str, Any] | None:
    """Return what pacing learnt about an agent, None where that is nothing or cannot be read."""
    try:
        return Learnt.from_json(json.loads(agent.learnt)).to_json()
    except (ValueError, TypeError, AttributeError):
        return None


def _describe_learnt(learnt: Mapping[str, Any]) -> str:
    """Return how sessions are spread, how late answers are waited for, and how long they take."""
    spread = "evenly spread" if learnt.get("even", True) else "as many as the limit in any second"
    patience_s = learnt.get("patience_s", 2.0)
    patience = f"waits up to {patience_s * 1000:.0f} ms for late answers" if patience_s else "keeps to a beat"
    told = f"{spread}, {patience}, at {learnt.get('limit')} a second"
    if samples := learnt.get("samples"):
        least_ms, typical_ms = learnt["least_s"] * 1000, learnt["typical_s"] * 1000
        told += f"; answers take {typical_ms:.0f} ms, at least {least_ms:.0f} ms ({samples} answers)"
    return told
