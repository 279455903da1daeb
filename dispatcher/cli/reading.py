"""Commands that only look: check, preview, status, show, export."""

from pathlib import Path
from typing import Any

import click

from dispatcher import ledger
from dispatcher.cli import words
from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.options import (
    FILE,
    JsonList,
    campaign_argument,
    local_date,
    print_json,
    print_lines,
    reading_progress,
    sandbox_ledger_option,
)
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode, LedgerError, UsageError
from dispatcher.models import Notice, Problem, Refusal, State
from dispatcher.text import format_count


@click.command()
@campaign_argument
@click.argument("file", required=False, type=FILE)
@click.option("--problems", "out", type=FILE, help="Write the rows that cannot be sent to this .xlsx or .csv.")
@click.option("--accept-refused", is_flag=True, help="Trust the file although many rows are refused.")
@sandbox_ledger_option
@shared_options
@click.pass_obj
def check(
    settings: Settings, campaign_path: Path, file: Path | None, out: Path | None, accept_refused: bool, sandbox: bool
) -> int:
    """Read everything, send nothing: what would happen to every row."""
    from dispatcher.pipeline import check_sheet

    campaign = open_campaign(campaign_path)
    ledger_path = settings.ledger_path([campaign], sandbox=sandbox)
    path = file or campaign.recipients_path
    found = {kind: JsonList() for kind in ("refused", "skipped", "warnings")}
    with reading_progress(is_silent=settings.quiet or settings.json) as on_rows:
        report = check_sheet(
            campaign,
            path,
            ledger_path=ledger_path,
            today=local_date(),
            kept_max=words.PROBLEMS_SHOWN,
            problems_path=out,
            on_found=lambda kind, problem: found[kind].append(_problem(problem)) if settings.json else None,
            on_rows=on_rows,
        )
    if settings.json:
        print_json(
            campaign=campaign.name,
            file=str(report.path),
            sheet=report.sheet_name,
            rows=report.rows,
            ready=report.ready,
            **found,
            changes={**report.changes, State.WITHDRAWN: report.withdrawn},
            seconds_at_limit=report.seconds_at_limit,
        )
    elif not settings.quiet or report.refused.count:
        print_lines(words.describe_check(report))
    if report.doubt and not accept_refused:
        click.echo(f"dispatcher: {report.path.name}: {report.doubt}", err=True)
        return ExitCode.SHEET_REFUSED
    return ExitCode.ROWS_NEED_ATTENTION if report.refused.count else ExitCode.OK


def _problem(problem: Refusal | Notice) -> dict[str, Any]:
    others = problem.others if isinstance(problem, Refusal) else ()
    told: dict[str, Any] = {"row": problem.row_number} | _cell(problem)
    return told | {"others": [_cell(other) for other in others]} if others else told


def _cell(problem: Refusal | Notice | Problem) -> dict[str, str]:
    return {"column": problem.column, "value": problem.value, "reason": problem.reason}


@click.command()
@campaign_argument
@click.argument("file", required=False, type=FILE)
@click.option("--row", "row_number", type=click.IntRange(min=1), help="Only this row of the sheet.")
@shared_options
@click.pass_obj
def preview(settings: Settings, campaign_path: Path, file: Path | None, row_number: int | None) -> int:
    """Print the exact requests, one JSON body a line, byte for byte what `send` posts."""
    from dispatcher.pipeline import preview_requests
    from dispatcher.pipeline.channels import channel_of

    campaign = open_campaign(campaign_path)
    requests, refusals = JsonList(), 0
    path = file or campaign.recipients_path
    for row, body in preview_requests(campaign, path, today=local_date(), row_number=row_number):
        if body is None:
            refusals += 1
            if isinstance(row, Refusal):
                click.echo(f"not sent: {words.describe_problem(row)}", err=True)
        elif settings.json:
            requests.append({"row": row.row_number, "key": row.key, "body": body})
        else:
            click.echo(channel_of(campaign).encode(body))
    if settings.json:
        print_json(requests=requests)
    return ExitCode.ROWS_NEED_ATTENTION if refusals and row_number is not None else ExitCode.OK


@click.command()
@click.argument("campaign_path", metavar="[CAMPAIGN]", required=False, type=FILE)
@sandbox_ledger_option
@shared_options
@click.pass_obj
def status(settings: Settings, campaign_path: Path | None, sandbox: bool) -> int:
    """Show counts by state, the last run and the next step."""
    campaign = open_campaign(campaign_path) if campaign_path else None
    path = settings.ledger_path([campaign], sandbox=sandbox) if campaign else settings.find_ledger(sandbox=sandbox)
    with ledger.open_reader(path) as connection:
        records = ledger.list_campaigns(connection)
        chosen = [record for record in records if campaign is None or record.name == campaign.name]
        if campaign and not chosen:
            raise LedgerError(f"{path}: {campaign.name!r} was never sent; `dispatcher send` loads it")
        stand = [
            (
                record,
                ledger.count_states(connection, record.id),
                ledger.last_run(connection, record.id),
                ledger.find_limit(connection, record.agent_id),
            )
            for record in chosen
        ]
    if settings.json:
        print_json(
            campaigns=[
                {
                    "name": record.name,
                    "total": sum(states.values()),
                    "states": states,
                    "loaded_at": record.loaded_at,
                    "last_run": run,
                    "warm_up_left_s": round(words.warm_up_left(agent), 1) if agent else 0.0,
                    "next": words.next_step(states),
                }
                for record, states, run, agent in stand
            ]
        )
    elif not stand:
        click.echo(f"{path}: there is no campaign yet; `dispatcher send` loads one")
    else:
        for story in stand:
            print_lines(words.describe_status(*story))
    return ExitCode.OK


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
    with ledger.open_reader(settings.ledger_path([campaign], sandbox=sandbox)) as connection:
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
            click.echo(words.describe_row(*story))
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
    path = settings.ledger_path([campaign], sandbox=sandbox)
    count = export_outcomes(campaign, path, out, states=tuple(State(state) for state in states))
    if settings.json:
        print_json(file=str(out), rows=count)
    elif not settings.quiet:
        click.echo(f"{format_count(count, 'row')} written to {out}")
    return ExitCode.OK
