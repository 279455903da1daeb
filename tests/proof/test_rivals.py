"""Scenario 7: several dispatchers started together on one ledger; one sends, nobody gets two messages."""

from functools import partial
from pathlib import Path

import pytest

from tests.support.child_faults import Twist, shorten_silence, stand_before_call
from tests.support.hostile_server import Fate
from tests.support.killable_runs import IN_AIR_MAX, Scene, make_people, wait_until

SLOW_S = 0.08
"""Each answer; the run that sends is likely to outlast the start of the others, whatever comes of it."""


def stand_before_sending(scene: Scene) -> Twist:
    """Let the run that sends stand still before its first request until ``go_on``, so that it outlasts the others."""
    marker, gate = scene.folder / "stands", scene.folder / "gate"
    return partial(stand_before_call, "dispatcher.studio.client:Studio", "send", marker, gate)


def stands(scene: Scene) -> bool:
    """Return whether a run has come so far."""
    return (scene.folder / "stands").exists()


def go_on(scene: Scene) -> None:
    """Let it send."""
    (scene.folder / "gate").touch()


@pytest.mark.parametrize("rivals", [2, 8])
def test_one_sends_and_the_others_say_that_it_does(tmp_path: Path, rivals: int) -> None:
    """All but one end with 11 and name the process that holds the lock."""
    scene = Scene(tmp_path)
    with scene.judged():
        scene.write_sheet(make_people(80))

        lives = [scene.start("send", twists=[stand_before_sending(scene)]) for _ in range(rivals)]
        wait_until(lambda: sum(life.is_over for life in lives) == rivals - 1, "all but one have ended")
        go_on(scene)
        codes = [life.end() for life in lives]

        assert sorted(codes) == [0] + [11] * (rivals - 1)
        winner = lives[codes.index(0)]
        for life, code in zip(lives, codes, strict=True):
            assert code == 0 or f"another run holds {scene.ledger_path}.lock" in life.err
        assert all(f"process {winner.pid} on " in life.err for life in lives if life is not winner)
        assert scene.judge(0).accepted == 80


def test_who_waits_for_the_lock_finds_nothing_left_to_do(tmp_path: Path) -> None:
    """With --wait-lock eight runs follow each other; one of them sends, all end with 0."""
    scene = Scene(tmp_path, latency_s=SLOW_S)
    with scene.judged():
        scene.write_sheet(make_people(40))

        lives = [scene.start("send", "--wait-lock", "30s") for _ in range(8)]
        codes = [life.end() for life in lives]

        assert codes == [0] * 8
        assert sorted("proof: nothing is due" in life.err for life in lives) == [False] + [True] * 7
        assert scene.judge(0).accepted == 40


def test_who_waited_goes_on_where_a_killed_run_ended(tmp_path: Path) -> None:
    """The lock of a killed run falls at once; what it had in the air is in doubt, the rest is sent."""
    scene = Scene(tmp_path, script={f"A-{number}": [Fate.SILENT] for number in range(IN_AIR_MAX)})
    with scene.judged():
        scene.write_sheet(make_people(20))
        first = scene.start("send", twists=[partial(shorten_silence, 60.0)])
        wait_until(lambda: scene.count_arrivals() == IN_AIR_MAX, "eight requests in the air")
        second = scene.start("send", "--wait-lock", "30s")

        left = scene.kill(first)

        assert second.end() == 6
        assert {key for key, state in scene.states.items() if state == "in_doubt"} == left
        figures = scene.judge(6)
        assert (figures.accepted, figures.in_doubt, figures.delivered_doubts) == (12, 8, 8)


def test_other_commands_do_not_disturb_a_run(tmp_path: Path) -> None:
    """While a run sends, status and check read beside it, and a decision about doubts has to wait."""
    scene = Scene(tmp_path)
    with scene.judged():
        scene.write_sheet(make_people(24))
        life = scene.start("send", twists=[stand_before_sending(scene)])
        wait_until(lambda: stands(scene), "the run is about to send")

        assert scene.run("status") == 0
        assert scene.run("check") == 0
        assert scene.run("export", str(tmp_path / "meanwhile.csv")) == 0
        assert scene.run("retry") == 11
        go_on(scene)

        assert life.end() == 0
        assert scene.judge(0).accepted == 24
