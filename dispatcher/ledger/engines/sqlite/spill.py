"""Room on the disk, taken at the start, for outcomes that the ledger itself cannot take.

A request was answered, and the disk is full: the outcome waits here, beside the ledger, until the next run
writes it where it belongs.
"""

import json
import os
import zlib
from dataclasses import asdict, replace
from pathlib import Path

from dispatcher.ledger.engines.sqlite.location import spill_path
from dispatcher.ledger.queue import Conclusion
from dispatcher.models import AttemptResult, Outcome

SPILL_BYTES = 1 << 20
"""Room for some 3,500 outcomes: two hundred agents seldom have more in the air when a disk fills up."""

_REASON_MAX = 300
_WRITTEN_AS = {"outcome": "verdict"}  # the first release's word: a file that it left behind is still read


class Spill:
    """The file ``<ledger>.spill``: one line for each outcome, a check sum in front."""

    def __init__(self, ledger_path: Path) -> None:
        """Open the file, creating it where there is none.

        Raises:
            OSError: it cannot be created or opened.
        """
        self.path = spill_path(ledger_path)
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        self._is_kept = True
        self._end = 0

    def read(self) -> list[Conclusion]:
        """Return what an earlier run left here, up to the first line that is not whole."""
        found = []
        for line in os.pread(self._descriptor, SPILL_BYTES, 0).split(b"\n"):
            check_sum, _, content = line.partition(b" ")
            if check_sum != _check_sum(content):
                break
            found.append(_parse(content))
        return found

    def reserve(self) -> None:
        """Empty the file and take its room on the disk, so that writing to it later needs none.

        What was in it must be in the ledger by now.

        Raises:
            OSError: the disk has no such room.
        """
        written = os.pwrite(self._descriptor, bytes(SPILL_BYTES), 0)
        if written < SPILL_BYTES:
            raise OSError("No space left on device")
        os.fsync(self._descriptor)
        self._is_kept = False
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def add(self, conclusion: Conclusion) -> bool:
        """Put an outcome on the disk, without the answer's text; return whether it found room."""
        content = _format(conclusion)
        line = _check_sum(content) + b" " + content + b"\n"
        if self._end + len(line) > SPILL_BYTES:
            return False
        try:
            os.pwrite(self._descriptor, line, self._end)
            os.fsync(self._descriptor)
        except OSError:
            return False
        self._end += len(line)
        self._is_kept = True
        return True

    def close(self) -> None:
        """Close the file, and remove it when nothing was put into it."""
        os.close(self._descriptor)
        if not self._is_kept:
            self.path.unlink(missing_ok=True)


def _check_sum(content: bytes) -> bytes:
    return b"%08x" % zlib.crc32(content)


def _format(conclusion: Conclusion) -> bytes:
    result = replace(conclusion.result, answer="", reason=conclusion.result.reason[:_REASON_MAX])
    content = {
        "attempt_id": conclusion.attempt_id,
        "recipient_id": conclusion.recipient_id,
        "not_before": conclusion.not_before,
        "outcome": {_WRITTEN_AS.get(name, name): value for name, value in asdict(result).items()},
    }
    return json.dumps(content).encode()


def _parse(content: bytes) -> Conclusion:
    fields = json.loads(content)
    written = fields.pop("outcome")
    outcome = Outcome(written.pop(_WRITTEN_AS["outcome"]))
    return Conclusion(**fields, result=AttemptResult(outcome, **written))
