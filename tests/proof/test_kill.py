"""Scenario 1: killed at random moments and resumed until done, nobody gets two messages and nobody is forgotten."""

import random
import sys
import time
from pathlib import Path

import pytest

from tests.support.killable_runs import IN_AIR_MAX, Scene, make_people
from tests.support.ledger_check import SWEEP_REASON, Figures, read_rows

ROUNDS = 26
WAITING = {"pending", "retryable"}


def kill_until_done(folder: Path, *, seed: int, people: int, kills: int, hostile: bool) -> Figures:
    """Send to so many people, killing so often, resume until nothing waits, and return the judge's figures."""
    moments = random.Random(seed)
    scene = Scene(folder, seed=seed if hostile else None)
    left: set[str] = set()
    with scene.judged():
        scene.write_sheet(make_people(people))
        while scene.kills < kills:
            left |= _run_and_kill(scene, moments)
            states = set(scene.states.values())
            assert not states or states & WAITING, "everybody was sent to before the last kill: take more people"
        code = scene.run("send")
        while code == 5:
            code = scene.run("send")
    try:
        figures = scene.judge(code)
        swept = {row.key for row in read_rows(scene.ledger_path) if row.reason == SWEEP_REASON}
        assert swept == left, "the rows in doubt by a crash are not those that were in the air at the kills"
        return figures
    except AssertionError as error:
        raise AssertionError(f"seed {seed} (repeat with it): {error}") from error


def _run_and_kill(scene: Scene, moments: random.Random) -> set[str]:
    """Start a run and kill it: half of the times at any moment, half a moment after it began to send."""
    arrived = scene.count_arrivals() + moments.randrange(12)
    at_any_moment, moment_s = moments.random() < 0.5, moments.random()
    life = scene.start("send")
    if at_any_moment:
        time.sleep(moment_s * 0.2)
    else:
        while scene.count_arrivals() <= arrived and not life.is_over:
            time.sleep(0.001)
        time.sleep(moment_s * 0.01)
    left = scene.kill(life)
    assert len(left) <= IN_AIR_MAX
    return left


@pytest.mark.parametrize("hostile", [False, True], ids=["friendly", "hostile"])
def test_kill_at_random_moments(tmp_path: Path, hostile: bool) -> None:
    """Forty kills, half of each kind: no duplicate, no loss, no more doubt than there were requests in the air."""
    figures = kill_until_done(tmp_path, seed=20261122, people=400, kills=20, hostile=hostile)

    assert figures.kills == 20
    assert figures.rows == 400


@pytest.mark.long
@pytest.mark.parametrize("hostile", [False, True], ids=["friendly", "hostile"])
def test_kill_a_thousand_times(tmp_path: Path, hostile: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """The long form: rounds of forty kills with a seed each, to a thousand in all; the figures are printed."""
    total = Figures()
    for seed in range(ROUNDS // 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        total += kill_until_done(folder, seed=seed, people=800, kills=40, hostile=hostile)

    assert total.kills == 40 * (ROUNDS // 2)
    with capsys.disabled():
        sys.stdout.write(f"\n{'hostile' if hostile else 'friendly'}: {total}\n")
