"""A purge removes people from the ledger and keeps the promise made to them."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from dispatcher import ledger
from dispatcher.ledger import Change
from dispatcher.models import AttemptResult, Outcome, Recipient, Refusal, State
from tests.support.ledgers import (
    ACCEPTED,
    CAMPAIGN,
    IN_DOUBT,
    REJECTED,
    campaign_id,
    changing,
    classify,
    is_loaded,
    load,
    person,
    query,
    send,
    states,
    wrong,
)

PEOPLE = [person(index, key=f"appointment-{index}", name=f"Secret{index}") for index in range(5)]
SHEET: list[Recipient | Refusal] = [*PEOPLE, wrong(9, name="SecretWrong"), wrong(10, key="k10", name="SecretKeyed")]
AT_ONCE = timedelta(days=-1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a ledger with rows accepted, failed, in doubt, waiting, withdrawn and refused."""
    path = tmp_path / "ledger.db"
    told = AttemptResult(
        Outcome.ACCEPTED, "SecretReason", 200, headers_sent=True, session_id="s-1", answer="SecretAnswer"
    )
    with ledger.own(path) as writer:
        load(writer, SHEET)
        for recipient_id, outcome in ((1, told), (2, REJECTED), (3, IN_DOUBT)):
            send(writer, recipient_id, outcome)
        load(writer, [*SHEET[:4], *SHEET[5:]], fingerprint="g")
    return path


def test_nothing_of_a_purged_row_is_left_in_the_file(path: Path) -> None:
    """Numbers, values, keys, reasons and answers are gone from every byte of it; what waits or is in doubt stays."""
    before = path.read_bytes()

    assert ledger.purge(path, CAMPAIGN, older_than=AT_ONCE) == 5

    after = path.read_bytes()
    gone = [b"Secret0", b"Secret1", b"Secret4", b"SecretWrong", b"SecretKeyed", b"SecretReason", b"SecretAnswer"]
    gone += [b"12025550100", b"12025550101", b"12025550104", b"appointment-0"]
    for word in gone:
        assert word in before
        assert word not in after
    for word in (b"Secret2", b"Secret3", b"12025550102", b"12025550103"):
        assert word in after
    assert sorted(found.name for found in path.parent.iterdir()) == ["ledger.db", "ledger.db.lock"]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


def test_states_and_times_outlive_the_purge(path: Path) -> None:
    """The counts of a campaign and the story of its attempts are the same, except for the words."""
    kept = "SELECT id, outcome, http_status, session_id, started_at, ended_at FROM attempts"
    before = query(path, "SELECT id, state, updated_at FROM recipients WHERE key IS NOT NULL"), query(path, kept)

    ledger.purge(path, CAMPAIGN, older_than=AT_ONCE)

    after = query(path, "SELECT id, state, updated_at FROM recipients WHERE key IS NOT NULL"), query(path, kept)
    assert after == before
    assert (
        query(path, "SELECT to_number, reason, cells FROM v_recipients WHERE purged_at IS NOT NULL")
        == [(None, "", "{}")] * 4
    )


def test_only_what_was_finished_long_enough_ago_is_purged(path: Path) -> None:
    """A row finished a minute ago is younger than ninety days."""
    assert ledger.purge(path, CAMPAIGN, older_than=timedelta(days=90)) == 0
    assert ledger.purge(path, "other", older_than=AT_ONCE) == 0

    assert query(path, "SELECT count(*) FROM recipients WHERE purged_at IS NOT NULL") == [(0,)]
    with ledger.own(path) as writer:
        assert is_loaded(writer, "g")


def test_the_promise_outlives_the_purge(path: Path) -> None:
    """The same sheet again: who was messaged is not messaged again, and ``check`` says so."""
    ledger.purge(path, CAMPAIGN, older_than=AT_ONCE)
    changed = [person(0, key="appointment-0", name="Other"), *SHEET[1:]]

    said = classify(path, changed)
    with ledger.own(path) as writer:
        assert not is_loaded(writer, "g")
        load(writer, changed, fingerprint="h")
        due = writer.call(ledger.find_due, campaign_id(writer), after=(0, 0), count=9).result()

    assert said[0] is Change.SENT
    assert [row.recipient for row in due] == PEOPLE[3:]
    assert query(path, "SELECT id, state FROM recipients WHERE id < 6") == [
        (1, "accepted"),
        (2, "failed"),
        (3, "in_doubt"),
        (4, "pending"),
        (5, "pending"),
    ]


def test_a_purged_row_that_comes_back_is_whole_again(path: Path) -> None:
    """A failed row of the sheet takes its values from there, and ``retry`` sends it; a withdrawn one waits."""
    ledger.purge(path, CAMPAIGN, older_than=AT_ONCE)
    with ledger.own(path) as writer:
        assert writer.call(ledger.retry, campaign_id(writer), tuple(Outcome)).result() == 0

        load(writer, SHEET, fingerprint="h")
        assert writer.call(ledger.retry, campaign_id(writer), (Outcome.REJECTED,)).result() == 1

        assert writer.call(ledger.read_row, 2).result().recipient == PEOPLE[1]
    assert states(path)["appointment-4"] == "pending"
    assert query(path, "SELECT id FROM recipients WHERE purged_at IS NOT NULL") == [(1,)]


def test_a_purged_person_is_still_found_by_number(path: Path) -> None:
    """``show NUMBER`` tells the story of somebody who asks, without the ledger holding the number."""
    ledger.purge(path, CAMPAIGN, older_than=AT_ONCE)

    with ledger.open_reader(path) as reader:
        (row,) = ledger.find_rows(reader, 1, to="12025550100")
        assert ledger.find_rows(reader, 1, to="12025550177") == []
        exported = list(ledger.read_rows(reader, 1))

    assert (row.state, row.to, row.values, row.attempt_count) == (State.ACCEPTED, None, {}, 1)
    assert row.purged_at is not None
    assert row.key is not None
    assert row.key.startswith("purged:")
    assert row in exported


def test_a_purge_can_be_repeated(path: Path) -> None:
    """Each row is purged once, with the same hash key for all."""
    ledger.purge(path, CAMPAIGN, older_than=AT_ONCE)
    before = query(path, "SELECT * FROM recipients ORDER BY id")

    assert ledger.purge(path, CAMPAIGN, older_than=AT_ONCE) == 0

    assert query(path, "SELECT * FROM recipients ORDER BY id") == before
    assert query(path, "SELECT count(*) FROM hash_keys") == [(1,)]


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("UPDATE attempts SET reason = '', answer = '' WHERE recipient_id = 3", "refused by attempts_closed_once"),
        ("UPDATE attempts SET reason = '', answer = '', outcome = 'rejected'", "refused by attempts_closed_once"),
        ("UPDATE attempts SET reason = 'other' WHERE recipient_id = 1", "refused by attempts_closed_once"),
        ("UPDATE attempts SET reason = '', answer = '', http_status = 1", "refused by attempts_closed_once"),
        ("UPDATE recipients SET key = 'other' WHERE id = 1", "refused by recipients_identity"),
        ("UPDATE recipients SET to_number = NULL WHERE id = 4", "CHECK constraint failed: (key IS NOT NULL"),
        ("UPDATE recipients SET state = 'pending' WHERE id = 2", "CHECK constraint failed: (key IS NOT NULL"),
    ],
)
def test_the_database_allows_a_purge_and_nothing_more(path: Path, statement: str, refusal: str) -> None:
    """History still cannot be rewritten, and a row without a number cannot wait to be sent."""
    ledger.purge(path, CAMPAIGN, older_than=AT_ONCE)

    with pytest.raises(sqlite3.IntegrityError) as caught, changing(path) as connection:
        connection.execute(statement)

    assert str(caught.value).startswith(refusal)


def test_two_ledgers_hash_differently(tmp_path: Path) -> None:
    """Each ledger has a key of its own: hashes of two cannot be compared."""
    keys = set()
    for name in ("one.db", "two.db"):
        with ledger.own(tmp_path / name) as writer:
            load(writer, [person(0)])
            send(writer, 1, ACCEPTED)
        ledger.purge(tmp_path / name, CAMPAIGN, older_than=AT_ONCE)
        keys |= set(query(tmp_path / name, "SELECT key, to_hash FROM recipients"))

    assert len(keys) == 2
