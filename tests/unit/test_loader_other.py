"""The loader and .ods and .xls; made byte by byte where only an office program could write them."""

import random
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import xlwt  # type: ignore[import-untyped]  # ships no types
from xlwt.CompoundDoc import XlsDoc  # type: ignore[import-untyped]

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


def write_ods(folder: Path, *rows: str, start: str = START, end: str = END, generator: str = "ODFPY/1.4.1") -> Path:
    """Write a sheet called October with these rows, as LibreOffice would."""
    path = folder / "recipients.ods"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", start + "".join(rows) + end)
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
LACKS_DIGITS = (
    "row 2, phone: the cell lacks digits that its format shows: format the column as Text and enter the whole number"
)
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


@pytest.mark.parametrize(
    ("number", "value", "reason"),
    [
        (text("15 %", 'office:value="0.15"', "percentage"), "0.15", "the sheet shows a percentage; 0.15 is what"),
        (
            text("12,50 \u20ac", 'office:value="12.5"', "currency"),
            "12.5",
            "the sheet shows an amount of money; 12.5 is",
        ),
        (
            text("1.234,50", 'office:value="1234.5"', "float"),
            "1234.5",
            "the sheet shows the number in another form; 1234.5 is what will be sent, not 1.234,50",
        ),
        (text("1234,5", 'office:value="1234.5"', "float"), "1234.5", ""),
        (text("00501", 'office:value="501"', "float"), "00501", ""),
    ],
    ids=["percent", "money", "thousands", "comma", "zeros"],
)
def test_numbers_of_an_ods_that_are_shown_otherwise_are_said(
    tmp_path: Path, number: str, value: str, reason: str
) -> None:
    """Its formats stand in parts in its styles, but what they make of a number stands in the cell."""
    sheet = read(write_ods(tmp_path, HEADER, row(text(PHONE), number)))

    assert [found.values["name"] for found in sheet] == [value]
    assert [notice.reason.startswith(reason) for notice in sheet.notices] == [True] * bool(reason)


@pytest.mark.parametrize(
    ("shown", "is_whole"), [("+91 6591234567", False), ("6591234567", True), ("65 9123 4567", True), ("6,59E+09", True)]
)
def test_digits_that_a_format_of_an_ods_adds_are_no_part_of_the_number(
    tmp_path: Path, shown: str, is_whole: bool
) -> None:
    """Who sees +91 in front of 6591234567 does not mean a number in Singapore."""
    path = write_ods(tmp_path, HEADER, row(text(shown, 'office:value="6591234567"', "float"), text("Ana")))

    assert read_refusals(path) == ([] if is_whole else [LACKS_DIGITS])


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ('<text:p>Ana<text:s text:c="2"/>Maria</text:p>', "Ana Maria"),
        ("<text:p>Ana<text:tab/>Maria</text:p>", "Ana Maria"),
        ("<text:p>Ana<text:line-break/>Maria</text:p>", "Ana Maria"),
        ("<text:p>Ana</text:p><text:p>Maria</text:p>", "Ana Maria"),
        ("\n  <text:p>\n    Ana\n    <text:span>Maria</text:span>\n  </text:p>\n", "Ana Maria"),
        ("<text:p><text:ruby><text:ruby-base>Ana</text:ruby-base><text:ruby-text>a</text:ruby-text></text:ruby></text:p>",
         "Ana"),
        ("<text:p>Ana<text:note><text:note-body><text:p>1</text:p></text:note-body></text:note></text:p>", "Ana"),
    ],
    ids=["spaces", "tab", "line-break", "paragraphs", "indented", "reading-aid", "footnote"],
)  # fmt: skip
def test_white_space_of_an_ods_parts_words(tmp_path: Path, content: str, value: str) -> None:
    """Elements stand for more than one space, tabs and line breaks; what indents the XML stands for nothing."""
    path = write_ods(tmp_path, HEADER, row(text(PHONE), cell(content)))

    assert read_recipient(path).values["name"] == value


def test_an_ods_may_call_its_namespaces_as_it_likes(tmp_path: Path) -> None:
    """Elements are known by their namespaces; prefixes are a writer's own business."""
    first = START.replace(" xmlns:table=", " xmlns:t=").replace("<table:table table:", "<t:table t:")
    last = END.replace("</table:table>", "</t:table>")
    path = write_ods(tmp_path, (HEADER + ANA).replace("table:", "t:"), start=first, end=last)

    assert read_recipient(path).values["name"] == "Ana"


def test_what_is_below_a_merged_cell_of_an_ods_is_not_used(tmp_path: Path) -> None:
    """LibreOffice keeps what a cell held before it was covered, and nobody sees it."""
    merged = text("Ana", 'table:number-rows-spanned="2" table:number-columns-spanned="1"')
    covered = "<table:covered-table-cell office:value-type='string'><text:p>Bob</text:p></table:covered-table-cell>"
    path = write_ods(tmp_path, HEADER, row(text(PHONE), merged), row(text("+12025550101"), covered))

    assert read_refusals(path) == [
        "row 3, name: the cell is empty, and the message needs it: fill it in (it is merged with B2: unmerge the cells)"
    ]


def test_a_hidden_sheet_of_an_ods_is_known(tmp_path: Path) -> None:
    """Its style says so; the recipients are on the sheet that people see."""
    style = (
        '<office:automatic-styles xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"><style:style'
        ' style:name="ta2" style:family="table"><style:table-properties table:display="false"/></style:style>'
        "</office:automatic-styles><office:body>"
    )
    start = START.replace("<office:body>", style)
    old = f'</table:table><table:table table:name="Old" table:style-name="ta2">{HEADER}{ANA}'
    path = write_ods(tmp_path, HEADER, ANA, old, start=start)

    assert read(path).sheet_name == "October"


def test_a_tag_of_an_ods_without_end_is_refused(tmp_path: Path) -> None:
    """A parser keeps all of a tag at once."""
    letters = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=4_000_000))
    path = write_ods(tmp_path, HEADER, row(text(PHONE, f'office:string-value="{letters}"')))

    assert "a tag or comment in its part content.xml is longer than 1 MB" in read_error(path)


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
    ("drawn", "value"),
    [
        (cell(f"<text:p>+4915112345678</text:p>{TEXT_BOX}"), "+4915112345678"),
        (cell(f"{TEXT_BOX}<text:p>Ana</text:p>"), "Ana"),
        (cell("<text:p>Ana</text:p><draw:frame><svg:title>Logo</svg:title><draw:image/></draw:frame>"), "Ana"),
    ],
    ids=["after", "before", "title-of-an-image"],
)
def test_a_text_box_in_a_cell_of_an_ods_is_no_part_of_it(tmp_path: Path, drawn: str, value: str) -> None:
    """Joined to the cell's text, its own would make a number one digit longer, which is another person."""
    path = write_ods(tmp_path, HEADER, row(text(PHONE), drawn))

    assert read_recipient(path).values["name"] == value


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


def test_an_xlsb_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """No reader that is kept tells its dates and errors truly; Excel saves it as .xlsx in a moment."""
    path = tmp_path / "recipients.xlsb"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.bin", b"\x83\x01\x00")

    assert read_error(path) == (
        "recipients.xlsb: is a binary workbook (.xlsb), which is not read; open it in Excel and save it as .xlsx"
    )


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


def test_an_xls_with_a_duration_too_large_is_refused(tmp_path: Path) -> None:
    """A phone number in the format of a duration; its row is named, and the others are read."""
    as_duration = xlwt.easyxf(num_format_str="[h]:mm")

    path = write_xls(tmp_path, (PHONE, "Ana"), change=lambda sheet: sheet.write(2, 0, 447700900123, as_duration))
    rows = read_all(path)

    assert [found.row_number for found in rows] == [2, 3]
    assert read_refusals(path)[0].startswith("row 3, phone: the cell is formatted as a date but lies outside")


@pytest.mark.parametrize(
    ("number", "number_format", "value", "reason"),
    [
        (0.15, "0%", "0.15", "Excel shows a percentage; 0.15 is what will be sent"),
        (501, "00000", "00501", ""),
        (46359, "dd/mm/yyyy", "2026-12-03", ""),
        (0.6041666666666666, "hh:mm", "14:30", ""),
        (1.1041666666666667, "[h]:mm", "26:30", ""),
        (12025550100, "General", "12025550100", ""),
    ],
)
def test_numbers_of_an_xls_are_read_as_excel_shows_them(
    tmp_path: Path, number: float, number_format: str, value: str, reason: str
) -> None:
    """Its formats are known, as those of an .xlsx are."""
    style = xlwt.easyxf(num_format_str=number_format)
    sheet = read(write_xls(tmp_path, (PHONE,), change=lambda sheet: sheet.write(1, 1, number, style)))

    assert [found.values["name"] for found in sheet] == [value]
    assert [notice.reason for notice in sheet.notices] == [reason] * bool(reason)


def write_numbered(sheet: Any, style: Any) -> None:
    """Write Ana below the header, with her number as a number."""
    sheet.write(1, 0, 6591234567, style)
    sheet.write(1, 1, "Ana")


def test_digits_that_a_format_of_an_xls_adds_are_no_part_of_the_number(tmp_path: Path) -> None:
    """Who sees +91 in front of 6591234567 does not mean a number in Singapore."""
    style = xlwt.easyxf(num_format_str='"+91 "0')
    path = write_xls(tmp_path, change=lambda sheet: write_numbered(sheet, style))

    assert read_refusals(path) == [LACKS_DIGITS]


def test_what_is_below_a_merged_cell_of_an_xls_is_not_used(tmp_path: Path) -> None:
    """Excel keeps what a cell held before it was covered, and nobody sees it."""
    path = write_xls(tmp_path, (PHONE, "Ana"), BOB, change=lambda sheet: sheet.merged_ranges.append((1, 2, 1, 1)))

    assert read_refusals(path) == [
        "row 3, name: the cell is empty, and the message needs it: fill it in (it is merged with B2: unmerge the cells)"
    ]


def test_a_row_of_an_xls_with_the_usual_height_is_not_hidden(tmp_path: Path) -> None:
    """Some programs write 0x8000 for the height, the bit that says it is the usual one."""
    path = write_xls(tmp_path, (PHONE, "Ana"))
    usual, none = (struct.pack("<HHHHHH", 0x0208, 16, 1, 0, 2, height) for height in (0x00FF, 0x8000))
    content = path.read_bytes()
    assert usual in content
    path.write_bytes(content.replace(usual, none))

    assert len(read_all(path, sheet=SheetRules())) == 1


def test_an_xls_that_claims_all_rows_is_read(tmp_path: Path) -> None:
    """Some programs claim every row there can be."""
    path = write_xls(tmp_path, BOB)
    claim_rows(path, 65_536)

    assert [found.row_number for found in read_all(path)] == [2]


def test_what_an_xls_claims_of_its_extent_costs_nothing(tmp_path: Path) -> None:
    """Rows without end are no rows."""
    path = write_xls(tmp_path, BOB)
    claim_rows(path, 0x64_000_000)

    assert [found.row_number for found in read_all(path)] == [2]


def number_record(row_number: int, position: int) -> bytes:
    """Return the record of a number in a row from 0."""
    return struct.pack("<HHHHHd", 0x0203, 14, row_number, position, 0, 1.5)


def label_record(row_number: int, position: int, value: str) -> bytes:
    """Return the record of a text of its own."""
    return struct.pack("<HHHHHHB", 0x0204, 9 + len(value), row_number, position, 0, len(value), 0) + value.encode()


@pytest.mark.parametrize(
    ("records", "count", "said"),
    [
        (b"".join(number_record(row, 1) for row in range(1, 1000)), 1600, "its sheets hold more than 1,500,000 cells"),
        (label_record(5, 1, "x" * 8000), 6300, "its cells hold more than 50,000,000 letters"),
    ],
    ids=["cells", "letters"],
)
def test_an_xls_that_holds_more_than_a_sheet_is_refused(tmp_path: Path, records: bytes, count: int, said: str) -> None:
    """Cells are counted as they are read, wherever they stand."""
    end = struct.pack("<HH", 0x000A, 0)  # of the last sheet, and of the stream
    path = write_xls(tmp_path, BOB, change_stream=lambda stream: stream.removesuffix(end) + records * count + end)

    assert read_error(path) == f"recipients.xls: {said}; copy the rows into a new workbook or save them as CSV UTF-8"


def test_an_xls_that_never_ends_is_ended(tmp_path: Path) -> None:
    """A text with a reading aid as long as minus itself is read again and again: the process has its limits."""
    again = struct.pack("<HBi", 8000, 0x04, -8007) + b"x" * 8000
    texts = struct.pack("<HHII", 0x00FC, 8 + len(again), 2**31 - 1, 2**31 - 1) + again
    first = struct.pack("<HH", 0x0042, 2)
    path = write_xls(tmp_path, BOB, change_stream=lambda stream: stream.replace(first, texts + first, 1))

    assert read_error(path) == (
        "recipients.xls: takes more memory to read than a sheet of recipients does; copy the rows into a new workbook"
        " or save them as CSV UTF-8"
    )


def test_an_xls_whose_sectors_go_in_circles_is_refused(tmp_path: Path) -> None:
    """The chain of the sectors of its directory comes back to itself."""
    path = write_xls(tmp_path, *[BOB] * 500)
    content = bytearray(path.read_bytes())
    (table,) = struct.unpack_from("<I", content, 76)
    (directory,) = struct.unpack_from("<I", content, 48)
    struct.pack_into("<I", content, 512 * (table + 1) + 4 * directory, directory)
    path.write_bytes(content)

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


@pytest.mark.parametrize("write", [write_1904_ods, write_1904_xls])
def test_dates_without_a_format_are_counted_from_1904(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    """As in an .xlsx; counted from 1900 the appointment would be four years and a day too early."""
    recipient = read_recipient(write(tmp_path), body=["{name:%d.%m.%Y}"])

    assert recipient.values["name"] == "2026-12-03"


def test_an_xls_without_a_workbook_is_refused(tmp_path: Path) -> None:
    """A container of something else is no workbook."""
    path = write_xls(tmp_path, BOB)
    path.write_bytes(path.read_bytes().replace("Workbook".encode("utf-16-le"), "Document".encode("utf-16-le")))

    assert read_error(path).startswith("recipients.xls: is damaged or not a workbook")
