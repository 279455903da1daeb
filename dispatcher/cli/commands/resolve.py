"""Let a person decide what became of the rows in doubt."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from dispatcher import ledger
from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.options import campaign_argument, is_terminal, sandbox_ledger_option
from dispatcher.cli.printing import local_time, print_json, print_lines, printable
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode, UsageError
from dispatcher.ledger import Doubt
from dispatcher.models import State
from dispatcher.text import format_count, mask_digits


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
    locator = settings.locate_ledger([campaign], sandbox=sandbox)
    with ledger.open_reader(locator) as connection:
        record = ledger.find_campaign(connection, campaign.name)
        doubts = ledger.list_in_doubt(connection, record.id, row_numbers) if record else []
    if not settings.json:
        print_lines(describe_doubts(campaign.name, doubts))
    moved = 0
    if decision and doubts:
        if decision == State.PENDING:
            _confirm_second_messages(settings, len(doubts), yes=yes)
        moved = ledger.change(locator, ledger.resolve, [doubt.id for doubt in doubts], State(decision))
    if settings.json:
        print_json(in_doubt=[_doubt_as_json(doubt) for doubt in doubts], decision=decision, moved=moved)
    elif moved:
        click.echo(f"{format_count(moved, 'row')} moved to {decision}")
    return ExitCode.OK


def _doubt_as_json(doubt: Doubt) -> dict[str, Any]:
    return {"row": doubt.row_number, "attempted_at": doubt.attempted_at, "reason": doubt.reason}


def _confirm_second_messages(settings: Settings, count: int, *, yes: bool) -> None:
    click.echo(f"Up to {count:,} people may get a second message.", err=True)
    if yes:
        return
    if settings.no_input or not is_terminal():
        raise UsageError("--as pending may send second messages; say --yes to accept that")
    click.confirm("Send to them again?", abort=True, err=True)


def describe_doubts(campaign: str, doubts: Sequence[Doubt]) -> Iterator[str]:
    """Yield the rows in doubt with what is known of them."""
    if not doubts:
        yield f"{campaign}: no row is in doubt"
        return
    yield f"{campaign}: {format_count(len(doubts), 'row')} in doubt: a message may or may not have been sent"
    for doubt in doubts:
        number = mask_digits(doubt.to)
        yield printable(f"  {local_time(doubt.attempted_at)}  row {doubt.row_number:<6} {number:<16} {doubt.reason}")
