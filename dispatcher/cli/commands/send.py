"""Send everything that is due, once; or tell what would be sent."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.check_report import PROBLEMS_SHOWN, describe_check, describe_dry_run
from dispatcher.cli.options import FILE, local_date
from dispatcher.cli.printing import print_json, print_lines
from dispatcher.cli.sending import make_order, run_order, send_options
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode, SheetError
from dispatcher.models import Campaign, State


@click.command()
@click.argument("campaign_paths", metavar="CAMPAIGN...", nargs=-1, required=True, type=FILE)
@send_options
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be sent; open no connection.")
@shared_options
@click.pass_obj
def send(settings: Settings, /, campaign_paths: tuple[Path, ...], dry_run: bool, yes: bool, **options: Any) -> int:
    """Send everything that is due, once."""
    campaigns = tuple(open_campaign(path) for path in campaign_paths)
    if dry_run:
        return _dry_run(settings, campaigns, options)
    return run_order(settings, make_order(settings, campaigns, options), yes=yes)


def _dry_run(settings: Settings, campaigns: Sequence[Campaign], options: dict[str, Any]) -> int:
    """Say what `send` would do: refuse what it refuses, else tell how many rows it would send."""
    from dispatcher.pipeline import SendOrder
    from dispatcher.pipeline.order import refuse_contradictions

    locator = settings.locate_ledger(campaigns, sandbox=options["sandbox"])
    refuse_contradictions(
        SendOrder(tuple(campaigns), locator, api_key="", today=local_date(), recipients_path=options["recipients"])
    )
    is_fresh = options["sandbox"] and not options["keep"]  # a rehearsal starts its ledger afresh
    code, left = ExitCode.OK, options["people_max"]
    for campaign in campaigns:
        try:
            due = _rehearse(settings, campaign, None if is_fresh else locator, options, left)
        except SheetError as error:
            if len(campaigns) == 1:
                raise
            if settings.json:
                print_json(type="warning", message=f"{campaign.name}: {error}")
            else:
                click.echo(f"warning: {campaign.name}: {error}", err=True)
            code = ExitCode.SHEET_REFUSED
        else:
            left = None if left is None else left - due
    return code


def _rehearse(
    settings: Settings, campaign: Campaign, locator: str | None, options: dict[str, Any], people_max: int | None
) -> int:
    """Tell what would become of one campaign; return how many of its rows would be sent."""
    from dispatcher.pipeline import check_sheet

    started_s = time.monotonic()
    path = options["recipients"] or campaign.recipients_path
    shown = PROBLEMS_SHOWN
    report = check_sheet(campaign, path, locator=locator, today=local_date(), kept_max=shown)
    is_doubted = report.doubt and not options["accept_refused"] and not report.is_loaded
    if not settings.json and (is_doubted or not settings.quiet):
        print_lines(describe_check(report))
    if is_doubted:
        raise SheetError(f"{path.name}: {report.doubt}")
    due = report.ready if people_max is None else min(report.ready, people_max)
    if settings.json:
        print_json(
            type="summary",
            campaign=campaign.name,
            exit_code=int(ExitCode.OK),
            states={state: report.states[state] for state in State},
            sent=0,
            throttled=0,
            seconds=round(time.monotonic() - started_s, 3),
            dry_run=True,
            ready=due,
            seconds_at_limit=due / campaign.agent.limit,
        )
    elif not settings.quiet:
        click.echo(describe_dry_run(report, due))
    return due
