"""Standard output and standard error, whose readers may go away while the program works."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unread_tolerated() -> Iterator[None]:
    """Print inside this block what nobody has to read: a closed pipe or terminal is no reason to fail."""
    try:
        yield
    except OSError:
        drop_unread_output()


def tolerate_foreign_letters() -> None:
    """Let a terminal or pipe of another alphabet show ``?`` for what it cannot: no name may end a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def drop_unread_output() -> None:
    """Send to nowhere what can be written no more, so that nothing later trips over it, the exit included."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
