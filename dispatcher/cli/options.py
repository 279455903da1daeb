"""What several commands take alike: arguments and durations."""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from dispatcher.text import parse_duration_s

FILE = click.Path(path_type=Path)
campaign_argument = click.argument("campaign_path", metavar="CAMPAIGN", type=FILE)
sandbox_ledger_option = click.option("--sandbox", is_flag=True, help="Look at the rehearsal's ledger.")


class Duration(click.ParamType[float]):
    """A duration such as ``4h`` or ``10m``, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds, or fail in click's own way."""
        try:
            return parse_duration_s(value) if isinstance(value, str) else float(value)
        except ValueError:
            self.fail(f"{value!r} is no duration; write for example 90s, 10m or 4h", param, ctx)


def local_date() -> date:
    """Return what ``{today}`` stands for: the date where the program runs."""
    return datetime.now().astimezone().date()


def is_terminal() -> bool:
    """Return whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
