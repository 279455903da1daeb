"""The ledger's own rules: what the database refuses, whoever asks."""

import itertools
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from dispatcher import ledger
from dispatcher.errors import LedgerError
from dispatcher.ledger.moves import ALLOWED_MOVES
from dispatcher.ledger.rules import RULES
from dispatcher.models import Outcome, State
from tests.support.engines import ENGINES, EngineUnderTest
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
    states,
    way_to,
    wrong,
)

MOVES = [(old, new) for old, new in itertools.permutations(State, 2)]
ALLOWED = [(old, new) for old, new in MOVES if new in ALLOWED_MOVES[old]]
FORBIDDEN = [move for move in MOVES if move not in ALLOWED]
BROKEN_BY = (
    "UPDATE recipients SET state = 'pending'",
    "UPDATE recipients SET state = 'sending' WHERE id = 2",
    "UPDATE recipients SET key = 'other'",
    "UPDATE recipients SET key = NULL",
    "UPDATE recipients SET campaign_id = 2",
    "DELETE FROM recipients",
    "DELETE FROM attempts",
    "UPDATE attempts SET outcome = 'rejected'",
    "UPDATE attempts SET reason = 'other'",
    "UPDATE events SET reason = 'other'",
    "DELETE FROM events",
    "DELETE FROM ledger_meta",
    "UPDATE ledger_meta SET kind = 'rehearsal'",
)
"""On a ledger with one person, who was messaged, one decision, and a second one who waits and is objected to."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a ledger with one person who waits."""
    path = tmp_path / "ledger.db"
    with ledger.own(path) as writer:
        load(writer, [person(0)])
    return path


@pytest.fixture
def sent(path: Path) -> Path:
    """Return a ledger with one person who was messaged."""
    with ledger.own(path) as writer:
        send(writer, 1, ACCEPTED)
    return path


@pytest.fixture(scope="module", params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> EngineUnderTest:
    """Return each engine in turn."""
    found: EngineUnderTest = request.param
    return found


@pytest.fixture(scope="module")
def filled(engine: EngineUnderTest, tmp_path_factory: pytest.TempPathFactory) -> ledger.Locator:
    """Return a ledger with a person who was messaged and one decision, for tests that change nothing of it."""
    locator = engine.locate(tmp_path_factory.mktemp("filled"))
    with ledger.own(locator) as writer:
        load(writer, [person(0)])
        send(writer, 1, IN_DOUBT)
        writer.call(ledger.resolve, [1], State.ACCEPTED).result()
    return locator


@pytest.fixture
def by_hand(engine: EngineUnderTest, filled: ledger.Locator) -> Iterator[Connection]:
    """Yield the filled ledger in a transaction that is undone."""
    with engine.change_by_hand(filled) as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def walk(connection: Connection, moves: Sequence[str]) -> None:
    """Insert row 2 in the first state and walk it along the others."""
    connection.execute(
        text(
            "INSERT INTO recipients SELECT 2, campaign_id, 3, 'other', to_number, :state, reason, problem_column,"
            " cells, not_before, session_id, in_sheet, updated_at, digest, NULL, NULL FROM recipients WHERE id = 1"
        ),
        {"state": moves[0]},
    )
    for state in moves[1:]:
        move(connection, state)


def move(connection: Connection, state: str) -> str:
    """Move row 2 and return the state it is in then."""
    connection.execute(text("UPDATE recipients SET state = :state WHERE id = 2"), {"state": state})
    return stand(connection)


def stand(connection: Connection) -> str:
    """Return the state of row 2."""
    return str(connection.execute(text("SELECT state FROM recipients WHERE id = 2")).scalar_one())


def refusal_of(connection: Connection, statement: str) -> str:
    """Return what the database says when it refuses a statement, which changes nothing."""
    with pytest.raises(DBAPIError) as caught, connection.begin_nested():
        connection.execute(text(statement))
    return str(caught.value.orig)


def test_every_rule_is_at_work(engine: EngineUnderTest, by_hand: Connection) -> None:
    """An engine whose triggers are not created refuses nothing, and nothing else would tell."""
    assert engine.read_rules(by_hand) == {rule.name for rule in RULES}


def test_every_rule_refuses_something(by_hand: Connection) -> None:
    """What each rule guards, by a statement of its own; a rule that no statement here breaks is not proved."""
    walk(by_hand, [State.PENDING])
    by_hand.execute(text("INSERT INTO objections VALUES (2, 'opted out')"))

    refused = {refusal_of(by_hand, statement) for statement in BROKEN_BY}

    assert {refusal.partition("refused by ")[2].split()[0] for refusal in refused} == {rule.name for rule in RULES}


def test_the_moves_are_those_of_the_design() -> None:
    """Nothing leaves accepted, sending is left by an outcome only, retry moves failed."""
    assert len(MOVES) == 90
    assert ALLOWED_MOVES[State.EXPIRED] == ()
    assert {old for old, new in ALLOWED if new is State.EXPIRED} == {State.PENDING, State.RETRYABLE}
    assert ALLOWED_MOVES[State.ACCEPTED] == ()
    assert ALLOWED_MOVES[State.FAILED] == (State.PENDING,)
    assert {old for old, new in ALLOWED if new is State.SENDING} == {State.PENDING, State.RETRYABLE}
    assert {old for old, new in ALLOWED if new is State.ACCEPTED} == {State.SENDING, State.IN_DOUBT}


@pytest.mark.parametrize(("old", "new"), ALLOWED, ids=[f"{old}-{new}" for old, new in ALLOWED])
def test_an_allowed_move_works(by_hand: Connection, old: State, new: State) -> None:
    """Every move of the design can be made."""
    walk(by_hand, way_to(old))

    assert move(by_hand, new) == new


@pytest.mark.parametrize(("old", "new"), FORBIDDEN, ids=[f"{old}-{new}" for old, new in FORBIDDEN])
def test_a_forbidden_move_is_refused(by_hand: Connection, old: State, new: State) -> None:
    """Every other move is refused by the database itself and changes nothing."""
    walk(by_hand, way_to(old))

    refusal = refusal_of(by_hand, f"UPDATE recipients SET state = '{new}' WHERE id = 2")  # noqa: S608 - two enums

    assert "refused by recipients_moves" in refusal
    assert stand(by_hand) == old


def test_a_ledger_that_lost_a_rule_is_refused(path: Path) -> None:
    """A tool may drop a trigger, or put another one in its place; no run begins until that is undone."""
    with changing(path) as connection:
        connection.execute("DROP TRIGGER attempts_kept")
        connection.execute("DROP TRIGGER recipients_moves")
        connection.execute("CREATE TRIGGER recipients_moves BEFORE DELETE ON recipients BEGIN SELECT 1; END")

    with pytest.raises(LedgerError) as caught:
        open_once(path)

    assert str(caught.value) == (
        f"{path}: something else changed this ledger: its rules lack recipients_moves, attempts_kept; nothing was sent."
        " Put back a copy made with `VACUUM INTO`"
    )


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("DELETE FROM attempts", "refused by attempts_kept"),
        ("UPDATE attempts SET outcome = 'rejected'", "refused by attempts_closed_once"),
        ("UPDATE attempts SET reason = 'other'", "refused by attempts_closed_once"),
        ("DELETE FROM recipients", "refused by recipients_kept"),
        ("UPDATE recipients SET key = 'other'", "refused by recipients_identity"),
        ("UPDATE recipients SET key = NULL", "refused by recipients_identity"),
        ("UPDATE recipients SET campaign_id = 2", "refused by recipients_identity"),
        ("UPDATE recipients SET to_number = '123456'", "CHECK constraint failed: length(to_number) BETWEEN 7 AND 15"),
        ("UPDATE recipients SET row_number = 0", "CHECK constraint failed: row_number >= 1"),
        (
            (
                "INSERT INTO recipients (campaign_id, row_number, key, to_number, state, cells,"
                " updated_at, digest) SELECT campaign_id, 9, key, to_number, 'pending', '', '', '' FROM recipients"
            ),
            "UNIQUE constraint failed: recipients.campaign_id, recipients.key",
        ),
        ("UPDATE agents SET sessions_per_second = 0", "CHECK constraint failed: sessions_per_second > 0"),
        ("UPDATE events SET reason = 'other'", "refused by events_fixed"),
        ("DELETE FROM events", "refused by events_kept"),
    ],
)
def test_history_and_identity_cannot_be_rewritten(sent: Path, statement: str, refusal: str) -> None:
    """Attempts and events are append-only, a key belongs to its row for ever, and no number is impossible."""
    with ledger.own(sent) as writer:
        writer.call(ledger.note_limit, "agent", 1, first_limit=1, warm_up_s=300.0).result()
    with changing(sent) as connection:
        connection.execute("INSERT INTO events VALUES (1, 1, 't', 'me', 'in_doubt', 'accepted', 'r')")

    with pytest.raises(sqlite3.IntegrityError, match=f"^{re.escape(refusal)}$"), changing(sent) as connection:
        connection.execute(statement)


def test_an_unknown_state_or_outcome_is_refused(sent: Path) -> None:
    """A word that is none of the program's cannot get into the ledger."""
    with (
        pytest.raises(sqlite3.IntegrityError, match=r"^CHECK constraint failed: state IN \('pending'"),
        changing(sent) as connection,
    ):
        connection.execute(
            "INSERT INTO recipients SELECT 9, campaign_id, 9, 'other', to_number, 'pendinh', '', '', cells, NULL, NULL,"
            " 1, updated_at, digest, NULL, NULL FROM recipients"
        )
    with (
        pytest.raises(sqlite3.IntegrityError, match=r"^CHECK constraint failed: outcome IN \('accepted'"),
        changing(sent) as connection,
    ):
        connection.execute("INSERT INTO attempts VALUES (9, 1, 1, 't', 't', 'sent', 1, 1, 1, '', '', '')")


def test_a_row_that_can_be_sent_has_a_key_and_a_number(tmp_path: Path) -> None:
    """Only rows that are never sent may lack them."""
    path = tmp_path / "ledger.db"
    with ledger.own(path) as writer:
        load(writer, [wrong(2)])

    with (
        pytest.raises(sqlite3.IntegrityError, match=r"^CHECK constraint failed: \(key IS NOT NULL"),
        changing(path) as connection,
    ):
        connection.execute("UPDATE recipients SET state = 'pending'")


def test_an_attempt_is_open_or_has_an_end_and_an_outcome(path: Path) -> None:
    """Half an ending is no ending."""
    with ledger.own(path) as writer:
        writer.intend(1, begin_run(writer)).result()

    with (
        pytest.raises(sqlite3.IntegrityError, match=r"^CHECK constraint failed: \(outcome IS NULL\)"),
        changing(path) as connection,
    ):
        connection.execute("UPDATE attempts SET outcome = 'accepted'")


def test_foreign_keys_hold_in_the_writer(path: Path) -> None:
    """An attempt belongs to a row and to a run that exist."""
    with (
        ledger.own(path) as writer,
        pytest.raises(LedgerError, match=r"FOREIGN KEY constraint failed"),
    ):
        writer.intend(1, 99).result()

    assert states(path) == {person(0).key: "pending"}


def test_quick_check_verifies_the_checks(path: Path) -> None:
    """SQLite's quick check reads every CHECK again, but only where it may write: a reader's connection has none."""
    with changing(path) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("DROP TRIGGER recipients_moves")
        connection.execute("UPDATE recipients SET state = 'pendinh'")

    with changing(path) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("CHECK constraint failed in recipients",)]
    assert query(path, "PRAGMA quick_check") == [("ok",)]


def test_outcome_words_and_state_words_differ_by_more_than_a_bit() -> None:
    """A single flipped bit never turns one word into another: the CHECK finds each."""
    for words in (State, Outcome):
        for one, other in itertools.permutations(map(str, words), 2):
            different = sum((a ^ b).bit_count() for a, b in zip(one.encode(), other.encode(), strict=False))
            assert len(one) != len(other) or different > 1


def test_the_views_open_in_any_sqlite_tool(sent: Path) -> None:
    """People who know SQL need nothing of this program."""
    with ledger.own(sent) as writer:
        load(writer, [person(0), wrong(3)], fingerprint="g")

    assert query(sent, "SELECT campaign, row_number, key, state, in_sheet, attempts FROM v_recipients") == [
        (CAMPAIGN, 2, "12025550100", "accepted", 1, 1),
        (CAMPAIGN, 3, None, "refused", 1, 0),
    ]
    assert query(sent, "SELECT campaign, row_number, run, outcome, http_status FROM v_attempts") == [
        (CAMPAIGN, 2, 1, "accepted", 200)
    ]
    assert query(sent, "SELECT row_number, state, reason FROM v_failed") == [(3, "refused", "row 3 is wrong")]
    assert query(sent, "SELECT campaign, command, exit_code FROM v_runs") == [(CAMPAIGN, "send", None)]
