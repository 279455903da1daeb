"""One writing process per ledger."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dispatcher.errors import InterruptedRunError, LockHeldError
from dispatcher.ledger.engines.sqlite.lock import RunLock

HOLD = """
import sys
from pathlib import Path
from dispatcher.ledger.engines.sqlite.lock import RunLock
lock = RunLock(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Let another process hold the lock; it lets go when its input ends or it is killed."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_second_process_learns_who_holds_the_lock(tmp_path: Path) -> None:
    """The message names process, host and since when, so that a person can look for it."""
    path = tmp_path / "ledger.db"
    with held_elsewhere(path) as process:
        with pytest.raises(LockHeldError) as caught:
            RunLock(path).acquire()

        assert re.fullmatch(
            rf"another run holds {re.escape(str(path))}\.lock: process {process.pid} on"
            rf" {re.escape(socket.gethostname())}, since \d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z",
            str(caught.value),
        )


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    """The kernel drops the lock with the process: a dead run never blocks the next one."""
    path = tmp_path / "ledger.db"
    with held_elsewhere(path) as process:
        process.kill()
        process.wait()

        with RunLock(path) as lock:
            lock.acquire()
            owner = json.loads((tmp_path / "ledger.db.lock").read_text())

    assert owner["pid"] == os.getpid()


def test_waiting_for_the_lock_ends_with_the_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With time to wait, the next run begins as soon as the other one has ended."""
    path = tmp_path / "ledger.db"
    with held_elsewhere(path) as process:

        def end_the_other(seconds: float) -> None:
            process.kill()
            process.wait()

        monkeypatch.setattr("dispatcher.ledger.engines.sqlite.lock.time.sleep", end_the_other)

        with RunLock(path) as lock:
            lock.acquire(wait_s=600)


def test_waiting_for_the_lock_has_an_end(tmp_path: Path) -> None:
    """When the time to wait is over the holder is named."""
    path = tmp_path / "ledger.db"
    with held_elsewhere(path), pytest.raises(LockHeldError, match="another run holds"):
        RunLock(path).acquire(wait_s=0.01)


def test_waiting_for_the_lock_can_be_stopped(tmp_path: Path) -> None:
    """Ctrl-C while waiting leaves at once."""
    path = tmp_path / "ledger.db"
    with (
        held_elsewhere(path),
        pytest.raises(InterruptedRunError, match=r"^stopped while waiting for the other run$"),
    ):
        RunLock(path).acquire(wait_s=600, is_stopped=lambda: True)


def test_a_lock_without_its_owner_s_name_still_holds(tmp_path: Path) -> None:
    """In the moment between taking the lock and writing down the owner there is nobody to name."""
    path = tmp_path / "ledger.db"
    with held_elsewhere(path):
        (tmp_path / "ledger.db.lock").write_text("")

        with pytest.raises(LockHeldError, match=r"it has just begun$"):
            RunLock(path).acquire()


def test_releasing_lets_the_next_one_in(tmp_path: Path) -> None:
    """A lock can be released twice, and before it was taken."""
    path = tmp_path / "ledger.db"
    first, second = RunLock(path), RunLock(path)
    first.release()
    first.acquire()
    with pytest.raises(LockHeldError):
        second.acquire()

    first.release()
    first.release()

    second.acquire()
    second.release()
