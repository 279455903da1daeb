"""One writing process per ledger: a lock file beside it, held for the whole run."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from dispatcher.errors import InterruptedRunError, LedgerError, LockHeldError
from dispatcher.ledger.engines.sqlite.location import lock_path
from dispatcher.ledger.engines.sqlite.watermark import WATERMARK_OFFSET
from dispatcher.ledger.times import utc_now

_POLL_S = 0.2


class RunLock:
    """The right to write to one ledger.

    The kernel drops the lock when the process ends, however it ends, so a dead run never blocks the
    next one. The file stays; it says who holds or held the lock.
    """

    def __init__(self, ledger_path: Path) -> None:
        self.path = lock_path(ledger_path)
        self._descriptor: int | None = None

    def acquire(self, *, wait_s: float = 0, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Take the lock, waiting for at most ``wait_s`` seconds.

        Raises:
            LockHeldError: another run holds it; the message says which and since when.
            InterruptedRunError: ``is_stopped`` became true while waiting.
            LedgerError: the lock file cannot be made or written.
        """
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise LedgerError(f"{self.path}: the lock file cannot be made: {error.strerror}") from None
        deadline_s = time.monotonic() + wait_s
        while not _try_lock(descriptor):
            if is_stopped() or time.monotonic() >= deadline_s:
                holder = _describe_holder(descriptor)
                os.close(descriptor)
                if is_stopped():
                    raise InterruptedRunError("stopped while waiting for the other run")
                raise LockHeldError(f"another run holds {self.path}: {holder}")
            time.sleep(_POLL_S)
        self._descriptor = descriptor
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": utc_now()}
        try:
            os.pwrite(descriptor, json.dumps(owner).encode().ljust(WATERMARK_OFFSET), 0)
        except OSError as error:
            raise LedgerError(f"{self.path}: cannot be written: {error.strerror}") from None

    def release(self) -> None:
        """Let the next run begin; does nothing when the lock is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _describe_holder(descriptor: int) -> str:
    """Say who holds the lock; whoever took it this very moment is given a second to write that down."""
    for _ in range(round(1 / _POLL_S)):
        try:
            owner = json.loads(os.pread(descriptor, WATERMARK_OFFSET, 0))
            return f"process {owner['pid']} on {owner['host']}, since {owner['since']}"
        except (ValueError, KeyError, TypeError):
            time.sleep(_POLL_S)
    return "it has just begun"
