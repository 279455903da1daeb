"""The program's entry and its one error boundary."""

import json
import traceback
from collections.abc import Sequence

import click

from dispatcher import __version__
from dispatcher.cli import deciding, drafting, reading, sending
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.cli.streams import drop_unread_output, tolerate_foreign_letters, unread_tolerated
from dispatcher.errors import DispatcherError, ExitCode


class _InOrder(click.Group):
    """Lists the commands as people need them, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order they were added."""
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dispatcher")
@shared_options
def dispatcher() -> None:
    """Start one AI Studio WhatsApp session for each row of a spreadsheet, once and only once."""


for _command in (
    drafting.init,
    reading.check,
    reading.preview,
    sending.send,
    sending.retry,
    reading.status,
    reading.show,
    deciding.resolve,
    reading.export,
    deciding.limit,
    deciding.purge,
    sending.sandbox,
):
    dispatcher.add_command(_command)


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
            traceback.print_exc()
        return _fail(settings, ExitCode.UNEXPECTED, f"unexpected: {type(error).__name__} (-v shows where)")
    return int(result or 0)


def _fail(settings: Settings, code: ExitCode, message: str) -> int:
    with unread_tolerated():
        if settings.json:
            click.echo(json.dumps({"v": 1, "type": "error", "exit_code": int(code), "message": message}))
        click.echo(f"dispatcher: {message}", err=True)
    return int(code)
