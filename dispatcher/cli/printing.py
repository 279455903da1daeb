"""How results are printed: lines, JSON, times, and nothing that could steer a terminal."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

import click

_MAX_BYTES_IN_MEMORY, _PIECE_CHARACTERS = 4 << 20, 1 << 20
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return ``text`` without what could steer a terminal: names and answers come from outside."""
    return _UNPRINTABLE.sub("", text)


def local_time(moment: str | None) -> str:
    """Return one of the ledger's times as a wall clock here shows it."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "-"


class JsonList:
    """A list on its way into a JSON object, for the time of a command.

    It may be longer than memory, so a temporary file holds it.
    """

    def __init__(self) -> None:
        import tempfile  # brings compression along, and only `check` and `preview` have such lists

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
