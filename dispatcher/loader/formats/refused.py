"""Files that are not read, each told what it is and what to do with it."""

from pathlib import Path

from dispatcher.errors import SheetError
from dispatcher.loader.formats.file_start import FileStart
from dispatcher.loader.formats.unreadable import PROTECTED

_EXPORT = "export the table as .xlsx or CSV UTF-8"
_FOREIGN = (
    (b"\x1f\x8b", "is compressed (gzip), no spreadsheet; unpack it first"),
    (b"%PDF", f"is a PDF, no spreadsheet; {_EXPORT}"),
    (b"{", f"is JSON, no spreadsheet; {_EXPORT}"),
    (b"[{", f"is JSON, no spreadsheet; {_EXPORT}"),
    (b"\x89PNG", f"is a picture, no spreadsheet; {_EXPORT}"),
    (b"SQLite format 3", f"is a database, no spreadsheet; {_EXPORT}"),
)
_WEB_PAGE = (b"<!doctype html", b"<html", b"<table", b"<?xml", b"<head", b"<meta")
# The first record of Excel 2, 3 and 4, which had no container around it: its kind, its length.
_BEFORE_EXCEL_5 = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
_OLE_DIRECTORY_BYTES = 1 << 20


def refuse_foreign(file: FileStart) -> None:
    """Refuse a file that no format claims, or that one would claim in vain.

    Raises:
        SheetError: says what the file is, and what to do.
    """
    reason = _name_archive(file) if file.is_archive else _name_others(file)
    if reason:
        raise SheetError(f"{file.path.name}: {reason}")


def _name_archive(file: FileStart) -> str:
    if "encrypted-package" in file.parts:
        return PROTECTED
    if "xl/workbook.bin" in file.parts:
        # What its cells hold is told by no reader that is kept: dates and errors come out as other values.
        return "is a binary workbook (.xlsb), which is not read; open it in Excel and save it as .xlsx"
    if file.parts.isdisjoint({"content.xml", "xl/workbook.xml", "[Content_Types].xml"}):
        return "is a ZIP archive, no workbook; unpack it and name the file in it"
    return ""


def _name_others(file: FileStart) -> str:
    if file.is_ole:
        return PROTECTED if _is_encrypted(file.path) else ""
    if file.content.startswith(_BEFORE_EXCEL_5):
        return "is a workbook of Excel 4 or older; open it in Excel or LibreOffice and save it as .xlsx"
    text = file.content.lstrip(b"\xef\xbb\xbf \t\r\n")
    for beginning, reason in _FOREIGN:
        if text.startswith(beginning):
            return reason
    if text[:200].lower().startswith(_WEB_PAGE):
        return "is a web page or XML, no spreadsheet; open it in Excel and save it as .xlsx"
    return ""


def _is_encrypted(path: Path) -> bool:
    """Return whether an OLE container holds a newer workbook with a password, not an old one."""
    with path.open("rb") as file:
        return "EncryptedPackage".encode("utf-16-le") in file.read(_OLE_DIRECTORY_BYTES)
