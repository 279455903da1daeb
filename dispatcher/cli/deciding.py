"""Commands by which a person tells what the program cannot know: resolve, limit, purge."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from dispatcher import ledger
from dispatcher.cli import words
from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.options import (
    Duration,
    campaign_argument,
    is_terminal,
    print_json,
    print_lines,
    sandbox_ledger_option,
)
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode, UsageError
from dispatcher.models import State
from dispatcher.text import format_count

_SCOPE = re.compile("[0-9a-f]{24}|api_key:[0-9a-f]{16}")


@click.command()
@campaign_argument
@click.option("--as", "decision", type=click.Choice(["accepted", "pending", "failed"]), help="What became of them.")
@click.option("--row", "row_numbers", type=click.IntRange(min=1), multiple=True, help="Only these rows.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@sandbox_ledger_option
@shared_options
@click.pass_obj
def resolve(
    settings: Settings,
    campaign_path: Path,
    decision: str | None,
    row_numbers: tuple[int, ...],
    yes: bool,
    sandbox: bool,
) -> int:
    """List the rows in doubt; with --as, decide what became of them."""
    campaign = open_campaign(campaign_path)
    path = settings.ledger_path([campaign], sandbox=sandbox)
    with ledger.open_reader(path) as connection:
        doubts = ledger.list_in_doubt(connection, campaign.name, row_numbers)
    if not settings.json:
        print_lines(words.describe_doubts(campaign.name, doubts))
    moved = 0
    if decision and doubts:
        if decision == State.PENDING:
            _confirm_second_messages(settings, len(doubts), yes=yes)
        moved = _decide(path, [doubt.id for doubt in doubts], State(decision))
    if settings.json:
        print_json(in_doubt=[_doubt_as_json(doubt) for doubt in doubts], decision=decision, moved=moved)
    elif moved:
        click.echo(f"{format_count(moved, 'row')} moved to {decision}")
    return ExitCode.OK


def _doubt_as_json(doubt: ledger.Doubt) -> dict[str, Any]:
    return {"row": doubt.row_number, "attempted_at": doubt.attempted_at, "reason": doubt.reason}


def _confirm_second_messages(settings: Settings, count: int, *, yes: bool) -> None:
    click.echo(f"Up to {count:,} people may get a second message.", err=True)
    if yes:
        return
    if settings.no_input or not is_terminal():
        raise UsageError("--as pending may send second messages; say --yes to accept that")
    click.confirm("Send to them again?", abort=True, err=True)


def _decide(path: Path, recipient_ids: list[int], state: State) -> int:
    with ledger.RunLock(path) as lock:
        lock.acquire()
        with ledger.Writer(path, sandbox=None) as writer:
            return writer.call(ledger.resolve, recipient_ids, state).result()


@click.command()
@click.argument("agent", required=False)
@click.argument("sessions_per_second", required=False, type=click.Choice(["1", "3", "5"]))
@click.option("--at", "changed_at", type=click.DateTime(["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]), help="Local time.")
@shared_options
@click.pass_obj
def limit(settings: Settings, agent: str | None, sessions_per_second: str | None, changed_at: datetime | None) -> int:
    """Show each agent's limit and warm-up; with AGENT and a number, record a change."""
    path = settings.find_ledger()
    if changed_at and not sessions_per_second:
        raise UsageError("--at goes with an agent and a number: the limit that was changed then")
    if agent and sessions_per_second:
        _record_change(path, agent.lower(), int(sessions_per_second), changed_at)
    with ledger.open_reader(path) as connection:
        known = ledger.list_agents(connection) if agent is None else [ledger.find_limit(connection, agent.lower())]
    found = [one for one in known if one is not None]
    if agent and not found:
        raise UsageError(f"{path}: no agent {agent}; `dispatcher limit` lists the agents it knows")
    if settings.json:
        print_json(agents=[_agent_as_json(one) for one in found])
    else:
        for one in found:
            print_lines(words.describe_agent(one))
    return ExitCode.OK


def _record_change(path: Path, scope: str, sessions_per_second: int, changed_at: datetime | None) -> None:
    if not _SCOPE.fullmatch(scope):
        raise UsageError(f"{scope!r} is no agent: write its id of 24 letters and digits, or api_key:... as listed")
    now = datetime.now().astimezone()
    moment = changed_at.astimezone() if changed_at else now
    if moment > now:
        raise UsageError(f"--at {moment:%Y-%m-%d %H:%M}: lies in the future; record the change once it is made")
    with ledger.RunLock(path) as lock:
        lock.acquire()
        with ledger.Writer(path, sandbox=None) as writer:
            writer.call(ledger.set_limit, scope, sessions_per_second, moment).result()


def _agent_as_json(agent: ledger.AgentRecord) -> dict[str, Any]:
    return {
        "agent": agent.scope,
        "sessions_per_second": agent.limit,
        "changed_at": agent.changed_at,
        "warm_up_left_s": round(words.warm_up_left(agent), 1),
        "learnt": words.parse_learnt(agent),
    }


@click.command()
@campaign_argument
@click.option("--older-than", type=Duration(), required=True, help="Finished so long ago, such as 90d.")
@sandbox_ledger_option
@shared_options
@click.pass_obj
def purge(settings: Settings, campaign_path: Path, older_than: float, sandbox: bool) -> int:
    """Remove numbers and values of finished rows; they are still never sent again."""
    campaign = open_campaign(campaign_path)
    path = settings.ledger_path([campaign], sandbox=sandbox)
    with ledger.RunLock(path) as lock:
        lock.acquire()
        count = ledger.purge(path, campaign.name, older_than=timedelta(seconds=older_than))
    if settings.json:
        print_json(purged=count)
    elif not settings.quiet:
        click.echo(f"{format_count(count, 'row')} purged: numbers and values are gone, what became of them is kept")
    return ExitCode.OK
