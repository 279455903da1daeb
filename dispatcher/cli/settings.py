"""What the options that go with every command say, wherever on the line they stand."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dispatcher.errors import UsageError

if TYPE_CHECKING:  # a help text needs no campaign
    from dispatcher.models import Campaign

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass
class Settings:
    """The global options of one invocation."""

    ledger: Path | None = None
    quiet: bool = False
    verbose: bool = False
    json: bool = False
    no_input: bool = False
    no_color: bool = False

    def ledger_path(self, campaigns: "Sequence[Campaign]", *, sandbox: bool = False) -> Path:
        """Return where the ledger of these campaigns is.

        ``--ledger`` first, then ``DISPATCHER_LEDGER``, then beside the campaign file. A rehearsal has a
        ledger of its own and does not listen to the environment, which names the real one.

        Raises:
            UsageError: the campaigns stand in different folders and no ledger was named.
        """
        if self.ledger:
            return self.ledger
        if not sandbox and (named := os.environ.get("DISPATCHER_LEDGER")):
            return Path(named)
        folders = {campaign.path.parent for campaign in campaigns}
        if len(folders) > 1:
            raise UsageError("the campaigns stand in different folders; name their ledger with --ledger")
        return folders.pop() / ("ledger.sandbox.db" if sandbox else "ledger.db")

    def find_ledger(self, *, sandbox: bool = False) -> Path:
        """Return where the ledger is when no campaign says it: named, here, or in ``campaigns/``.

        As in ``ledger_path``, a rehearsal's does not listen to the environment.
        """
        named = self.ledger or (None if sandbox else os.environ.get("DISPATCHER_LEDGER"))
        if named:
            return Path(named)
        name = "ledger.sandbox.db" if sandbox else "ledger.db"
        candidates = [Path(name), Path("campaigns") / name]
        return next((path for path in candidates if path.exists()), candidates[-1])


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value and parameter.name:
        setattr(context.find_object(Settings), parameter.name, value)


def shared_options(function: _F) -> _F:
    """Add the global options to a command."""
    options = [
        click.option("--ledger", type=click.Path(path_type=Path), help="The ledger file."),
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
