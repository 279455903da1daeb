"""Commands that send: send and retry, and the sandbox to send to."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dispatcher.campaign import read_api_key
from dispatcher.cli import words
from dispatcher.cli.asking import ask, stop_signals_handled
from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.options import FILE, Duration, campaign_argument, is_terminal, local_date, print_json, print_lines
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.cli.streams import unread_tolerated
from dispatcher.errors import ExitCode, HiddenRowsError, SheetError, UsageError
from dispatcher.models import Campaign, Outcome, State

if TYPE_CHECKING:  # the pipeline is heavy, and `--help` does not need it
    from dispatcher.cli.live import View
    from dispatcher.pipeline import Event, Plan, SendOrder

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])


def _send_options(function: _F) -> _F:
    options = [
        click.option("--recipients", type=FILE, help="Read this file instead of the campaign's."),
        click.option("--sandbox", is_flag=True, help="Rehearse against the built-in stand-in; needs no key."),
        click.option("--keep", is_flag=True, help="Keep the rehearsal's ledger of last time."),
        click.option("--limit", "people_max", type=click.IntRange(min=1), help="Message at most so many people."),
        click.option("--max-duration", type=Duration(), help="No new rows after this long, such as 4h."),
        click.option("--wait-lock", type=Duration(), default=0.0, help="Wait so long for another run to end."),
        click.option("--warm-up/--no-warm-up", default=None, help="Whether to wait after the agent's limit changed."),
        click.option("--accept-refused", is_flag=True, help="Send although many rows are refused."),
        click.option("--yes", is_flag=True, help="Do not ask before sending."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@click.argument("campaign_paths", metavar="CAMPAIGN...", nargs=-1, required=True, type=FILE)
@_send_options
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be sent; open no connection.")
@shared_options
@click.pass_obj
def send(settings: Settings, /, campaign_paths: tuple[Path, ...], dry_run: bool, yes: bool, **options: Any) -> int:
    """Send everything that is due, once."""
    campaigns = tuple(open_campaign(path) for path in campaign_paths)
    if dry_run:
        return _dry_run(settings, campaigns, options)
    return _run_order(settings, _order(settings, campaigns, options), yes=yes)


@click.command()
@campaign_argument
@click.option("--only", default="throttled,unsent,rejected", help="Outcomes to try again, with commas between.")
@_send_options
@shared_options
@click.pass_obj
def retry(settings: Settings, /, campaign_path: Path, only: str, yes: bool, **options: Any) -> int:
    """Put failed rows back and send what is due."""
    outcomes = _parse_outcomes(only)
    order = _order(settings, (open_campaign(campaign_path),), options, command="retry", retry_outcomes=outcomes)
    return _run_order(settings, order, yes=yes)


def _parse_outcomes(only: str) -> tuple[Outcome, ...]:
    known = (Outcome.THROTTLED, Outcome.UNSENT, Outcome.REJECTED)
    chosen = [word.strip() for word in only.split(",") if word.strip()]
    if Outcome.IN_DOUBT in chosen:
        raise UsageError("--only in_doubt: a row in doubt may have been sent; decide with `dispatcher resolve`")
    unknown = [word for word in chosen if word not in known]
    if unknown or not chosen:
        raise UsageError(f"--only {only}: choose from {', '.join(known)}")
    return tuple(Outcome(word) for word in chosen)


def _order(
    settings: Settings,
    campaigns: tuple[Campaign, ...],
    options: dict[str, Any],
    *,
    command: str = "send",
    retry_outcomes: tuple[Outcome, ...] = (),
) -> "SendOrder":
    from dispatcher.pipeline import SendOrder

    sandbox = options["sandbox"]
    return SendOrder(
        campaigns=campaigns,
        ledger_path=settings.ledger_path(campaigns, sandbox=sandbox),
        api_key="sandbox" if sandbox else read_api_key(os.environ),
        today=local_date(),
        recipients_path=options["recipients"],
        command=command,
        retry_outcomes=retry_outcomes,
        people_max=options["people_max"],
        duration_max_s=options["max_duration"],
        wait_lock_s=options["wait_lock"],
        warm_up=not sandbox if options["warm_up"] is None else options["warm_up"],
        accept_refused=options["accept_refused"],
        sandbox=sandbox,
        keep_sandbox_ledger=options["keep"] or command == "retry",
    )


def _run_order(settings: Settings, order: "SendOrder", *, yes: bool) -> int:
    from dispatcher.cli.live import choose_view
    from dispatcher.pipeline import StopSwitch
    from dispatcher.pipeline import send as send_all

    stop = StopSwitch()
    view = choose_view(settings, order)
    can_ask = is_terminal() and not settings.no_input
    is_asking = can_ask and not (yes or order.sandbox)

    def put(question: Callable[[], _T]) -> _T:
        view.clear()
        return ask(question, is_stopped=stop.is_requested)

    def confirm(plans: "list[Plan]") -> bool:
        return not is_asking or put(lambda: click.confirm(words.ask_to_send(plans, order.people_max), err=True))

    def show(event: "Event") -> None:
        with unread_tolerated():  # who stops reading does not mean that the rows should not be sent
            view.show(event)

    # First INT, TERM or HUP: no new rows. Second: stop now.
    with stop_signals_handled(lambda *_: stop.request()), _closing(view):
        try:
            return send_all(order, on_event=show, stop=stop, confirm=confirm)
        except HiddenRowsError as error:
            if not can_ask:
                raise
            decided = put(partial(_decide_hidden, order, error))
            return send_all(decided, on_event=show, stop=stop, confirm=confirm)


def _decide_hidden(order: "SendOrder", error: HiddenRowsError) -> "SendOrder":
    """Ask what the rows that Excel hides are meant to be; they are left out unless somebody says otherwise."""
    click.echo(str(error), err=True)
    choices = click.Choice(["skip", "include", "stop"])
    choice: Any = click.prompt("Hidden rows", type=choices, default="skip", err=True)
    if choice == "stop":
        raise click.Abort
    decided = [replace(one, sheet=replace(one.sheet, hidden_rows=choice)) for one in order.campaigns]
    return replace(order, campaigns=tuple(decided))


@contextmanager
def _closing(view: "View") -> Iterator[None]:
    try:
        yield
    finally:
        with unread_tolerated():
            view.close()


def _dry_run(settings: Settings, campaigns: Sequence[Campaign], options: dict[str, Any]) -> int:
    """Say what `send` would do: refuse what it refuses, else tell how many rows it would send."""
    from dispatcher.pipeline import SendOrder
    from dispatcher.pipeline.order import refuse_contradictions

    ledger_path = settings.ledger_path(campaigns, sandbox=options["sandbox"])
    refuse_contradictions(
        SendOrder(tuple(campaigns), ledger_path, api_key="", today=local_date(), recipients_path=options["recipients"])
    )
    is_fresh = options["sandbox"] and not options["keep"]  # a rehearsal starts its ledger afresh
    code, left = ExitCode.OK, options["people_max"]
    for campaign in campaigns:
        try:
            due = _rehearse(settings, campaign, None if is_fresh else ledger_path, options, left)
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
    settings: Settings, campaign: Campaign, ledger_path: Path | None, options: dict[str, Any], people_max: int | None
) -> int:
    """Tell what would become of one campaign; return how many of its rows would be sent."""
    from dispatcher.pipeline import check_sheet

    started_s = time.monotonic()
    path = options["recipients"] or campaign.recipients_path
    shown = words.PROBLEMS_SHOWN
    report = check_sheet(campaign, path, ledger_path=ledger_path, today=local_date(), kept_max=shown)
    is_doubted = report.doubt and not options["accept_refused"] and not report.is_loaded
    if not settings.json and (is_doubted or not settings.quiet):
        print_lines(words.describe_check(report))
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
        click.echo(words.describe_dry_run(report, due))
    return due


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8900, show_default=True, help="0 takes a free one.")
@click.option("--limit", type=click.IntRange(min=1), default=1, show_default=True, help="Sessions a second per agent.")
@click.option("--latency", type=Duration(), default=0.0, help="How long each answer takes, such as 0.6s.")
@click.option("--takes-effect", type=Duration(), default=0.0, help="How long the limit counts as 1 at first.")
@click.option("--journal", type=FILE, help="Write what was accepted and refused to this file, as JSON lines.")
@shared_options
@click.pass_obj
def sandbox(
    settings: Settings, port: int, limit: int, latency: float, takes_effect: float, journal: Path | None
) -> int:
    """Run the stand-in for AI Studio on 127.0.0.1, until Ctrl-C."""
    from dispatcher.sandbox import SandboxOptions, run_sandbox

    options = SandboxOptions(limit=limit, latency_s=latency, takes_effect_s=takes_effect, journal_path=journal)

    def tell(endpoint: str) -> None:
        if settings.json:
            print_json(endpoint=endpoint)
        else:
            click.echo(f'endpoint = "{endpoint}"   (Ctrl-C stops it)')

    try:
        run_sandbox(options, port, on_ready=tell)
    except KeyboardInterrupt:
        click.echo("sandbox stopped", err=True)
    return ExitCode.OK
