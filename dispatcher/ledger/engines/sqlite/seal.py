"""What tells that somebody else replaced or wrote to the ledger's files while they were open."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Seal:
    """What changes when anyone but the one writer replaces, renames or writes one of the ledger's files.

    SQLite itself goes on without an error when its file is swapped or removed.
    """

    identity: tuple[tuple[int, ...], ...]
    content: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return the seal of a ledger that is open for writing, so that its ``-wal`` exists.

        Raises:
            OSError: one of the files is gone.
        """
        found = [path.stat(), path.with_name(path.name + "-wal").stat()]
        return cls(
            tuple((status.st_dev, status.st_ino, status.st_nlink) for status in found),
            tuple((status.st_size, status.st_mtime_ns) for status in found),
        )
