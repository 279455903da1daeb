"""Send everything that is due, once; or tell what would be sent."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.check_report import PROBLEMS_SHOWN, describe_check
from dispatcher.cli.options import FILE
from dispatcher.cli.printing import print_json, print_lines
from dispatcher.cli.sending import make_options, run_send, send_options
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode
from dispatcher.models import State
from dispatcher.text import format_count, format_duration

if TYPE_CHECKING:  # the pipeline is heavy, and a help text does not need it
    from dispatcher.pipeline import SendOptions, Warned, WouldSend


@click.command()
@click.argument("campaign_paths", metavar="CAMPAIGN...", nargs=-1, required=True, type=FILE)
@send_options
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be sent; open no connection.")
@shared_options
@click.pass_obj
def send(settings: Settings, /, campaign_paths: tuple[Path, ...], dry_run: bool, yes: bool, **typed: Any) -> int:
    """Send everything that is due, once."""
    campaigns = tuple(open_campaign(path) for path in campaign_paths)
    if dry_run:
        return _dry_run(settings, make_options(settings, campaigns, typed, needs_key=False))
    return run_send(settings, make_options(settings, campaigns, typed), yes=yes)


def _dry_run(settings: Settings, options: "SendOptions") -> int:
    from dispatcher.pipeline import Warned, dry_run

    def tell(event: "WouldSend | Warned") -> None:
        if isinstance(event, Warned):
            _tell_warning(settings, event.text)
        elif settings.json:
            _print_summary(event)
        else:
            _tell_campaign(settings, event)

    return dry_run(options, kept_max=PROBLEMS_SHOWN, on_progress=tell)


def _tell_warning(settings: Settings, text: str) -> None:
    if settings.json:
        print_json(type="warning", message=text)
    else:
        click.echo(f"warning: {text}", err=True)


def _tell_campaign(settings: Settings, told: "WouldSend") -> None:
    if told.is_refused or not settings.quiet:
        print_lines(describe_check(told.report))
    if not (told.is_refused or settings.quiet):
        click.echo(describe_dry_run(told))


def describe_dry_run(told: "WouldSend") -> str:
    """Return what `send` would do about the rows that are ready."""
    duration, limit = format_duration(told.seconds_at_limit), told.report.campaign.agent.limit
    return f"would send {format_count(told.due, 'row')}, about {duration} at {limit} a second; nothing was sent"


def _print_summary(told: "WouldSend") -> None:
    """Print what `send --json` ends with, in the same shape; a sheet in question has no summary."""
    if told.is_refused:
        return
    print_json(
        type="summary",
        campaign=told.report.campaign.name,
        exit_code=int(ExitCode.OK),
        states={state: told.report.states[state] for state in State},
        sent=0,
        throttled=0,
        seconds=round(told.seconds, 3),
        dry_run=True,
        ready=told.due,
        seconds_at_limit=told.seconds_at_limit,
    )
