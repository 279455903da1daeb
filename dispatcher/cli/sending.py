"""What `send` and `retry` share: their options, and the run under a person's eyes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dispatcher.campaign import read_api_key
from dispatcher.cli.asking import ask, stop_signals_handled
from dispatcher.cli.options import FILE, Duration, is_terminal, local_date
from dispatcher.cli.run_report import ask_to_send
from dispatcher.cli.settings import Settings
from dispatcher.cli.streams import unread_tolerated
from dispatcher.errors import HiddenRowsError
from dispatcher.models import Campaign, Outcome

if TYPE_CHECKING:  # the pipeline is heavy, and a help text does not need it
    from dispatcher.cli.live import View
    from dispatcher.pipeline import Plan, Progress, SendOptions

_KEY_OF_NOBODY = "sandbox"

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])


def send_options(function: _F) -> _F:
    """Add the options that `send` and `retry` share."""
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


def make_options(
    settings: Settings,
    campaigns: tuple[Campaign, ...],
    typed: dict[str, Any],
    *,
    command: str = "send",
    retry_outcomes: tuple[Outcome, ...] = (),
    needs_key: bool = True,
) -> "SendOptions":
    """Return what was typed as the pipeline takes it.

    Raises:
        UsageError: there is no API key where one is needed, or the campaigns have no ledger in common.
    """
    from dispatcher.pipeline import SendOptions

    sandbox = typed["sandbox"]
    return SendOptions(
        campaigns=campaigns,
        locator=settings.locate_ledger(campaigns, sandbox=sandbox),
        api_key=read_api_key(os.environ) if needs_key and not sandbox else _KEY_OF_NOBODY,
        today=local_date(),
        recipients_path=typed["recipients"],
        command=command,
        retry_outcomes=retry_outcomes,
        people_max=typed["people_max"],
        duration_max_s=typed["max_duration"],
        wait_lock_s=typed["wait_lock"],
        warm_up=not sandbox if typed["warm_up"] is None else typed["warm_up"],
        accept_refused=typed["accept_refused"],
        sandbox=sandbox,
        keep_sandbox_ledger=typed["keep"],
    )


def run_send(settings: Settings, options: "SendOptions", *, yes: bool) -> int:
    """Send under the eyes of whoever watches: ask before, show meanwhile, heed signals; return the exit code."""
    from dispatcher.cli.live import choose_view
    from dispatcher.pipeline import StopSwitch
    from dispatcher.pipeline import send as send_all

    stop = StopSwitch()
    view = choose_view(settings, options)
    can_ask = is_terminal() and not settings.no_input
    is_asking = can_ask and not (yes or options.sandbox)

    def put(question: Callable[[], _T]) -> _T:
        view.clear()
        return ask(question, is_stopped=stop.is_requested)

    def confirm(plans: "list[Plan]") -> bool:
        return not is_asking or put(lambda: click.confirm(ask_to_send(plans, options.people_max), err=True))

    def show(event: "Progress") -> None:
        with unread_tolerated():  # who stops reading does not mean that the rows should not be sent
            view.show(event)

    # First INT, TERM or HUP: no new rows. Second: stop now.
    with stop_signals_handled(lambda *_: stop.request()), _closing(view):
        try:
            return send_all(options, on_progress=show, stop=stop, confirm=confirm)
        except HiddenRowsError as error:
            if not can_ask:
                raise
            decided = put(partial(_decide_hidden, options, error))
            return send_all(decided, on_progress=show, stop=stop, confirm=confirm)


def _decide_hidden(options: "SendOptions", error: HiddenRowsError) -> "SendOptions":
    """Ask what the rows that Excel hides are meant to be; they are left out unless somebody says otherwise."""
    click.echo(str(error), err=True)
    choices = click.Choice(["skip", "include", "stop"])
    choice: Any = click.prompt("Hidden rows", type=choices, default="skip", err=True)
    if choice == "stop":
        raise click.Abort
    decided = [replace(one, sheet=replace(one.sheet, hidden_rows=choice)) for one in options.campaigns]
    return replace(options, campaigns=tuple(decided))


@contextmanager
def _closing(view: "View") -> Iterator[None]:
    try:
        yield
    finally:
        with unread_tolerated():
            view.close()
