"""Where campaigns stand, read with the driver alone: the same truth and the same refusals as through SQLAlchemy."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dispatcher import ledger
from dispatcher.errors import LedgerError
from dispatcher.models import State
from tests.support.ledgers import (
    ACCEPTED,
    CAMPAIGN,
    IN_DOUBT,
    begin_run,
    changing,
    load,
    open_once,
    person,
    query,
    send,
    writing,
    wrong,
)

AT_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the test's ledger is."""
    return tmp_path / "ledger.db"


def refusal(read: Callable[[Path], object], path: Path) -> str:
    """Return why a ledger is not read."""
    with pytest.raises(LedgerError) as caught:
        read(path)
    return str(caught.value)


def read_through_sqlalchemy(path: Path) -> None:
    """Read what `status` reads, as all other commands do."""
    with ledger.open_reader(path) as connection:
        ledger.find_campaign(connection, CAMPAIGN)
        ledger.count_states(connection, 1)


def test_every_campaign_stands_somewhere(path: Path) -> None:
    """By name; every state is counted, zero included; the last run and the agent's limit go with it."""
    with writing(path) as writer:
        load(writer, [person(index) for index in range(4)] + [wrong(9)])
        load(writer, [person(0)], campaign="a second", fingerprint="g")
        send(writer, 1, ACCEPTED)
        send(writer, 2, IN_DOUBT)
        run_id = begin_run(writer)
        writer.call(ledger.set_limit, "agent", 5, AT_NOON, warm_up_s=300.0).result()

    second, first = ledger.read_standings(path)

    counted = {State.PENDING: 2, State.ACCEPTED: 1, State.IN_DOUBT: 1, State.REFUSED: 1}
    assert (second.campaign.name, first.campaign.name) == ("a second", CAMPAIGN)
    assert first.campaign.columns == ("Phone", "Name")
    assert first.states == dict.fromkeys(State, 0) | counted
    assert second.states == dict.fromkeys(State, 0) | {State.PENDING: 1}
    assert first.last_run is not None
    assert (first.last_run["id"], first.last_run["command"], second.last_run) == (run_id, "send", None)
    assert first.agent is not None
    assert (first.agent.limit, first.agent.changed_at) == (5, "2026-11-22T12:00:00.000Z")


def test_both_ways_to_ask_find_the_same(path: Path) -> None:
    """One text a query, answered by the driver for `status` and by SQLAlchemy in a run."""
    with writing(path) as writer:
        load(writer, [person(index) for index in range(3)])
        send(writer, 1, ACCEPTED)
        writer.call(ledger.set_limit, "api_key:0", 3, AT_NOON, warm_up_s=300.0).result()
        in_a_run = writer.call(ledger.count_states, 1).result(), writer.call(ledger.find_limit, "agent").result()

    (standing,) = ledger.read_standings(path)

    assert standing.agent is not None
    assert in_a_run[1] is not None
    assert (standing.states, standing.agent.scope, standing.agent.limit) == (in_a_run[0], "api_key:0", 3)
    assert (in_a_run[1].scope, in_a_run[1].changed_at) == ("api_key:0", standing.agent.changed_at)
    with ledger.open_reader(path) as connection:
        assert ledger.find_campaign(connection, CAMPAIGN) == standing.campaign


@pytest.mark.parametrize(
    ("scopes", "found"),
    [
        ({"agent": None, "api_key:1": AT_NOON}, "agent"),
        ({"api_key:1": None, "api_key:2": AT_NOON}, "api_key:2"),
        ({"other": AT_NOON}, None),
    ],
    ids=["its own", "the key changed last", "another's"],
)
def test_which_limit_holds(path: Path, scopes: dict[str, datetime | None], found: str | None) -> None:
    """An agent's own record first, else that of the API key that was changed last, never another agent's."""
    with writing(path) as writer:
        load(writer, [person(0)])
    with changing(path) as connection:
        for scope, changed_at in scopes.items():
            text = changed_at and ledger.utc_text(changed_at)
            connection.execute(
                "INSERT INTO agents (scope, sessions_per_second, changed_at) VALUES (?, 1, ?)", (scope, text)
            )

    (standing,) = ledger.read_standings(path)

    assert (standing.agent and standing.agent.scope) == found


def test_a_ledger_without_campaigns(path: Path) -> None:
    """It was created, and nothing was loaded."""
    open_once(path)

    assert ledger.read_standings(path) == []


def test_a_look_changes_nothing(path: Path) -> None:
    """Not a byte of the file."""
    with writing(path) as writer:
        load(writer, [person(0)])
    before = path.read_bytes()

    ledger.read_standings(path)

    assert path.read_bytes() == before


def test_a_run_that_is_writing_is_seen_as_it_is(path: Path) -> None:
    """What is committed is seen at once, and nobody waits for anybody."""
    with writing(path) as writer:
        load(writer, [person(0), person(1)])

        writer.intend(1, begin_run(writer)).result()
        (standing,) = ledger.read_standings(path)

    assert (standing.states[State.SENDING], standing.states[State.PENDING]) == (1, 1)
    assert query(path, "SELECT count(*) FROM attempts") == [(1,)]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.unlink(), id="missing"),
        pytest.param(
            lambda path: path.write_bytes(b"no ledger at all, but long enough to have a header" * 40), id="text"
        ),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:8192] + b"\xff" * 4096), id="torn"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: _set_pragma(path, "application_id", 7), id="foreign"),
        pytest.param(lambda path: _set_pragma(path, "user_version", 99), id="newer"),
        pytest.param(lambda path: _drop(path, "runs"), id="no table"),
    ],
)
def test_it_refuses_what_every_reader_refuses(path: Path, spoil: Callable[[Path], object]) -> None:
    """In the same words, whichever way a ledger is read."""
    with writing(path) as writer:
        load(writer, [person(0)])
    spoil(path)

    refused = refusal(ledger.read_standings, path)

    assert refused.startswith(f"{path}: ")
    if "no such table" not in refused:  # only `status` looks at the runs
        assert refused == refusal(read_through_sqlalchemy, path)


def _set_pragma(path: Path, name: str, value: int) -> None:
    with changing(path) as connection:
        connection.execute(f"PRAGMA {name} = {value}")


def _drop(path: Path, table: str) -> None:
    with changing(path) as connection:
        connection.execute("PRAGMA foreign_keys = 0")
        for view in ("v_recipients", "v_attempts", "v_runs"):
            connection.execute(f"DROP VIEW IF EXISTS {view}")
        connection.execute(f"DROP TABLE {table}")


def test_a_state_that_does_not_exist_is_damage(path: Path) -> None:
    """It is said, and not counted as nothing."""
    with writing(path) as writer:
        load(writer, [person(0)])
    with changing(path) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute("DROP TRIGGER recipients_moves")
        connection.execute("UPDATE recipients SET state = 'pendinh'")

    refused = refusal(ledger.read_standings, path)

    assert refused == "a row of the ledger is damaged (its state is 'pendinh'); nothing of it was sent"
