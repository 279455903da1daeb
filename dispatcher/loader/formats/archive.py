"""Looks at a workbook as the ZIP archive it is, before any of it is unpacked."""

import zipfile
from pathlib import Path

from dispatcher.loader.formats.unreadable import UNREADABLE, explain_excess, explain_unreadable

_MAX_TOTAL_BYTES = 200 * 1000**2
_MAX_STRINGS_BYTES = 100 * 1000**2
_MAX_STYLES_BYTES = 10 * 1000**2
_MAX_PARTS = 1000
_MAX_RATIO = 100
_SMALL_PART_BYTES = 10 * 1000**2


def check_archive(path: Path) -> None:
    """Refuse an archive that unpacks to more than a sheet of recipients can hold.

    Python never unpacks more of a part than the archive declares, so the declared sizes bound the real ones.

    Raises:
        SheetError: no ZIP archive, or one beyond the limits.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except UNREADABLE as error:
        raise explain_unreadable(path, error) from error
    reason = _find_excess(parts)
    if reason:
        raise explain_excess(path.name, reason)


def _find_excess(parts: list[zipfile.ZipInfo]) -> str:
    if len(parts) > _MAX_PARTS:
        return f"consists of {len(parts):,} parts, more than {_MAX_PARTS:,}"
    total = sum(part.file_size for part in parts)
    if total > _MAX_TOTAL_BYTES:
        return f"unpacks to {total // 1000**2:,} MB, more than {_MAX_TOTAL_BYTES // 1000**2} MB"
    for part in parts:
        limit = _find_limit(part.filename)
        if part.file_size > limit:
            return f"its part {part.filename} unpacks to more than {limit // 1000**2} MB"
        if part.file_size > _SMALL_PART_BYTES and part.file_size > _MAX_RATIO * part.compress_size:
            return f"its part {part.filename} is packed more than {_MAX_RATIO} times over"
    return ""


def _find_limit(name: str) -> int:
    if name.endswith("sharedStrings.xml"):
        return _MAX_STRINGS_BYTES
    return _MAX_STYLES_BYTES if name.endswith(("styles.xml", "workbook.xml")) else _MAX_TOTAL_BYTES
