"""What the options that go with every command say, wherever on the line they stand."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:  # a help text needs no campaign
    from dispatcher.models import Campaign

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass
class Settings:
    """The global options of one invocation."""

    ledger: str | None = None
    quiet: bool = False
    verbose: bool = False
    json: bool = False
    no_input: bool = False
    no_color: bool = False

    def locate_ledger(self, campaigns: "Sequence[Campaign]", *, sandbox: bool = False) -> str:
        """Return the locator of the ledger of these campaigns, see ``ledger.locator.locate``.

        Raises:
            UsageError: the campaigns stand in different folders and no ledger was named.
        """
        from dispatcher.ledger.locator import locate  # a help text needs no ledger

        return locate({campaign.path.parent for campaign in campaigns}, self.ledger, is_rehearsal=sandbox)

    def find_ledger(self, *, sandbox: bool = False) -> str:
        """Return the locator of the ledger when no campaign says it: named, here, or in ``campaigns/``.

        As in ``locate_ledger``, a rehearsal's does not listen to the environment.
        """
        from dispatcher.ledger.locator import is_there  # not needed where a campaign says it

        if self.ledger is not None:
            return self.ledger
        if not sandbox and (named := os.environ.get("DISPATCHER_LEDGER")):
            return named
        name = "ledger.sandbox.db" if sandbox else "ledger.db"
        here, below = name, f"campaigns/{name}"
        return here if is_there(here) else below


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value not in (None, False) and parameter.name:
        setattr(context.find_object(Settings), parameter.name, value)


def shared_options(function: _F) -> _F:
    """Add the global options to a command."""
    options = [
        click.option("--ledger", help="The ledger: a file's path, or sqlite:///path."),
        click.option("-q", "--quiet", is_flag=True, help="Print nothing when all is well."),
        click.option("-v", "--verbose", is_flag=True, help="Say more."),
        click.option("--json", is_flag=True, help="Machine-readable output."),
        click.option("--no-input", is_flag=True, help="Never ask."),
        click.option("--no-color", is_flag=True, help="No colours."),
    ]
    for option in reversed(options):
        function = option(function)
    for parameter in getattr(function, "__click_params__", []):
        if parameter.name in Settings.__dataclass_fields__:
            parameter.expose_value, parameter.callback = False, _remember
    return function
