"""Scenario 8: the sheet edited between runs and during one; identity follows the key, nobody is sent to twice."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.child_faults import act_before_call
from tests.support.hostile_server import Fate
from tests.support.killable_runs import Person, Scene, make_people, wait_until

BY_NUMBER = {"key": '"{to}"'}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Six people, the first three of them accepted, the others waiting."""
    with Scene(tmp_path).judged() as scene:
        scene.write_sheet(make_people(6))
        assert scene.run("send", "--limit", "3") == 0
        assert list(scene.states.values()) == ["accepted"] * 3 + ["pending"] * 3
        yield scene


def changed(people: list[Person], number: int, **cells: str) -> list[Person]:
    """Return the people with some cells of one of them changed."""
    cells = {name.replace("_", " "): value for name, value in cells.items()}
    return [person | cells if index == number else person for index, person in enumerate(people)]


def changes(scene: Scene) -> dict[str, int]:
    """Return what `check` says about the sheet against the ledger, zeros left out."""
    answer: dict[str, int] = scene.ask("check")["changes"]
    return {name: count for name, count in answer.items() if count}


def test_rows_sorted_and_inserted(scene: Scene) -> None:
    """Another order and new rows between: who was sent to stays so, everybody else gets one message."""
    scene.write_sheet([*make_people(2, first=10), *reversed(make_people(6))])

    assert changes(scene) == {"new": 2, "already sent": 3, "unchanged": 3}
    code = scene.run("send")

    assert set(scene.states.values()) == {"accepted"}
    assert [line.key for line in scene.journal[3:]] == ["A-10", "A-11", "A-5", "A-4", "A-3"]
    assert scene.judge(code).accepted == 8


def test_rows_removed_and_back_again(scene: Scene) -> None:
    """A waiting row that vanishes is withdrawn, an accepted one stays; both may come back, one is sent."""
    scene.write_sheet(make_people(5)[1:])

    assert changes(scene) == {"already sent": 2, "unchanged": 2, "withdrawn": 1}
    code = scene.run("send")

    assert scene.states == {f"A-{number}": "accepted" for number in range(5)} | {"A-5": "withdrawn"}
    scene.judge(code)
    scene.write_sheet(make_people(6))
    assert changes(scene) == {"already sent": 5, "unchanged": 1}
    code = scene.run("send")
    assert scene.judge(code).accepted == 6


def test_a_value_corrected(scene: Scene) -> None:
    """A waiting row is sent as corrected, an accepted one is not sent again, and check says so before."""
    people = changed(changed(make_people(6), 4, First_name="Zoe"), 1, First_name="Too late")
    scene.write_sheet(people)

    expected = {"already sent": 2, "changed after it was sent": 1, "unchanged": 2, "corrected": 1}
    assert changes(scene) == expected
    code = scene.run("send")

    (body,) = scene.arrivals("A-4")
    assert body["components"][0]["parameters"][0]["text"] == "Zoe"
    assert "1 row changed after sending; not sent again" in scene.lives[-1].err
    assert scene.judge(code).accepted == 6


def test_a_number_corrected_where_the_key_is_an_appointment(scene: Scene) -> None:
    """The waiting one goes to the new number; the accepted one is the same appointment, so it stays."""
    people = make_people(6)
    corrected = changed(changed(people, 4, Phone="+44 7700 900944"), 1, Phone="+44 7700 900911")
    scene.write_sheet(corrected)

    assert changes(scene) == {"already sent": 2, "changed after it was sent": 1, "unchanged": 2, "corrected": 1}
    code = scene.run("send")

    assert [body["to"] for body in scene.arrivals("A-4")] == ["447700900944"]
    assert [body["to"] for body in scene.arrivals("A-1")] == ["447700900001"]
    scene.judge(code)


def test_a_number_corrected_where_the_key_is_the_number(tmp_path: Path) -> None:
    """Another number is another person: the old waiting one is withdrawn, the new one gets the message."""
    with Scene(tmp_path, settings=BY_NUMBER).judged() as scene:
        scene.write_sheet(make_people(4))
        scene.run("send", "--limit", "2")
        scene.write_sheet(changed(make_people(4), 3, Phone="+44 7700 900933"))

        assert changes(scene) == {"already sent": 2, "unchanged": 1, "new": 1, "withdrawn": 1}
        code = scene.run("send")

        assert scene.states["447700900003"] == "withdrawn"
        assert scene.states["447700900933"] == "accepted"
        assert scene.judge(code).accepted == 4


def test_a_number_written_otherwise_is_the_same_number(tmp_path: Path) -> None:
    """The key is the number, not its spelling."""
    with Scene(tmp_path, settings=BY_NUMBER).judged() as scene:
        scene.write_sheet(make_people(3))
        scene.run("send")
        scene.write_sheet(changed(make_people(3), 1, Phone="0044 (7700) 900-001"))

        code = scene.run("send")

        assert scene.judge(code).accepted == 3
        assert len(scene.journal) == 3


def test_two_rows_swap_their_identity(scene: Scene) -> None:
    """When the appointments of an accepted and a waiting row are swapped, the appointment decides."""
    people = changed(changed(make_people(6), 0, Appointment_ID="A-5"), 5, Appointment_ID="A-0")
    scene.write_sheet(people)

    code = scene.run("send")

    assert [body["to"] for body in scene.arrivals("A-5")] == ["447700900000"]
    assert [body["to"] for body in scene.arrivals("A-0")] == ["447700900000"]
    scene.judge(code)


def test_the_file_replaced_by_another_one(scene: Scene) -> None:
    """Other people are sent to; those who waited are withdrawn."""
    scene.write_sheet(make_people(4, first=20))

    assert changes(scene) == {"new": 4, "withdrawn": 3}
    code = scene.run("send")

    assert sorted(set(scene.states.values())) == ["accepted", "withdrawn"]
    assert scene.judge(code).accepted == 7


@pytest.mark.parametrize("damage", ["deleted", "emptied", "a folder", "no longer its columns"])
def test_a_file_that_cannot_be_trusted(scene: Scene, damage: str) -> None:
    """Nothing is sent, nothing is withdrawn, exit code 3."""
    before, arrived = scene.states, len(scene.journal)
    match damage:
        case "deleted":
            scene.sheet_path.unlink()
        case "emptied":
            scene.sheet_path.write_text("")
        case "a folder":
            scene.sheet_path.unlink()
            scene.sheet_path.mkdir()
        case _:
            scene.sheet_path.write_text("Name,Town\nAna,Rome\n")

    assert scene.run("send") == 3

    assert scene.states == before
    assert len(scene.journal) == arrived
    if scene.sheet_path.is_dir():
        scene.sheet_path.rmdir()
    scene.write_sheet(make_people(6))
    assert scene.judge(scene.run("send")).accepted == 6


def test_a_file_cut_off(scene: Scene) -> None:
    """A copy that broke off in a row stops the run; only a person makes the rest withdrawn and the whole rows sent."""
    before = scene.states
    text = scene.sheet_path.read_text()
    scene.sheet_path.write_text(text[: text.index("Person 4") + 8])
    scene.people = make_people(5)

    assert scene.run("send") == 3
    assert scene.states == before
    code = scene.run("send", "--accept-refused")

    assert code == 6
    assert scene.states["A-3"] == "accepted"
    assert scene.states["A-4"] == scene.states["A-5"] == "withdrawn"
    scene.judge(code)


def test_edited_while_it_is_read(scene: Scene) -> None:
    """A sheet saved while it is read is not loaded at all; the next run reads it as it is then."""
    after = scene.folder / "after.csv"
    scene.write_sheet(make_people(7))
    shutil.copy(scene.sheet_path, after)
    scene.write_sheet(changed(make_people(6), 3, First_name="Half"))
    before = scene.states
    save = partial(shutil.copy, after, scene.sheet_path)

    code = scene.run("send", twists=[partial(act_before_call, "dispatcher.ledger", "SheetLoad", save)])

    assert code == 3
    assert f"{scene.sheet_path}: changed while it was read; save it, then run again" in scene.lives[-1].err
    assert scene.states == before
    assert len(scene.journal) == 3
    scene.people = make_people(7)
    assert scene.judge(scene.run("send")).accepted == 7


def test_edited_while_it_is_sent(tmp_path: Path) -> None:
    """A run goes on with the rows it loaded; what was saved meanwhile waits for the next one."""
    with Scene(tmp_path, latency_s=0.15).judged() as scene:
        scene.write_sheet(make_people(24))
        life = scene.start("send")
        wait_until(lambda: scene.count_arrivals() > 0, "the run sends")
        scene.write_sheet([*make_people(20), *make_people(2, first=30)])

        assert life.end() == 0

        assert changes(scene) == {"new": 2, "already sent": 20}
        code = scene.run("send")
        assert scene.judge(code).accepted == 26


def test_rows_that_are_over_are_not_sent_as_corrected(tmp_path: Path) -> None:
    """A correction moves neither a failed row nor one in doubt; `retry` sends the failed one as it is now."""
    script = {"A-0": [Fate.REFUSE], "A-1": [Fate.CLOSE_DONE], "A-2": [Fate.CLOSE_UNDONE]}
    with Scene(tmp_path, script=script).judged() as scene:
        scene.write_sheet(make_people(4))
        scene.run("send")
        people = [person | {"Clinic": "Park Street"} for person in make_people(4)]
        scene.write_sheet(people)

        code = scene.run("send")

        assert list(scene.states.values()) == ["failed", "in_doubt", "in_doubt", "accepted"]
        scene.judge(code)
        code = scene.run("retry")
        (body,) = scene.arrivals("A-0")
        assert body["components"][0]["parameters"][1]["text"] == "Park Street"
        scene.judge(code)
