"""A sheet goes into the ledger: identity follows the key, and what was sent stays as it was sent."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from dispatcher import ledger
from dispatcher.errors import LedgerError
from dispatcher.ledger import Change
from dispatcher.ledger.digests import digest
from dispatcher.ledger.purging import purge_campaign
from dispatcher.models import AttemptResult, Recipient, Refusal, State
from tests.support.command_line import Desk, people
from tests.support.ledgers import (
    ACCEPTED,
    CAMPAIGN,
    IN_DOUBT,
    REJECTED,
    THROTTLED,
    begin_run,
    campaign_id,
    changing,
    classify,
    is_loaded,
    load,
    load_sheet,
    person,
    query,
    rows_by_key,
    send,
    states,
    wrong,
)
from tests.support.loopback_server import Loopback

USED = {"phone", "name"}
ADA, BEA, CLEO = person(0), person(1), person(2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test lies."""
    return tmp_path / "ledger.db"


@pytest.fixture
def writer(path: Path) -> Iterator[ledger.Writer]:
    """Yield a writer to a new ledger."""
    with ledger.own(path) as writer:
        yield writer


def changes(report: ledger.LoadReport) -> dict[Change, int]:
    """Return how many rows a load found of each kind."""
    return dict(report.changes)


def test_a_first_load_makes_rows_wait_or_says_why_not(writer: ledger.Writer, path: Path) -> None:
    """N rows in, N rows accounted for, each in the state the loader gave it."""
    skipped = wrong(5, key="opted-out", state=State.SKIPPED, to="12025550199")

    report = load(writer, [ADA, BEA, wrong(4), skipped])

    assert (report.rows, changes(report), report.withdrawn) == (4, {Change.NEW: 4}, 0)
    assert rows_by_key(path, "row_number", "to_number", "state", "reason", "problem_column") == {
        ADA.key: (2, "12025550100", "pending", "", ""),
        BEA.key: (3, "12025550101", "pending", "", ""),
        None: (4, None, "refused", "row 4 is wrong", "phone"),
        "opted-out": (5, "12025550199", "skipped", "row 5 is wrong", "phone"),
    }


def test_the_campaign_remembers_its_sheet(writer: ledger.Writer, path: Path) -> None:
    """Who asks later learns where the rows came from."""
    load(writer, [ADA])

    record = writer.call(ledger.find_campaign, CAMPAIGN).result()

    assert record is not None
    assert (record.name, record.agent_id, record.sheet_path) == (CAMPAIGN, "agent", "sheet.csv")
    assert (record.columns, record.today) == (("Phone", "Name"), "2026-11-22")
    assert record.loaded_at is not None
    assert [standing.campaign for standing in ledger.read_standings(path)] == [record]


def test_an_unchanged_sheet_changes_nothing(writer: ledger.Writer, path: Path) -> None:
    """Loading the same rows again leaves every row as it was, down to the time of its last change."""
    rows: list[Recipient | Refusal] = [ADA, BEA, wrong(4, key="k")]
    load(writer, rows)
    before = query(path, "SELECT id, state, to_number, cells, updated_at, digest FROM recipients ORDER BY id")

    report = load(writer, rows, fingerprint="g")

    assert changes(report) == {Change.SAME: 3}
    assert query(path, "SELECT id, state, to_number, cells, updated_at, digest FROM recipients ORDER BY id") == before


def test_a_fingerprint_says_whether_a_load_is_needed(writer: ledger.Writer) -> None:
    """The same sheet under the same campaign is loaded once; another campaign's load says nothing about this one."""
    load(writer, [ADA], fingerprint="f")

    assert is_loaded(writer, "f")
    assert not is_loaded(writer, "g")
    assert not is_loaded(writer, "f", campaign="other")


def test_sorting_and_inserting_only_renumbers(writer: ledger.Writer, path: Path) -> None:
    """A row that moved is the same row: the one that was sent is not sent again, nobody is lost."""
    load(writer, [ADA, BEA])
    send(writer, 1, ACCEPTED)

    report = load(writer, [person(2, row_number=2), person(1, row_number=3), person(0, row_number=4)], fingerprint="g")

    assert changes(report) == {Change.NEW: 1, Change.SAME: 1, Change.SENT: 1}
    assert rows_by_key(path, "row_number", "state") == {
        CLEO.key: (2, "pending"),
        BEA.key: (3, "pending"),
        ADA.key: (4, "accepted"),
    }


@pytest.mark.parametrize("outcome", [None, THROTTLED])
def test_a_corrected_row_that_waits_is_sent_as_corrected(
    writer: ledger.Writer, path: Path, outcome: AttemptResult | None
) -> None:
    """The sheet has the last word until the request leaves; a wait that was imposed goes on."""
    load(writer, [ADA])
    if outcome:
        send(writer, 1, outcome, not_before="2026-11-22T09:30:00.000Z")
    corrected = person(0, name="Ada")

    assert classify(path, [corrected]) == [Change.CORRECTED]
    report = load(writer, [corrected], fingerprint="g")

    due = writer.call(ledger.read_row, 1).result()
    assert changes(report) == {Change.CORRECTED: 1}
    assert due.recipient.values == corrected.values
    assert states(path) == {ADA.key: "retryable" if outcome else "pending"}


def test_a_corrected_number_is_the_same_person_when_the_key_says_so(writer: ledger.Writer, path: Path) -> None:
    """With an appointment as key, the right number takes the place of the wrong one before it was sent."""
    load(writer, [person(0, key="appointment 7")])
    right = Recipient(2, "12025550177", "appointment 7", {"phone": "+12025550177"})

    load(writer, [right], fingerprint="g")

    assert query(path, "SELECT key, to_number, state FROM recipients") == [("appointment 7", "12025550177", "pending")]
    assert writer.call(ledger.read_row, 1).result().recipient == right


def test_a_corrected_number_is_another_person_when_the_number_is_the_key(writer: ledger.Writer, path: Path) -> None:
    """With the number as key, the old number is withdrawn and the new one waits."""
    load(writer, [person(0)])

    report = load(writer, [person(1, row_number=2)], fingerprint="g")

    assert report.withdrawn == 1
    assert states(path) == {ADA.key: "withdrawn", BEA.key: "pending"}


@pytest.mark.parametrize(
    ("outcome", "change"),
    [(None, Change.IN_DOUBT), (ACCEPTED, Change.CHANGED_AFTER_SENDING), (IN_DOUBT, Change.IN_DOUBT)],
    ids=["sending", "accepted", "in_doubt"],
)
def test_a_row_that_was_sent_keeps_what_it_was_sent_with(
    writer: ledger.Writer, path: Path, outcome: AttemptResult | None, change: Change
) -> None:
    """A value or a number changed afterwards sends nothing again, and the load says what it found."""
    load(writer, [person(0, key="a")])
    if outcome:
        send(writer, 1, outcome)
    else:
        writer.intend(1, begin_run(writer)).result()
    before = query(path, "SELECT to_number, cells, state, digest FROM recipients")
    changed = Recipient(2, "12025550177", "a", {"phone": "+12025550177"})

    assert classify(path, [changed]) == [change]
    report = load(writer, [changed], fingerprint="g")

    assert changes(report) == {change: 1}
    assert query(path, "SELECT to_number, cells, state, digest FROM recipients") == before


@pytest.mark.parametrize("outcome", [None, ACCEPTED], ids=["waiting", "accepted"])
def test_only_columns_in_use_make_a_row_a_changed_one(
    writer: ledger.Writer, path: Path, outcome: AttemptResult | None
) -> None:
    """A column that nothing is made of, such as one an export added, is no change, and is taken over."""
    load(writer, [ADA])
    if outcome:
        send(writer, 1, outcome)
    wider = person(0, state="accepted")
    unchanged = Change.SENT if outcome else Change.SAME

    said = [classify(path, [row], used={"phone", "name"}) for row in (wider, person(0, name="Ada"))]
    report = load(writer, [wider], fingerprint="g", used={"phone", "name"})

    assert said == [[unchanged], [Change.CHANGED_AFTER_SENDING if outcome else Change.CORRECTED]]
    assert changes(report) == {unchanged: 1}
    ((cells,),) = query(path, "SELECT cells FROM recipients")
    assert json.loads(cells) == wider.values


@pytest.mark.parametrize("outcome", [None, ACCEPTED, IN_DOUBT], ids=["sending", "accepted", "in_doubt"])
def test_a_row_that_was_sent_takes_the_remarks_and_nothing_else(
    writer: ledger.Writer, path: Path, outcome: AttemptResult | None
) -> None:
    """What the message was made of stays as it was sent, a column that is in use since then included."""
    load(writer, [person(0, key="a", remark="", gone="x")], used=USED)
    if outcome:
        send(writer, 1, outcome)
    else:
        writer.intend(1, begin_run(writer)).result()
    columns = "id, row_number, key, to_number, state, reason, in_sheet, updated_at, purged_at"
    before = query(path, f"SELECT {columns} FROM recipients")  # noqa: S608 - the test's own words
    phone = "+12025550177"
    changed = Recipient(2, phone[1:], "a", {"remark": "called", "phone": phone, "name": "Ada", "city": "X", "new": "y"})

    load(writer, [changed], fingerprint="g", used={*USED, "city"})

    (again,) = classify(path, [changed], used={*USED, "city"})
    ((cells,),) = query(path, "SELECT cells FROM recipients")
    assert query(path, f"SELECT {columns} FROM recipients") == before  # noqa: S608 - the test's own words
    assert [*json.loads(cells).items()] == [
        ("remark", "called"),
        ("phone", "+12025550100"),
        ("name", "person 0"),
        ("new", "y"),
    ]
    assert again is (Change.CHANGED_AFTER_SENDING if outcome is ACCEPTED else Change.IN_DOUBT)
    with ledger.open_reader(path) as reader:  # verifies the check sum
        assert len(list(ledger.read_rows(reader, 1))) == 1


def test_a_remark_is_written_once(writer: ledger.Writer) -> None:
    """A million rows of an export sent again cost what differs, however often they come."""
    load(writer, [ADA, BEA], used=USED)
    send(writer, 1, ACCEPTED)
    send(writer, 2, ACCEPTED)
    seen: list[str] = []
    writer.call(_note_statements, seen).result()

    for mark in "gh":
        load(writer, [person(0, name="Ada", remark="called"), BEA], fingerprint=mark, used=USED)

    assert len([statement for statement in seen if statement.startswith("UPDATE recipients SET cells")]) == 1


def test_a_purged_row_takes_no_remarks(writer: ledger.Writer, path: Path) -> None:
    """Whoever was forgotten stays forgotten."""
    load(writer, [ADA, BEA], used=USED)
    send(writer, 1, ACCEPTED)
    writer.call(purge_campaign, campaign_id(writer), timedelta(seconds=-1)).result()
    send(writer, 2, ACCEPTED)

    load(writer, [person(0, remark="called"), person(1, remark="called")], fingerprint="g", used=USED)

    found = query(path, "SELECT cells FROM recipients ORDER BY id")
    assert [json.loads(cells).get("remark") for (cells,) in found] == [None, "called"]


def test_a_failed_row_takes_the_correction_and_waits_for_retry(writer: ledger.Writer, path: Path) -> None:
    """A load never sends a failed row again by itself; ``retry`` then sends it as corrected."""
    load(writer, [person(0, key="a")])
    send(writer, 1, REJECTED)
    right = Recipient(2, "12025550177", "a", {"phone": "+12025550177"})

    report = load(writer, [right], fingerprint="g")

    assert changes(report) == {Change.FAILED: 1}
    assert query(path, "SELECT to_number, state, reason FROM recipients") == [("12025550177", "failed", "HTTP 400")]


def test_what_vanished_is_withdrawn_if_it_waited(writer: ledger.Writer, path: Path) -> None:
    """A row taken out of the sheet is not sent; what was already sent, failed or is in doubt stays history."""
    people = [person(index) for index in range(6)]
    load(writer, [*people, wrong(8, key="wrong"), wrong(9, key="skipped", state=State.SKIPPED)])
    for recipient_id, outcome in ((1, ACCEPTED), (2, REJECTED), (3, IN_DOUBT), (4, THROTTLED)):
        send(writer, recipient_id, outcome)

    report = load(writer, [people[5]], fingerprint="g")

    assert report.withdrawn == 4
    assert states(path) == {
        people[0].key: "accepted",
        people[1].key: "failed",
        people[2].key: "in_doubt",
        people[3].key: "withdrawn",
        people[4].key: "withdrawn",
        people[5].key: "pending",
        "wrong": "withdrawn",
        "skipped": "withdrawn",
    }


def test_a_withdrawn_row_that_comes_back_waits_again(writer: ledger.Writer, path: Path) -> None:
    """Taking a row out and putting it back sends it once."""
    load(writer, [ADA, BEA])
    load(writer, [ADA], fingerprint="g")
    assert states(path) == {ADA.key: "pending", BEA.key: "withdrawn"}

    report = load(writer, [ADA, BEA], fingerprint="h")

    assert states(path) == {ADA.key: "pending", BEA.key: "pending"}
    assert changes(report) == {Change.SAME: 2}


def test_a_refused_row_that_was_put_right_waits(writer: ledger.Writer, path: Path) -> None:
    """Correcting what was wrong is all it takes; its old reason is gone."""
    load(writer, [wrong(2, key="a", to="12025550100")])

    load(writer, [person(0, key="a")], fingerprint="g")

    assert rows_by_key(path, "state", "reason", "problem_column") == {"a": ("pending", "", "")}


def test_a_waiting_row_that_became_wrong_is_refused(writer: ledger.Writer, path: Path) -> None:
    """What the loader refuses now is not sent although it waited."""
    load(writer, [person(0, key="a")])

    load(writer, [wrong(2, key="a")], fingerprint="g")

    assert rows_by_key(path, "state", "reason") == {"a": ("refused", "row 2 is wrong")}


def test_rows_without_a_key_are_what_the_sheet_says_now(writer: ledger.Writer, path: Path) -> None:
    """Nobody can say whether a row without a key is the one of yesterday; it was never sent, so it is replaced."""
    load(writer, [wrong(2), wrong(3)])

    load(writer, [wrong(7)], fingerprint="g")

    assert query(path, "SELECT row_number, state FROM recipients") == [(7, "refused")]


def test_a_key_belongs_to_its_campaign(writer: ledger.Writer, path: Path) -> None:
    """The same number in two campaigns is two messages; in one campaign it is one."""
    load(writer, [ADA])
    send(writer, 1, ACCEPTED)

    report = load(writer, [ADA], campaign="other")

    assert changes(report) == {Change.NEW: 1}
    assert query(path, "SELECT campaign, state FROM v_recipients ORDER BY 1") == [
        ("other", "pending"),
        (CAMPAIGN, "accepted"),
    ]


def test_check_says_the_same_as_the_load_that_follows(writer: ledger.Writer, path: Path) -> None:
    """``check`` prints the difference against the ledger before anything is sent, and writes nothing."""
    load(writer, [ADA, BEA, CLEO, person(3)])
    send(writer, 1, ACCEPTED)
    send(writer, 2, ACCEPTED)
    sheet: list[Recipient | Refusal] = [ADA, person(1, name="Bea"), person(2, name="Cleo"), person(3), person(4)]

    said = classify(path, sheet)
    report = load(writer, sheet, fingerprint="g")

    assert said == [Change.SENT, Change.CHANGED_AFTER_SENDING, Change.CORRECTED, Change.SAME, Change.NEW]
    assert changes(report) == dict.fromkeys(said, 1)
    assert classify(path, [wrong(9)]) == [Change.NEW]


def test_check_of_a_campaign_the_ledger_does_not_know(writer: ledger.Writer, path: Path) -> None:
    """Before the first load everything is new."""
    load(writer, [ADA], campaign="other")

    assert classify(path, [ADA]) == [Change.NEW]


def test_a_load_that_breaks_off_leaves_nothing(writer: ledger.Writer, path: Path) -> None:
    """One transaction: an unreadable row at the end undoes all of it, and the next load starts from before."""
    load(writer, [ADA])

    def broken() -> Iterator[Recipient]:
        yield BEA
        raise RuntimeError("the file ended in the middle of a row")

    with pytest.raises(RuntimeError, match="the file ended in the middle of a row"):
        load(writer, broken(), fingerprint="g")

    assert states(path) == {ADA.key: "pending"}
    assert is_loaded(writer, "f")


def test_progress_is_told_in_batches(writer: ledger.Writer) -> None:
    """Who waits for a large sheet sees that it goes on."""
    told: list[int] = []

    writer.call(load_sheet, (person(index) for index in range(4500)), on_rows=told.append).result()

    assert told == [2000, 4000, 4500]


def test_find_due_pages_through_the_sheet_in_its_order(writer: ledger.Writer) -> None:
    """Each row comes once, in the order of the sheet, whatever the order of loading."""
    rows = [person(index, row_number=20 - index) for index in range(10)]
    load(writer, rows)
    found: list[int] = []
    place = (0, 0)

    while due := writer.call(ledger.find_due, campaign_id(writer), after=place, count=3).result():
        place = (due[-1].recipient.row_number, due[-1].id)
        found += [row.recipient.row_number for row in due]

    assert found == list(range(11, 21))


def test_find_due_gives_back_what_was_loaded(writer: ledger.Writer) -> None:
    """Values come back as they were read, in any language and in the sheet's order."""
    odd = person(0, name="Ádá \u202e ''\"\\ ,\n 🎈", empty="", z="1", a="2")
    load(writer, [odd])

    (due,) = writer.call(ledger.find_due, campaign_id(writer), after=(0, 0), count=9).result()

    assert due.recipient == odd
    assert list(due.recipient.values) == ["phone", "name", "empty", "z", "a"]


@pytest.mark.parametrize(
    "change",
    [
        "to_number = '12025550109'",
        "cells = replace(cells, 'person 0', 'person 1')",
        "digest = replace(digest, substr(digest, 1, 1), 'x')",
    ],
)
def test_a_damaged_row_is_never_due(path: Path, change: str) -> None:
    """The digest of number, key and cells is verified before a row is sent, loaded again or shown."""
    with ledger.own(path) as writer:
        load(writer, [ADA])
    with changing(path) as connection:
        connection.execute(f"UPDATE recipients SET {change}")  # noqa: S608 - the test's own words

    damaged = re.escape("row 2 in the ledger is damaged (its digest differs); nothing of it was sent")
    with ledger.own(path) as writer:
        with pytest.raises(LedgerError, match=damaged):
            writer.call(ledger.find_due, campaign_id(writer), after=(0, 0), count=9).result()
        with pytest.raises(LedgerError, match=damaged):
            writer.call(ledger.read_row, 1).result()
        with pytest.raises(LedgerError, match=damaged):
            load(writer, [ADA], fingerprint="g")
        with pytest.raises(LedgerError, match=damaged), ledger.open_reader(path) as reader:
            list(ledger.read_rows(reader, campaign_id(writer)))


def test_the_digest_tells_its_parts_apart() -> None:
    """Moving a character from one part to the next is no collision."""
    parts = [(1, "ab", "c", "d"), (1, "a", "bc", "d"), (1, "ab", "", "cd"), (1, None, "abc", "d"), (11, "b", "c", "d")]

    assert len({digest(*part) for part in parts}) == len(parts)


def test_a_row_that_breaks_a_rule_after_all_is_refused(writer: ledger.Writer, path: Path) -> None:
    """A waiting row whose request cannot be rendered any more is told like any refused row."""
    load(writer, [ADA])

    writer.call(ledger.refuse_row, 1, wrong(2)).result()

    assert rows_by_key(path, "state", "reason", "problem_column") == {ADA.key: ("refused", "row 2 is wrong", "phone")}


def test_rows_that_wait_for_another_try_come_by_time(writer: ledger.Writer) -> None:
    """The earliest ``not_before`` first."""
    load(writer, [ADA, BEA])
    send(writer, 1, THROTTLED, not_before="2026-11-22T09:30:05.000Z")
    send(writer, 2, THROTTLED, not_before="2026-11-22T09:30:01.000Z")

    assert writer.call(ledger.find_retryable, campaign_id(writer)).result() == [
        (2, "2026-11-22T09:30:01.000Z"),
        (1, "2026-11-22T09:30:05.000Z"),
    ]


def test_a_refused_row_gives_its_key_to_a_later_row_that_can_be_sent(desk: Desk) -> None:
    """The first of two rows with one number is refused: the second one is sent, and both are accounted for."""
    phone, _ = people(1)[0]
    desk.write_sheet([*people(30, first=1), (phone, ""), (phone, "Ana")])
    with Loopback() as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", "--json", desk.campaign)

    assert ran.code == 6
    assert (ran.json["states"]["accepted"], ran.json["states"]["refused"]) == (31, 1)
    assert set(server.accepted.values()) == {1}


def test_withdrawing_reads_only_what_is_gone(writer: ledger.Writer, path: Path) -> None:
    """Every send withdraws what vanished; with a million waiting rows that must cost nothing."""
    load(writer, [ADA])
    seen: list[str] = []
    writer.call(_note_statements, seen).result()

    writer.call(ledger.withdraw_vanished, 1).result()

    (statement,) = [statement for statement in seen if statement.startswith("UPDATE recipients")]
    plan = query(path, f"EXPLAIN QUERY PLAN {statement}", *["x"] * statement.count("?"))
    assert "recipients_gone" in plan[0][3]


def _note_statements(connection: Connection, seen: list[str]) -> None:
    event.listen(connection.engine, "before_cursor_execute", lambda *arguments: seen.append(arguments[2]))
