"""Forget people, keep the promise."""

from datetime import timedelta
from pathlib import Path

import click

from dispatcher import ledger
from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.options import Duration, campaign_argument, sandbox_ledger_option
from dispatcher.cli.printing import print_json
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode
from dispatcher.text import format_count


@click.command()
@campaign_argument
@click.option("--older-than", type=Duration(), required=True, help="Finished so long ago, such as 90d.")
@sandbox_ledger_option
@shared_options
@click.pass_obj
def purge(settings: Settings, campaign_path: Path, older_than: float, sandbox: bool) -> int:
    """Remove numbers and values of finished rows; they are still never sent again."""
    campaign = open_campaign(campaign_path)
    locator = settings.locate_ledger([campaign], sandbox=sandbox)
    count = ledger.purge(locator, campaign.name, older_than=timedelta(seconds=older_than))
    copies = ledger.list_copies(locator)
    if settings.json:
        print_json(purged=count, copies=copies)
    elif not settings.quiet:
        click.echo(f"{format_count(count, 'row')} purged: numbers and values are gone, what became of them is kept")
        for copy in copies:
            click.echo(f"{copy}: a copy from before an upgrade, which still holds them; remove it", err=True)
    return ExitCode.OK
