"""Where a ledger may lie: under one name, on a disk of this machine; and which files lie beside it."""

from pathlib import Path

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


def lock_path(ledger_path: Path) -> Path:
    """Return where a ledger's lock file lies; two paths to one ledger meet there."""
    real_path = ledger_path.resolve()
    return real_path.with_name(real_path.name + ".lock")


def spill_path(ledger_path: Path) -> Path:
    """Return where outcomes are kept that the ledger itself cannot take."""
    return ledger_path.with_name(ledger_path.name + ".spill")


def copy_prefix(ledger_path: Path) -> str:
    """Return how the names of a ledger's copies begin."""
    return f"{ledger_path.name}.before-"


def copy_path(ledger_path: Path, version: int) -> Path:
    """Return where a copy of an older ledger is kept that is upgraded to ``version``."""
    return ledger_path.with_name(f"{copy_prefix(ledger_path)}{version}")


def side_files(ledger_path: Path) -> tuple[Path, ...]:
    """Return what lies beside the ledger and goes with it; the lock file outlives it."""
    of_sqlite = (ledger_path.with_name(ledger_path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))
    return *of_sqlite, spill_path(ledger_path)


def refuse_unfit_location(path: Path) -> None:
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
