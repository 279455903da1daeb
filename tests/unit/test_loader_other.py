"""The loader and .ods, .xls and .xlsb; made byte by byte where only an office program could write them."""

import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlwt  # type: ignore[import-untyped]  # ships no types

from dispatcher.errors import SheetError
from dispatcher.models import Refusal, SheetRules
from tests.support.sheets import read, read_all, read_recipient

INCLUDE = SheetRules(hidden_rows="include")
PHONE = "+12025550100"
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


def write_ods(folder: Path, *rows: str, start: str = START, generator: str = "ODFPY/1.4.1") -> Path:
    """Write a sheet called October with these rows, as LibreOffice would."""
    path = folder / "recipients.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", start + "".join(rows) + END)
        archive.writestr("meta.xml", f"<office:meta><meta:generator>{generator}</meta:generator></office:meta>")
    return path


def read_error(path: Path, rules: SheetRules = INCLUDE) -> str:
    """Return what a file that cannot be trusted is told."""
    with pytest.raises(SheetError) as caught:
        read_all(path, sheet=rules)
    return str(caught.value)


def read_refusals(path: Path, rules: SheetRules = INCLUDE) -> list[str]:
    """Return what is said of every row that is refused or skipped, with its row and column."""
    rows = [found for found in read_all(path, sheet=rules) if isinstance(found, Refusal)]
    return [f"row {found.row_number}, {found.column or '-'}: {found.reason}" for found in rows]


NOT_AVAILABLE = "row 3, name: the cell shows the error #N/A: correct its formula or type the value"
HIDDEN = "1 row is hidden by a filter or by hand"
LEFT_OUT = "row 3, -: hidden by a filter in Excel or by hand"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (text("Ana"), "Ana"),
        (text("<text:span>An</text:span>a"), "Ana"),
        (text("12,0", 'office:value="12"', "float"), "12"),
        (text("3.12.", 'office:date-value="2026-12-03"', "date"), "2026-12-03"),
        (text("26:30", 'office:time-value="PT26H30M00S"', "time"), "26:30"),
        (text("26:30", 'office:time-value="PT26H30M00.036S"', "time"), "26:30"),
        (text("26:30", 'office:time-value="PT26H29M59.999999S"', "time"), "26:30"),
        (cell("<office:annotation><text:p>#N/A</text:p></office:annotation><text:p>Ana</text:p>"), "Ana"),
        (text("Err:502 is text"), "Err:502 is text"),
        (cell("<text:p>12</text:p>" + TEXT_BOX, "float", 'office:value="12"'), "12"),
        (cell("<draw:frame><draw:image/></draw:frame><text:p>Ana</text:p>"), "Ana"),
    ],
    ids=[
        "text",
        "rich-text",
        "number",
        "date",
        "duration",
        "fraction",
        "just-below",
        "comment",
        "about-an-error",
        "number-under-a-box",
        "image",
    ],
)
def test_cells_of_an_ods_become_the_text_people_see(tmp_path: Path, content: str, value: str) -> None:
    """Dates in ISO form, numbers without .0, comments left out."""
    path = write_ods(tmp_path, HEADER, row(text(PHONE), content))

    assert read_recipient(path).values["name"] == value


@pytest.mark.parametrize(
    ("number", "shown", "value"),
    [
        ("1", "TRUE", "TRUE"),
        ("0", "FALSE", "FALSE"),
        ("1", "wahr", "TRUE"),
        ("0", "\u041b\u041e\u0416\u042c", "FALSE"),
        ("1", "VERDADEIRO", "TRUE"),
        ("1", "Wahrheit", "1"),
        ("2", "TRUE", "2"),
        ("1", "FALSE", "1"),
    ],
)
def test_what_a_formula_of_an_ods_shows_as_a_boolean_is_one(
    tmp_path: Path, number: str, shown: str, value: str
) -> None:
    """It is stored as a number, and skip_if = ["true"] would let through who has opted out."""
    path = write_ods(tmp_path, HEADER, row(text(PHONE), text(shown, f'office:value="{number}"', "float")))

    assert read_recipient(path).values["name"] == value


@pytest.mark.parametrize(
    "outside",
    [
        text("30.12.1899", 'office:date-value="1899-12-30"', "date"),
        text("30.12.1899", 'office:date-value="1899-12-30T14:30:00"', "date"),
        text("-00:30", 'office:time-value="-PT00H30M00S"', "time"),
    ],
    ids=["date", "date-and-time", "negative-duration"],
)
def test_moments_of_an_ods_outside_the_calendar_are_refused(tmp_path: Path, outside: str) -> None:
    """As in an .xlsx, where Excel shows them as ####."""
    path = write_ods(tmp_path, HEADER, row(text(PHONE), outside))

    assert read_refusals(path) == [
        "row 2, name: the cell is formatted as a date but lies outside Excel's calendar: correct it"
    ]


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
    path = write_ods(tmp_path, HEADER, ANA, rows)

    assert HIDDEN in read_error(path, SheetRules())
    assert read_refusals(path, SheetRules(hidden_rows="skip")) == [LEFT_OUT]
    assert read_refusals(path) == ["row 3, phone: the same number as in row 2, which is the one that is sent"]


def test_empty_hidden_rows_and_open_groups_need_none(tmp_path: Path) -> None:
    """Rows without anything in them and a group that is shown hide nobody."""
    path = write_ods(tmp_path, HEADER, group(ANA), row("<table:table-cell/>", options='table:visibility="collapse"'))

    assert len(read_all(path)) == 1


@pytest.mark.parametrize(
    ("failed", "name"),
    [
        (text("#N/A", 'table:formula="of:=NA()" office:string-value="" calcext:value-type="error"'), "#N/A"),
        (text("#N/A", 'table:formula="of:=NA()" office:value="0"', "float"), "#N/A"),
        (text("#REF!"), "#REF!"),
        (text("Err:502"), "Err:502"),
        (text("#N/A", 'table:number-columns-repeated="2"'), "#N/A"),
    ],
    ids=["marked", "as-zero", "as-text", "libreoffice", "repeated"],
)
def test_errors_in_an_ods_are_refused_by_name(tmp_path: Path, failed: str, name: str) -> None:
    """A failed lookup would read as empty or as 0; the other rows are read."""
    path = write_ods(tmp_path, HEADER, ANA, row(text("+12025550101"), failed), row(text("+12025550102"), text("Bob")))

    assert read_refusals(path) == [NOT_AVAILABLE.replace("#N/A", name)]
    assert [found.row_number for found in read_all(path, sheet=INCLUDE)] == [2, 3, 4]


@pytest.mark.parametrize(
    "drawn",
    [
        cell(f"<text:p>+4915112345678</text:p>{TEXT_BOX}"),
        cell(f"{TEXT_BOX}<text:p>Ana</text:p>"),
        cell("<text:p>Ana</text:p><draw:frame><svg:title>Logo</svg:title><draw:image/></draw:frame>"),
    ],
    ids=["after", "before", "title-of-an-image"],
)
def test_a_text_box_in_a_cell_of_an_ods_is_refused(tmp_path: Path, drawn: str) -> None:
    """Its text is joined to the cell's: a number would have one more digit, which is another person."""
    path = write_ods(tmp_path, HEADER, ANA, row(text("+12025550101"), drawn), row(text("+12025550102"), text("Bob")))

    assert read_refusals(path) == [
        (
            "row 3, name: the cell holds a drawing or text box, whose text would be read as the cell's: remove it or"
            " save the file as .xlsx"
        )
    ]


UNCALCULATED = (
    "row 3, name: the cell holds a formula that was never calculated: open the file in Excel or LibreOffice, save it,"
    " try again"
)
EMPTY = "row 2, name: the cell is empty, and the message needs it: fill it in"
FORMULA = '<table:table-cell table:formula="of:=[.A2]"/>'


def test_a_formula_of_an_ods_that_was_never_calculated_is_refused(tmp_path: Path) -> None:
    """Libraries write formulas without results, which read as blank: nobody would have opted out."""
    path = write_ods(tmp_path, HEADER, ANA, row(text("+12025550101"), FORMULA))

    assert read_refusals(path) == [UNCALCULATED]


@pytest.mark.parametrize("generator", ["LibreOffice/24.8.2.1$Linux_X86_64", "MicrosoftOffice/15.0 MicrosoftExcel"])
def test_a_formula_of_an_ods_that_gives_no_text_is_blank(tmp_path: Path, generator: str) -> None:
    """LibreOffice leaves out the result of =IF(B2="yes";"stop";"") where it is empty."""
    path = write_ods(tmp_path, HEADER, row(text(PHONE), FORMULA), generator=generator)

    assert read_refusals(path) == [EMPTY]


def test_a_row_with_nothing_but_an_error_is_refused(tmp_path: Path) -> None:
    """It is the last row, and the reader underneath takes it for an empty one."""
    failed = text("#N/A", 'office:string-value="" calcext:value-type="error"')

    path = write_ods(tmp_path, HEADER, ANA, row(failed))

    assert read_refusals(path) == [NOT_AVAILABLE.replace("name", "phone")]


def test_errors_repeat_with_their_rows(tmp_path: Path) -> None:
    """What stands once for two rows fails in both."""
    twice = row(text(PHONE), text("#N/A"), options='table:number-rows-repeated="2"')

    path = write_ods(tmp_path, HEADER, ANA, twice)

    assert read_refusals(path) == [NOT_AVAILABLE, NOT_AVAILABLE.replace("row 3", "row 4")]


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


def record(kind: int, content: bytes = b"") -> bytes:
    """Return a record of an .xlsb."""
    number = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    return number + bytes([len(content)]) + content


def wide(value: str) -> bytes:
    """Return a text of an .xlsb."""
    return struct.pack("<I", len(value)) + value.encode("utf-16-le")


def xlsb_row(number: int, *records: bytes, flags: int = 0, height: int = 300) -> bytes:
    """Return a row of an .xlsb with the number that Excel shows."""
    return record(0, struct.pack("<IIHxBx", number - 1, 0, height, flags)) + b"".join(records)


def xlsb_text(position: int, value: str) -> bytes:
    """Return a cell of an .xlsb with a text."""
    return record(6, struct.pack("<II", position, 0) + wide(value))


def write_xlsb(folder: Path, *rows: bytes, options: int = 0) -> Path:
    """Write an .xlsb with one sheet, called October."""
    path = folder / "recipients.xlsb"
    sheet = record(0x94, struct.pack("<IIII", 0, 9, 0, 9)) + record(0x91) + b"".join(rows) + record(0x92)
    relation = '<Relationship Id="rId1" Type="worksheet" Target="worksheets/sheet1.bin"/>'
    with zipfile.ZipFile(path, "w") as archive:
        book = record(153, struct.pack("<III", options, 0, 0)) + record(
            156, struct.pack("<II", 0, 1) + wide("rId1") + wide("October")
        )
        archive.writestr("xl/workbook.bin", book + record(0x90) + record(0x84))
        archive.writestr("xl/_rels/workbook.bin.rels", f"<Relationships>{relation}</Relationships>")
        archive.writestr("xl/worksheets/sheet1.bin", sheet)
    return path


XLSB_HEADER = xlsb_row(1, xlsb_text(0, "phone"), xlsb_text(1, "name"))
XLSB_ANA = xlsb_row(2, xlsb_text(0, PHONE), xlsb_text(1, "Ana"))


def test_an_xlsb_is_read(tmp_path: Path) -> None:
    """Nothing is hidden, so nobody has to decide anything."""
    path = write_xlsb(tmp_path, XLSB_HEADER, XLSB_ANA)

    assert read_recipient(path).values == {"phone": PHONE, "name": "Ana"}


@pytest.mark.parametrize("kind", [3, 11], ids=["value", "formula"])
def test_errors_in_an_xlsb_are_refused_by_name(tmp_path: Path, kind: int) -> None:
    """An error is a kind of record of its own, after the record of its row."""
    failed = record(kind, struct.pack("<IIB", 1, 0, 42) + (struct.pack("<HII", 0, 0, 0) if kind == 11 else b""))

    path = write_xlsb(tmp_path, XLSB_HEADER, XLSB_ANA, xlsb_row(3, xlsb_text(0, "+12025550101"), failed))

    assert read_refusals(path) == [NOT_AVAILABLE]


@pytest.mark.parametrize(("flags", "height"), [(0x10, 300), (0, 0)], ids=["hidden", "no-height"])
def test_hidden_rows_of_an_xlsb_need_a_decision(tmp_path: Path, flags: int, height: int) -> None:
    """By a filter or by hand, or drawn together until nothing is left of it."""
    bob = xlsb_row(3, xlsb_text(0, "+12025550101"), xlsb_text(1, "Bob"), flags=flags, height=height)

    path = write_xlsb(tmp_path, XLSB_HEADER, XLSB_ANA, bob)

    assert HIDDEN in read_error(path, SheetRules())
    assert read_refusals(path, SheetRules(hidden_rows="skip")) == [LEFT_OUT]
    assert read_refusals(path) == []


@pytest.mark.parametrize(
    ("far", "said"),
    [
        (
            xlsb_row(1_048_576, xlsb_text(16_383, "x")),
            "its sheets reach over more than 1,500,000 cells; copy the rows into a new workbook or save them as CSV",
        ),
        (xlsb_row(1_048_577, xlsb_text(0, "x")), "is damaged or not a workbook (ValueError)"),
    ],
    ids=["corner", "beyond"],
)
def test_an_xlsb_with_cells_far_apart_is_refused(tmp_path: Path, far: bytes, said: str) -> None:
    """Two cells at the corners of a sheet are 17 billion cells to the reader."""
    path = write_xlsb(tmp_path, XLSB_HEADER, far)

    assert read_error(path).startswith(f"recipients.xlsb: {said}")


def write_xls(folder: Path, *rows: Sequence[str], change: Callable[[Any], None] = lambda sheet: None) -> Path:
    """Write an .xls with a sheet before that of the recipients, which ``change`` may change."""
    path = folder / "recipients.xls"
    book = xlwt.Workbook()
    book.add_sheet("Read me").write(0, 0, "Call the number on the card.")
    sheet = book.add_sheet("October")
    for number, cells in enumerate([("phone", "name"), *rows]):
        for position, cell in enumerate(cells):
            sheet.write(number, position, cell)
    change(sheet)
    book.save(str(path))
    return path


BOB = ("+12025550101", "Bob")


@pytest.mark.parametrize("count", [1, 2000], ids=["small", "large"])
def test_an_xls_is_read(tmp_path: Path, count: int) -> None:
    """As the old Excel wrote it, in more than one sector too; nothing is hidden, so nobody has to decide anything."""
    rows = [(f"+1202555{number:04}", f"Ana {number}") for number in range(count)]

    found = read_all(write_xls(tmp_path, *rows))

    assert [(row.row_number, row.values["name"]) for row in found] == [
        (number + 2, f"Ana {number}") for number in range(count)
    ]


def test_errors_in_an_xls_are_refused_by_name(tmp_path: Path) -> None:
    """A failed lookup would read as empty; the other rows are read."""
    path = write_xls(tmp_path, (PHONE, "Ana"), BOB[:1], change=lambda sheet: sheet.row(2).set_cell_error(1, 0x2A))

    assert read_refusals(path) == [NOT_AVAILABLE]


def test_a_formula_in_an_xls_that_failed_is_refused_by_name(tmp_path: Path) -> None:
    """The result of a formula stands in the same record as the formula itself."""
    path = write_xls(tmp_path, (PHONE, "Ana"), BOB[:1], change=lambda sheet: sheet.write(2, 1, xlwt.Formula("1/0")))
    unknown, failed = struct.pack("<Q", 0xFFFF_0000_0000_0003), struct.pack("<BxB3xH", 2, 0x07, 0xFFFF)
    path.write_bytes(path.read_bytes().replace(unknown, failed))

    assert read_refusals(path) == [NOT_AVAILABLE.replace("#N/A", "#DIV/0!")]


def replace_record(path: Path, kind: int) -> None:
    """Put a record of another kind in place of that of the code page, which nobody needs."""
    content = path.read_bytes()
    place = content.index(struct.pack("<HH", 0x0042, 2))
    path.write_bytes(content[:place] + struct.pack("<HH", kind, 2) + content[place + 4 :])


def write_formula(sheet: Any) -> None:
    """Write a formula into row 3, without a result."""
    sheet.write(2, 1, xlwt.Formula('UPPER("stop")'))


def test_a_formula_of_an_xls_that_was_never_calculated_is_refused(tmp_path: Path) -> None:
    """The library xlwt puts an empty text where a result belongs: nobody would have opted out."""
    path = write_xls(tmp_path, (PHONE, "Ana"), BOB[:1], change=write_formula)

    assert read_refusals(path) == [UNCALCULATED]


def test_a_formula_of_an_xls_that_gives_no_text_is_blank(tmp_path: Path) -> None:
    """Excel and LibreOffice say which program calculated last; then the empty text is a result."""
    path = write_xls(tmp_path, (PHONE, "Ana"), BOB[:1], change=write_formula)
    replace_record(path, 0x01C1)

    assert read_refusals(path) == [EMPTY.replace("row 2", "row 3")]


def hide(sheet: Any) -> None:
    """Hide row 3 as a filter does."""
    sheet.row(2).hidden = True


def flatten(sheet: Any) -> None:
    """Draw row 3 together until nothing is left of it."""
    sheet.row(2).height = 0
    sheet.row(2).height_mismatch = True


@pytest.mark.parametrize("change", [hide, flatten])
def test_hidden_rows_of_an_xls_need_a_decision(tmp_path: Path, change: Callable[[Any], None]) -> None:
    """Hidden rows are known by their numbers, as in an .xlsx."""
    path = write_xls(tmp_path, (PHONE, "Ana"), BOB, change=change)

    assert HIDDEN in read_error(path, SheetRules())
    assert read_refusals(path, SheetRules(hidden_rows="skip")) == [LEFT_OUT]
    assert read_refusals(path) == []


def test_an_ods_with_a_password_is_refused(tmp_path: Path) -> None:
    """Its content is encrypted, which only its manifest says."""
    path = write_ods(tmp_path, HEADER)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/manifest.xml", MANIFEST.replace("/>", "><manifest:encryption-data/></manifest>"))
        archive.writestr("content.xml", b"\x8f\x01")

    assert read_error(path) == "recipients.ods: is protected by a password; save it without one and try again"


def test_an_xls_with_a_password_is_refused(tmp_path: Path) -> None:
    """The record of the password stands among those of the workbook."""
    path = write_xls(tmp_path, BOB)
    replace_record(path, 0x002F)

    assert read_error(path) == "recipients.xls: is protected by a password; save it without one and try again"


def claim_rows(path: Path, count: int) -> None:
    """Let the record that tells the extent of the second sheet claim so many rows."""
    content = path.read_bytes()
    place = content.rindex(struct.pack("<HHII", 0x0200, 14, 0, 2))
    path.write_bytes(content[: place + 8] + struct.pack("<I", count) + content[place + 12 :])


def test_a_row_of_an_xls_with_a_duration_too_large_is_refused(tmp_path: Path) -> None:
    """A phone number in the format of a duration; the reader underneath gives no cell of its row, but the others."""
    as_duration = xlwt.easyxf(num_format_str="[h]:mm")

    path = write_xls(tmp_path, (PHONE, "Ana"), change=lambda sheet: sheet.write(2, 0, 447700900123, as_duration))
    rows = read_all(path)

    assert [found.row_number for found in rows] == [2, 3]
    assert read_refusals(path) == [
        (
            "row 3, phone: the cell is in a row with a number that is formatted as a duration but too large for one:"
            " correct its number format"
        )
    ]


def test_an_xls_that_claims_all_rows_is_read(tmp_path: Path) -> None:
    """Some programs claim every row there can be."""
    path = write_xls(tmp_path, BOB)
    claim_rows(path, 65_536)

    assert [found.row_number for found in read_all(path)] == [2]


def test_an_xls_that_claims_more_than_the_memory_holds_is_refused(tmp_path: Path) -> None:
    """The reader underneath asks for 200 gigabytes, and its process ends at once; this one tells it."""
    path = write_xls(tmp_path, BOB)
    claim_rows(path, 0x64_000_000)

    assert read_error(path).startswith("recipients.xls: is damaged or not a workbook")


def write_1904_ods(folder: Path) -> Path:
    """Write the number 44897 into an .ods that counts from 1904."""
    mode = '<table:calculation-settings><table:null-date table:date-value="1904-01-01"/></table:calculation-settings>'
    start = START.replace("<table:table ", f"{mode}<table:table ")
    return write_ods(folder, HEADER, row(text(PHONE), text("44897", 'office:value="44897"', "float")), start=start)


def write_1904_xls(folder: Path) -> Path:
    """Write the number 44897 into an .xls that counts from 1904."""
    path = write_xls(folder, (PHONE,), change=lambda sheet: sheet.write(1, 1, 44897))
    mode = struct.pack("<HHH", 0x0022, 2, 0)
    path.write_bytes(path.read_bytes().replace(mode, struct.pack("<HHH", 0x0022, 2, 1)))
    return path


def write_1904_xlsb(folder: Path) -> Path:
    """Write the number 44897 into an .xlsb that counts from 1904."""
    number = record(5, struct.pack("<IId", 1, 0, 44897))
    return write_xlsb(folder, XLSB_HEADER, xlsb_row(2, xlsb_text(0, PHONE), number), options=1)


@pytest.mark.parametrize("write", [write_1904_ods, write_1904_xls, write_1904_xlsb])
def test_dates_without_a_format_are_counted_from_1904(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    """As in an .xlsx; counted from 1900 the appointment would be four years and a day too early."""
    recipient = read_recipient(write(tmp_path), body=["{name:%d.%m.%Y}"])

    assert recipient.values["name"] == "2026-12-03"


def test_an_xls_without_a_workbook_is_refused(tmp_path: Path) -> None:
    """A container of something else is no workbook."""
    path = write_xls(tmp_path, BOB)
    path.write_bytes(path.read_bytes().replace("Workbook".encode("utf-16-le"), "Document".encode("utf-16-le")))

    assert read_error(path).startswith("recipients.xls: is damaged or not a workbook")
