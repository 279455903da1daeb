"""Every command that the program suggests is run as it was printed; nobody gets two messages for it."""

import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import Desk, Ran, people
from tests.support.fast_clock import SPEED
from tests.support.loopback_server import Answer, Loopback, Received

pytestmark = pytest.mark.usefixtures("fast")


def suggested(ran: Ran) -> list[str]:
    """Return the command after ``next:`` as a shell would split it, without the words on what it is for."""
    (line,) = (line for line in ran.out.splitlines() if line.startswith("next: "))
    program, *words = shlex.split(line.removeprefix("next: ").partition("   (")[0])
    assert program == "dispatcher"
    return words


def paste_until_exported(desk: Desk, ran: Ran) -> list[str]:
    """Type each suggestion as it stands, until the sheet with its outcomes is written; return the commands' names."""
    typed: list[str] = []
    while not typed or typed[-1] != "export":
        words = suggested(ran)
        typed.append(words[0])
        assert len(typed) < 10
        ran = desk.run(*words)
    return typed


@pytest.fixture
def desk(tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return a desk in a folder whose name a shell would take apart."""
    folder = tmp_path / "Übung für Anna; (neu) & 'alt'"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Desk(folder, desk.capture)


@pytest.mark.parametrize("sheet", [None, "other people.csv"], ids=["own sheet", "--recipients"])
@pytest.mark.parametrize("ledger", ["default", "--ledger", "DISPATCHER_LEDGER"])
def test_a_run_that_was_cut_short_is_finished_by_pasting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, ledger: str, sheet: str | None
) -> None:
    """The suggestion means the same ledger and the same sheet: each person gets one message, and all get one."""
    desk.write_sheet(people(6))
    options: list[str] = []
    if sheet:
        options += ["--recipients", sheet]
        desk.write_sheet(people(6)).rename(desk.folder / sheet)
        desk.write_sheet(people(1))
    if ledger == "--ledger":
        options += ["--ledger", str(desk.folder / "my own ledger.db")]
    if ledger == "DISPATCHER_LEDGER":
        monkeypatch.setenv("DISPATCHER_LEDGER", str(desk.folder / "of the environment.db"))
    with Loopback(lambda body, earlier: Answer(), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        ran = desk.run("send", desk.campaign, "--limit", "2", *options)
        monkeypatch.delenv("DISPATCHER_LEDGER", raising=False)  # whoever pastes it may sit at another terminal

        typed = paste_until_exported(desk, ran)

    assert typed == ["send", "export"]
    assert sorted(Counter(request.to for request in server.received).values()) == [1] * 6


def test_after_a_brake_the_failed_rows_are_taken_along(desk: Desk) -> None:
    """Twenty refusals alike end the run; what is suggested then sends those as well, and nobody twice."""
    desk.write_sheet(people(25))

    def decide(body: dict[str, Any], earlier: list[Received]) -> Answer:
        return Answer(400) if len(earlier) < 20 else Answer()

    with Loopback(decide, speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        ran = desk.run("send", desk.campaign, "--ledger", desk.folder / "my ledger.db")
        assert ran.code == 7

        typed = paste_until_exported(desk, ran)

    assert typed == ["retry", "export"]
    assert sorted(Counter(server.accepted).values()) == [1] * 25


def test_rows_in_doubt_are_left_to_a_person(desk: Desk) -> None:
    """What is suggested for them lists them, and sends nothing."""
    desk.write_sheet(people(3))
    with Loopback(lambda body, earlier: Answer(500), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        ran = desk.run("send", desk.campaign, "--ledger", desk.folder / "my ledger.db")

        listed = desk.run(*suggested(ran))

    assert suggested(ran)[0] == "resolve"
    assert "3 rows in doubt" in listed.out
    assert len(server.received) == 3


def test_a_rehearsal_stays_one(desk: Desk) -> None:
    """What a rehearsal suggests goes on with it, and reaches nobody."""
    desk.write_sheet(people(4))
    with Loopback(lambda body, earlier: Answer(), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        typed = paste_until_exported(desk, desk.run("send", desk.campaign, "--sandbox", "--limit", "1"))

    assert typed == ["send", "export"]
    assert server.received == []
