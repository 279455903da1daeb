"""Scenario 10: the wall clock stepped, the machine suspended or started anew; pace and warm-up stay what they are."""

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from dispatcher.models import Outcome
from tests.support.child_faults import (
    Twist,
    act_before_call,
    fall_asleep,
    note_starts,
    reboot,
    set_constant,
    sleep_while_off,
    step_wall_clock,
)
from tests.support.hostile_server import Fate
from tests.support.killable_runs import PATIENCE_S, Scene, make_people, wait_until

HOUR_S, DAY_S = 3600.0, 86400.0
TO_1970_S = -time.time() + 1000
STEPS = [(-HOUR_S, 0.3), (DAY_S, 0.6), (TO_1970_S, 0.9)]
"""By how much the clock jumps, and how long after the start of the run."""

LIMIT = 5
EARLY_S = 0.1
"""So much closer than 1 / LIMIT two starts may lie: a busy machine's timers."""

STALLED_S = 10.0
"""No machine is so busy that a gap comes to this; a clock that was stepped would make it an hour and more."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Seven people and a judge; the limit is the real one."""
    with Scene(tmp_path).judged() as scene:
        scene.write_sheet(make_people(7))
        yield scene


def starts_s(scene: Scene) -> list[float]:
    """Return when the pacer let each request start, see ``note_starts``, by a clock nobody steps."""
    return [float(line) for line in starts_path(scene).read_text().splitlines()]


def starts_path(scene: Scene) -> Path:
    """Return where the starts are noted."""
    return scene.folder / "starts"


def arrivals_s(scene: Scene) -> list[float]:
    """Return when each request arrived, by a clock nobody steps."""
    return [line.at_s for line in scene.journal]


def assert_paced(moments_s: list[float]) -> None:
    """Hold starts to the limit: neither bunched nor spread out."""
    gaps_s = [later - earlier for earlier, later in pairwise(moments_s)]
    assert min(gaps_s) > 1 / LIMIT - EARLY_S, gaps_s
    assert max(gaps_s) < STALLED_S, gaps_s
    for first, last in zip(moments_s, moments_s[LIMIT:], strict=False):
        assert last - first > 1 - EARLY_S, gaps_s


def test_steps_of_the_clock_leave_the_pace_alone(scene: Scene) -> None:
    """The wall clock jumps three times in a run, back, forth and to 1970; the gaps do not show it."""
    steps = [partial(step_wall_clock, offset_s, after_s) for offset_s, after_s in STEPS]
    code = scene.run("send", twists=[partial(note_starts, starts_path(scene)), *steps], fast=False)

    assert_paced(starts_s(scene))
    assert scene.judge(code).accepted == 7


def test_a_machine_that_sleeps_does_not_catch_up(scene: Scene) -> None:
    """After a pause the run goes on at its pace; no burst makes up for the time asleep."""
    sleep = partial(act_before_call, "dispatcher.studio.client:Studio", "send", fall_asleep, nth=3)
    life = scene.start("send", fast=False, twists=[partial(note_starts, starts_path(scene)), sleep])
    wait_until(lambda: life.is_stopped, "asleep before the third request leaves")
    time.sleep(1.2)  # the machine's own clock goes on meanwhile
    asleep_until_s = time.monotonic()
    life.signal(signal.SIGCONT)

    code = life.end()

    after_s = [moment for moment in starts_s(scene) if moment > asleep_until_s]
    assert len(after_s) == 4
    assert_paced(after_s)
    assert scene.judge(code).accepted == 7


def test_a_clock_stepped_after_a_kill_leaves_the_hold_of_a_restart_alone(scene: Scene) -> None:
    """The server may still count what a dead run sent just now, although the wall clock says that was yesterday."""
    scene.rescript({"A-1": [Fate.SILENT]})
    life = scene.start("send", fast=False)
    wait_until(lambda: scene.count_arrivals() >= 2, "two requests")
    assert scene.kill(life)
    killed_s = time.monotonic()

    code = scene.run("send", "--limit", "1", fast=False, twists=[partial(step_wall_clock, DAY_S)])

    assert code == 6
    assert arrivals_s(scene)[-1] - killed_s > 1.5
    scene.judge()


WARM_UP_S = 1.0
AWAY = [
    pytest.param((), WARM_UP_S, id="nothing"),
    pytest.param((partial(step_wall_clock, DAY_S),), WARM_UP_S, id="clock a day on"),
    pytest.param((partial(step_wall_clock, TO_1970_S),), WARM_UP_S, id="clock to 1970"),
    pytest.param((partial(sleep_while_off, 600.0),), 0.0, id="asleep for ten minutes"),
    pytest.param((reboot, partial(step_wall_clock, TO_1970_S)), WARM_UP_S, id="started anew, clock to 1970"),
    pytest.param((reboot, partial(step_wall_clock, 600.0)), 0.0, id="started anew after ten minutes"),
]


@pytest.mark.parametrize(("twists", "hold_s"), AWAY)
def test_a_warm_up_is_neither_skipped_nor_endless(scene: Scene, twists: tuple[Twist, ...], hold_s: float) -> None:
    """What is left of the hold is held by the next run, whatever the wall clock says in between."""
    scene.write_campaign(warm_up='"1s"')
    began_s = time.monotonic()
    assert scene.run("send", "--max-duration", "0.2s") == 10
    assert scene.journal == []
    again_s = time.monotonic()

    assert scene.run("send", "--limit", "1", twists=twists) == 0

    waited_s = arrivals_s(scene)[0] - (again_s if hold_s == 0 or reboot in twists else began_s)
    assert hold_s - 0.05 < waited_s < hold_s + PATIENCE_S
    assert hold_s > 0 or "warming up" not in scene.lives[-1].err
    scene.judge()


@pytest.mark.parametrize("offset_s", [DAY_S, TO_1970_S], ids=["a day ahead", "in 1970"])
def test_a_row_does_not_wait_for_a_clock_that_was_wrong(scene: Scene, offset_s: float) -> None:
    """A 429 noted by a clock that was a day ahead, or in 1970, holds its row no longer than the cap."""
    scene.rescript({"A-0": [Fate.THROTTLE] * 8})
    throttled = partial(set_constant, "dispatcher.pipeline.queue", "_TRIES", {Outcome.UNSENT: 3, Outcome.THROTTLED: 1})
    assert scene.run("send", twists=[throttled, partial(step_wall_clock, offset_s)]) == 5
    assert scene.states["A-0"] == "retryable"
    scene.rescript({})
    capped = partial(set_constant, "dispatcher.pipeline.queue", "_NOT_BEFORE_MAX_S", 0.5)
    began_s = time.monotonic()

    code = scene.run("send", twists=[capped])

    waited_s = arrivals_s(scene)[-1] - began_s
    assert waited_s < PATIENCE_S
    assert waited_s > 0.5 or offset_s < 0
    assert scene.judge(code).accepted == 7


def test_the_cap_is_five_minutes(scene: Scene) -> None:
    """The cap that the test above shortens is the one the vendor's Retry-After has."""
    from dispatcher.pipeline import queue

    assert queue._NOT_BEFORE_MAX_S == 300


def test_times_in_the_ledger_follow_the_stepped_clock_and_harm_nothing(scene: Scene) -> None:
    """A run begun in 1970 and ended today: attempts keep their order, because ids count, not times."""
    scene.run("send", "--limit", "3", twists=[partial(step_wall_clock, TO_1970_S)])
    code = scene.run("send")

    with closing(sqlite3.connect(scene.ledger_path)) as connection:
        years = [year for (year,) in connection.execute("SELECT substr(started_at, 1, 4) FROM v_attempts")]
    assert years == ["1970"] * 3 + [time.strftime("%Y", time.gmtime())] * 4
    scene.judge(code)
