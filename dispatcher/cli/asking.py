"""Questions to a person before anything is sent, and how to get out of them."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

import click

from dispatcher.errors import InterruptedRunError

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_EVERY_S = 0.2

_T = TypeVar("_T")


@contextmanager
def stop_signals_handled(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Call ``handler`` for INT, TERM and HUP inside this block."""
    # A process started with a signal ignored (nohup, a shell's background job) keeps ignoring it.
    heeded = [number for number in _STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    earlier = {number: signal.signal(number, handler) for number in heeded}
    try:
        yield
    finally:
        for number, before in earlier.items():
            signal.signal(number, before)


def ask(question: Callable[[], _T], *, is_stopped: Callable[[], bool]) -> _T:
    """Put a question before a send; who is asked to stop meanwhile, or before, waits for no answer.

    Raises:
        InterruptedRunError: a signal, the end of the input, or an earlier wish to stop.
    """
    try:
        with stop_signals_handled(_leave), _interrupted_often():
            if is_stopped():
                raise click.Abort
            return question()
    except (click.Abort, KeyboardInterrupt):
        raise InterruptedRunError("stopped by hand; nothing was sent") from None


@contextmanager
def _interrupted_often() -> Iterator[None]:
    """Interrupt whatever blocks, and let it go on unless a signal came.

    One that comes after the question was printed and before the wait for its answer begins would be noticed only
    with the next key.
    """
    earlier = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, _LOOK_EVERY_S, _LOOK_EVERY_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)


def _leave(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
