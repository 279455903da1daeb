"""Where a ledger may lie: under one name, on a disk of this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dispatcher.errors import LedgerError

_MOUNTS_PATH = Path("/proc/self/mountinfo")
_REMOTE = {
    "9p",
    "afs",
    "ceph",
    "cifs",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
    "vboxsf",
}
_LOCAL_FUSE = {"fuse.fuse-overlayfs", "fuse.lxcfs"}


def refuse_unfit_place(path: Path) -> None:
    """Refuse a ledger with a second name or on a network file system.

    Locks and shared memory do not reach other machines, and a second name means a second lock.

    Raises:
        LedgerError: what is wrong and what to do.
    """
    if path.exists() and path.stat().st_nlink > 1:
        raise LedgerError(f"{path}: the ledger has a second name (a hard link); remove all names but one")
    kind = _file_system(path.resolve(), _read_mounts())
    if kind in _REMOTE or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE):
        raise LedgerError(f"{path}: lies on a network file system ({kind}); keep the ledger on a local disk")


def _read_mounts() -> str:
    try:
        return _MOUNTS_PATH.read_text()
    except OSError:  # a system that does not tell
        return ""


def _file_system(path: Path, mounts: str) -> str:
    """Return the type of the file system a path lies on, empty where the system does not tell."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        mount_point = left.split()[4].encode().decode("unicode_escape")  # a space is written \040
        if path.is_relative_to(mount_point) and len(mount_point) >= best:
            best, kind = len(mount_point), right.split()[0]
    return kind


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
