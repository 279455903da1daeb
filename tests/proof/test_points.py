"""Scenario 2: killed at a named point; the exact state there, then resumed, then judged."""

import csv
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.support.child_faults import Twist, die_after_statement, die_before_call, lift_limit
from tests.support.hostile_server import Fate
from tests.support.killable_runs import Scene, make_people, wait_until
from tests.support.ledger_check import read_rows

ALONE = partial(lift_limit, 1)
"""One request in the air, so that it is certain which row a point concerns: the first."""

POINTS = [
    pytest.param(partial(die_before_call, "dispatcher.ledger:Writer", "intend"), "pending", 0, id="before the intent"),
    pytest.param(partial(die_after_statement, "INSERT INTO attempts"), "pending", 0, id="inside the intent's commit"),
    pytest.param(
        partial(die_before_call, "dispatcher.studio.client:Studio", "send"),
        "sending",
        0,
        id="after the intent, before the first byte",
    ),
    pytest.param(
        partial(die_before_call, "dispatcher.ledger:Writer", "conclude"),
        "sending",
        1,
        id="after the answer, before the outcome",
    ),
    pytest.param(
        partial(die_after_statement, "UPDATE attempts SET .*http_status"),
        "sending",
        1,
        id="inside the outcome's commit",
    ),
]


@pytest.mark.parametrize(("point", "state", "arrivals"), POINTS)
def test_kill_at_a_point_of_a_delivery(tmp_path: Path, point: Twist, state: str, arrivals: int) -> None:
    """Before the intent is on disk the row still waits; from then on it is in doubt, delivered or not."""
    scene = Scene(tmp_path)
    with scene.judged():
        scene.write_sheet(make_people(3))

        assert scene.run("send", twists=(ALONE, point)) == -9

        assert scene.states == {"A-0": state, "A-1": "pending", "A-2": "pending"}
        assert len(scene.arrivals("A-0")) == arrivals
        code = scene.run("send")
        is_doubt = state == "sending"
        assert code == (6 if is_doubt else 0)
        assert scene.states == {"A-0": "in_doubt" if is_doubt else "accepted", "A-1": "accepted", "A-2": "accepted"}
        assert len(scene.arrivals("A-0")) == (arrivals if is_doubt else 1)
        scene.judge(code)


def test_kill_while_the_request_is_in_the_air(tmp_path: Path) -> None:
    """The request arrived, the answer never: in doubt, and not sent again."""
    scene = Scene(tmp_path, script={"A-1": [Fate.SILENT]})
    with scene.judged():
        scene.write_sheet(make_people(3))
        life = scene.start("send", twists=[ALONE], fast=False)
        wait_until(lambda: bool(scene.arrivals("A-1")), "the request arrives")

        assert scene.kill(life) == {"A-1"}

        code = scene.run("send")
        assert scene.states == {"A-0": "accepted", "A-1": "in_doubt", "A-2": "accepted"}
        scene.judge(code)


def test_kill_inside_the_first_load(tmp_path: Path) -> None:
    """A load is one transaction: killed before its commit, not a single row of it is there."""
    scene = Scene(tmp_path)
    with scene.judged():
        scene.write_sheet(make_people(5))

        assert scene.run("send", twists=[partial(die_after_statement, "INSERT INTO recipients")]) == -9

        assert read_rows(scene.ledger_path) == []
        code = scene.run("send")
        assert scene.judge(code).accepted == 5


def test_kill_inside_a_second_load(tmp_path: Path) -> None:
    """A correction that was half loaded is not there at all, and there whole after the next load."""
    scene = Scene(tmp_path, script={f"A-{number}": [Fate.REFUSE] for number in range(3)})
    with scene.judged():
        scene.write_sheet(make_people(3))
        scene.run("send")
        before = read_rows(scene.ledger_path)
        scene.write_sheet([*make_people(2, first=3), *make_people(2)])

        assert scene.run("send", twists=[partial(die_after_statement, "UPDATE campaigns SET")]) == -9

        assert read_rows(scene.ledger_path) == before
        code = scene.run("send")
        assert scene.states == {
            "A-0": "failed",
            "A-1": "failed",
            "A-2": "failed",
            "A-3": "accepted",
            "A-4": "accepted",
        }
        scene.judge(code)


@pytest.mark.parametrize("statement", ["UPDATE recipients", "UPDATE attempts", "UPDATE runs"])
def test_kill_inside_the_sweep(tmp_path: Path, statement: str) -> None:
    """The sweep of a dead run is one transaction; killed in it, the next run sweeps again."""
    scene = Scene(tmp_path)
    with scene.judged():
        scene.write_sheet(make_people(3))
        scene.run("send", twists=(ALONE, partial(die_before_call, "dispatcher.ledger:Writer", "conclude")))
        assert scene.states == {"A-0": "sending", "A-1": "pending", "A-2": "pending"}

        assert scene.run("send", twists=[partial(die_after_statement, statement)]) == -9

        assert scene.states == {"A-0": "sending", "A-1": "pending", "A-2": "pending"}
        code = scene.run("send")
        assert scene.states == {"A-0": "in_doubt", "A-1": "accepted", "A-2": "accepted"}
        scene.judge(code)


@pytest.mark.parametrize("name", ["outcomes.csv", "outcomes.xlsx"])
def test_kill_inside_an_export(tmp_path: Path, name: str) -> None:
    """An export killed before it is complete leaves the old file as it was, and the ledger alone."""
    scene = Scene(tmp_path)
    out = tmp_path / name
    with scene.judged():
        scene.write_sheet(make_people(3))
        code = scene.run("send")
        out.write_text("the old file")

        assert (
            scene.run("export", str(out), twists=[partial(die_before_call, "dispatcher.outputs.replacing:os", "fsync")])
            == -9
        )

        assert out.read_text() == "the old file"
        assert scene.run("export", str(out)) == 0
        assert out.read_bytes() != b"the old file"
        scene.judge(code)


def states_in(path: Path) -> Counter[str]:
    """Return how many lines of an exported CSV show each state."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return Counter(line["state"] for line in csv.DictReader(file))


def test_an_export_agrees_with_the_ledger(tmp_path: Path) -> None:
    """What operations read in Excel is what the ledger and the judge say."""
    fates: dict[str, Sequence[Fate]] = {"A-0": [Fate.REFUSE], "A-1": [Fate.ERROR_DONE], "A-2": [Fate.THROTTLE]}
    scene = Scene(tmp_path, script=fates)
    with scene.judged():
        scene.write_sheet(make_people(5))
        code = scene.run("send")

        scene.run("export", str(tmp_path / "out.csv"))

        assert states_in(tmp_path / "out.csv") == {"failed": 1, "in_doubt": 1, "accepted": 3}
        scene.judge(code)
