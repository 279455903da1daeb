"""The program's entry and its one error boundary."""

from collections.abc import Sequence
from importlib import import_module

import click

from dispatcher import __version__
from dispatcher.cli.commands import HELP_LINES
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.cli.streams import drop_unread_output, tolerate_foreign_letters, unread_tolerated
from dispatcher.errors import DispatcherError, ExitCode


class _OnDemand(click.Group):
    """Knows its commands by name and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names as people need them, not by the alphabet."""
        return list(HELP_LINES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command, None when there is none of this name."""
        if cmd_name not in HELP_LINES:
            return None
        command: click.Command = getattr(import_module(f"dispatcher.cli.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for each command without importing it."""
        line_length = formatter.width - 6 - max(map(len, HELP_LINES))
        lines = [
            (name, click.Command(name, help=line).get_short_help_str(line_length)) for name, line in HELP_LINES.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(lines)


@click.group(cls=_OnDemand, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dispatcher")
@shared_options
def dispatcher() -> None:
    """Start one AI Studio WhatsApp session for each row of a spreadsheet, once and only once."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every failure ends here as one readable message."""
    settings = Settings()
    tolerate_foreign_letters()
    try:
        result = dispatcher.main(
            args=None if argv is None else list(argv), prog_name="dispatcher", standalone_mode=False, obj=settings
        )
    except click.UsageError as error:
        advice = f"\nTry: {error.ctx.command_path} --help" if error.ctx else ""
        return _fail(settings, ExitCode.USAGE, error.format_message() + advice)
    except (click.Abort, KeyboardInterrupt):
        return _fail(settings, ExitCode.INTERRUPTED, "stopped by hand; nothing more was sent")
    except (BrokenPipeError, SystemExit):  # click leaves a closed pipe by SystemExit
        drop_unread_output()  # there is nobody left to tell
        return ExitCode.OK
    except DispatcherError as error:
        return _fail(settings, error.exit_code, str(error))
    except Exception as error:
        if settings.verbose:
            from traceback import print_exc  # as json below: only a failure pays for it

            print_exc()
        return _fail(settings, ExitCode.UNEXPECTED, f"unexpected: {type(error).__name__} (-v shows where)")
    return int(result or 0)


def _fail(settings: Settings, code: ExitCode, message: str) -> int:
    with unread_tolerated():
        if settings.json:
            import json

            click.echo(json.dumps({"v": 1, "type": "error", "exit_code": int(code), "message": message}))
        click.echo(f"dispatcher: {message}", err=True)
    return int(code)
