"""What a recipients file seems to be, by its name and its first bytes, before any format opens it."""

import os
import stat
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dispatcher.errors import SheetError
from dispatcher.loader.formats.unreadable import UNREADABLE

_START_BYTES = 4096
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True)
class FileStart:
    """The beginning of a file.

    Attributes:
        path: the file.
        content: its first 4,096 bytes.
    """

    path: Path
    content: bytes

    @property
    def ending(self) -> str:
        """The ending of its name in small letters, such as ``.xlsx``; empty without one."""
        return self.path.suffix.lower()

    @property
    def is_archive(self) -> bool:
        """Whether it begins as a ZIP archive, which most workbooks are."""
        return self.content.startswith(_ZIP)

    @property
    def is_ole(self) -> bool:
        """Whether it begins as an OLE container: an old workbook, or one with a password."""
        return self.content.startswith(_OLE)

    @cached_property
    def parts(self) -> frozenset[str]:
        """The names of the parts of an archive; none of any other file.

        Raises:
            SheetError: the archive is damaged.
        """
        if not self.is_archive:
            return frozenset()
        try:
            with zipfile.ZipFile(self.path) as archive:
                return frozenset(archive.namelist())
        except UNREADABLE:
            raise SheetError(
                f"{self.path.name}: is damaged, perhaps only half copied; open it in Excel, save it and try again"
            ) from None

    def check_archive_ending(self, kind: str, *others: str) -> None:
        """Refuse an archive of a kind, such as ``.ods``, whose name says something else; ``others`` say no less.

        Raises:
            SheetError: says its right name.
        """
        if self.ending not in (kind, *others):
            raise SheetError(
                f"{self.path.name}: is an Excel or ODS workbook ({kind}); rename it to {self.path.stem}{kind}"
            )


def read_start(path: Path) -> FileStart:
    """Read the beginning of an ordinary file with something in it.

    Raises:
        SheetError: it is none, or cannot be read; in its own words for each case.
    """
    _check_is_file(path)
    with path.open("rb") as file:
        return FileStart(path, file.read(_START_BYTES))


def _check_is_file(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise SheetError(f"{path}: there is no such file; check recipients in the campaign file") from None
    except (OSError, ValueError) as error:
        raise SheetError(f"{path}: cannot be opened ({error}); check the path") from None
    if path.name.startswith("~$"):
        raise SheetError(f"{path.name}: is Excel's lock file; the sheet itself is {path.name[2:]}")
    if stat.S_ISDIR(status.st_mode):
        raise SheetError(f"{path}: is a folder; name the file in it")
    if not stat.S_ISREG(status.st_mode):
        raise SheetError(f"{path}: is no ordinary file; copy the rows into a .csv or .xlsx file")
    if not os.access(path, os.R_OK):
        raise SheetError(f"{path}: may not be read by this user; change its permissions")
    if status.st_size == 0:
        raise SheetError(f"{path.name}: is empty; export the rows again")
