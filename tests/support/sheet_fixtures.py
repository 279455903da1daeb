"""Sheets as people really make them, each by a real writer, and what becomes of every row.

``python -m tests.support.sheet_fixtures`` writes each sheet, asks ``check`` and ``preview`` about it, and prints the
table in Markdown. ``flow/test_fixtures`` holds the same against what is written here, and against the wire.
"""

import contextlib
import io
import json
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import xlsxwriter
import xlwt  # type: ignore[import-untyped]  # ships no types
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment

from dispatcher.cli import main

HEADER = ("Phone", "Name")
PHONE = "+12025550100"
CAMPAIGN = """\
name = "fixtures"
recipients = "{file}"
status_url = "https://hooks.example.com/whatsapp"
[agent]
id = "66c0ec5d5cd447cc0bafda3b"
region = "eu"
sessions_per_second = 5
warm_up = "0s"
endpoint = "{endpoint}"
[sheet]
{sheet}
[recipient]
to = "{{phone}}"
{recipient}
[template]
namespace = "0f5f"
name = "appointment_reminder"
locale = "en"
body = ["{body}"]
"""

Write = Callable[[Path], str]


@dataclass(frozen=True)
class Fixture:
    """One sheet.

    Attributes:
        name: what it shows.
        write: writes it into a folder and returns its name.
        sheet: lines of the campaign's ``[sheet]``.
        recipient: lines of its ``[recipient]``.
        body: the template's parameter.
    """

    name: str
    write: Write
    sheet: str = ""
    recipient: str = 'written_as = "international"'
    body: str = "{name}"

    def campaign(self, file: str, endpoint: str = "http://127.0.0.1:9/messaging/conversation") -> str:
        """Return the campaign file's text."""
        return CAMPAIGN.format(file=file, endpoint=endpoint, sheet=self.sheet, recipient=self.recipient, body=self.body)


def workbook(*rows: Sequence[Any], header: Sequence[Any] = HEADER, formats: dict[str, str] | None = None) -> Write:
    """Write rows below the header with openpyxl; texts that begin with = stay texts unless they are formulas."""

    def write(folder: Path) -> str:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for row in (header, *rows):
            sheet.append(list(row))
        for place, number_format in (formats or {}).items():
            sheet[place].number_format = number_format
        book.save(folder / "people.xlsx")
        return "people.xlsx"

    return write


def phone_cell(value: Any) -> Write:
    """Write one person whose phone cell holds ``value``."""
    return workbook((value, "Ana"))


def name_cell(value: Any, number_format: str = "General") -> Write:
    """Write one person whose name cell holds ``value`` in a number format."""
    return workbook((PHONE, value), formats={"B2": number_format})


def drawn(draw: Callable[[Any, Any], None], **options: Any) -> Write:
    """Write a workbook with XlsxWriter; ``draw`` gets the workbook and its first sheet, header in place."""

    def write(folder: Path) -> str:
        with xlsxwriter.Workbook(folder / "people.xlsx", options) as book:
            sheet = book.add_worksheet("People")
            sheet.write_row(0, 0, HEADER)
            draw(book, sheet)
        return "people.xlsx"

    return write


def edited(change: Callable[[Any, Any], None]) -> Write:
    """Write two people with openpyxl after ``change``, which gets the workbook and its sheet."""

    def write(folder: Path) -> str:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for row in (HEADER, (PHONE, "Ana"), ("+12025550101", "Bo")):
            sheet.append(row)
        change(book, sheet)
        book.save(folder / "people.xlsx")
        return "people.xlsx"

    return write


def repacked(write: Write, part: str, change: Callable[[bytes], bytes]) -> Write:
    """Write a workbook, then change one part of its archive."""

    def rewrite(folder: Path) -> str:
        name = write(folder)
        with zipfile.ZipFile(folder / name) as archive:
            parts = {info.filename: archive.read(info) for info in archive.infolist()}
        parts[part] = change(parts[part])
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for inside, content in parts.items():
                archive.writestr(inside, content)
        return name

    return rewrite


def text(content: str | bytes, name: str = "people.csv", encoding: str = "utf-8") -> Write:
    """Write a file byte by byte."""

    def write(folder: Path) -> str:
        (folder / name).write_bytes(content.encode(encoding) if isinstance(content, str) else content)
        return name

    return write


def with_lock_file(folder: Path) -> str:
    """Write a sheet that is open in Excel."""
    (folder / "~$people.xlsx").write_bytes(b"\x05owner")
    return workbook((PHONE, "Ana"))(folder)


def old(*rows: Sequence[Any], change: Callable[[Any], None] = lambda sheet: None) -> Write:
    """Write an .xls with xlwt; ``change`` gets its sheet, dates are shown as such."""

    def write(folder: Path) -> str:
        book = xlwt.Workbook()
        sheet = book.add_sheet("People")
        as_date = xlwt.easyxf(num_format_str="DD/MM/YYYY")
        for number, cells in enumerate((HEADER, *rows)):
            for position, cell in enumerate(cells):
                sheet.write(number, position, cell, *[as_date] * isinstance(cell, date))
        change(sheet)
        book.save(str(folder / "people.xls"))
        return "people.xls"

    return write


def _write_percent(sheet: Any) -> None:
    sheet.write(1, 1, 0.15, xlwt.easyxf(num_format_str="0%"))


def _write_added(sheet: Any) -> None:
    sheet.write(1, 0, 6591234567, xlwt.easyxf(num_format_str='"+91 "0'))
    sheet.write(1, 1, "Ana")


def _merge_old(sheet: Any) -> None:
    sheet.write(2, 1, "Bo")
    sheet.merged_ranges.append((1, 2, 1, 1))  # as Excel keeps what it covers; ``merge`` would not


def _hide_row_3(sheet: Any) -> None:
    sheet.row(2).hidden = True


def ods(content: str) -> Write:
    """Write an OpenDocument sheet by hand."""
    spaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for short, name in (("office", "office"), ("table", "table"), ("text", "text"))
    )
    extension = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
    document = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces} {extension}><office:body>'
        f'<office:spreadsheet><table:table table:name="People">{content}</table:table></office:spreadsheet>'
        "</office:body></office:document-content>"
    )

    def write(folder: Path) -> str:
        with zipfile.ZipFile(folder / "people.ods", "w") as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr("META-INF/manifest.xml", _ODS_MANIFEST)
            archive.writestr("content.xml", document)
        return "people.ods"

    return write


_ODS_MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">
<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>"""


def ods_row(*texts: str, attributes: str = "", last: str = "") -> str:
    """Return a row of an OpenDocument sheet; ``last`` is a cell spelt out."""
    cells = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{each}</text:p></table:table-cell>' for each in texts
    )
    return f"<table:table-row {attributes}>{cells}{last}</table:table-row>"


_ODS_ERROR = (
    '<table:table-cell table:formula="of:=NA()" office:value-type="string" office:string-value="" '
    'calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>'
)
_ODS_SPACES = 'Ana<text:s text:c="2"/>Maria<text:tab/>de<text:line-break/>Luz'
_ODS_PERCENT = (
    '<table:table-cell office:value-type="percentage" office:value="0.15"><text:p>15 %</text:p></table:table-cell>'
)
_ODS_ADDED = (
    '<table:table-cell office:value-type="float" office:value="6591234567"><text:p>+91 6591234567</text:p>'
    '</table:table-cell><table:table-cell office:value-type="string"><text:p>Ana</text:p></table:table-cell>'
)
_ODS_MERGED = ods_row(
    PHONE,
    last='<table:table-cell table:number-rows-spanned="2" office:value-type="string"><text:p>Ana</text:p>'
    "</table:table-cell>",
) + ods_row(
    "+12025550101",
    last='<table:covered-table-cell office:value-type="string"><text:p>Bo</text:p></table:covered-table-cell>',
)
_ODS_FORMULA = '<table:table-cell table:formula="of:=PROPER([.A2])"/>'


def _hide_row(book: Any, sheet: Any) -> None:
    sheet.write_row(1, 0, (PHONE, "Ana"))
    sheet.write_row(2, 0, ("+12025550101", "Bo"))
    sheet.autofilter(0, 0, 2, 1)
    sheet.filter_column("B", "x == Ana")
    sheet.set_row(2, None, None, {"hidden": True})


def _hide_column(book: Any, sheet: Any) -> None:
    sheet.write_row(1, 0, (PHONE, "Ana"))
    sheet.set_column("B:B", None, None, {"hidden": True})


def _merge(book: Any, sheet: Any) -> None:
    sheet.write_column(1, 0, (PHONE, "+12025550101"))
    sheet.merge_range("B2:B3", "Ana")


def _colour_empty_rows(book: Any, sheet: Any) -> None:
    sheet.write_row(1, 0, (PHONE, "Ana"))
    colour = book.add_format({"bg_color": "yellow"})
    for number in range(2, 2_000):
        sheet.write_blank(number, 0, None, colour)


def _write_stray(book: Any, sheet: Any) -> None:
    sheet.write_row(1, 0, (PHONE, "Ana"))
    sheet.write("XFD1048576", "oops")


def _write_formula(book: Any, sheet: Any) -> None:
    sheet.write_string(1, 0, PHONE)
    sheet.write_formula(1, 1, '=PROPER("ana")', None, "Ana")


def _write_uncalculated(book: Any, sheet: Any) -> None:
    sheet.write_string(1, 0, PHONE)
    sheet.write_formula(1, 1, '=PROPER("ana")')


def _write_1904(book: Any, sheet: Any) -> None:
    sheet.write_string(1, 0, PHONE)
    sheet.write_datetime(1, 1, datetime(2026, 12, 3), book.add_format({"num_format": "dd/mm/yyyy"}))  # noqa: DTZ001


def _write_1904_serial(book: Any, sheet: Any) -> None:
    sheet.write_row(1, 0, (PHONE, 46359))


def _write_link(book: Any, sheet: Any) -> None:
    sheet.write_string(1, 0, PHONE)
    sheet.write_url(1, 1, "https://example.com", None, "Ana")


def _read_me_first(book: Any, sheet: Any) -> None:
    sheet.title = "People"
    first = book.create_sheet("READ ME", 0)
    first.append(["How to use this file"])


def _hidden_sheets(book: Any, sheet: Any) -> None:
    sheet.title = "People"
    for name, state in (("Old", "hidden"), ("Older", "veryHidden")):
        other = book.create_sheet(name)
        other.append(HEADER)
        other.append(("+12025550109", "Old"))
        other.sheet_state = state


def _only_hidden(book: Any, sheet: Any) -> None:
    sheet.title = "People"
    sheet.sheet_state = "hidden"
    book.create_sheet("Cover").append(["October"])


def _two_sheets(book: Any, sheet: Any) -> None:
    sheet.title = "October"
    other = book.create_sheet("November")
    other.append(HEADER)
    other.append(("+12025550109", "Cy"))


def _comment(book: Any, sheet: Any) -> None:
    sheet["B2"].comment = Comment("opted out!", "Ana")


def _bomb(folder: Path) -> str:
    name = workbook((PHONE, "Ana"))(folder)
    with (
        zipfile.ZipFile(folder / name, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("xl/worksheets/sheet2.xml", "w") as part,
    ):
        for _ in range(201):
            part.write(b" " * 1_000_000)
    return name


def _renamed(name: str) -> Write:
    def write(folder: Path) -> str:
        (folder / workbook((PHONE, "Ana"))(folder)).rename(folder / name)
        return name

    return write


def _make_xlsb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.bin", b"\x83\x01\x00")
    return content.getvalue()


_XLSB = _make_xlsb()
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
_SHEET = "xl/worksheets/sheet1.xml"
_CSV = "Phone,Name\n"
_SKIP = 'written_as = "international"\nskip_if = { name = ["stop"] }'
_GERMAN = 'written_as = "national"\ndefault_region = "DE"'
_BRITISH = 'written_as = "national"\ndefault_region = "GB"'


NUMBERS = (
    Fixture("number cell", phone_cell(12025550100)),
    Fixture("number cells beside blanks", workbook((12025550100, "Ana"), (None, "Bo"), (12025550102.0, "Cy"))),
    Fixture("shown as 1.2E+10", workbook((12025550100, "Ana"), formats={"A2": "0.00E+00"})),
    Fixture("1.2025E+10 as text", phone_cell("1.2025E+10")),
    Fixture("text with .0", phone_cell("12025550100.0")),
    Fixture("more than 15 digits", phone_cell(919876543210123456)),
    Fixture("date", workbook((date(2026, 12, 3), "Ana"), formats={"A2": "dd/mm/yyyy"})),
    Fixture("date, national", phone_cell("03.12.2026"), recipient=_GERMAN),
    Fixture("lost +", phone_cell("12025550100")),
    Fixture("lost leading zero, national", phone_cell(7700900123), recipient=_BRITISH),
    Fixture("00 prefix", phone_cell("0012025550100")),
    Fixture("tel:", phone_cell("tel:+1-202-555-0100")),
    Fixture("whatsapp:", phone_cell("whatsapp:+12025550100")),
    Fixture("wa.me link", phone_cell("https://wa.me/12025550100")),
    Fixture('="+..." as exports write it', text(_CSV + '"=""+12025550100""",Ana\n')),
    Fixture("visible apostrophe", phone_cell("'+12025550100")),
    Fixture("non-breaking spaces", phone_cell("+1\u00a0202\u00a0555\u00a00100")),
    Fixture("zero-width space", phone_cell("\u200b+12025550100")),
    Fixture("bidi marks", phone_cell("\u202a+12025550100\u202c")),
    Fixture(
        "full-width digits", phone_cell("\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff10\uff10")
    ),
    Fixture("Arabic digits", phone_cell("+\u0661\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0660\u0660")),
    Fixture("brackets and dashes", phone_cell("+1 (202) 555-0100")),
    Fixture("extension", phone_cell("+12025550100 ext. 5")),
    Fixture("letters", phone_cell("+1-800-FLOWERS")),
    Fixture("words around it", phone_cell("call me +12025550100")),
    Fixture("two numbers", phone_cell("+12025550100 / +12025550101")),
    Fixture("two numbers on two lines", phone_cell("+12025550100\n+12025550101")),
    Fixture("negative number", phone_cell(-12025550100)),
    Fixture("national or international", phone_cell("4915123456789"), recipient='default_region = "DE"'),
    Fixture("national", phone_cell("015123456789"), recipient=_GERMAN),
    Fixture("two national numbers as one", phone_cell("030 12345 030 12346"), recipient=_GERMAN),
    Fixture("possible, in nobody's plan", phone_cell("+15551234567")),
    Fixture("country not allowed", phone_cell(PHONE), recipient='allowed_countries = ["GB"]'),
    Fixture("fixed line", phone_cell("+442079460000")),
    Fixture("too short", phone_cell("+1202555")),
    Fixture("empty", phone_cell(None)),
    Fixture("same person twice", workbook((PHONE, "Ana"), ("+1 (202) 555-0100", "Ana B."))),
    Fixture("same person twice, error", workbook((PHONE, "Ana"), (12025550100, "Bo")), sheet='duplicates = "error"'),
    Fixture("opted out", workbook((PHONE, "stop"), ("+12025550101", "Bo")), recipient=_SKIP),
    Fixture(
        "opted out further down", workbook((PHONE, "Ana"), ("+12025550101", "Bo"), (PHONE, "stop")), recipient=_SKIP
    ),
)

CELLS = (
    Fixture("#N/A", name_cell("#N/A")),
    Fixture("#REF!", name_cell("#REF!")),
    Fixture("#REF! as text in a CSV", text(_CSV + f"{PHONE},#REF!\n")),
    Fixture("error in a column nobody uses", workbook((PHONE, "Ana", "#N/A"), header=(*HEADER, "Notes"))),
    Fixture("formula with its value", drawn(_write_formula)),
    Fixture("formula never calculated", name_cell("=PROPER(A2)")),
    Fixture("formula never calculated, XlsxWriter", drawn(_write_uncalculated)),
    Fixture("date cell", name_cell(date(2026, 12, 3), "dd/mm/yyyy"), body="{name:%-d %B}"),
    Fixture("date cell in German", name_cell(date(2026, 12, 3), "[$-407]d. mmmm yyyy"), body="{name:%-d %B}"),
    Fixture("date and time", name_cell(datetime(2026, 12, 3, 14, 30), "m/d/yyyy h:mm"), body="{name:%H:%M}"),  # noqa: DTZ001
    Fixture("time cell", name_cell(time(14, 30), "hh:mm"), body="{name:%H:%M}"),
    Fixture("duration", name_cell(timedelta(hours=26, minutes=30), "[h]:mm")),
    Fixture("1904 workbook", drawn(_write_1904, date_1904=True), body="{name:%-d %B %Y}"),
    Fixture("date without a date format", name_cell(46359), body="{name:%-d %B %Y}"),
    Fixture("the same in a 1904 workbook", drawn(_write_1904_serial, date_1904=True), body="{name:%-d %B %Y}"),
    Fixture(
        "the same where people may opt out",
        drawn(_write_1904_serial, date_1904=True),
        recipient=_SKIP,
        body="{name:%-d %B %Y}",
    ),
    Fixture("nothing formatted as a date", name_cell(0, "dd/mm/yyyy"), body="{name:%-d %B %Y}"),
    Fixture("date out of range", name_cell(-5, "dd/mm/yyyy"), body="{name:%-d %B}"),
    Fixture("text date read two ways", name_cell("03/12/2026"), body="{name:%-d %B}"),
    Fixture("text date, decided", name_cell("03/12/2026"), body="{name:%-d %B}", sheet='text_dates = "day_first"'),
    Fixture(
        "text date that contradicts", name_cell("12/25/2026"), body="{name:%-d %B}", sheet='text_dates = "day_first"'
    ),
    Fixture("ISO date as text", name_cell("2026-12-03"), body="{name:%-d %B}"),
    Fixture("percent", name_cell(0.15, "0%")),
    Fixture("money", name_cell(1234.5, "[$\u20ac-407] #,##0.00")),
    Fixture("thousands", name_cell(1234.5, "#,##0.00")),
    Fixture("padded with zeros", name_cell(501, "00000")),
    Fixture("boolean", name_cell(True)),
    Fixture("rich text", name_cell(CellRichText("An", TextBlock(InlineFont(b=True), "a")))),
    Fixture("hyperlink", drawn(_write_link)),
    Fixture("letters already lost", name_cell("Jos\ufffd")),
    Fixture("line break", name_cell("Ana\nMaria")),
    Fixture("doubled spaces", name_cell("Ana  Maria")),
    *(Fixture(f"placeholder {word}", name_cell(word)) for word in ("N/A", "NULL", "None", "nan", "-", "NaT")),
    Fixture("NA, which is Namibia too", name_cell("NA")),
    Fixture("empty parameter", name_cell(None)),
    Fixture("empty part of a parameter", name_cell(None), body="Dear {name} and family"),
    Fixture(
        "several things wrong in one row",
        workbook(("+1202555", "#REF!", None), header=(*HEADER, "City")),
        body="{name} of {city}",
    ),
    Fixture("merged cells", drawn(_merge)),
    Fixture("begins with @", name_cell("@home")),
    Fixture("begins with +", name_cell("+1 up")),
    Fixture("begins with -", name_cell("-5 degrees")),
    Fixture("begins with = in a CSV", text(_CSV + f"{PHONE},=1+1\n")),
    Fixture("comment", edited(_comment)),
    Fixture("braces", name_cell("{phone} {{x}}")),
)

SHEETS = (
    Fixture("title rows", workbook(("",), ("Phone list",), HEADER, (PHONE, "Ana"), header=("October campaign",))),
    Fixture("header with a line break", workbook((PHONE, "Ana"), header=(" Phone\n", "NAME "))),
    Fixture("header twice", workbook((PHONE, "Ana", "Bo"), header=("Phone", "Name", "name"))),
    Fixture("header with a blank", workbook((PHONE, None, "Ana"), header=("Phone", None, "Name"))),
    Fixture("column missing", workbook((PHONE, "Ana"), header=("Phone", "Nmae"))),
    Fixture("hidden by a filter", drawn(_hide_row)),
    Fixture("hidden by a filter, skip", drawn(_hide_row), sheet='hidden_rows = "skip"'),
    Fixture("hidden by a filter, include", drawn(_hide_row), sheet='hidden_rows = "include"'),
    Fixture("hidden column", drawn(_hide_column)),
    Fixture("READ ME first", edited(_read_me_first)),
    Fixture("hidden and very hidden sheets", edited(_hidden_sheets)),
    Fixture("only a hidden sheet has the columns", edited(_only_hidden)),
    Fixture("two sheets", edited(_two_sheets)),
    Fixture("two sheets, decided", edited(_two_sheets), sheet='name = "November"'),
    Fixture("2,000 formatted empty rows", drawn(_colour_empty_rows)),
    Fixture(
        "wrong dimension",
        repacked(edited(lambda book, sheet: None), _SHEET, lambda xml: xml.replace(b"A1:B3", b"A1:B2")),
    ),
    Fixture("broken style", repacked(name_cell(501, "00000"), _SHEET, lambda xml: xml.replace(b's="1"', b's="77"'))),
    Fixture("open in Excel", with_lock_file),
    Fixture("lock file", text(b"\x05owner", "~$people.xlsx")),
    Fixture("stray cell at XFD1048576", drawn(_write_stray)),
    Fixture("200 MB of XML", _bomb),
    Fixture(
        "entity bomb",
        repacked(phone_cell(PHONE), _SHEET, lambda xml: xml.replace(b"<worksheet", _ENTITIES + b"<worksheet", 1)),
    ),
    Fixture("password", text(_OLE + "EncryptedPackage".encode("utf-16-le"), "people.xlsx")),
    Fixture("old Excel named .xlsx", text(_OLE, "people.xlsx")),
    Fixture("CSV named .xlsx", text(_CSV + f"{PHONE},Ana\n", "people.xlsx")),
    Fixture("web page named .xlsx", text("<html><table>", "people.xlsx")),
    Fixture("workbook named .csv", _renamed("people.csv")),
    Fixture("nothing below the header", workbook()),
    Fixture(".ods", ods(ods_row(*HEADER) + ods_row(PHONE, "Ana"))),
    Fixture(
        ".ods with a hidden row",
        ods(ods_row(*HEADER) + ods_row(PHONE, "Ana", attributes='table:visibility="filter"')),
    ),
    Fixture(
        ".ods with a hidden row, left out",
        ods(ods_row(*HEADER) + ods_row(PHONE, "Ana", attributes='table:visibility="filter"')),
        sheet='hidden_rows = "skip"',
    ),
    Fixture(".ods with an error", ods(ods_row(*HEADER) + ods_row(PHONE, last=_ODS_ERROR))),
    Fixture(".xls", old((PHONE, "Ana"), (12025550101, "Bo"))),
    Fixture(".xls with a date", old((PHONE, date(2026, 12, 31)))),
    Fixture(".xls with a hidden row", old((PHONE, "Ana"), ("+12025550101", "Bo"), change=_hide_row_3)),
    Fixture(
        ".xls with a hidden row, left out",
        old((PHONE, "Ana"), ("+12025550101", "Bo"), change=_hide_row_3),
        sheet='hidden_rows = "skip"',
    ),
    Fixture(".ods with a formula never calculated", ods(ods_row(*HEADER) + ods_row(PHONE, last=_ODS_FORMULA))),
    Fixture(".xls with a formula never calculated", old((PHONE, xlwt.Formula('PROPER("ana")')))),
    Fixture(".ods with spaces, a tab and a line break", ods(ods_row(*HEADER) + ods_row(PHONE, _ODS_SPACES))),
    Fixture(".ods with a percentage", ods(ods_row(*HEADER) + ods_row(PHONE, last=_ODS_PERCENT))),
    Fixture(".ods whose format adds digits", ods(ods_row(*HEADER) + ods_row(last=_ODS_ADDED))),
    Fixture(".ods with merged cells", ods(ods_row(*HEADER) + _ODS_MERGED)),
    Fixture(".xls with a percentage", old((PHONE,), change=_write_percent)),
    Fixture(".xls whose format adds digits", old(change=_write_added)),
    Fixture(".xls with merged cells", old((PHONE, "Ana"), ("+12025550101",), change=_merge_old)),
    Fixture(".xlsb", text(_XLSB, "people.xlsb")),
    Fixture("Excel 4", text(b"\x09\x04\x06\x00\x00\x00\x10\x00\x00\x00", "people.xls")),
    Fixture(".xls with an error", old((PHONE,), change=lambda sheet: sheet.row(1).set_cell_error(1, 0x2A))),
)

CSV = (
    Fixture("UTF-8", text(_CSV + f"{PHONE},Jos\u00e9\n")),
    Fixture("byte order mark", text(_CSV + f"{PHONE},Jos\u00e9\n", encoding="utf-8-sig")),
    Fixture("UTF-16, tabs", text(f"Phone\tName\n{PHONE}\tJos\u00e9\n", encoding="utf-16")),
    Fixture("Windows-1252", text(_CSV + f"{PHONE},Jos\u00e9\n", encoding="cp1252")),
    Fixture(
        "Windows-1252, decided", text(_CSV + f"{PHONE},Jos\u00e9\n", encoding="cp1252"), sheet='encoding = "cp1252"'
    ),
    Fixture("Windows-1250", text(_CSV + f"{PHONE},\u0141ukasz\n", encoding="cp1250")),
    Fixture("Windows-1254", text(_CSV + f"{PHONE},I\u015f\u0131k\n", encoding="cp1254")),
    Fixture("UTF-8 said to be Windows-1252", text(_CSV + f"{PHONE},Jos\u00e9\n"), sheet='encoding = "cp1252"'),
    Fixture("semicolons", text(f"Phone;Name\n{PHONE};Ana\n")),
    Fixture("sep=;", text(f"sep=;\nPhone;Name\n{PHONE};Ana\n")),
    Fixture("tabs", text(f"Phone\tName\n{PHONE}\tAna\n", "people.tsv")),
    Fixture("comment line on top", text(f"# exported 2026-12-01\n{_CSV}{PHONE},Ana\n")),
    Fixture("trailing commas", text(f"{_CSV}{PHONE},Ana,\n+12025550101,Bo,\n")),
    Fixture("short row", text(f"{_CSV}{PHONE}\n")),
    Fixture("long row", text(f"{_CSV}{PHONE},Ana,Berlin,x\n")),
    Fixture("unclosed quote", text(f'{_CSV}{PHONE},"Ana\n+12025550101,Bo\n')),
    Fixture(
        "unclosed quote, closed by the next row",
        text('Phone,Name,City\n+12025550100,"Ana,Berlin\n+12025550101,Bo",Paris\n+12025550102,Cy,Rom\n'),
    ),
    Fixture("blank before a quote", text(f'Phone, Name\n{PHONE}, "Ana, Bo"\n')),
    Fixture("empty text as exports write it", text(f'{_CSV}{PHONE},"="""""\n')),
    Fixture("NUL", text(f"{_CSV}{PHONE},A\x00na\n")),
    Fixture("CR only", text(f"Phone,Name\r{PHONE},Ana\r")),
    Fixture("quoted line break", text(f'{_CSV}{PHONE},"Ana\nMaria"\n')),
    Fixture("blank lines in the middle", text(f"{_CSV}{PHONE},Ana\n\n,\n+12025550101,Bo\n")),
    Fixture("empty file", text("")),
)

FIXTURES = {"Numbers": NUMBERS, "Cells": CELLS, "Sheets": SHEETS, "CSV": CSV}


def run_json(*words: str | Path) -> dict[str, Any]:
    """Type a command; return the last line it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        main([str(word) for word in words])
    printed: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return printed


def place(fixture: Fixture, folder: Path, **endpoint: str) -> Path:
    """Write the sheet and a campaign file on it; return the campaign file."""
    campaign = folder / "fixture.toml"
    campaign.write_text(fixture.campaign(fixture.write(folder), **endpoint), encoding="utf-8")
    return campaign


def describe(fixture: Fixture, folder: Path) -> Iterator[str]:
    """Yield what becomes of the sheet: each row as it is sent or refused, and what a person is told."""
    campaign = place(fixture, folder)
    checked = run_json("check", "--json", campaign)
    if checked.get("type") == "error":
        yield checked["message"].replace(f"{folder}/", "")
        return
    for request in run_json("preview", "--json", campaign)["requests"]:
        sent = request["body"]["components"][0]["parameters"][0]["text"]
        yield f"row {request['row']}: {request['body']['to']} gets {sent!r}"
    for state in ("refused", "skipped"):
        for row in checked[state]:
            told = [row, *row.get("others", ())]
            said = "; ".join(f"{problem['column']} {problem['value']!r} {problem['reason']}" for problem in told)
            yield f"row {row['row']} {state}: {said}"
    for told in checked["warnings"]:
        yield (
            f"told: {told['column']} {told['value']!r} {told['reason']}"
            if told["column"]
            else f"told: {told['reason']}"
        )


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "# Sheets as people make them, and what becomes of them"
    command = "python -m tests.support.sheet_fixtures > tests/support/sheet_fixtures.md"
    yield f"\nMade by `{command}`; the tests hold it against the program."
    for group, fixtures in FIXTURES.items():
        yield f"\n## {group}\n\n| sheet | what becomes of it |\n|---|---|"
        for fixture in fixtures:
            yield table_row(fixture)


def table_row(fixture: Fixture) -> str:
    """Return the line of one sheet."""
    with tempfile.TemporaryDirectory() as folder:
        lines = list(describe(fixture, Path(folder)))
    return f"| {_cell(fixture.name)} | {'<br>'.join(map(_cell, lines))} |"


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table())
