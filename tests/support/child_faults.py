"""What a child process does to itself before it starts the program: faults, clocks, a lifted limit.

The program carries no hooks. Each twist replaces something in the child only, and fails loudly where the
thing it replaces is not there any more. Twists are passed as ``functools.partial`` objects.
"""

import asyncio
import importlib
import itertools
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from datetime import datetime, tzinfo
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, Self

from sqlalchemy import Engine, event

from dispatcher.limiter.pacer import Signal
from dispatcher.limiter.stances import Learnt
from dispatcher.studio.client import Studio, Timeouts

Twist = Callable[[], None]


class OpenGate:
    """Stands in for the limiter: no pace at all, only a bound on the requests in the air."""

    def __init__(self, in_air_max: int) -> None:
        self._places = asyncio.Semaphore(in_air_max)
        self.learnt = Learnt(1)
        self.note: str | None = None
        self.asked_to_wait_s = 0.0

    async def acquire(self) -> object:
        """Wait until fewer requests are in the air than allowed; return a slot."""
        await self._places.acquire()
        return object()

    async def start(self, slot: object) -> bool:
        """Nothing to note: it may leave."""
        return True

    def release(self, slot: object, signal: Signal, *, retry_after_s: float | None = None) -> None:
        """Let the next request go."""
        self._places.release()


def lift_limit(in_air_max: int) -> None:
    """Send as fast as the machine can, with so many requests in the air at most."""
    replace("dispatcher.pipeline.agent", "Limiter", lambda *_, **__: OpenGate(in_air_max))


def shorten_silence(read_s: float) -> None:
    """Take an API that says nothing for so long as silent, instead of 60 seconds."""

    class Impatient(Studio):
        def __init__(self, api_key: str, *, connections: int) -> None:
            super().__init__(api_key, connections=connections, timeouts=Timeouts(sock_read_s=read_s))

    replace("dispatcher.studio.client", "Studio", Impatient)


def set_constant(module: str, name: str, value: object) -> None:
    """Give a constant of the program another value."""
    replace(module, name, value)


def replace(module: str, name: str, value: object) -> object:
    """Put ``value`` in the place of ``name``; return what stood there."""
    owner: Any = importlib.import_module(module.partition(":")[0])
    for part in filter(None, module.partition(":")[2].split(".")):
        owner = getattr(owner, part)
    original: object = getattr(owner, name)
    setattr(owner, name, value)
    return original


def die() -> None:
    """End as ``kill -9`` does: nothing is flushed, closed or told."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_before_call(module: str, name: str, nth: int = 1) -> None:
    """Die when ``name`` is called for the nth time; ``module`` may be ``package.module:Class``."""
    calls = itertools.count(1)
    original: Any = None

    def called(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == nth:
            die()
        return original(*args, **kwargs)

    original = replace(module, name, called)
    wraps(original)(called)


def die_after_statement(pattern: str, nth: int = 1) -> None:
    """Die when the nth statement that matches has run and before its transaction is committed."""
    matches = itertools.count(1)

    def after(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if re.match(pattern, statement) and next(matches) == nth:
            die()

    event.listen(Engine, "after_cursor_execute", after)


def witness_intents(ledger_path: Path, witness_path: Path) -> None:
    """Note for each request, when its first byte may leave, what a stranger reads in the ledger's file."""
    from tests.support.ledger_check import read_rows

    original: Any = None

    async def headers_sent(session: Any, context: Any, params: Any) -> None:
        states = [row.state for row in read_rows(ledger_path)]
        with witness_path.open("a") as file:
            file.write(f"{states.count('sending')} {states.count('accepted')}\n")
        await original(session, context, params)

    original = replace("dispatcher.studio.client", "_note_headers_sent", headers_sent)


def step_wall_clock(offset_s: float, after_s: float = 0.0) -> None:
    """Let the wall clock jump by ``offset_s`` once the program has run for ``after_s`` seconds."""
    began_s = time.monotonic()
    true_time = time.time

    def stepped() -> float:
        return true_time() + (offset_s if time.monotonic() - began_s >= after_s else 0.0)

    class SteppedDatetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(stepped(), tz)

    time.time = stepped
    changed = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith("dispatcher.") and _is_clock(getattr(module, "datetime", None))
    ]
    for module in changed:
        replace(module.__name__, "datetime", SteppedDatetime)
    assert len(changed) >= 3, "the program reads its wall clock elsewhere now"


def _is_clock(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, datetime)


def sleep_while_off(asleep_s: float) -> None:
    """Let the clock that counts sleeping machines run ahead, as after a suspend of ``asleep_s`` seconds."""
    original: Any = None
    original = replace("dispatcher.ledger.agent_record", "_boot_clock_s", lambda: original() + asleep_s)


def reboot() -> None:
    """Look like another start of the machine."""
    replace("dispatcher.ledger.agent_record", "_boot_id", lambda: "another-boot")
    replace("dispatcher.ledger.agent_record", "_boot_clock_s", lambda: 5.0)


def act_before_call(module: str, name: str, action: Callable[[], object], *, nth: int = 1) -> None:
    """Do something when ``name`` is called for the nth time, as when a person saves the sheet at that moment."""
    calls = itertools.count(1)
    original: Any = None

    def called(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == nth:
            action()
        return original(*args, **kwargs)

    original = replace(module, name, called)


def interrupt_twice() -> None:
    """Press Ctrl-C twice."""
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)


def stand_before_call(module: str, name: str, marker: Path, gate: Path) -> None:
    """Stand still before ``name`` is called until ``gate`` is there; create ``marker`` to say that it stands there."""

    def stand() -> None:
        marker.touch()
        while not gate.exists():
            time.sleep(0.005)

    act_before_call(module, name, stand)


def stand_until_asked(module: str, name: str, marker: Path) -> None:
    """Stand still before ``name`` is called until somebody asks the run to stop; create ``marker`` meanwhile."""
    asked = threading.Event()
    act_before_call("dispatcher.pipeline.control:StopSwitch", "request", asked.set)

    def stand() -> None:
        marker.touch()
        asked.wait()

    act_before_call(module, name, stand)


def tell_when_asked(marker: Path) -> None:
    """Create ``marker`` once the run has heeded the first wish to stop."""
    act_before_call("dispatcher.pipeline.control:StopSwitch", "request", marker.touch)


def fall_asleep() -> None:
    """Stop as on a machine that is suspended, until the test wakes it up."""
    os.kill(os.getpid(), signal.SIGSTOP)


def note_starts(path: Path) -> None:
    """Note by a clock that nobody steps when the pacer lets each request start."""
    original: Any = None

    def start(pacer: Any, slot: Any, now_s: float) -> Any:
        started_s = time.monotonic()
        with path.open("a") as file:
            file.write(f"{started_s}\n")
        return original(pacer, slot, now_s)

    original = replace("dispatcher.limiter.pacer:Pacer", "start", start)


def die_at_call(nth: int, names: Collection[str], *, count_path: Path | None = None) -> None:
    """Die at the nth moment at which a C function of one of these names is called or comes back.

    With ``count_path`` the moments are counted there, so that a run that dies at none of them tells how many
    there are.
    """
    moments = itertools.count(1)

    def watch(frame: FrameType, event: str, called: Any) -> None:
        if event in ("c_call", "c_return") and called.__name__ in names:
            moment = next(moments)
            if moment == nth:
                die()
            if count_path is not None:
                os.pwrite(counter, str(moment).encode(), 0)

    counter = os.open(count_path, os.O_CREAT | os.O_WRONLY, 0o600) if count_path is not None else -1
    sys.setprofile(watch)
