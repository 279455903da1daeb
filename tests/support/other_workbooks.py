"""Builders of .ods and .xls files; an .ods byte by byte, for only an office program could write all of them."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import xlwt  # type: ignore[import-untyped]  # ships no types
from xlwt.CompoundDoc import XlsDoc  # type: ignore[import-untyped]

from tests.support.sheets import PHONE

START = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content'
    ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"'
    ' xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
    '<office:body><office:spreadsheet><table:table table:name="October">'
)
END = "</table:table></office:spreadsheet></office:body></office:document-content>"
MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'


def cell(content: str, kind: str = "string", options: str = "") -> str:
    """Return a cell of an .ods with XML in it."""
    return f'<table:table-cell office:value-type="{kind}" {options}>{content}</table:table-cell>'


def text(value: str, options: str = "", kind: str = "string") -> str:
    """Return a cell of an .ods that shows a text."""
    return cell(f"<text:p>{value}</text:p>", kind, options)


def group(rows: str, options: str = "") -> str:
    """Return rows of an .ods in a group that can be folded."""
    return f"<table:table-row-group {options}>{rows}</table:table-row-group>"


def row(*cells: str, options: str = "") -> str:
    """Return a row of an .ods."""
    return f"<table:table-row {options}>{''.join(cells)}</table:table-row>"


TEXT_BOX = "<draw:frame><draw:text-box><text:p>8</text:p></draw:text-box></draw:frame>"
HEADER = row(text("phone"), text("name"))
ANA = row(text(PHONE), text("Ana"))
BOB = ("+12025550101", "Bob")


def write_ods(folder: Path, *rows: str, start: str = START, end: str = END, generator: str = "ODFPY/1.4.1") -> Path:
    """Write a sheet called October with these rows, as LibreOffice would."""
    path = folder / "recipients.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", start + "".join(rows) + end)
        archive.writestr("meta.xml", f"<office:meta><meta:generator>{generator}</meta:generator></office:meta>")
    return path


def write_xls(
    folder: Path,
    *rows: Sequence[str],
    change: Callable[[Any], None] = lambda sheet: None,
    change_stream: Callable[[bytes], bytes] = bytes,
) -> Path:
    """Write an .xls with a sheet before that of the recipients, which ``change`` may change, then its records."""
    path = folder / "recipients.xls"
    book = xlwt.Workbook()
    book.add_sheet("Read me").write(0, 0, "Call the number on the card.")
    sheet = book.add_sheet("October")
    for number, cells in enumerate([("phone", "name"), *rows]):
        for position, cell in enumerate(cells):
            sheet.write(number, position, cell)
    change(sheet)
    XlsDoc().save(str(path), change_stream(book.get_biff_data()))
    return path
