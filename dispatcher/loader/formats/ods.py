"""Reads .ods: OpenDocument spreadsheets, as LibreOffice writes them."""

import re
import zipfile
from functools import partial

from dispatcher.errors import SheetError
from dispatcher.loader.formats.archive import check_archive
from dispatcher.loader.formats.file_start import FileStart
from dispatcher.loader.formats.tables import SheetScan, Table
from dispatcher.loader.formats.unreadable import PROTECTED, UNREADABLE, explain_unreadable

_PART, _MANIFEST, _META = "content.xml", "META-INF/manifest.xml", "meta.xml"
# LibreOffice/24.8, MicrosoftOffice/15.0, ONLYOFFICE/8.1 and so on; libraries that write formulas name themselves.
_CALCULATING = re.compile(rb"(?i)<meta:generator>[^<]*(?:office|gnumeric)")
_ENCRYPTED = b"encryption-data"  # an element of the manifest, see ODF 1.3, part 2
_MAX_META_BYTES = 10 * 1000**2


def claims(file: FileStart) -> bool:
    """Return whether the file is an OpenDocument spreadsheet, whatever it is called."""
    return _PART in file.parts


def open_tables(file: FileStart, encoding: str | None) -> list[Table]:
    """Return a table for every sheet, in the document's order; all of the file is read here.

    Raises:
        SheetError: the file is no document, protected by a password, or could exhaust the machine.
    """
    from dispatcher.loader.formats.ods_content import OdsContent

    file.check_archive_ending(".ods")
    check_archive(file.path)
    try:
        with zipfile.ZipFile(file.path) as archive:
            if _ENCRYPTED in _read_beginning(archive, _MANIFEST):
                raise SheetError(f"{file.path.name}: {PROTECTED}")
            is_calculated = _CALCULATING.search(_read_beginning(archive, _META)) is not None
            content = OdsContent(is_calculated=is_calculated)
            with archive.open(_PART) as source:
                content.parse(source)
    except UNREADABLE as error:
        raise explain_unreadable(file.path, error) from error
    return [
        Table(
            sheet.name,
            sheet.rows.read,
            is_visible=sheet.is_visible,
            is_quick=True,
            from_1904=sheet.from_1904,
            scan=partial(SheetScan, sheet.hides_rows, tuple(sheet.merged)),
        )
        for sheet in content.sheets
    ]


def _read_beginning(archive: zipfile.ZipFile, part: str) -> bytes:
    """Return a part, or the beginning of one that is larger than any program makes it; nothing of one not there."""
    if part not in archive.namelist():
        return b""
    with archive.open(part) as source:
        return source.read(_MAX_META_BYTES)
