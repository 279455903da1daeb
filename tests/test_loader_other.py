"""The loader and .ods, .xls and .xlsb: made byte by byte, so that no office program is needed."""

import struct
import zipfile
from pathlib import Path

import pytest

from dispatcher.errors import SheetError
from dispatcher.models import SheetRules
from tests.sheets import read, read_all, read_recipient

INCLUDE = SheetRules(hidden_rows="include")
PHONE = "+12025550100"
START = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content'
    ' xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
    ' xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    ' xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0">'
    '<office:body><office:spreadsheet><table:table table:name="October">'
)
END = "</table:table></office:spreadsheet></office:body></office:document-content>"
MANIFEST = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
HIDDEN = (
    "recipients.ods: rows are hidden by a filter or by hand, and which ones is read only from .xlsx; save"
    ' the file as .xlsx, or send to every row with [sheet] hidden_rows = "include" in the campaign file'
)


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


HEADER = row(text("phone"), text("name"))
ANA = row(text(PHONE), text("Ana"))


def write_ods(folder: Path, *rows: str, start: str = START) -> Path:
    """Write a sheet called October with these rows, as LibreOffice would."""
    path = folder / "recipients.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", start + "".join(rows) + END)
    return path


def read_error(path: Path, rules: SheetRules = INCLUDE) -> str:
    """Return what a file that cannot be trusted is told."""
    with pytest.raises(SheetError) as caught:
        read_all(path, sheet=rules)
    return str(caught.value)


def explain_error(file: str, cell: str) -> str:
    """Return what a file with an error in ``cell`` is told."""
    return (
        f"{file}: the cell {cell} shows an error such as #N/A, and errors are read only from .xlsx;"
        " correct the cell, or save the file as .xlsx"
    )


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (text("Ana"), "Ana"),
        (text("<text:span>An</text:span>a"), "Ana"),
        (text("12,0", 'office:value="12"', "float"), "12"),
        (text("3.12.", 'office:date-value="2026-12-03"', "date"), "2026-12-03"),
        (text("26:30", 'office:time-value="PT26H30M00S"', "time"), "26:30"),
        (cell("<office:annotation><text:p>#N/A</text:p></office:annotation><text:p>Ana</text:p>"), "Ana"),
    ],
    ids=["text", "rich-text", "number", "date", "duration", "comment"],
)
def test_cells_of_an_ods_become_the_text_people_see(tmp_path: Path, content: str, value: str) -> None:
    """Dates in ISO form, numbers without .0, comments left out."""
    path = write_ods(tmp_path, HEADER, row(text(PHONE), content))

    assert read_recipient(path).values["name"] == value


def test_formats_of_an_ods_are_said_to_be_unknown(tmp_path: Path) -> None:
    """15 % would be sent as 0.15, and nothing in the cells that are read tells."""
    sheet = read(write_ods(tmp_path, HEADER, row(text(PHONE), text("15 %", 'office:value="0.15"', "percentage"))))

    assert [found.values["name"] for found in sheet] == ["0.15"]
    (notice,) = sheet.notices
    assert notice.reason == (
        "how numbers are shown (percent, money, zeros in front) cannot be read from this format, so the bare"
        " numbers are what will be sent; an .xlsx has more"
    )


def test_rows_that_repeat_are_read(tmp_path: Path) -> None:
    """What is written once for several rows, empty ones too, keeps every row at its number."""
    empty = row('<table:table-cell table:number-columns-repeated="16384"/>', options='table:number-rows-repeated="3"')
    twice = row(text(PHONE, 'table:number-columns-repeated="2"'), options='table:number-rows-repeated="2"')
    rest = row(
        '<table:table-cell table:number-columns-repeated="16384"/>', options='table:number-rows-repeated="99999"'
    )

    rows = read_all(write_ods(tmp_path, HEADER, empty, twice, rest))

    assert [(found.row_number, found.values["name"]) for found in rows] == [(5, PHONE), (6, PHONE)]


@pytest.mark.parametrize(
    "rows",
    [
        row(text(PHONE), text("Ana"), options='table:visibility="filter"'),
        row(text(PHONE), text("Ana"), options="table:visibility='collapse'"),
        group(ANA, 'table:display="false"'),
        group(group(ANA), "table:display='false'"),
    ],
    ids=["filter", "single-quotes", "group", "group-in-group"],
)
def test_hidden_rows_of_an_ods_need_a_decision(tmp_path: Path, rows: str) -> None:
    """Hidden by hand, by a filter or with its group: nobody is messaged before somebody decides."""
    path = write_ods(tmp_path, HEADER, rows)

    assert read_error(path, SheetRules()) == HIDDEN
    assert len(read_all(path, sheet=INCLUDE)) == 1


def test_empty_hidden_rows_and_open_groups_need_none(tmp_path: Path) -> None:
    """Rows without anything in them and a group that is shown hide nobody."""
    path = write_ods(tmp_path, HEADER, group(ANA), row("<table:table-cell/>", options='table:visibility="collapse"'))

    assert len(read_all(path)) == 1


@pytest.mark.parametrize(
    "failed",
    [
        text("#N/A", 'table:formula="of:=NA()" office:string-value="" calcext:value-type="error"'),
        text("#N/A", 'table:formula="of:=NA()" office:value="0"', "float"),
        text("#REF!"),
        text("Err:502"),
    ],
    ids=["marked", "as-zero", "as-text", "libreoffice"],
)
def test_errors_in_an_ods_are_refused_by_cell(tmp_path: Path, failed: str) -> None:
    """A failed lookup would read as empty or as 0."""
    path = write_ods(tmp_path, HEADER, ANA, row(text("+12025550101"), failed))

    assert read_error(path) == explain_error("recipients.ods", 'B3 of sheet "October"')


@pytest.mark.parametrize(
    ("repeated", "said"),
    [
        (text("x", 'table:number-columns-repeated="500"'), "its rows and columns repeat to more than 1,500,000 cells"),
        (text("x" * 9999), "its cells repeat to more than 50,000,000 letters"),
        (
            '<table:table-cell table:number-columns-repeated="16000"/>' + text("x"),
            "its rows and columns repeat to more than 1,500,000 cells",
        ),
    ],
    ids=["cells", "letters", "empty-cells"],
)
def test_an_ods_that_repeats_without_end_is_refused(tmp_path: Path, repeated: str, said: str) -> None:
    """A file of 800 bytes may not unfold to a gigabyte."""
    path = write_ods(tmp_path, HEADER, row(repeated, options='table:number-rows-repeated="20000"'))

    assert read_error(path) == f"recipients.ods: {said}; copy the rows into a new workbook or save them as CSV UTF-8"


def test_an_ods_with_a_document_type_is_refused(tmp_path: Path) -> None:
    """Entities are refused here too."""
    path = write_ods(tmp_path, HEADER, start=START.replace("?>", '?><!DOCTYPE x [<!ENTITY a "aa">]>', 1))

    assert read_error(path) == (
        "recipients.ods: contains XML entities, which no spreadsheet program writes; it is not read"
    )


def write_xlsb(folder: Path, *records: tuple[int, bytes]) -> Path:
    """Write the parts of an .xlsb that are looked at before it is read, with these records in its sheet."""
    path = folder / "recipients.xlsb"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.bin", b"")
        archive.writestr("xl/worksheets/sheet1.bin", b"".join(bytes([kind, len(it)]) + it for kind, it in records))
    return path


@pytest.mark.parametrize("kind", [3, 11], ids=["value", "formula"])
def test_errors_in_an_xlsb_are_refused_by_cell(tmp_path: Path, kind: int) -> None:
    """An error is a kind of record of its own, after the record of its row."""
    path = write_xlsb(
        tmp_path,
        (0, struct.pack("<I", 6) + bytes(13)),
        (7, struct.pack("<III", 1, 0, 0)),
        (kind, struct.pack("<IIB", 2, 0, 42)),
    )

    assert read_error(path) == explain_error("recipients.xlsb", "C7")


def test_an_xlsb_with_cells_far_apart_is_refused(tmp_path: Path) -> None:
    """Two cells at the corners of a sheet are 17 billion cells to the reader."""
    path = write_xlsb(tmp_path, (0, struct.pack("<I", 1_048_575)), (7, struct.pack("<III", 16_383, 0, 0)))

    assert read_error(path) == (
        "recipients.xlsb: its sheets reach over more than 1,500,000 cells; copy the rows into a new workbook or"
        " save them as CSV UTF-8"
    )


def write_xls(folder: Path, record: bytes) -> Path:
    """Write an OLE container whose workbook holds one sheet with ``record``, in sectors from the last to the first."""
    beginning = struct.pack("<HH16x", 0x0809, 16)
    stream = beginning + bytes(508 - len(beginning)) + record  # across the border of two sectors
    stream += bytes(4096 - len(stream))
    sectors = [stream[start : start + 512] for start in range(0, 4096, 512)]
    table = [0xFFFFFFFD, 0xFFFFFFFE, 0xFFFFFFFE, *range(2, 9)] + [0xFFFFFFFF] * 118
    root = "Root Entry".encode("utf-16-le").ljust(64, b"\0") + struct.pack("<HB49xII4x", 22, 5, 0xFFFFFFFE, 0)
    entry = "Workbook".encode("utf-16-le").ljust(64, b"\0") + struct.pack("<HB49xII4x", 18, 2, 9, 4096)
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack("<16xHHHHH6x", 62, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0) + struct.pack(
        "<109I", 0, *[0xFFFFFFFF] * 108
    )
    path = folder / "recipients.xls"
    path.write_bytes(
        header + struct.pack("<128I", *table) + (root + entry).ljust(512, b"\0") + b"".join(reversed(sectors))
    )
    return path


@pytest.mark.parametrize(
    "record",
    [
        struct.pack("<HHHHHBB", 0x0205, 8, 6, 2, 0, 0x2A, 1),
        struct.pack("<HHHHHBBB3xHH4xH", 0x0006, 22, 6, 2, 0, 2, 0, 0x2A, 0xFFFF, 0, 0),
    ],
    ids=["value", "formula"],
)
def test_errors_in_an_xls_are_refused_by_cell(tmp_path: Path, record: bytes) -> None:
    """An error is found wherever in the container its sector lies."""
    path = write_xls(tmp_path, record)

    assert read_error(path) == explain_error("recipients.xls", "C7")


def test_an_xls_without_a_workbook_is_refused(tmp_path: Path) -> None:
    """A container of something else is no workbook."""
    path = write_xls(tmp_path, b"")
    path.write_bytes(path.read_bytes().replace("Workbook".encode("utf-16-le"), "Document".encode("utf-16-le")))

    assert read_error(path).startswith("recipients.xls: is damaged or not a workbook")
