"""What a person is told to do next: the most urgent thing, in `status` and after a run alike."""

from pathlib import Path

import pytest

from dispatcher.cli.commands.status import next_step
from dispatcher.cli.next_command import Invocation
from dispatcher.cli.run_report import suggest_command
from dispatcher.errors import ExitCode
from dispatcher.ledger import RunCounts
from dispatcher.models import State, most_urgent
from dispatcher.pipeline import Summary

SETTLED = dict.fromkeys(State, 0) | {State.ACCEPTED: 9, State.SKIPPED: 1, State.WITHDRAWN: 1}


_REHEARSED = str(Path.cwd() / "ledger.sandbox.db")


def summary(states: dict[State, int], exit_code: ExitCode = ExitCode.OK) -> Summary:
    """Return how a run ended that left the rows so."""
    return Summary("reminders", exit_code, SETTLED | states, RunCounts(), 1.0, "")


@pytest.mark.parametrize(
    ("open_rows", "urgent"),
    [
        ({}, None),
        ({State.SENDING: 1}, None),
        ({State.REFUSED: 1}, State.REFUSED),
        ({State.REFUSED: 1, State.FAILED: 1}, State.FAILED),
        ({State.FAILED: 1, State.RETRYABLE: 1}, State.RETRYABLE),
        ({State.RETRYABLE: 1, State.PENDING: 1}, State.PENDING),
        ({State.PENDING: 1, State.IN_DOUBT: 1}, State.IN_DOUBT),
    ],
    ids=["all settled", "in the air", "refused", "failed", "retryable", "pending", "in doubt"],
)
def test_what_is_most_urgent(open_rows: dict[State, int], urgent: State | None) -> None:
    """A person's memory first, then what a send does by itself, then what has to be corrected before."""
    assert most_urgent(SETTLED | open_rows) == urgent


@pytest.mark.parametrize(
    ("state", "command"),
    [
        (State.IN_DOUBT, "`dispatcher resolve` "),
        (State.PENDING, "`dispatcher send` "),
        (State.RETRYABLE, "`dispatcher send` "),
        (State.FAILED, "`dispatcher export --state failed` "),
        (State.REFUSED, "`dispatcher check` "),
        (State.ACCEPTED, "nothing to do"),
    ],
)
def test_status_names_a_command(state: State, command: str) -> None:
    """Each state that somebody has to see to has its command."""
    assert next_step(SETTLED | {state: 1}).startswith(command)


@pytest.mark.parametrize(
    ("state", "in_a_run", "in_a_rehearsal"),
    [
        (State.IN_DOUBT, "dispatcher resolve reminders.toml ", "dispatcher resolve reminders.toml --sandbox "),
        (State.PENDING, "dispatcher send reminders.toml ", "dispatcher send reminders.toml --sandbox --keep "),
        (State.RETRYABLE, "dispatcher send reminders.toml ", "dispatcher send reminders.toml --sandbox --keep "),
        (
            State.FAILED,
            "dispatcher export reminders.toml out",
            "dispatcher export reminders.toml outcomes.xlsx --sandbox ",
        ),
    ],
)
def test_a_run_ends_with_a_command_to_type(state: State, in_a_run: str, in_a_rehearsal: str) -> None:
    """It can be copied as it stands, from the folder the program runs in; a rehearsal's stays in the rehearsal."""
    ended, path = summary({state: 1}), Path.cwd() / "reminders.toml"

    invocations = (Invocation(path, str(path.with_name("ledger.db"))), Invocation(path, _REHEARSED, sandbox=True))
    told = [suggest_command(ended, invocation) for invocation in invocations]

    assert told[0].startswith(in_a_run)
    assert told[1].startswith(in_a_rehearsal)


def test_a_sheet_in_question_is_checked_first() -> None:
    """Whatever the ledger still holds of it."""
    invocation = Invocation(Path("/a/b.toml"), "/a/ledger.db")

    told = suggest_command(summary({State.IN_DOUBT: 1}, ExitCode.SHEET_REFUSED), invocation)

    assert told == "dispatcher check /a/b.toml   (the sheet cannot be trusted, and nothing of it was sent)"
