"""Write a sheet with what became of every row."""

from pathlib import Path

import click

from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.options import FILE, campaign_argument, sandbox_ledger_option
from dispatcher.cli.printing import print_json
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode
from dispatcher.models import State
from dispatcher.text import format_count


@click.command()
@campaign_argument
@click.argument("out", metavar="OUT.xlsx|.csv", type=FILE)
@click.option(
    "--state", "states", multiple=True, type=click.Choice([str(state) for state in State]), help="Only these."
)
@sandbox_ledger_option
@shared_options
@click.pass_obj
def export(settings: Settings, campaign_path: Path, out: Path, states: tuple[str, ...], sandbox: bool) -> int:
    """Write the sheet's columns with what became of every row."""
    from dispatcher.pipeline import export_outcomes

    campaign = open_campaign(campaign_path)
    locator = settings.locate_ledger([campaign], sandbox=sandbox)
    count = export_outcomes(campaign, locator, out, states=tuple(State(state) for state in states))
    if settings.json:
        print_json(file=str(out), rows=count)
    elif not settings.quiet:
        click.echo(f"{format_count(count, 'row')} written to {out}")
    return ExitCode.OK
