"""Begin a campaign: look at a sheet, write a campaign file."""

import shlex
from pathlib import Path

import click

from dispatcher.cli.options import FILE
from dispatcher.cli.printing import print_json, printable
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode


@click.command()
@click.argument("file", type=FILE)
@click.argument("out", metavar="[OUT.toml]", required=False, type=FILE)
@shared_options
@click.pass_obj
def init(settings: Settings, file: Path, out: Path | None) -> int:
    """Look at a sheet and write a commented campaign file for it."""
    from dispatcher.pipeline import draft_campaign

    path = out or file.with_suffix(".toml")
    choice = draft_campaign(file, path)
    if settings.json:
        print_json(file=str(path), choice=choice)
    elif not settings.quiet:
        if choice:
            click.echo(printable(choice))
        click.echo(f"{path} written\nnext: fill in what is empty, then dispatcher check {shlex.quote(str(path))}")
    return ExitCode.OK
