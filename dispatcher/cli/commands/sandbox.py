"""Run the stand-in for the vendor, for rehearsals and tests."""

from pathlib import Path

import click

from dispatcher.cli.options import FILE, Duration
from dispatcher.cli.printing import print_json
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import ExitCode


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
