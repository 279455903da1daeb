"""The writing thread: what a future promises, group commit, and what happens when the disk refuses."""

import errno
import re
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from dispatcher import ledger
from dispatcher.errors import LedgerError
from dispatcher.ledger import decisions
from dispatcher.ledger import writer as writer_module
from dispatcher.ledger.engine import Store
from dispatcher.ledger.engines.sqlite import connection as sqlite_connection
from dispatcher.ledger.engines.sqlite.spill import SPILL_BYTES
from dispatcher.models import AttemptResult, Outcome, State
from tests.support.ledgers import (
    ACCEPTED,
    IN_DOUBT,
    REJECTED,
    THROTTLED,
    UNSENT,
    begin_run,
    campaign_id,
    is_loaded,
    load,
    open_once,
    person,
    query,
    send,
    states,
    writing,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test lies."""
    return tmp_path / "ledger.db"


@pytest.fixture
def writer(path: Path) -> Iterator[ledger.Writer]:
    """Yield a writer to a ledger with three people who wait."""
    with ledger.own(path) as writer:
        load(writer, [person(0), person(1), person(2)])
        yield writer


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (ACCEPTED, "accepted"),
        (THROTTLED, "retryable"),
        (UNSENT, "retryable"),
        (REJECTED, "failed"),
        (IN_DOUBT, "in_doubt"),
        (AttemptResult(Outcome.REJECTED, "HTTP 401", 401, headers_sent=True, stop="the key is wrong"), "pending"),
    ],
)
def test_an_attempt_is_written_down_whole(
    writer: ledger.Writer, path: Path, outcome: AttemptResult, state: str
) -> None:
    """The row moves to the state that follows from the outcome, and its attempt tells the whole story."""
    send(writer, 1, outcome, not_before="2026-11-22T09:30:00.000Z")

    assert query(path, "SELECT state, reason, not_before, session_id FROM recipients WHERE id = 1") == [
        (state, outcome.reason, "2026-11-22T09:30:00.000Z", outcome.session_id)
    ]
    ((attempt),) = writer.call(ledger.read_attempts, 1).result()
    assert attempt["outcome"] == outcome.outcome
    assert (attempt["http_status"], attempt["headers_sent"]) == (outcome.http_status, outcome.headers_sent)
    assert attempt["ended_at"] >= attempt["started_at"]


def test_a_done_future_is_a_commit_others_can_see(writer: ledger.Writer, path: Path) -> None:
    """When the intent's future is done another process reads ``sending``; until then nothing may be sent."""
    attempt_id = writer.intend(1, begin_run(writer)).result()

    assert states(path)[person(0).key] == "sending"
    assert query(path, "SELECT id, outcome FROM attempts") == [(attempt_id, None)]


@pytest.mark.parametrize(
    "first", [None, ACCEPTED, IN_DOUBT, REJECTED], ids=["sending", "accepted", "in_doubt", "failed"]
)
def test_a_row_that_does_not_wait_gets_no_intent(
    writer: ledger.Writer, path: Path, first: AttemptResult | None
) -> None:
    """Whoever asks: a row in the air, sent, in doubt or failed is not sent again."""
    if first:
        send(writer, 1, first)
    else:
        writer.intend(1, begin_run(writer)).result()
    before = query(path, "SELECT * FROM attempts")

    with pytest.raises(LedgerError, match=r"^a row is no longer waiting to be sent; it was left alone$"):
        writer.intend(1, begin_run(writer)).result()

    assert query(path, "SELECT * FROM attempts") == before


def test_an_attempt_is_concluded_once(writer: ledger.Writer, path: Path) -> None:
    """The first outcome stands."""
    attempt_id = send(writer, 1, ACCEPTED)

    with pytest.raises(LedgerError, match=r"^an attempt was concluded twice; the second conclusion was refused"):
        writer.conclude(attempt_id, 1, REJECTED, not_before=None).result()

    assert query(path, "SELECT outcome FROM attempts") == [("accepted",)]
    assert states(path)[person(0).key] == "accepted"


def test_no_full_number_stays_in_an_answer(writer: ledger.Writer, path: Path) -> None:
    """What the API repeats of a number is masked, in the reason and in the answer, whoever passes it in."""
    told = "to 12025550100 is wrong, see 66c0ec5d at 2026-11-22"

    send(writer, 1, AttemptResult(Outcome.REJECTED, told, 400, headers_sent=True, answer=told))

    masked = "to 12******100 is wrong, see 66c0ec5d at 2026-11-22"
    assert query(path, "SELECT reason, answer FROM attempts") == [(masked, masked)]
    assert query(path, "SELECT reason FROM recipients WHERE id = 1") == [(masked,)]


def test_attempts_are_counted_on_after_a_restart(path: Path) -> None:
    """An attempt's id is never used twice."""
    for expected in (1, 2):
        with ledger.own(path) as writer:
            load(writer, [person(0)])
            assert send(writer, 1, THROTTLED) == expected


class Gate:
    """Keeps the writing thread busy, so that what is handed over meanwhile gathers behind it."""

    def __init__(self, writer: ledger.Writer) -> None:
        self._open = threading.Event()
        writer.call(lambda connection: self._open.wait(10))

    def open(self) -> None:
        """Let the thread go on."""
        self._open.set()


def count_commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the size of each group that is committed."""
    sizes: list[int] = []
    run = writer_module._run

    def counted(connection: Connection, *, store: Store, group: list[writer_module._Job]) -> list[object]:
        sizes.append(len(group))
        return run(connection, store=store, group=group)

    monkeypatch.setattr(writer_module, "_run", counted)
    return sizes


def test_what_has_gathered_is_committed_together(
    writer: ledger.Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred agents cost no more syncs than the disk can do; each future still gets its own attempt."""
    load(writer, [person(index) for index in range(50)], fingerprint="g")
    run_id = begin_run(writer)
    sizes = count_commits(monkeypatch)
    gate = Gate(writer)
    futures = [writer.intend(recipient_id, run_id) for recipient_id in range(1, 51)]

    gate.open()

    ids = [future.result() for future in futures]
    assert sizes == [1, 50]
    assert query(path, "SELECT id, recipient_id FROM attempts") == list(zip(ids, range(1, 51), strict=True))


def test_one_bad_job_does_not_spoil_its_group(writer: ledger.Writer, path: Path) -> None:
    """The others of its group are committed one by one, and only the culprit gets the error."""
    run_id = begin_run(writer)
    gate = Gate(writer)
    futures = [writer.intend(recipient_id, run_id) for recipient_id in (1, 99, 2, 2, 3)]

    gate.open()

    errors = [future.exception() for future in futures]
    assert [error is None for error in errors] == [True, False, True, False, True]
    assert set(states(path).values()) == {"sending"}


def test_a_call_that_fails_leaves_nothing(writer: ledger.Writer, path: Path) -> None:
    """What a function raised comes out of its future, and its transaction is undone."""

    def change_then_fail(connection: Connection) -> None:
        ledger.withdraw_vanished(connection, 1)
        ledger.begin_run(connection, 1, "send")
        raise ValueError("half-way")

    with pytest.raises(ValueError, match="half-way"):
        writer.call(change_then_fail).result()

    assert query(path, "SELECT * FROM runs") == []
    assert writer.call(ledger.count_states, 1).result()[State.PENDING] == 3


def test_closing_writes_what_was_handed_over(path: Path) -> None:
    """Nothing that was handed over is dropped by leaving."""
    with ledger.own(path) as writer:
        load(writer, [person(0)])
        future = writer.intend(1, begin_run(writer))

    assert future.result() == 1
    assert states(path)[person(0).key] == "sending"


class Broken:
    """A disk that refuses commits until it is mended; counts the waits between the tries."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, mend_after: int | None = None) -> None:
        self.waits = 0
        self.is_broken = False
        self._mend_after = mend_after
        begin = Connection.begin

        def refuse(connection: Connection) -> object:
            if self.is_broken:
                raise OSError("disk I/O error")
            return begin(connection)

        monkeypatch.setattr(Connection, "begin", refuse)

    def wait(self, seconds: float) -> None:
        """Take the place of sleeping."""
        assert seconds == 0.5
        self.waits += 1
        if self.waits == self._mend_after:
            self.is_broken = False


@pytest.fixture
def sending(path: Path) -> Path:
    """Return a ledger with three people who wait."""
    with ledger.own(path) as writer:
        load(writer, [person(0), person(1), person(2)])
    return path


def test_a_refused_outcome_is_tried_until_it_is_written(sending: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that was full for a moment costs nothing but the wait."""
    disk = Broken(monkeypatch, mend_after=3)
    with writing(sending, wait=disk.wait) as writer:
        run_id = begin_run(writer)
        attempt_id = writer.intend(1, run_id).result()
        disk.is_broken = True

        writer.conclude(attempt_id, 1, ACCEPTED, not_before=None).result()

        assert disk.waits == 3
        assert states(sending)[person(0).key] == "accepted"
        assert writer.intend(2, run_id).result() == 2


def test_an_outcome_that_cannot_be_written_is_spilled_and_found_by_the_next_run(
    sending: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 30 seconds the outcome goes to the room reserved for it; the next run puts it where it belongs."""
    spill = Path(f"{sending}.spill")
    disk = Broken(monkeypatch)
    with writing(sending, wait=disk.wait) as writer:
        run_id = begin_run(writer)
        attempt_ids = [writer.intend(recipient_id, run_id).result() for recipient_id in (1, 2)]
        disk.is_broken = True

        failures = [
            writer.conclude(attempt_ids[0], 1, ACCEPTED, not_before=None).exception(),
            writer.conclude(attempt_ids[1], 2, THROTTLED, not_before="2026-11-22T09:30:00.000Z").exception(),
            writer.intend(3, run_id).exception(),
        ]

        assert disk.waits == 60
        assert spill.stat().st_size == SPILL_BYTES
        assert stat.S_IMODE(spill.stat().st_mode) == 0o600
    refused = (
        rf"{re.escape(str(sending))}: the disk refuses to write \(disk I/O error\);"
        r" \d+ MB are free there\. Make room and run it again"
    )
    kept = rf"; the outcome is kept in {re.escape(str(spill))}"
    for failure, text in zip(failures, (refused + kept, refused + kept, refused), strict=True):
        assert isinstance(failure, LedgerError)
        assert re.fullmatch(text, str(failure))
    assert list(states(sending).values()) == ["sending", "sending", "pending"]

    disk.is_broken = False
    with ledger.own(sending) as writer:
        assert list(states(sending).values()) == ["accepted", "retryable", "pending"]
        assert writer.call(ledger.sweep_dead_run).result() == 0

    assert query(sending, "SELECT session_id, not_before FROM recipients WHERE id < 3") == [
        ("s-1", None),
        (None, "2026-11-22T09:30:00.000Z"),
    ]
    assert not spill.exists()


def test_no_intent_is_taken_while_an_outcome_waits(sending: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first refusal on nothing new is sent, at once and without asking the disk."""
    disk = Broken(monkeypatch)
    asked: list[BaseException | None] = []

    def ask_meanwhile(seconds: float) -> None:
        asked.append(writer.intend(2, run_id).exception(timeout=0))
        disk.is_broken = False

    with writing(sending, wait=ask_meanwhile) as writer:
        run_id = begin_run(writer)
        attempt_id = writer.intend(1, run_id).result()
        disk.is_broken = True
        writer.conclude(attempt_id, 1, ACCEPTED, not_before=None).result(timeout=10)

    assert len(asked) == 1
    assert isinstance(asked[0], LedgerError)
    assert list(states(sending).values()) == ["accepted", "pending", "pending"]


def test_a_refused_intent_changes_nothing(sending: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No intent on disk, no request; the row waits as before."""
    disk = Broken(monkeypatch)
    with writing(sending, wait=disk.wait) as writer:
        run_id = begin_run(writer)
        disk.is_broken = True

        assert isinstance(writer.intend(1, run_id).exception(), LedgerError)

    assert disk.waits == 0
    assert set(states(sending).values()) == {"pending"}


def spill_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave one accepted outcome in the spill file and return its path."""
    with monkeypatch.context() as patch:
        disk = Broken(patch)
        with writing(path, patience_s=0) as writer:
            attempt_id = writer.intend(1, begin_run(writer)).result()
            disk.is_broken = True
            assert writer.conclude(attempt_id, 1, ACCEPTED, not_before=None).exception()
    return Path(f"{path}.spill")


def test_a_replay_can_be_repeated(sending: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dying between the replay and the emptying of the spill file changes nothing."""
    spill = spill_once(sending, monkeypatch)
    left = spill.read_bytes()
    open_once(sending)
    assert not spill.exists()
    spill.write_bytes(left)

    open_once(sending)

    assert list(states(sending).values()) == ["accepted", "pending", "pending"]
    assert query(sending, "SELECT count(*) FROM attempts") == [(1,)]


@pytest.mark.parametrize("damage", ["cut", "flip", "foreign"])
def test_a_damaged_spill_decides_nothing(sending: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    """A line that is not whole is no outcome: the row ends in doubt, as without the file."""
    spill = spill_once(sending, monkeypatch)
    content = spill.read_bytes()
    spill.write_bytes(
        {"cut": content[:100], "flip": content.replace(b"accepted", b"accepten"), "foreign": b"hello\n"}[damage]
    )

    with ledger.own(sending) as writer:
        assert writer.call(ledger.sweep_dead_run).result() == 1

    assert list(states(sending).values()) == ["in_doubt", "pending", "pending"]


def test_a_spill_of_another_ledger_decides_nothing(
    sending: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An outcome without its open attempt is dropped."""
    spill = spill_once(sending, monkeypatch)
    other = tmp_path / "other.db"
    with ledger.own(other) as writer:
        load(writer, [person(0)])
    spill.rename(tmp_path / "other.db.spill")

    open_once(other)

    assert list(states(other).values()) == ["pending"]


def test_a_watermark_that_cannot_be_written_ends_the_run(sending: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed is told, nothing follows it, and nobody waits for ever."""
    with ledger.own(sending) as writer:
        run_id = begin_run(writer)

        def refuse(*_: object) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr("dispatcher.ledger.engines.sqlite.watermark.os.pwrite", refuse)
        attempt_id = writer.intend(1, run_id).result(timeout=10)
        failure = writer.intend(2, run_id).exception(timeout=10)
        writer.conclude(attempt_id, 1, ACCEPTED, not_before=None).result(timeout=10)

    assert str(failure) == f"{sending}.lock: cannot be written: Input/output error"
    assert list(states(sending).values()) == ["accepted", "pending", "pending"]


def test_a_full_spill_leaves_rows_in_doubt(sending: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last resort has an end as well, and says so."""
    monkeypatch.setattr("dispatcher.ledger.engines.sqlite.spill.SPILL_BYTES", 100)
    disk = Broken(monkeypatch)
    with writing(sending, patience_s=0) as writer:
        attempt_id = writer.intend(1, begin_run(writer)).result()
        disk.is_broken = True
        failure = writer.conclude(attempt_id, 1, ACCEPTED, not_before=None).exception()

    assert str(failure).endswith("Make room and run it again; the row will be in doubt")


def test_without_room_for_the_spill_nothing_begins(sending: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full already is found before the first request."""
    monkeypatch.setattr("dispatcher.ledger.engines.sqlite.spill.os.pwrite", lambda *arguments: 10)

    with pytest.raises(LedgerError, match=r"the disk refuses to write \(No space left on device\)"):
        open_once(sending)


def crash(path: Path) -> None:
    """Leave one row in the air and two attempts behind, as a killed run does."""
    with ledger.own(path) as writer:
        send(writer, 2, THROTTLED)
        writer.intend(1, begin_run(writer)).result()


def test_the_sweep_of_a_dead_run_can_be_repeated(sending: Path) -> None:
    """What was in the air is in doubt, with its attempt and its run ended; the second sweep finds nothing."""
    crash(sending)
    with ledger.own(sending) as writer:
        assert writer.call(ledger.sweep_dead_run).result() == 1
        after = [
            query(sending, f"SELECT * FROM {table}")  # noqa: S608 - the test's own words
            for table in ("recipients", "attempts", "events", "runs")
        ]

        assert writer.call(ledger.sweep_dead_run).result() == 0

        assert after == [
            query(sending, f"SELECT * FROM {table}")  # noqa: S608 - the test's own words
            for table in ("recipients", "attempts", "events", "runs")
        ]
    reason = decisions.SWEEP_REASON
    assert query(sending, "SELECT state, reason FROM recipients WHERE id = 1") == [("in_doubt", reason)]
    assert query(sending, "SELECT outcome, reason FROM attempts ORDER BY id") == [
        ("throttled", "HTTP 429"),
        ("in_doubt", reason),
    ]
    assert query(sending, "SELECT recipient_id, who, from_state, to_state, reason FROM events") == [
        (1, "dispatcher", "sending", "in_doubt", reason)
    ]
    assert query(sending, "SELECT DISTINCT note FROM runs WHERE ended_at IS NOT NULL") == [("died",)]


@pytest.mark.parametrize("decision", [State.ACCEPTED, State.FAILED, State.PENDING])
def test_a_person_moves_rows_out_of_doubt(writer: ledger.Writer, path: Path, decision: State) -> None:
    """Only rows in doubt move, and it is written down who moved them."""
    send(writer, 1, IN_DOUBT)
    send(writer, 2, REJECTED)
    (doubt,) = writer.call(ledger.list_in_doubt, campaign_id(writer)).result()
    assert (doubt.id, doubt.row_number, doubt.to, doubt.reason) == (1, 2, "12025550100", "no answer")

    assert writer.call(ledger.resolve, [1, 2, 3], decision).result() == 1

    assert list(states(path).values()) == [decision, "failed", "pending"]
    assert writer.call(ledger.list_in_doubt, campaign_id(writer)).result() == []
    (event,) = writer.call(ledger.read_events, 1).result()
    who = decisions._who()
    assert (event["who"], event["from_state"], event["to_state"]) == (who, "in_doubt", decision)
    assert event["reason"] == f"resolved as {decision} by {who}"
    is_unchanged = is_loaded(writer, "f")
    assert is_unchanged == (decision is not State.PENDING)


def test_rows_in_doubt_can_be_named(writer: ledger.Writer) -> None:
    """By row number, within one campaign."""
    for recipient_id in (1, 2, 3):
        send(writer, recipient_id, IN_DOUBT)

    found = writer.call(ledger.list_in_doubt, campaign_id(writer), (4, 2)).result()

    assert [doubt.row_number for doubt in found] == [2, 4]
    assert writer.call(ledger.list_in_doubt, 99).result() == []


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((Outcome.REJECTED,), ["pending", "retryable", "in_doubt"]),
        ((Outcome.THROTTLED,), ["failed", "retryable", "in_doubt"]),
        ((Outcome.REJECTED, Outcome.THROTTLED, Outcome.IN_DOUBT), ["pending", "retryable", "in_doubt"]),
        ((Outcome.UNSENT,), ["failed", "retryable", "in_doubt"]),
    ],
)
def test_retry_puts_back_what_was_asked_for(
    writer: ledger.Writer, path: Path, outcomes: tuple[Outcome, ...], expected: list[str]
) -> None:
    """Failed rows wait again, throttled ones wait no longer; a row in doubt is never put back by ``retry``."""
    send(writer, 1, REJECTED)
    send(writer, 2, THROTTLED, not_before="2026-11-22T09:30:00.000Z")
    send(writer, 3, IN_DOUBT)

    count = writer.call(ledger.retry, campaign_id(writer), outcomes).result()

    assert list(states(path).values()) == expected
    assert count == (Outcome.REJECTED in outcomes) + (Outcome.THROTTLED in outcomes)
    waits = query(path, "SELECT not_before FROM recipients WHERE id = 2")
    assert waits == [(None if Outcome.THROTTLED in outcomes else "2026-11-22T09:30:00.000Z",)]
    assert query(path, "SELECT to_state FROM events") == [("pending",)] * (Outcome.REJECTED in outcomes)


def test_retry_leaves_what_is_no_longer_in_the_sheet(writer: ledger.Writer, path: Path) -> None:
    """Who was taken out of the sheet is not messaged by ``retry``."""
    send(writer, 1, REJECTED)
    load(writer, [person(1)], fingerprint="g")

    assert writer.call(ledger.retry, campaign_id(writer), tuple(Outcome)).result() == 0

    assert states(path)[person(0).key] == "failed"


def test_a_decision_outlives_the_sheet(writer: ledger.Writer, path: Path) -> None:
    """A row put back to pending that is not in the sheet any more is withdrawn by the next load, not sent."""
    send(writer, 1, IN_DOUBT)
    load(writer, [person(1)], fingerprint="g")
    writer.call(ledger.resolve, [1], State.PENDING).result()

    writer.call(ledger.withdraw_vanished, campaign_id(writer)).result()

    assert states(path)[person(0).key] == "withdrawn"


def test_the_exit_code_looks_at_the_present_sheet_and_all_doubts(writer: ledger.Writer) -> None:
    """Failures of earlier sheets are history; a doubt stays open until a person resolves it."""
    send(writer, 1, REJECTED)
    send(writer, 2, IN_DOUBT)
    send(writer, 3, REJECTED)
    load(writer, [person(2)], fingerprint="g")

    assert writer.call(ledger.count_open_problems, campaign_id(writer)).result() == {
        State.FAILED: 1,
        State.IN_DOUBT: 1,
    }


def test_one_person_is_found_by_row_and_by_number(writer: ledger.Writer) -> None:
    """What is in the sheet now comes first."""
    load(writer, [person(1, row_number=2)], fingerprint="g")

    by_row = writer.call(ledger.find_rows, campaign_id(writer), row_number=2).result()
    by_number = writer.call(ledger.find_rows, campaign_id(writer), to="12025550100").result()

    assert [(row.to, row.is_in_sheet, row.state) for row in by_row] == [
        ("12025550101", True, State.PENDING),
        ("12025550100", False, State.WITHDRAWN),
    ]
    assert [row.row_number for row in by_number] == [2]


def test_an_export_reads_the_present_sheet_or_the_states_asked_for(writer: ledger.Writer, path: Path) -> None:
    """In the sheet's order, each row with its attempts."""
    attempt_id = send(writer, 2, ACCEPTED)
    load(writer, [person(1, row_number=2), person(0, row_number=3)], fingerprint="g")
    with ledger.open_reader(path) as reader:
        present = list(ledger.read_rows(reader, 1))
        withdrawn = list(ledger.read_rows(reader, 1, (State.WITHDRAWN,)))

    assert [(row.row_number, row.to, row.attempt_count) for row in present] == [
        (2, "12025550101", 1),
        (3, "12025550100", 0),
    ]
    assert present[0].attempted_at == query(path, "SELECT started_at FROM attempts WHERE id = ?", attempt_id)[0][0]
    assert [row.to for row in withdrawn] == ["12025550102"]


def test_a_run_is_recorded_from_start_to_end(writer: ledger.Writer, path: Path) -> None:
    """With its counts and its exit code."""
    run_id = begin_run(writer)
    counts = ledger.RunCounts(sent=3, accepted=1, throttled=2)

    writer.call(ledger.end_run, run_id, counts=counts, exit_code=5, note="n").result()

    run = ledger.read_standings(path)[0].last_run
    assert run is not None
    assert (run["sent"], run["accepted"], run["throttled"], run["exit_code"], run["note"]) == (3, 1, 2, 5, "n")
    assert run["ended_at"] >= run["started_at"]
    assert query(path, "SELECT exit_code, note FROM v_runs") == [(5, "n")]


def test_a_busy_ledger_is_an_error_not_a_hang(sending: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that holds the write lock makes the intent fail after the busy time-out."""
    monkeypatch.setitem(sqlite_connection.WRITER_SETTINGS, "busy_timeout", 1)
    with ledger.own(sending) as writer, closing(sqlite3.connect(sending, isolation_level=None)) as tool:
        run_id = begin_run(writer)
        tool.execute("BEGIN IMMEDIATE")

        failure = writer.intend(1, run_id).exception()

        assert str(failure) == f"{sending}: the ledger cannot be used (database is locked)"
        tool.execute("ROLLBACK")
        assert writer.intend(1, run_id).result() == 1
