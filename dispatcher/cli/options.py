"""What several commands take and give alike: arguments, durations, JSON, lines."""

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from dispatcher.text import parse_duration_s

_MAX_BYTES_IN_MEMORY, _PIECE_CHARACTERS = 4 << 20, 1 << 20

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


@contextmanager
def reading_progress(*, is_silent: bool) -> Iterator[Callable[[int], None]]:
    """Yield what to call with the rows read so far; shown on a terminal only."""
    if is_silent or not sys.stderr.isatty():
        yield lambda rows: None
        return
    from rich.console import Console

    with Console(stderr=True).status("reading") as status:
        yield lambda rows: status.update(f"reading, {rows:,} rows so far")


class JsonList:
    """A list on its way into a JSON object, for the time of a command.

    It may be longer than memory, so a temporary file holds it.
    """

    def __init__(self) -> None:
        file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed with the command
            _MAX_BYTES_IN_MEMORY, mode="w+", encoding="utf-8"
        )
        self._file = click.get_current_context().with_resource(file)
        self._separator = ""

    def append(self, item: Any) -> None:
        """Add what ``json.dumps`` takes."""
        self._file.write(self._separator + json.dumps(item, ensure_ascii=False))
        self._separator = ", "

    def pieces(self) -> Iterator[str]:
        """Yield the list as JSON."""
        self._file.seek(0)
        yield "["
        yield from iter(partial(self._file.read, _PIECE_CHARACTERS), "")
        yield "]"


def print_json(**content: Any) -> None:
    """Print one JSON object with the version of its shape; a ``JsonList`` in it is printed piece by piece."""
    click.echo('{"v": 1', nl=False)
    for name, value in content.items():
        pieces = value.pieces() if isinstance(value, JsonList) else [json.dumps(value, ensure_ascii=False)]
        click.echo(f', "{name}": ', nl=False)
        for piece in pieces:
            click.echo(piece, nl=False)
    click.echo("}")


def print_lines(lines: Iterable[str]) -> None:
    """Print a report."""
    for line in lines:
        click.echo(line)
