"""The loader and OpenDocument sheets: cells, white space, hidden rows, what repeats."""

import random
import zipfile
from pathlib import Path

import pytest

from dispatcher.models import SheetRules
from tests.support.other_workbooks import (
    ANA,
    END,
    HEADER,
    MANIFEST,
    START,
    TEXT_BOX,
    cell,
    group,
    row,
    text,
    write_ods,
)
from tests.support.sheets import INCLUDE, PHONE, read, read_all, read_error, read_recipient, read_refusals

NOT_AVAILABLE = "row 3, name: the cell shows the error #N/A: correct its formula or type the value"
LACKS_DIGITS = (
    "row 2, phone: the cell lacks digits that its format shows: format the column as Text and enter the whole number"
)
HIDDEN = "1 row is hidden by a filter or by hand"
LEFT_OUT = "row 3, -: hidden by a filter in Excel or by hand"
UNCALCULATED = (
    "row 3, name: the cell holds a formula that was never calculated: open the file in Excel or LibreOffice, save it,"
    " try again"
)
EMPTY = "row 2, name: the cell is empty, and the message needs it: fill it in"
FORMULA = '<table:table-cell table:formula="of:=[.A2]"/>'


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


def test_an_ods_with_a_password_is_refused(tmp_path: Path) -> None:
    """Its content is encrypted, which only its manifest says."""
    path = write_ods(tmp_path, HEADER)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/manifest.xml", MANIFEST.replace("/>", "><manifest:encryption-data/></manifest>"))
        archive.writestr("content.xml", b"\x8f\x01")

    assert read_error(path) == "recipients.ods: is protected by a password; save it without one and try again"


def write_1904_ods(folder: Path) -> Path:
    """Write the number 44897 into an .ods that counts from 1904."""
    mode = '<table:calculation-settings><table:null-date table:date-value="1904-01-01"/></table:calculation-settings>'
    start = START.replace("<table:table ", f"{mode}<table:table ")
    return write_ods(folder, HEADER, row(text(PHONE), text("44897", 'office:value="44897"', "float")), start=start)


def test_dates_without_a_format_are_counted_from_1904(tmp_path: Path) -> None:
    """As in an .xlsx; counted from 1900 the appointment would be four years and a day too early."""
    recipient = read_recipient(write_1904_ods(tmp_path), body=["{name:%d.%m.%Y}"])

    assert recipient.values["name"] == "2026-12-03"
