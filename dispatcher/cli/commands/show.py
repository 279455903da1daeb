"""Tell everything that happened to one person."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from dispatcher import ledger
from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.options import campaign_argument, sandbox_ledger_option
from dispatcher.cli.printing import local_time, print_json, printable
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode, UsageError
from dispatcher.ledger import RowRecord
from dispatcher.text import mask_digits


@click.command()
@campaign_argument
@click.argument("row_or_number")
@sandbox_ledger_option
@shared_options
@click.pass_obj
def show(settings: Settings, campaign_path: Path, row_or_number: str, sandbox: bool) -> int:
    """Show everything that happened to one person, named by row or by number."""
    campaign = open_campaign(campaign_path)
    digits = "".join(character for character in row_or_number if character.isdigit())
    if not digits:
        raise UsageError(f"{row_or_number!r} is neither a row number nor a phone number")
    is_number = len(digits) >= 7
    with ledger.open_reader(settings.locate_ledger([campaign], sandbox=sandbox)) as connection:
        record = ledger.find_campaign(connection, campaign.name)
        by = {"to": digits} if is_number else {"row_number": int(digits)}
        found = ledger.find_rows(connection, record.id, **by) if record else []
        if not found:
            raise UsageError(f"{campaign.name}: the ledger has no row for {row_or_number}")
        stories = [
            (row, ledger.read_attempts(connection, row.id), ledger.read_events(connection, row.id)) for row in found
        ]
    if settings.json:
        first, *others = (_story_as_json(*story) for story in stories)
        print_json(**first, others=others)
    else:
        for story in stories:
            click.echo(describe_row(*story))
    return ExitCode.OK


def _story_as_json(
    row: ledger.RowRecord, attempts: list[dict[str, Any]], events: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "row": row.row_number,
        "key": row.key,
        "to": row.to,
        "state": row.state,
        "reason": row.reason,
        "column": row.column,
        "session_id": row.session_id,
        "not_before": row.not_before,
        "in_sheet": row.is_in_sheet,
        "attempts": attempts,
        "events": events,
    }


def describe_row(row: RowRecord, attempts: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> str:
    """Return everything that happened to one person, in the order it happened."""
    where = "" if row.is_in_sheet else " (no longer in the sheet)"
    reason = f": {row.reason}" if row.reason else ""
    lines = [f"row {row.row_number}{where}, {mask_digits(row.to or 'no number')}, {row.state}{reason}"]
    story = [(attempt["started_at"], _describe_attempt(attempt)) for attempt in attempts]
    story += [(event["at"], f"{event['from_state']} -> {event['to_state']}: {event['reason']}") for event in events]
    lines += [f"  {local_time(moment)}  {text}" for moment, text in sorted(story)]
    return printable("\n".join(lines))


def _describe_attempt(attempt: Mapping[str, Any]) -> str:
    if attempt["outcome"] is None:
        return "a request is in the air, or was when a run died"
    session = f", session {attempt['session_id']}" if attempt["session_id"] else ""
    latency = f", {attempt['latency_ms']} ms" if attempt["latency_ms"] else ""
    return f"attempt: {attempt['outcome']}, {attempt['reason']}{latency}{session}"
