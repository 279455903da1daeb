"""Scenario 11: asked to stop in every phase, once and twice; a closed terminal; nobody reads the output any more."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.support.child_faults import (
    Twist,
    act_before_call,
    interrupt_twice,
    lift_limit,
    stand_until_asked,
    tell_when_asked,
)
from tests.support.hostile_server import Fate
from tests.support.killable_runs import CANARY_KEY, Life, Scene, make_people, wait_until

SOON_S = 25.0
"""Asked twice, a run must end within this even on a busy machine, although the judge would be waited for a minute."""

MANY = 25
"""So many people that a run at the real limit is not over before it is asked to stop."""

Phase = Callable[[Scene], Life]


def telling(scene: Scene) -> Twist:
    """Let a run say when it heeds a wish to stop, see ``ask``."""
    return partial(tell_when_asked, scene.folder / "heeded")


def ask(scene: Scene, life: Life, number: signal.Signals) -> None:
    """Send a signal and wait until the run heeds it: two signals of a kind in a moment count as one."""
    life.signal(number)
    wait_until((scene.folder / "heeded").exists, "the wish to stop is heeded")


@contextmanager
def held_lock(scene: Scene) -> Iterator[None]:
    """Hold the ledger's lock as another run does."""
    with scene.ledger_path.with_name("ledger.db.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def reach_lock(scene: Scene) -> Life:
    """Start a run that waits for the lock."""
    life = scene.start("send", "--wait-lock", "60s")
    folder = Path(f"/proc/{life.pid}/fd")
    name = f"{scene.ledger_path}.lock"

    def is_open() -> bool:
        try:
            return any(os.path.realpath(descriptor) == name for descriptor in folder.iterdir())
        except FileNotFoundError:  # a file was closed between the look at the folder and the look at it
            return False

    wait_until(is_open, "the run waits for the lock")
    return life


def reach_loading(scene: Scene) -> Life:
    """Start a run and wait until it loads the sheet."""
    marker = scene.folder / "loading"
    stand = partial(stand_until_asked, "dispatcher.ledger", "SheetLoad", marker)
    life = scene.start("send", twists=[stand, telling(scene)])
    wait_until(marker.exists, "the sheet is loaded")
    return life


def reach_warm_up(scene: Scene) -> Life:
    """Start a run and wait until it holds because the limit changed."""
    scene.write_campaign(warm_up='"5m"')
    life = scene.start("send", twists=[telling(scene)])
    wait_until(lambda: "warming up" in life.err, "the warm-up")
    return life


def reach_sending(scene: Scene) -> Life:
    """Start a run at the real limit, which takes some seconds, and wait until it has sent."""
    scene.write_sheet(make_people(MANY))
    life = scene.start("send", fast=False, twists=[telling(scene)])
    wait_until(lambda: scene.count_arrivals() >= 2, "two requests")
    return life


def reach_silence(scene: Scene) -> Life:
    """Start a run and wait until its first request is in the air, which is never answered."""
    scene.rescript({"A-0": [Fate.SILENT]})
    life = scene.start("send", twists=[partial(lift_limit, 1), telling(scene)])
    wait_until(lambda: scene.count_arrivals() == 1, "the request")
    return life


PHASES = [
    pytest.param(reach_loading, id="loading"),
    pytest.param(reach_warm_up, id="warm-up"),
    pytest.param(reach_sending, id="sending"),
    pytest.param(reach_silence, id="in the air"),
]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Eight people and a judge."""
    with Scene(tmp_path).judged() as scene:
        scene.write_sheet(make_people(8))
        yield scene


def resume(scene: Scene) -> None:
    """Run again to the end; whoever waited is sent to."""
    code = scene.run("send", "--no-warm-up")
    figures = scene.judge(code)
    assert figures.accepted + figures.in_doubt == len(scene.people)


@pytest.mark.parametrize(
    ("reach", "number"),
    [
        pytest.param(reach_loading, signal.SIGINT, id="loading"),
        pytest.param(reach_warm_up, signal.SIGTERM, id="warm-up"),
        *[pytest.param(reach_sending, number, id=f"sending, {number.name}") for number in SIGNALS],
        pytest.param(reach_silence, signal.SIGHUP, id="in the air"),
    ],
)
def test_asked_once_to_stop(scene: Scene, reach: Phase, number: signal.Signals) -> None:
    """No new rows; what is in the air is waited for; 130; whoever waited is sent to by the next run."""
    life = reach(scene)
    life.signal(number)

    assert life.end() == 130

    states = set(scene.states.values())
    assert states <= {"pending", "accepted", "in_doubt"}
    assert "pending" in states or reach is reach_loading
    if states:
        scene.judge(130)
    resume(scene)


@pytest.mark.parametrize("reach", PHASES)
def test_asked_twice_to_stop(scene: Scene, reach: Phase) -> None:
    """The second time means now: what is in the air is in doubt, and the program is gone within seconds."""
    life = reach(scene)
    ask(scene, life, signal.SIGTERM)
    life.signal(signal.SIGTERM)
    asked_s = time.monotonic()

    assert life.end() == 130

    assert time.monotonic() - asked_s < SOON_S
    assert "sending" not in scene.states.values()
    resume(scene)


def test_asked_twice_while_the_server_is_silent(scene: Scene) -> None:
    """The time-out of a minute is not waited for, and the reason says who broke it off."""
    scene.rescript({"A-0": [Fate.SILENT]})
    life = scene.start("send", fast=False, twists=[partial(lift_limit, 1), telling(scene)])
    wait_until(lambda: scene.count_arrivals() == 1, "the request")
    ask(scene, life, signal.SIGINT)
    assert not life.is_over
    life.signal(signal.SIGINT)

    assert life.end(SOON_S) == 130

    assert scene.states["A-0"] == "in_doubt"
    assert scene.ask("show", "2")["reason"] == "stopped by hand before an answer came"
    resume(scene)


def test_asked_twice_while_an_intent_is_written(scene: Scene) -> None:
    """Its request does not leave any more, and the row is known to be unsent."""
    scene.rescript({"A-0": [Fate.SILENT]})
    ask_twice = partial(act_before_call, "dispatcher.ledger:Writer", "intend", interrupt_twice)
    life = scene.start("send", fast=False, twists=[ask_twice])

    assert life.end(SOON_S) == 130

    assert scene.count_arrivals() == 0
    assert set(scene.states.values()) == {"pending", "retryable"}
    resume(scene)


@pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 1), (signal.SIGHUP, 1), (signal.SIGTERM, 2)])
def test_asked_to_stop_while_waiting_for_the_lock(scene: Scene, number: signal.Signals, times: int) -> None:
    """Who waits for another run goes away when asked, and has touched nothing."""
    with held_lock(scene):
        life = reach_lock(scene)
        for _ in range(times):
            life.signal(number)

        assert life.end(SOON_S) == 130

    assert not scene.ledger_path.exists()
    resume(scene)


@dataclass
class Typed:
    """The program as a shell starts it, on pipes or a terminal of its own."""

    scene: Scene

    @property
    def command(self) -> list[str]:
        """How the program is called."""
        return [sys.executable, "-m", "dispatcher", "send", str(self.scene.campaign_path), "--yes"]

    @property
    def environment(self) -> dict[str, str]:
        """What it finds around it."""
        return {**os.environ, "DISPATCHER_API_KEY": CANARY_KEY, "TERM": "xterm"}


def test_the_terminal_is_closed(scene: Scene) -> None:
    """The window goes away while rows are sent: what is in the air is finished, nothing stays in sending."""
    scene.write_sheet(make_people(MANY))
    typed = Typed(scene)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, typed.command, typed.environment)  # noqa: S606  # the program itself
    wait_until(lambda: scene.count_arrivals() >= 2, "two requests")

    os.close(terminal)

    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert set(scene.states.values()) == {"accepted", "pending"}
    resume(scene)


@pytest.mark.parametrize(("option", "deaf"), [("--json", "stdout"), ("-v", "stderr"), ("-v", "both")])
def test_nobody_reads_the_output(scene: Scene, option: str, deaf: str) -> None:
    """A reader that went away does not disturb the run; the exit code still says what the ledger says."""
    scene.rescript({"A-2": [Fate.REFUSE]})
    typed = Typed(scene)
    process = subprocess.Popen(
        [*typed.command, option], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=typed.environment
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stdout, process.stderr:
        if deaf in ("stdout", "both"):
            process.stdout.close()
        if deaf in ("stderr", "both"):
            process.stderr.close()
        other = b"".join(pipe.read() for pipe in (process.stdout, process.stderr) if not pipe.closed)

    assert b"Traceback" not in other
    assert b"Exception" not in other
    assert process.returncode == 6
    assert scene.judge(6).accepted == 7
