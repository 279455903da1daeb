"""Tell where the campaigns of a ledger stand."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.options import FILE, sandbox_ledger_option
from dispatcher.cli.printing import local_time, print_json, print_lines, printable
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.cli.states import describe_states
from dispatcher.errors import ExitCode, LedgerError
from dispatcher.ledger.agent_record import AgentRecord
from dispatcher.ledger.standing import Standing, read_standings
from dispatcher.limiter.least_time import warm_up_left_s
from dispatcher.models import State, most_urgent
from dispatcher.text import format_count, format_duration


@click.command()
@click.argument("campaign_path", metavar="[CAMPAIGN]", required=False, type=FILE)
@sandbox_ledger_option
@shared_options
@click.pass_obj
def status(settings: Settings, campaign_path: Path | None, sandbox: bool) -> int:
    """Show counts by state, the last run and the next step."""
    campaign = open_campaign(campaign_path) if campaign_path else None
    locator = settings.locate_ledger([campaign], sandbox=sandbox) if campaign else settings.find_ledger(sandbox=sandbox)
    standings = [one for one in read_standings(locator) if campaign is None or one.campaign.name == campaign.name]
    if campaign and not standings:
        raise LedgerError(f"{locator}: {campaign.name!r} was never sent; `dispatcher send` loads it")
    if settings.json:
        print_json(campaigns=[_as_json(standing) for standing in standings])
    elif not standings:
        click.echo(f"{locator}: there is no campaign yet; `dispatcher send` loads one")
    else:
        for standing in standings:
            print_lines(describe_status(standing))
    return ExitCode.OK


def _as_json(standing: Standing) -> dict[str, Any]:
    return {
        "name": standing.campaign.name,
        "total": sum(standing.states.values()),
        "states": standing.states,
        "loaded_at": standing.campaign.loaded_at,
        "last_run": standing.last_run,
        "warm_up_left_s": round(_warm_up_left_s(standing.agent), 1),
        "next": next_step(standing.states),
    }


def describe_status(standing: Standing) -> Iterator[str]:
    """Yield where a campaign stands and what to do next."""
    campaign, states, run = standing.campaign, standing.states, standing.last_run
    yield f"{campaign.name}: {format_count(sum(states.values()), 'row')}, loaded {local_time(campaign.loaded_at)}"
    yield from describe_states(states)
    if standing.agent is not None and (left_s := _warm_up_left_s(standing.agent)) > 0:
        yield f"  agent {standing.agent.scope} is warming up: sending can begin in {format_duration(left_s)}"
    if run is not None:
        yield f"  last run {describe_run(run)}"
    yield f"  next: {next_step(states)}"


def _warm_up_left_s(agent: AgentRecord | None) -> float:
    return 0.0 if agent is None else warm_up_left_s(warm_up_s=agent.warm_up_s, elapsed_s=agent.elapsed_s)


def describe_run(run: Mapping[str, Any]) -> str:
    """Return a run in one line."""
    began = local_time(run["started_at"])
    if run["ended_at"] is None:
        return f"began {began}, is running as process {run['pid']} on {run['host']}, or died"
    ending = f"exit code {run['exit_code']}" if run["exit_code"] is not None else "died"
    note = f": {run['note']}" if run["exit_code"] is not None and run["note"] else ""
    return printable(f"{began} to {local_time(run['ended_at'])}, {run['accepted']} accepted, {ending}{note}")


def next_step(states: Mapping[State, int]) -> str:
    """Return the command that brings the campaign further, with what it does."""
    urgent = most_urgent(states)
    return _NEXT_STEP[urgent] if urgent else "nothing to do"


_NEXT_STEP = {
    State.IN_DOUBT: "`dispatcher resolve` lists the rows in doubt; only you can say what became of them",
    State.PENDING: "`dispatcher send` sends the waiting rows",
    State.RETRYABLE: "`dispatcher send` tries the retryable rows again",
    State.FAILED: "`dispatcher export --state failed` shows why, `dispatcher retry` sends them again",
    State.REFUSED: "`dispatcher check` says what is wrong; correct the sheet and send again",
}
