"""Print what would be posted, byte for byte."""

from pathlib import Path

import click

from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.check_report import describe_problem
from dispatcher.cli.options import FILE, campaign_argument, local_date
from dispatcher.cli.printing import JsonList, print_json
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode
from dispatcher.models import Refusal


@click.command()
@campaign_argument
@click.argument("file", required=False, type=FILE)
@click.option("--row", "row_number", type=click.IntRange(min=1), help="Only this row of the sheet.")
@shared_options
@click.pass_obj
def preview(settings: Settings, campaign_path: Path, file: Path | None, row_number: int | None) -> int:
    """Print the exact requests, one JSON body a line, byte for byte what `send` posts."""
    from dispatcher.channels import channel_of
    from dispatcher.pipeline import preview_requests

    campaign = open_campaign(campaign_path)
    requests, refusals = JsonList(), 0
    path = file or campaign.recipients_path
    for row, body in preview_requests(campaign, path, today=local_date(), row_number=row_number):
        if body is None:
            refusals += 1
            if isinstance(row, Refusal):
                click.echo(f"not sent: {describe_problem(row)}", err=True)
        elif settings.json:
            requests.append({"row": row.row_number, "key": row.key, "body": body})
        else:
            click.echo(channel_of(campaign).encode(body))
    if settings.json:
        print_json(requests=requests)
    return ExitCode.ROWS_NEED_ATTENTION if refusals and row_number is not None else ExitCode.OK
