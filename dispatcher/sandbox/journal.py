"""What the sandbox saw, one JSON object a line, written before the answer leaves."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Literal

Entry = Literal["accepted", "refused", "dropped"]


class Journal:
    """Counts what happened to each request and, given a path, appends a line for it.

    A line holds ``at`` (UTC), ``monotonic_s``, ``verdict`` (``accepted``, ``refused``, or ``dropped``: closed
    without an answer), ``status`` (HTTP number or null), ``reason``, ``agent_id``, ``to``, ``session_id`` and
    ``body``, the text exactly as received. The file holds whole phone numbers; only its owner can read it.
    """

    def __init__(self, path: Path | None) -> None:
        self.counts: dict[Entry, int] = {"accepted": 0, "refused": 0, "dropped": 0}
        self._file: IO[str] | None = None
        if path is not None:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._file = os.fdopen(descriptor, "a", encoding="utf-8")

    def note(
        self,
        entry: Entry,
        raw: bytes,
        *,
        status: int | None = None,
        reason: str = "",
        agent_id: str | None = None,
        to: str | None = None,
        session_id: str | None = None,
    ) -> None:
        """Count one request and write its line through to the operating system."""
        self.counts[entry] += 1
        if self._file is None:
            return
        line = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "monotonic_s": time.monotonic(),
            "verdict": entry,
            "status": status,
            "reason": reason,
            "agent_id": agent_id,
            "to": to,
            "session_id": session_id,
            "body": raw.decode("utf-8", "replace"),
        }
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; counting goes on."""
        if self._file is not None:
            self._file.close()
            self._file = None
