"""An upgrade that is killed, loses its power or is refused by the disk: the old ledger or the new one, whole."""

import itertools
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from dispatcher.errors import LedgerError
from dispatcher.ledger.identity import SCHEMA_VERSION
from tests.support.child_faults import die_at_call
from tests.support.killable_runs import nursery
from tests.support.ledgers import open_once, query
from tests.support.old_ledgers import VERSION_1, multiply_rows, put_version_1, read_content, read_version
from tests.support.recorded_disk import Disk, Step, Sync, Write, crash_image, recording, write_image

REAL = 0x44535054
COPY = "ledger.db.before-2"
MOMENTS = {"execute", "executemany", "commit", "rollback", "open", "close", "fsync", "rename", "unlink"}
"""What the database, the system and the disk are asked for; each call is a moment, and so is coming back from it."""

PATIENCE_S = 60


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test lies."""
    (tmp_path / "live").mkdir()
    return tmp_path / "live" / "ledger.db"


def upgrade_and_die(path: Path, nth: int, count_path: Path) -> None:
    """Be a run that upgrades the ledger, and dies at one of its moments."""
    die_at_call(nth, MOMENTS, count_path=count_path)
    open_once(path)


def run_to(nth: int, path: Path, count_path: Path) -> int | None:
    """Upgrade a ledger in a process that is killed at a moment; return its exit code."""
    process = nursery().Process(target=upgrade_and_die, args=(path, nth, count_path))
    process.start()
    process.join(PATIENCE_S)
    return process.exitcode


def count_moments(path: Path) -> int:
    """Return how many moments an upgrade has that nobody disturbs."""
    put_version_1(path)
    count_path = path.with_name("count")
    assert run_to(-1, path, count_path) == 0
    assert read_version(path) == (REAL, SCHEMA_VERSION)
    return int(count_path.read_text())


def judge(
    path: Path, before: Mapping[str, list[Any]], when: object, *, run_again: Callable[[Path], None] = open_once
) -> tuple[int, bool]:
    """Hold a ledger whose upgrade was cut off against what it held; return its version, and whether it was copied.

    Nothing is lost whether it is looked at as it lies there, opened by the next run, or put back from the copy.
    """
    found, copy = read_version(path)[1], path.with_name(COPY)
    assert found in (1, SCHEMA_VERSION), when
    assert read_content(path) == before, when
    is_copied = copy.exists()
    assert is_copied or found == 1, when
    if is_copied:
        assert (read_version(copy), read_content(copy)) == ((REAL, 1), before), when
        assert copy.stat().st_mode & 0o777 == 0o600, when
    run_again(path)
    assert (read_version(path), read_content(path)) == ((REAL, SCHEMA_VERSION), before), when
    assert query(path, "PRAGMA integrity_check") == [("ok",)], when
    assert [file.name for file in path.parent.glob("ledger.db.before*")] == [COPY], when
    return found, is_copied


def kill_at(moments: Iterable[int], path: Path) -> set[tuple[int, bool]]:
    """Kill an upgrade at each of these moments; return what the ledgers were then."""
    before = read_content(VERSION_1)
    seen = set()
    for moment in moments:
        for left in path.parent.iterdir():
            left.unlink()
        put_version_1(path)
        assert run_to(moment, path, path.with_name("count")) == -signal.SIGKILL, moment
        seen.add(judge(path, before, moment))
    return seen


def test_an_upgrade_killed_at_any_moment_loses_nothing(path: Path) -> None:
    """A handful of moments, other ones each time; the long form takes them all."""
    seed = random.randrange(1 << 32)
    moments = random.Random(seed).sample(range(1, count_moments(path) + 1), 6)

    assert kill_at(moments, path) <= {(1, False), (1, True), (SCHEMA_VERSION, True)}, f"seed {seed}"


@pytest.mark.long
def test_an_upgrade_killed_at_every_moment_loses_nothing(path: Path) -> None:
    """Before and after each call to the database and to the system: before the copy, after it, and after the commit."""
    moments = range(1, count_moments(path) + 1)

    assert len(moments) >= 50
    assert kill_at(moments, path) == {(1, False), (1, True), (SCHEMA_VERSION, True)}


@pytest.mark.long
def test_a_large_upgrade_killed_at_fifty_moments_loses_nothing(path: Path) -> None:
    """In the middle of what the database does, wherever that is: at random times, with 50,000 rows."""
    large = path.with_name("large.db")
    put_version_1(large)
    multiply_rows(large, 50_000)
    before = read_content(large)
    whole_s = time_upgrade(large, path)
    choice = random.Random(seed := random.randrange(1 << 32))
    seen = []
    for _ in range(50):
        path.write_bytes(large.read_bytes())
        process = nursery().Process(target=open_once, args=(path,))
        process.start()
        time.sleep(choice.uniform(0, whole_s))
        process.kill()
        process.join(PATIENCE_S)
        seen.append(judge(path, before, f"seed {seed}"))
        for left in path.parent.glob("ledger.db*"):
            left.unlink()

    assert len(set(seen)) >= 2, seen


def time_upgrade(large: Path, path: Path) -> float:
    """Return how long a process takes for the upgrade of a ledger, which stays as it is; seconds."""
    path.write_bytes(large.read_bytes())
    began_s = time.monotonic()
    process = nursery().Process(target=open_once, args=(path,))
    process.start()
    process.join(PATIENCE_S)
    for left in path.parent.glob("ledger.db*"):
        left.unlink()
    return time.monotonic() - began_s


def refuse_each_operation(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: type[apsw.Error], *, is_passing: bool
) -> int:
    """Upgrade once for each N with operation N of the disk refused; return how many operations were tried."""
    before = read_content(VERSION_1)

    def run_again(path: Path) -> None:
        with recording(monkeypatch, Disk()):  # the same SQLite, whose copies are alike to the byte
            open_once(path)

    for number in itertools.count(1):
        put_version_1(path)
        disk = Disk(fail_at=number, error=error, is_passing=is_passing)
        with recording(monkeypatch, disk), suppress(LedgerError):
            open_once(path)
        if disk.operations < number:
            return number - 1
        if read_version(path)[1] == 1:
            use_as_version_1(path)
        judge(path, before, f"operation {number}", run_again=run_again)
        for left in path.parent.iterdir():
            left.unlink()
    raise AssertionError("the count has no end")


def use_as_version_1(path: Path) -> None:
    """Do to a ledger what the old program would do to it, with its rules at work, and undo that."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE recipients SET state = 'sending' WHERE id = 18")
        connection.execute("INSERT INTO attempts (id, recipient_id, run_id, started_at) VALUES (26, 18, 5, '')")
        with pytest.raises(sqlite3.IntegrityError, match="refused by recipients_moves"):
            connection.execute("UPDATE recipients SET state = 'pending' WHERE id = 5")
        assert connection.execute("SELECT attempts FROM v_recipients WHERE row_number = 12").fetchall() == [(1,)]
        connection.execute("ROLLBACK")


@pytest.mark.parametrize(
    ("error", "is_passing"),
    [pytest.param(apsw.FullError, False, id="full from then on"), pytest.param(apsw.IOError, True, id="one I/O error")],
)
def test_a_disk_that_refuses_leaves_the_old_ledger_usable(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: type[apsw.Error], is_passing: bool
) -> None:
    """N = 1, 2, ... until clean, in the copy, in the upgrade, in its commit; the next run does what was refused."""
    assert refuse_each_operation(path, monkeypatch, error, is_passing=is_passing) > 50


def test_a_copy_that_finds_no_room_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person is told to make room; no half of a copy stays."""
    put_version_1(path)

    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dispatcher.ledger.engines.sqlite.upgrade.os.fsync", refuse)
    with pytest.raises(LedgerError, match=r"the disk refuses to write \(\[Errno 28\] No space left on device\)"):
        open_once(path)

    assert read_version(path) == (REAL, 1)
    assert list(path.parent.glob("*before*")) == []


def lose_power(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> tuple[set[int], int]:
    """Upgrade on a recording disk, then judge so many crash images; return the versions they had, and the seed."""
    choice = random.Random(seed := random.randrange(1 << 32))
    put_version_1(path)
    before = read_content(path)
    steps: list[Step] = [Write(str(path), 0, path.read_bytes()), Sync(str(path))]
    disk = Disk(steps=steps)
    with recording(monkeypatch, disk):
        open_once(path)
    seen = set()
    for number in range(count):
        image = crash_image(disk.steps[: choice.randrange(2, len(disk.steps) + 1)], choice)
        folder = tmp_path / f"image{number}"
        folder.mkdir()
        write_image({name: content for name, content in image.items() if "before" not in name}, folder)
        found = folder / "ledger.db"
        seen.add(read_after_power_loss(found))
        assert read_content(found) == before, f"seed {seed}"
        open_once(found)
        assert (read_version(found), read_content(found)) == ((REAL, SCHEMA_VERSION), before), f"seed {seed}"
    return seen, seed


def read_after_power_loss(path: Path) -> int:
    """Let SQLite recover a ledger, and return its version."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_a_power_loss_in_an_upgrade_loses_nothing(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not synced may be forgotten, reordered or torn: the ledger is the old one or the new one."""
    seen, seed = lose_power(path, tmp_path, monkeypatch, 40)

    assert seen <= {1, SCHEMA_VERSION}, f"seed {seed}"


@pytest.mark.long
def test_five_hundred_power_losses_in_an_upgrade_lose_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same five hundred times: both kinds are seen."""
    seen, seed = lose_power(path, tmp_path, monkeypatch, 500)

    assert seen == {1, SCHEMA_VERSION}, f"seed {seed}"
