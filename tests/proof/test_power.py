"""Power loss, full disks and I/O errors: what the ledger's own writes and syncs leave on the disk."""

import itertools
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import apsw
import pytest
from sqlalchemy import text

from dispatcher import ledger
from dispatcher.errors import LedgerError
from dispatcher.ledger.engines.sqlite.connection import WRITER_SETTINGS, read_pragma
from dispatcher.ledger.engines.sqlite.opening import open_writer
from dispatcher.models import AttemptResult
from tests.support.ledgers import (
    ACCEPTED,
    IN_DOUBT,
    REJECTED,
    THROTTLED,
    UNSENT,
    begin_run,
    is_loaded,
    load,
    person,
    query,
    states,
    writing,
)
from tests.support.recorded_disk import Disk, Promise, Step, Sync, Write, crash_image, recording, write_image

OUTCOMES = [ACCEPTED, ACCEPTED, THROTTLED, ACCEPTED, REJECTED, IN_DOUBT, UNSENT]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test lies."""
    (tmp_path / "live").mkdir()
    return tmp_path / "live" / "ledger.db"


def play(path: Path, disk: Disk) -> None:
    """Load, send one by one and in groups, load again, die and sweep; promise what each future promises."""
    with ledger.own(path) as writer:
        load(writer, [person(index) for index in range(30)])
        disk.steps.append(Promise(("loaded", 30)))
        run_id = begin_run(writer)
        outcomes = itertools.cycle(OUTCOMES)
        for recipient_id in range(1, 15):
            send(writer, disk, [recipient_id], run_id, next(outcomes))
        for first in (15, 20):
            send(writer, disk, list(range(first, first + 5)), run_id, next(outcomes))
    with ledger.own(path) as writer:
        load(writer, [person(index, name="corrected") for index in range(35)], fingerprint="g")
        disk.steps.append(Promise(("loaded", 35)))
        attempt_id = writer.intend(25, run_id).result()
        disk.steps.append(Promise(("intent", attempt_id)))
        writer.call(ledger.sweep_dead_run).result()
        disk.steps.append(Promise(("outcome", attempt_id, "in_doubt")))


def send(writer: ledger.Writer, disk: Disk, recipient_ids: list[int], run_id: int, outcome: AttemptResult) -> None:
    """Take rows through intents and conclusions that gather into groups."""
    intents = [writer.intend(recipient_id, run_id) for recipient_id in recipient_ids]
    attempt_ids = [intent.result() for intent in intents]
    disk.steps += [Promise(("intent", attempt_id)) for attempt_id in attempt_ids]
    conclusions = [
        writer.conclude(attempt_id, recipient_id, outcome, not_before=None)
        for attempt_id, recipient_id in zip(attempt_ids, recipient_ids, strict=True)
    ]
    for conclusion in conclusions:
        conclusion.result()
    disk.steps += [Promise(("outcome", attempt_id, outcome.outcome)) for attempt_id in attempt_ids]


def judge_image(folder: Path, promises: Sequence[tuple[object, ...]]) -> str:
    """Return what a crash image is: ``sound``, ``corrupt``, or which promise it breaks."""
    path = folder / "ledger.db"
    try:
        engine = open_writer(path, ledger.Kind.REAL)
    except LedgerError as error:
        return f"corrupt: {error}"
    with engine.connect() as connection:
        if read_pragma(connection, "integrity_check") != "ok":
            return "corrupt: integrity"
        rows = connection.execute(text("SELECT count(*) FROM recipients")).scalar() or 0
        found = {row.id: row.outcome for row in connection.execute(text("SELECT id, outcome FROM attempts"))}
    engine.dispose()
    for kind, number, *outcome in promises:
        if kind == "loaded" and rows < int(str(number)):
            return "lost: load"
        if kind == "intent" and number not in found:
            return "lost: intent"
        if kind == "outcome" and found.get(number) != outcome[0]:
            return "lost: outcome"
    return "sound"


def lose_power(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> tuple[Counter[str], int]:
    """Play a run on a recording disk, then judge so many crash images; return the verdicts and the seed."""
    seed = random.randrange(1 << 32)
    choice = random.Random(seed)
    # So that checkpoints and restarts of the -wal happen within the run; everything else is as in earnest.
    monkeypatch.setitem(WRITER_SETTINGS, "wal_autocheckpoint", 25)
    disk = Disk()
    with recording(monkeypatch, disk):
        play(path, disk)
    verdicts: Counter[str] = Counter()
    monkeypatch.setitem(WRITER_SETTINGS, "synchronous", 0)  # judging needs no syncs
    for number in range(count):
        steps: list[Step] = disk.steps[: choice.randrange(len(disk.steps) + 1)]
        folder = tmp_path / f"image{number}"
        folder.mkdir()
        write_image(crash_image(steps, choice), folder)
        promises = [step.what for step in steps if isinstance(step, Promise)]
        verdicts[judge_image(folder, promises)] += 1
        for left in folder.iterdir():
            left.unlink()
    return verdicts, seed


def test_the_workload_exercises_checkpoints(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof about power loss needs the database itself to be written in the middle of the run."""
    monkeypatch.setitem(WRITER_SETTINGS, "wal_autocheckpoint", 25)
    disk = Disk()
    with recording(monkeypatch, disk):
        play(path, disk)

    synced = [Path(step.path).name for step in disk.steps if isinstance(step, Sync)]

    assert synced.count("ledger.db") > 5
    assert synced.count("ledger.db-wal") > 40
    assert sum(isinstance(step, Promise) for step in disk.steps) == 52


def test_a_power_loss_breaks_no_promise(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not synced may be forgotten, reordered or torn: every commit that was promised is there."""
    verdicts, seed = lose_power(path, tmp_path, monkeypatch, 120)

    assert verdicts == {"sound": 120}, f"seed {seed}"


@pytest.mark.long
def test_a_thousand_power_losses_break_no_promise(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same a thousand times."""
    verdicts, seed = lose_power(path, tmp_path, monkeypatch, 1000)

    assert verdicts == {"sound": 1000}, f"seed {seed}"


@pytest.mark.parametrize(("mode", "kind"), [(1, "lost: intent"), (0, "corrupt")], ids=["NORMAL", "OFF"])
def test_a_weaker_setting_loses_what_was_promised(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, kind: str
) -> None:
    """The same test with ``synchronous`` at NORMAL or OFF fails: without that it would prove nothing."""
    monkeypatch.setitem(WRITER_SETTINGS, "synchronous", mode)

    verdicts, seed = lose_power(path, tmp_path, monkeypatch, 60)

    assert any(verdict.startswith(kind) for verdict in verdicts), f"seed {seed}: {verdicts}"


def test_a_future_is_done_after_the_sync_and_not_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Order on disk: between two promises the ``-wal`` is written, then synced; nothing follows the sync."""
    disk = Disk()
    with recording(monkeypatch, disk):
        play(path, disk)
    since: list[Step] = []
    judged = 0

    for step in disk.steps:
        if not isinstance(step, Promise):
            since.append(step)
        elif since:
            of_wal = [step for step in since if isinstance(step, Write | Sync) and step.path.endswith("-wal")]
            assert any(isinstance(step, Write) for step in of_wal)
            assert isinstance(of_wal[-1], Sync)
            since, judged = [], judged + 1

    assert judged == 36  # a group of five is promised together


class Server:
    """The other side: notes every request that is sent to it."""

    def __init__(self) -> None:
        self.requests: list[int] = []
        self.answered: dict[int, str] = {}


def run_until_refused(path: Path, server: Server) -> None:
    """Do what a run does, and stop like a run when the ledger refuses: no intent on disk, no request."""
    with writing(path, patience_s=0) as writer:
        writer.call(ledger.sweep_dead_run).result()
        if not is_loaded(writer, "f"):
            load(writer, [person(index) for index in range(4)])
        run_id = begin_run(writer)
        for row in writer.call(ledger.find_due, 1, after=(0, 0), count=9).result():
            attempt_id = writer.intend(row.id, run_id).result()
            server.requests.append(row.id)
            outcome = OUTCOMES[row.id]
            server.answered[row.id] = {"throttled": "retryable", "rejected": "failed"}.get(
                outcome.outcome, outcome.outcome
            )
            writer.conclude(attempt_id, row.id, outcome, not_before=None).result()


def refuse_each_operation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin_with: bytes, error: type[apsw.Error], *, is_passing: bool
) -> int:
    """Run once for each N with operation N refused, then again without; return how many operations were tried."""
    for number in itertools.count(1):
        path = tmp_path / str(number) / "ledger.db"
        path.parent.mkdir()
        if begin_with:
            path.write_bytes(begin_with)
        disk = Disk(fail_at=number, error=error, is_passing=is_passing)
        server = Server()
        with recording(monkeypatch, disk), suppress(LedgerError):
            run_until_refused(path, server)
        with recording(monkeypatch, Disk()):
            run_until_refused(path, server)
        judge_run(path, server, f"operation {number}")
        if disk.operations < number:
            return number - 1
    raise AssertionError("the count has no end")


def judge_run(path: Path, server: Server, when: str) -> None:
    """Compare what the server saw with what the ledger says after a refused run and a clean one."""
    found = dict(query(path, "SELECT id, state FROM recipients"))
    requests = Counter(server.requests)
    for row_id in range(1, 5):
        assert requests[row_id] <= 1, f"{when}: {requests}"
        assert requests[row_id] == 1 or found[row_id] == "in_doubt", f"{when}: {requests} {found}"
        if row_id in server.answered:
            assert found[row_id] == server.answered[row_id], when
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize(
    ("error", "is_passing"),
    [
        pytest.param(apsw.IOError, True, id="one I/O error"),
        pytest.param(apsw.FullError, False, id="full from then on"),
    ],
)
def test_a_refused_operation_makes_no_duplicate_and_loses_no_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[apsw.Error], is_passing: bool
) -> None:
    """N = 1, 2, ... until clean: after a refused intent nothing is sent; a refused outcome is found by the next run."""
    loaded = tmp_path / "loaded.db"
    with ledger.own(loaded) as writer:
        load(writer, [person(index) for index in range(4)])

    tried = refuse_each_operation(tmp_path, monkeypatch, loaded.read_bytes(), error, is_passing=is_passing)

    assert tried > 50


@pytest.mark.long
@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError], ids=["I/O error", "disk full"])
@pytest.mark.parametrize("is_passing", [False, True], ids=["from then on", "once"])
def test_a_refused_operation_from_nothing_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[apsw.Error], is_passing: bool
) -> None:
    """The same, the creation of the ledger and the load included."""
    assert refuse_each_operation(tmp_path, monkeypatch, b"", error, is_passing=is_passing) > 120


FILL = """
import resource, sys
from pathlib import Path
from tests.support.ledgers import ACCEPTED, begin_run, load, person, writing

path = Path(sys.argv[1])
with writing(path, patience_s=0) as writer:
    load(writer, [person(index) for index in range(50)])
    run_id = begin_run(writer)
    attempt_id = writer.intend(1, run_id).result()
    used = Path(f"{path}-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (used + 100, used + 100))
    print(writer.conclude(attempt_id, 1, ACCEPTED, not_before=None).exception())
    print(writer.intend(2, run_id).exception())
"""


def test_a_disk_that_is_really_full_keeps_the_outcome(path: Path) -> None:
    """The system itself refuses to let the ``-wal`` grow: the outcome is in the spill, exit 4 says so, none is lost."""
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )

    first, second = done.stdout.splitlines()
    assert first.startswith(f"{path}: the disk refuses to write (disk I/O error)")
    assert first.endswith(f"MB are free there. Make room and run it again; the outcome is kept in {path}.spill")
    assert second.startswith(f"{path}: the disk refuses to write")
    with ledger.own(path) as writer:
        assert writer.call(ledger.sweep_dead_run).result() == 0
    assert list(states(path).values()).count("accepted") == 1
