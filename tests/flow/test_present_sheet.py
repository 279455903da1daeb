"""The present sheet outranks the past: whoever is marked, listed, hidden or refused now gets no request, ever."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.command_line import Desk
from tests.support.fast_clock import SPEED
from tests.support.loopback_server import Answer, Loopback, Received

pytestmark = pytest.mark.usefixtures("fast")

HEADER = ("Phone", "First name", "Stopped", "Appointment")
ADA, BO = "+12025550100", "+12025550101"
RULES = 'suppress = "no.csv"\nskip_if = { stopped = ["yes"] }'

Row = tuple[str, str, str, str]
SaysNo = Callable[[Desk], None]


def write(desk: Desk, *rows: Row, hidden: Sequence[int] = ()) -> None:
    """Write the workbook; ``hidden`` are rows of Excel's numbering."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (HEADER, *rows):
        sheet.append(row)
    for number in hidden:
        sheet.row_dimensions[number].hidden = True
    book.save(desk.folder / "people.xlsx")


def begin(desk: Desk, endpoint: str) -> None:
    """Write a campaign over a workbook with Ada and Bo, to whom nothing is objected yet."""
    (desk.folder / "no.csv").write_text("number\n+12025550199\n", encoding="utf-8")
    write(desk, (ADA, "Ada", "", "A"), (BO, "Bo", "", "B"))
    campaign = desk.write_campaign(endpoint)
    text = campaign.read_text(encoding="utf-8").replace("people.csv", "people.xlsx")
    text = text.replace("[recipient]\n", f'[sheet]\nhidden_rows = "skip"\n\n[recipient]\n{RULES}\n', 1)
    campaign.write_text(text, encoding="utf-8")


def is_listed(desk: Desk) -> None:
    """Ada is on the list of those never to be messaged; the sheet stays as it is."""
    (desk.folder / "no.csv").write_text(f"number\n{ADA}\n", encoding="utf-8")


def is_marked(desk: Desk) -> None:
    """Ada's row says that she stopped."""
    write(desk, (ADA, "Ada", "yes", "A"), (BO, "Bo", "", "B"))


def is_marked_elsewhere(desk: Desk) -> None:
    """Another row of Ada's says that she stopped."""
    write(desk, (ADA, "Ada", "", "A"), (BO, "Bo", "", "B"), (ADA, "Ada", "yes", "C"))


def is_hidden(desk: Desk) -> None:
    """Ada's row is hidden by a filter."""
    write(desk, (ADA, "Ada", "", "A"), (BO, "Bo", "", "B"), hidden=[2])


def is_refused(desk: Desk) -> None:
    """Ada's row lacks what the message needs."""
    write(desk, (ADA, "", "", "A"), (BO, "Bo", "", "B"))


def is_gone(desk: Desk) -> None:
    """Ada's row is not in the sheet any more."""
    write(desk, (BO, "Bo", "", "B"))


SAY_NO = [is_listed, is_marked, is_marked_elsewhere, is_hidden, is_refused, is_gone]


def ada_first(first: Answer) -> Callable[[dict[str, Any], list[Received]], Answer]:
    """Answer the first request, which is Ada's, like this, and accept all others."""
    return lambda body, earlier: Answer() if earlier else first


@pytest.mark.parametrize("says_no", SAY_NO, ids=lambda says_no: says_no.__name__)
@pytest.mark.parametrize(
    ("answer", "commands"),
    [
        pytest.param(Answer(400), [["retry"]], id="retry of a failed row"),
        pytest.param(Answer(400), [["send"], ["retry", "--only", "rejected"]], id="loaded, then retried"),
        pytest.param(Answer(500), [["resolve", "--as", "pending", "--yes"], ["send"]], id="doubt put back"),
        pytest.param(Answer(500), [["send"], ["resolve", "--as", "pending", "--yes"], ["retry"]], id="doubt, retried"),
        pytest.param(Answer(500), [["resolve", "--as", "failed"], ["retry"]], id="doubt resolved as failed, retried"),
        pytest.param(Answer(429, "", {"Retry-After": "100"}), [["send"]], id="waits out a Retry-After"),
        pytest.param(Answer(429, "", {"Retry-After": "100"}), [["retry"]], id="a throttled row retried"),
    ],
)
def test_who_says_no_by_now_gets_nothing(
    desk: Desk, says_no: SaysNo, answer: Answer, commands: list[list[str]]
) -> None:
    """Ada's first message failed, or may have; by the next command she is not to be messaged, and is not."""
    with Loopback(ada_first(answer), speed=SPEED) as server:
        begin(desk, server.endpoint)
        options = ["--max-duration", "50s", "--accept-refused"]
        desk.run("send", *options, "--limit", "1", desk.campaign)
        assert [request.to for request in server.received] == [ADA[1:]]
        says_no(desk)

        for name, *rest in commands:
            desk.run(name, desk.campaign, *rest, *(options if name in ("send", "retry") else []))

    assert [request.to for request in server.received].count(ADA[1:]) == 1


def test_a_retry_says_whom_it_leaves_out(desk: Desk) -> None:
    """A person who expects a retry learns why it did not come; taken off the list, the row is tried again."""
    with Loopback(ada_first(Answer(400)), speed=SPEED) as server:
        begin(desk, server.endpoint)
        desk.run("send", desk.campaign)
        is_listed(desk)

        left_out = desk.run("retry", desk.campaign)
        (desk.folder / "no.csv").write_text("number\n+12025550199\n", encoding="utf-8")
        tried = desk.run("retry", desk.campaign)

    assert "reminders: 1 failed row not tried again: the sheet or a list says no by now" in left_out.err
    assert tried.code == 0
    assert [request.to for request in server.received] == [ADA[1:], BO[1:], ADA[1:]]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Draw runs: a command, who says no from then on (0 nobody), and what the server answers meanwhile."""
    commands = st.sampled_from(["send", "retry", "resolve"])
    return draw(st.lists(st.tuples(commands, st.integers(0, 3), st.sampled_from([200, 400, 429, 500])), max_size=6))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories())
def test_nobody_who_says_no_at_the_start_of_a_run_gets_a_request(
    tmp_path_factory: pytest.TempPathFactory, desk: Desk, history: list[tuple[str, int, int]]
) -> None:
    """Whatever happened before, and whichever way somebody says no: listed, marked, or both in turn."""
    desk = Desk(Path(tmp_path_factory.mktemp("history")), desk.capture)
    saying_no: set[str] = set()
    status = 200
    with Loopback(lambda body, earlier: Answer(status), speed=SPEED) as server:
        begin(desk, server.endpoint)
        people = [f"1202555010{index}" for index in range(3)]
        for command, who, status in history:  # noqa: B007 - the server answers with it
            if who:
                saying_no ^= {people[who - 1]}
            listed = [number for number in saying_no if number.endswith(("0", "1"))]
            (desk.folder / "no.csv").write_text("\n".join(["number", *map("+{}".format, listed)]) + "\n")
            marks = ["yes" if number in saying_no and number.endswith("2") else "" for number in people]
            write(desk, *((f"+{number}", "Ada", mark, "A") for number, mark in zip(people, marks, strict=True)))
            before = len(server.received)
            options = ["--as", "pending", "--yes"] if command == "resolve" else ["--accept-refused"]
            desk.run(command, desk.campaign, *options)
            assert saying_no.isdisjoint(request.to for request in server.received[before:])
