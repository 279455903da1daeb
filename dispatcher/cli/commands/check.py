"""Read a sheet, send nothing: what would happen to every row."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.check_report import PROBLEMS_SHOWN, describe_check
from dispatcher.cli.options import FILE, campaign_argument, local_date, sandbox_ledger_option
from dispatcher.cli.printing import JsonList, print_json, print_lines
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode
from dispatcher.models import Notice, Problem, Refusal, State


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
    locator = settings.locate_ledger([campaign], sandbox=sandbox)
    path = file or campaign.recipients_path
    found = {kind: JsonList() for kind in ("refused", "skipped", "warnings")}
    with _reading_progress(is_silent=settings.quiet or settings.json) as on_rows:
        report = check_sheet(
            campaign,
            path,
            locator=locator,
            today=local_date(),
            kept_max=PROBLEMS_SHOWN,
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
        print_lines(describe_check(report))
    code = report.exit_code(accept_refused=accept_refused)
    if code == ExitCode.SHEET_REFUSED:
        click.echo(f"dispatcher: {report.path.name}: {report.doubt}", err=True)
    return code


@contextmanager
def _reading_progress(*, is_silent: bool) -> Iterator[Callable[[int], None]]:
    """Yield what to call with the rows read so far; shown on a terminal only."""
    if is_silent or not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.console import Console

    with Console(stderr=True).status("reading") as status:
        yield lambda rows: status.update(f"reading, {rows:,} rows so far")


def _problem(problem: Refusal | Notice) -> dict[str, Any]:
    others = problem.others if isinstance(problem, Refusal) else ()
    told: dict[str, Any] = {"row": problem.row_number} | _cell(problem)
    return told | {"others": [_cell(other) for other in others]} if others else told


def _cell(problem: Refusal | Notice | Problem) -> dict[str, str]:
    return {"column": problem.column, "value": problem.value, "reason": problem.reason}
