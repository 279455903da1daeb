"""The commands: each reads its words, calls one room, and prints the answer."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dispatcher import __version__, ledger
from dispatcher.campaign import load_campaign, read_api_key
from dispatcher.cli import words
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode, LedgerError, UsageError
from dispatcher.models import Campaign, Notice, Refusal, State, Verdict, parse_duration_s

if TYPE_CHECKING:
    from dispatcher.cli.live import View
    from dispatcher.pipeline import Plan, SendOrder, StopSwitch

_F = TypeVar("_F", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path)
_campaign_argument = click.argument("campaign_path", metavar="CAMPAIGN", type=_FILE)
_sandbox_ledger_option = click.option("--sandbox", is_flag=True, help="Look at the rehearsal's ledger.")


class _Duration(click.ParamType[float]):
    """A duration such as ``4h`` or ``10m``, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds, or fail in click's own way."""
        try:
            return parse_duration_s(value) if isinstance(value, str) else float(value)
        except ValueError:
            self.fail(f"{value!r} is no duration; write for example 90s, 10m or 4h", param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dispatcher")
@shared_options
def dispatcher() -> None:
    """Start one AI Studio WhatsApp session for each row of a spreadsheet, once and only once."""


@dispatcher.command()
@_campaign_argument
@click.argument("file", required=False, type=_FILE)
@_sandbox_ledger_option
@shared_options
@click.pass_obj
def check(settings: Settings, campaign_path: Path, file: Path | None, sandbox: bool) -> int:
    """Read everything, send nothing: what would happen to every row."""
    from dispatcher.pipeline import check_sheet

    campaign = load_campaign(campaign_path)
    ledger_path = settings.ledger_path([campaign], sandbox=sandbox)
    report = check_sheet(campaign, file or campaign.recipients_path, ledger_path=ledger_path, today=_today())
    if settings.json:
        _print_json(
            campaign=campaign.name,
            file=str(report.path),
            rows=report.rows,
            ready=report.ready,
            refused=[_problem(refusal) for refusal in report.refused],
            skipped=[_problem(refusal) for refusal in report.skipped],
            warnings=[_problem(notice) for notice in report.notices],
            changes=dict(report.changes),
            seconds_at_limit=report.seconds_at_limit,
        )
    elif not settings.quiet or report.refused:
        _print_lines(words.describe_check(report))
    return ExitCode.ROWS_NEED_ATTENTION if report.refused else ExitCode.OK


@dispatcher.command()
@_campaign_argument
@click.argument("file", required=False, type=_FILE)
@click.option("--row", "row_number", type=click.IntRange(min=1), help="Only this row of the sheet.")
@shared_options
@click.pass_obj
def preview(settings: Settings, campaign_path: Path, file: Path | None, row_number: int | None) -> int:
    """Print the exact requests, one JSON body a line, byte for byte what `send` posts."""
    from dispatcher.message import encode_request
    from dispatcher.pipeline import preview_requests

    campaign = load_campaign(campaign_path)
    requests, refusals = [], 0
    path = file or campaign.recipients_path
    for row, body in preview_requests(campaign, path, today=_today(), row_number=row_number):
        if body is None:
            refusals += 1
            if isinstance(row, Refusal):
                click.echo(f"not sent: {words.describe_problem(row)}", err=True)
        elif settings.json:
            requests.append({"row": row.row_number, "key": row.key, "body": body})
        else:
            click.echo(encode_request(body))
    if settings.json:
        _print_json(requests=requests)
    return ExitCode.ROWS_NEED_ATTENTION if refusals and row_number is not None else ExitCode.OK


def _send_options(function: _F) -> _F:
    options = [
        click.option("--recipients", type=_FILE, help="Read this file instead of the campaign's."),
        click.option("--sandbox", is_flag=True, help="Rehearse against the built-in stand-in; needs no key."),
        click.option("--keep", is_flag=True, help="Keep the rehearsal's ledger of last time."),
        click.option("--limit", "people_max", type=click.IntRange(min=1), help="Message at most so many people."),
        click.option("--max-duration", type=_Duration(), help="No new rows after this long, such as 4h."),
        click.option("--wait-lock", type=_Duration(), default=0.0, help="Wait so long for another run to end."),
        click.option("--no-warm-up", is_flag=True, help="Do not wait after the agent's limit changed."),
        click.option("--yes", is_flag=True, help="Do not ask before sending."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@dispatcher.command()
@click.argument("campaign_paths", metavar="CAMPAIGN...", nargs=-1, required=True, type=_FILE)
@_send_options
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be sent; open no connection.")
@shared_options
@click.pass_obj
def send(settings: Settings, /, campaign_paths: tuple[Path, ...], dry_run: bool, yes: bool, **options: Any) -> int:
    """Send everything that is due, once."""
    campaigns = tuple(load_campaign(path) for path in campaign_paths)
    if dry_run:
        return _dry_run(settings, campaigns, options)
    return _run_order(settings, _order(settings, campaigns, options), yes=yes)


@dispatcher.command()
@_campaign_argument
@click.option("--only", default="throttled,unsent,rejected", help="Outcomes to try again, with commas between.")
@_send_options
@shared_options
@click.pass_obj
def retry(settings: Settings, /, campaign_path: Path, only: str, yes: bool, **options: Any) -> int:
    """Put failed rows back and send what is due."""
    verdicts = _parse_verdicts(only)
    order = _order(settings, (load_campaign(campaign_path),), options, command="retry", retry_verdicts=verdicts)
    return _run_order(settings, order, yes=yes)


def _parse_verdicts(only: str) -> tuple[Verdict, ...]:
    known = (Verdict.THROTTLED, Verdict.UNSENT, Verdict.REJECTED)
    chosen = [word.strip() for word in only.split(",") if word.strip()]
    if Verdict.IN_DOUBT in chosen:
        raise UsageError("--only in_doubt: a row in doubt may have been sent; decide with `dispatcher resolve`")
    unknown = [word for word in chosen if word not in known]
    if unknown or not chosen:
        raise UsageError(f"--only {only}: choose from {', '.join(known)}")
    return tuple(Verdict(word) for word in chosen)


def _order(
    settings: Settings,
    campaigns: tuple[Campaign, ...],
    options: dict[str, Any],
    *,
    command: str = "send",
    retry_verdicts: tuple[Verdict, ...] = (),
) -> "SendOrder":
    from dispatcher.pipeline import SendOrder

    sandbox = options["sandbox"]
    return SendOrder(
        campaigns=campaigns,
        ledger_path=settings.ledger_path(campaigns, sandbox=sandbox),
        api_key="sandbox" if sandbox else read_api_key(os.environ),
        today=_today(),
        recipients_path=options["recipients"],
        command=command,
        retry_verdicts=retry_verdicts,
        people_max=options["people_max"],
        duration_max_s=options["max_duration"],
        wait_lock_s=options["wait_lock"],
        warm_up=not options["no_warm_up"],
        sandbox=sandbox,
        keep_sandbox_ledger=options["keep"] or command == "retry",
    )


def _run_order(settings: Settings, order: "SendOrder", *, yes: bool) -> int:
    from dispatcher.cli.live import choose_view
    from dispatcher.pipeline import StopSwitch
    from dispatcher.pipeline import send as send_all

    stop = StopSwitch()
    view = choose_view(settings, order)
    is_asking = not (yes or order.sandbox or settings.no_input or settings.json or not _is_terminal())

    def confirm(plans: "list[Plan]") -> bool:
        return not is_asking or click.confirm(words.ask_to_send(plans), err=True)

    with _closing(view), _stopping_on_signals(stop):
        return send_all(order, on_event=view.show, stop=stop, confirm=confirm)


@contextmanager
def _closing(view: "View") -> Iterator[None]:
    try:
        yield
    finally:
        view.close()


@contextmanager
def _stopping_on_signals(stop: "StopSwitch") -> Iterator[None]:
    """First INT, TERM or HUP: no new rows. Second: stop now."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # A process started with a signal ignored (nohup, a shell's background job) keeps ignoring it.
    heeded = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]
    earlier = {number: signal.signal(number, lambda *_: stop.request()) for number in heeded}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _dry_run(settings: Settings, campaigns: Sequence[Campaign], options: dict[str, Any]) -> int:
    from dispatcher.pipeline import check_sheet

    ledger_path = settings.ledger_path(campaigns, sandbox=options["sandbox"])
    for campaign in campaigns:
        path = options["recipients"] or campaign.recipients_path
        report = check_sheet(campaign, path, ledger_path=ledger_path, today=_today())
        if settings.json:
            _print_json(type="summary", campaign=campaign.name, exit_code=0, dry_run=True, ready=report.ready)
        elif not settings.quiet:
            _print_lines(words.describe_check(report))
    return ExitCode.OK


@dispatcher.command()
@click.argument("campaign_path", metavar="[CAMPAIGN]", required=False, type=_FILE)
@_sandbox_ledger_option
@shared_options
@click.pass_obj
def status(settings: Settings, campaign_path: Path | None, sandbox: bool) -> int:
    """Show counts by state, the last run and the next step."""
    campaign = load_campaign(campaign_path) if campaign_path else None
    path = settings.ledger_path([campaign], sandbox=sandbox) if campaign else settings.find_ledger()
    with ledger.open_reader(path) as connection:
        records = ledger.list_campaigns(connection)
        chosen = [record for record in records if campaign is None or record.name == campaign.name]
        if campaign and not chosen:
            raise LedgerError(f"{path}: {campaign.name!r} was never sent; `dispatcher send` loads it")
        stand = [
            (record, ledger.count_states(connection, record.id), ledger.last_run(connection, record.id))
            for record in chosen
        ]
    if settings.json:
        _print_json(
            campaigns=[
                {
                    "name": record.name,
                    "total": sum(states.values()),
                    "states": states,
                    "loaded_at": record.loaded_at,
                    "last_run": run,
                    "next": words.next_step(states),
                }
                for record, states, run in stand
            ]
        )
    else:
        for record, states, run in stand:
            _print_lines(words.describe_status(record, states, run))
    return ExitCode.OK


@dispatcher.command()
@_campaign_argument
@click.argument("row_or_number")
@_sandbox_ledger_option
@shared_options
@click.pass_obj
def show(settings: Settings, campaign_path: Path, row_or_number: str, sandbox: bool) -> int:
    """Show everything that happened to one person, named by row or by number."""
    campaign = load_campaign(campaign_path)
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
        row, attempts, events = stories[0]
        _print_json(**_row_as_json(row), attempts=attempts, events=events)
    else:
        for story in stories:
            click.echo(words.describe_row(*story))
    return ExitCode.OK


def _row_as_json(row: ledger.RowRecord) -> dict[str, Any]:
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
    }


@dispatcher.command()
@_campaign_argument
@click.option("--as", "decision", type=click.Choice(["accepted", "pending", "failed"]), help="What became of them.")
@click.option("--row", "row_numbers", type=click.IntRange(min=1), multiple=True, help="Only these rows.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_sandbox_ledger_option
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
    campaign = load_campaign(campaign_path)
    path = settings.ledger_path([campaign], sandbox=sandbox)
    with ledger.open_reader(path) as connection:
        doubts = ledger.list_in_doubt(connection, campaign.name, row_numbers)
    if not settings.json:
        _print_lines(words.describe_doubts(campaign.name, doubts))
    moved = 0
    if decision and doubts:
        if decision == State.PENDING:
            _confirm_second_messages(settings, len(doubts), yes=yes)
        moved = _decide(path, [doubt.id for doubt in doubts], State(decision))
    if settings.json:
        _print_json(in_doubt=[_doubt_as_json(doubt) for doubt in doubts], decision=decision, moved=moved)
    elif moved:
        click.echo(f"{words.rows(moved)} moved to {decision}")
    return ExitCode.OK


def _doubt_as_json(doubt: ledger.Doubt) -> dict[str, Any]:
    return {"row": doubt.row_number, "attempted_at": doubt.attempted_at, "reason": doubt.reason}


def _confirm_second_messages(settings: Settings, count: int, *, yes: bool) -> None:
    click.echo(f"Up to {count:,} people may get a second message.", err=True)
    if yes:
        return
    if settings.no_input or not _is_terminal():
        raise UsageError("--as pending may send second messages; say --yes to accept that")
    click.confirm("Send to them again?", abort=True, err=True)


def _decide(path: Path, recipient_ids: list[int], state: State) -> int:
    with ledger.RunLock(path) as lock:
        lock.acquire()
        with ledger.Writer(path, sandbox=None) as writer:
            return writer.call(ledger.resolve, recipient_ids, state).result()


@dispatcher.command()
@_campaign_argument
@click.argument("out", metavar="OUT.xlsx|.csv", type=_FILE)
@click.option(
    "--state", "states", multiple=True, type=click.Choice([str(state) for state in State]), help="Only these."
)
@_sandbox_ledger_option
@shared_options
@click.pass_obj
def export(settings: Settings, campaign_path: Path, out: Path, states: tuple[str, ...], sandbox: bool) -> int:
    """Write the sheet's columns with what became of every row."""
    from dispatcher.pipeline import export_outcomes

    campaign = load_campaign(campaign_path)
    path = settings.ledger_path([campaign], sandbox=sandbox)
    count = export_outcomes(campaign, path, out, states=tuple(State(state) for state in states))
    if settings.json:
        _print_json(file=str(out), rows=count)
    elif not settings.quiet:
        click.echo(f"{words.rows(count)} written to {out}")
    return ExitCode.OK


@dispatcher.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8900, show_default=True, help="0 takes a free one.")
@click.option("--limit", type=click.IntRange(min=1), default=1, show_default=True, help="Sessions a second per agent.")
@click.option("--latency", type=_Duration(), default=0.0, help="How long each answer takes, such as 0.6s.")
@click.option("--takes-effect", type=_Duration(), default=0.0, help="How long the limit counts as 1 at first.")
@click.option("--journal", type=_FILE, help="Write what was accepted and refused to this file, as JSON lines.")
@shared_options
@click.pass_obj
def sandbox(
    settings: Settings, port: int, limit: int, latency: float, takes_effect: float, journal: Path | None
) -> int:
    """Run the stand-in for AI Studio on 127.0.0.1, until Ctrl-C."""
    from dispatcher.sandbox import SandboxOptions, serve

    options = SandboxOptions(limit=limit, latency_s=latency, takes_effect_s=takes_effect, journal_path=journal)

    def tell(endpoint: str) -> None:
        if settings.json:
            _print_json(endpoint=endpoint)
        else:
            click.echo(f"endpoint = {json.dumps(endpoint)}   (Ctrl-C stops it)")

    try:
        asyncio.run(serve(options, port, on_ready=tell))
    except KeyboardInterrupt:
        click.echo("sandbox stopped", err=True)
    return ExitCode.OK


def _today() -> date:
    return datetime.now().astimezone().date()


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _problem(problem: Refusal | Notice) -> dict[str, Any]:
    return {
        "row": problem.row_number,
        "column": problem.column,
        "value": problem.value,
        "reason": problem.reason,
    }


def _print_json(**content: Any) -> None:
    click.echo(json.dumps({"v": 1, **content}, ensure_ascii=False))


def _print_lines(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(line)
