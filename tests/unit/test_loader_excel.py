"""The loader and workbooks: cells, sheets and archives, each fixture made by a real writer."""

import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from defusedxml import DefusedXmlException  # type: ignore[import-untyped]  # ships no types
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.comments import Comment
from openpyxl.utils.datetime import MAC_EPOCH

from dispatcher.errors import HiddenRowsError, SheetError
from dispatcher.loader.formats.xlsx_scan import scan_sheet
from dispatcher.models import Recipient, Refusal, SheetRules, State
from tests.support.sheets import read, read_all, read_one, read_recipient, read_refusal, write_bytes, write_xlsx

PHONE = "+12025550100"


def at(hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    """Return a moment of the last day of 2026; a cell has no time zone."""
    return datetime.combine(date(2026, 12, 31), time(hour, minute, second))


def write_cell(folder: Path, value: Any, number_format: str = "General") -> Path:
    """Write one row whose second column holds ``value`` in ``number_format``, with openpyxl."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.append(["phone", "name"])
    sheet.append([PHONE, value])
    sheet["B2"].number_format = number_format
    path = folder / "recipients.xlsx"
    workbook.save(path)
    return path


def change_part(path: Path, part: str, change: Callable[[bytes], bytes]) -> Path:
    """Rewrite one part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    parts[part] = change(parts[part])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


SHEET_PART = "xl/worksheets/sheet1.xml"
UNCALCULATED = (
    "the cell holds a formula that was never calculated: open the file in Excel or LibreOffice, save it, try again"
)
DIGITS_LOST = (
    "the cell has more digits than the 15 Excel keeps, so its last digits are wrong:"
    " format the column as Text and enter the number again"
)
OUTSIDE_CALENDAR = "the cell is formatted as a date but lies outside Excel's calendar: correct it"


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (at(), "dd/mm/yyyy", "2026-12-31"),
        (at(14, 30), "m/d/yyyy h:mm", "2026-12-31 14:30"),
        (at(14, 30, 5), "yyyy-mm-dd hh:mm:ss", "2026-12-31 14:30:05"),
        (date(2026, 12, 3), "[$-407]d. mmmm yyyy", "2026-12-03"),
        (time(14, 30), "hh:mm", "14:30"),
        (0.6041666666666666, "hh:mm", "14:30"),
        (0, '"at" h:mm AM/PM', "00:00"),
        (46358.9999999, "dd/mm/yyyy", "2026-12-03"),
        (timedelta(hours=26, minutes=30), "[h]:mm", "26:30"),
        (46359, "General", "46359"),
        (True, "General", "TRUE"),
        (1234.5, "General", "1234.5"),
        (501, "00000", "00501"),
        (15551234567, "0.00E+00", "15551234567"),
        ("=A1", "@", "#CALC!"),
        ("@home", "@", "@home"),
        ("+1 up", "@", "+1 up"),
        ("-5", "@", "-5"),
        ("1.234,50", "@", "1.234,50"),
        ("  Ana \u00a0 Maria\nLuz  ", "General", "Ana Maria Luz"),
        ("Ana_x000D_\nMaria", "General", "Ana Maria"),
        ("Ana_x005F_x000D_Maria", "General", "Ana_x000D_Maria"),
        ("Jose\u0301", "General", "Jos\u00e9"),
        ("\U0001f469\u200d\U0001f680", "General", "\U0001f469\u200d\U0001f680"),
        (CellRichText("An", TextBlock(InlineFont(b=True), "a")), "General", "Ana"),
    ],
)
def test_cells_become_the_text_people_see(tmp_path: Path, value: Any, number_format: str, text: str) -> None:
    """Dates in ISO form, whole numbers without .0, text untouched but for line breaks and surplus spaces."""
    path = write_cell(tmp_path, value, number_format)

    row = read_one(path, body=["{phone}"])

    assert row.values["name"] == text


@pytest.mark.parametrize(
    ("value", "number_format", "reason"),
    [
        ("#N/A", "General", "the cell shows the error #N/A: correct its formula or type the value"),
        *(
            (name, "General", f"the cell shows the error {name}: correct its formula or type the value")
            for name in ("#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!")
        ),
        ("=VLOOKUP(A2,C:D,2)", "General", UNCALCULATED),
        (919876543210123456, "General", DIGITS_LOST),
        (-5, "dd/mm/yyyy", OUTSIDE_CALENDAR),
        (9999999, "dd/mm/yyyy", OUTSIDE_CALENDAR),
        (0, "dd/mm/yyyy", OUTSIDE_CALENDAR),
        (0.5, "mmm", OUTSIDE_CALENDAR),
        (0.5, "[$-409]d/m/yyyy h:mm AM/PM", OUTSIDE_CALENDAR),
        (60, "dd/mm/yyyy", OUTSIDE_CALENDAR),
        (None, "General", "the cell is empty, and the message needs it: fill it in"),
    ],
    ids=["n/a", "ref", "value", "zero", "name", "num", "null", "uncalculated", "digits-lost", "negative-date",
         "late-date", "no-date", "no-month", "no-day", "leap-day-of-1900", "blank"],
)  # fmt: skip
def test_cells_that_cannot_be_used_are_refused(tmp_path: Path, value: Any, number_format: str, reason: str) -> None:
    """A failed lookup or a damaged number is named with its row and column, and never sent."""
    path = write_cell(tmp_path, value, number_format)

    refusal = read_refusal(path)

    assert (refusal.row_number, refusal.column, refusal.reason) == (2, "name", reason)


def write_formula(folder: Path, value: Any) -> Path:
    """Write a formula with XlsxWriter, which calculates nothing: ``value`` stands for its result."""
    path = folder / "recipients.xlsx"
    workbook = xlsxwriter.Workbook(path)
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, ["phone", "name"])
    sheet.write(1, 0, PHONE)
    sheet.write_formula(1, 1, "=LOWER(A2)", value=value)
    workbook.close()
    return path


def test_a_formula_that_awaits_its_calculation_is_refused(tmp_path: Path) -> None:
    """XlsxWriter writes 0 for every result it was not told; nobody is greeted with it."""
    path = write_formula(tmp_path, 0)

    assert read_refusal(path).reason == UNCALCULATED
    assert read_recipient(path, body=["{phone}"]).to == "12025550100"


def test_a_result_of_zero_in_a_calculated_workbook_is_read(tmp_path: Path) -> None:
    """Excel and others say nothing of a calculation still to come, or write the result."""
    other = read_recipient(write_formula(tmp_path, "ana"))
    path = write_formula(tmp_path, 0)
    change_part(path, "xl/workbook.xml", lambda xml: xml.replace(b' fullCalcOnLoad="1"', b""))
    calculated = read_recipient(path)
    change_part(path, "xl/workbook.xml", lambda xml: re.sub(rb"<calcPr[^>]*/>", b"", xml))
    unsaid = read_recipient(path)

    assert [row.values["name"] for row in (other, calculated, unsaid)] == ["ana", "0", "0"]


def test_faults_in_columns_that_are_not_used_do_not_matter(tmp_path: Path) -> None:
    """A broken formula in somebody's notes stops no message."""
    path = write_cell(tmp_path, "#N/A")

    recipient = read_recipient(path, body=["{phone}"])

    assert recipient.values["name"] == "#N/A"


def test_a_control_character_is_refused(tmp_path: Path) -> None:
    """A character that would reach a terminal or a phone as a command is named, and shown harmlessly."""
    path = write_cell(tmp_path, "Ana")
    change_part(path, SHEET_PART, lambda xml: xml.replace(b"<t>Ana</t>", b"<t>A\xc2\x9bna</t>"))

    refusal = read_refusal(path)

    assert refusal.value == "A\ufffdna"
    assert refusal.reason == "the cell holds the control character U+009B: delete it or retype the cell"


@pytest.mark.parametrize(
    ("value", "notice"),
    [
        ("Ana\nMaria", "line breaks and tabs became single spaces"),
        ("Ana  Maria", "doubled spaces became single ones"),
        ("Ana\u00a0Maria", "non-breaking spaces became ordinary spaces"),
        ("Ana\u200bMaria", "invisible marks were removed"),
    ],
)
def test_changed_texts_are_said(tmp_path: Path, value: str, notice: str) -> None:
    """Whoever wrote the cell learns that something else will be sent."""
    recipient = read_recipient(write_cell(tmp_path, value))

    assert [(seen.reason, seen.row_number, seen.column) for seen in recipient.notices] == [(notice, 2, "name")]


@pytest.mark.parametrize(
    ("number_format", "value", "reason"),
    [
        ("0%", 0.15, "Excel shows a percentage; 0.15 is what will be sent (2 cells)"),
        (
            "[$\u20ac-407] #,##0.00",
            0.15,
            "Excel shows an amount of money; 0.15 is what will be sent (2 cells)",
        ),
        ('"$"#,##0.00', 0.15, "Excel shows an amount of money; 0.15 is what will be sent (2 cells)"),
        *(
            (shown, value, f"Excel shows the number in the format {shown}; {value} is what will be sent (2 cells)")
            for shown, value in [
                ("#,##0.00", 1234.5),
                ("#,##0", 1234),
                ("0.00", 12),
                ("0", 1.5),
                ('"Room "0', 12),
                ("000-000", 123456),
                ("# ?/?", 0.5),
                ("0.00E+00", 15551234567),
                ('#,##0.00 "z\u0142"', 12.5),
                ("00000", 1.5),
                ("0;(0)", -5),
                (";;;", 5),
                ("0,", 12000),
            ]
        ),
    ],
)
def test_what_excel_shows_otherwise_is_said_once_per_column(
    tmp_path: Path, number_format: str, value: float, reason: str
) -> None:
    """Percentages and money are sent as the bare number; a notice with the first cell says so."""
    workbook = openpyxl.Workbook()
    assert workbook.active is not None
    workbook.active.append(["phone", "name"])
    for phone in (PHONE, "+12025550101"):
        workbook.active.append([phone, value])
    for cell in workbook.active["B"]:
        cell.number_format = number_format
    workbook.save(tmp_path / "recipients.xlsx")

    sheet = read(tmp_path / "recipients.xlsx")
    rows = list(sheet)

    assert [row.notices for row in rows] == [(), ()]
    assert [(notice.reason, notice.row_number, notice.column) for notice in sheet.notices] == [(reason, 2, "name")]


@pytest.mark.parametrize(
    ("number_format", "value"),
    [
        ("General", 1234.5), ("@", 12), ("0", 12), ("#", 12), ("00000", 501), ("0.00", 12.34), ("0_ ", 12),
        ("#,##0", 999), ("#,##0.00_);(#,##0.00)", 12.34), ("0;(0)", 5),
    ],
)  # fmt: skip
def test_what_excel_shows_as_it_is_sent_is_not_said(tmp_path: Path, number_format: str, value: float) -> None:
    """A notice for every column of numbers would be read by nobody."""
    sheet = read(write_cell(tmp_path, value, number_format))
    list(sheet)

    assert sheet.notices == []


@pytest.mark.parametrize(("identifier", "value", "text"), [(31, 46359, "2026-12-03"), (32, 0.5, "12:00")])
def test_formats_of_east_asia_are_dates(tmp_path: Path, identifier: int, value: float, text: str) -> None:
    """No file defines them, so they must be known."""
    path = write_cell(tmp_path, value, "0")
    change_part(path, "xl/styles.xml", lambda xml: xml.replace(b'numFmtId="1"', f'numFmtId="{identifier}"'.encode()))

    assert read_recipient(path).values["name"] == text


def test_a_format_that_is_nowhere_defined_counts_as_general(tmp_path: Path) -> None:
    """As Excel takes it."""
    path = write_cell(tmp_path, 1234.5, "0")
    change_part(path, "xl/styles.xml", lambda xml: xml.replace(b'numFmtId="1"', b'numFmtId="200"'))

    assert read_recipient(path).values["name"] == "1234.5"


def test_dates_count_from_the_epoch_of_the_workbook(tmp_path: Path) -> None:
    """Old Mac workbooks count days from 1904, whether a cell is formatted as a date or has lost its format."""
    workbook = openpyxl.Workbook()
    workbook.epoch = MAC_EPOCH
    assert workbook.active is not None
    workbook.active.append(["phone", "name"])
    workbook.active.append([PHONE, at()])
    workbook.active.append(["+12025550101", 44925])
    workbook.save(tmp_path / "recipients.xlsx")

    rows = read_all(tmp_path / "recipients.xlsx", body=["{name:%d %B}"])

    assert [row.values["name"] for row in rows] == ["2026-12-31", "2026-12-31"]


def test_numbers_beside_blanks_and_texts_are_read_alike(tmp_path: Path) -> None:
    """A column of phones as numbers, as texts and with gaps gives the same digits everywhere."""
    path = write_xlsx(
        tmp_path,
        [["phone", "name"], [12025550100, "A"], [None, "B"], ["12025550101", "C"], [12025550102.0, "D"]],
    )

    rows = read_all(path)

    assert [row.to for row in rows] == ["12025550100", None, "12025550101", "12025550102"]
    assert isinstance(rows[1], Refusal)
    assert rows[1].reason == "the cell is empty: fill in a phone number or delete the row"


def test_the_header_is_found_below_titles(tmp_path: Path) -> None:
    """Title rows above the header are left out, and a notice says where the header is."""
    path = write_xlsx(
        tmp_path,
        [["October campaign"], [], ["phone list", None], [" Phone ", "First  Name\n(given)"], [PHONE, "Ana"]],
    )

    sheet = read(path, body=["{first name (given)}"])
    (row,) = sheet

    assert (sheet.header_row, sheet.columns, row.row_number) == (4, ("Phone", "First Name (given)"), 5)
    assert [notice.reason for notice in sheet.notices] == ["the header is in row 4; what is above it is left out"]


def test_a_header_below_row_twenty_must_be_named(tmp_path: Path) -> None:
    """Only the first 20 rows are searched; header_row names a header further down."""
    path = write_xlsx(tmp_path, [["title"]] * 24 + [["phone", "name"], [PHONE, "Ana"]])

    with pytest.raises(SheetError) as caught:
        read(path)
    assert str(caught.value) == (
        'recipients.xlsx, sheet "Sheet", row 1: there is no column called "phone"; there is no column called "name".'
        ' Columns found: "title". Row 25 has them: name it in the campaign file: [sheet] header_row = 25'
    )
    assert len(read_all(path, sheet=SheetRules(header_row=25))) == 1


def write_hidden_rows(folder: Path) -> Path:
    """Write four people; Excel's filter on ``vip`` hides rows 3 and 4, and an empty row 7 is hidden."""
    path = folder / "recipients.xlsx"
    workbook = xlsxwriter.Workbook(path)
    sheet = workbook.add_worksheet("October")
    sheet.write_row(0, 0, ["phone", "name", "vip"])
    for number, vip in enumerate(["y", "n", "n", "y"], start=1):
        sheet.write_row(number, 0, [f"+1202555010{number}", "Ana", vip])
    sheet.autofilter(0, 0, 4, 2)
    sheet.filter_column("C", "x == y")
    sheet.set_row(2, None, None, {"hidden": True})
    sheet.set_row(3, None, None, {"hidden": True})
    sheet.set_row(6, None, None, {"hidden": True})
    workbook.close()
    return path


def test_hidden_rows_stop_everything_until_somebody_decides(tmp_path: Path) -> None:
    """A filter left on must neither message the people it hides nor silently drop them."""
    path = write_hidden_rows(tmp_path)

    with pytest.raises(HiddenRowsError) as caught:
        read(path)

    assert caught.value.row_numbers == [3, 4]
    assert str(caught.value) == (
        "recipients.xlsx: 2 rows are hidden by a filter or by hand (3, 4). Show them in Excel, or decide in"
        ' the campaign file: [sheet] hidden_rows = "skip" leaves them out, "include" sends to them too'
    )


@pytest.mark.parametrize(("height", "row_numbers"), [("0", [3]), ("0.0", [3]), ("0.00", [3]), ("0.75", []), ("10", [])])
def test_rows_without_height_are_hidden(tmp_path: Path, height: str, row_numbers: list[int]) -> None:
    """A row that was drawn together until nothing of it is seen counts as hidden, however 0 is written."""
    path = write_xlsx(tmp_path, [["phone", "name"], [PHONE, "Ana"], ["+12025550101", "Bob"]])
    change_part(path, SHEET_PART, lambda xml: xml.replace(b'<row r="3"', f'<row r="3" ht="{height}"'.encode()))

    rows = read_all(path, sheet=SheetRules(hidden_rows="skip"))

    assert [row.row_number for row in rows if isinstance(row, Refusal)] == row_numbers
    with pytest.raises(HiddenRowsError) if row_numbers else nullcontext():
        read(path)


def test_hidden_rows_can_be_skipped_or_included(tmp_path: Path) -> None:
    """Skipped hidden rows are accounted for; included ones are like any other."""
    path = write_hidden_rows(tmp_path)

    skipped = read_all(path, sheet=SheetRules(hidden_rows="skip"))
    included = read_all(path, sheet=SheetRules(hidden_rows="include"))

    refusals = [row for row in skipped if isinstance(row, Refusal)]
    assert [(row.row_number, row.state, row.reason) for row in refusals] == [
        (3, State.SKIPPED, "hidden by a filter in Excel or by hand"),
        (4, State.SKIPPED, "hidden by a filter in Excel or by hand"),
    ]
    assert [type(row) for row in included] == [Recipient] * 4


def test_hidden_columns_are_read(tmp_path: Path) -> None:
    """Hiding a column is tidying up, not deciding about people."""
    path = tmp_path / "recipients.xlsx"
    workbook = xlsxwriter.Workbook(path)
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, ["phone", "name"])
    sheet.write_row(1, 0, [PHONE, "Ana"])
    sheet.set_column("B:B", None, None, {"hidden": True})
    workbook.close()

    assert read_recipient(path).values["name"] == "Ana"


def write_sheets(folder: Path, **sheets: str) -> Path:
    """Write a READ ME sheet and one sheet of recipients per name, with its state."""
    workbook = openpyxl.Workbook()
    assert workbook.active is not None
    workbook.active.title = "READ ME"
    workbook.active.append(["How to use this file"])
    for name, state in sheets.items():
        sheet = workbook.create_sheet(name)
        sheet.append(["phone", "name"])
        sheet.append([PHONE, name])
        sheet.sheet_state = state
    path = folder / "recipients.xlsx"
    workbook.save(path)
    return path


def test_the_one_visible_sheet_with_the_columns_is_read(tmp_path: Path) -> None:
    """A READ ME in front and hidden sheets behind do not matter."""
    path = write_sheets(tmp_path, October="visible", Old="hidden", Older="veryHidden")

    sheet = read(path)

    assert sheet.sheet_name == "October"
    assert [row.values["name"] for row in sheet] == ["October"]


def test_columns_that_only_a_hidden_sheet_has_are_pointed_out(tmp_path: Path) -> None:
    """Nobody is sent to from a sheet that nobody sees, but the reason must not be a riddle."""
    path = write_sheets(tmp_path, Old="hidden")

    with pytest.raises(SheetError) as caught:
        read(path)

    assert str(caught.value) == (
        'recipients.xlsx: only the hidden sheet "Old" has the columns; unhide it in Excel, or name it in the campaign'
        ' file: [sheet] name = "Old"'
    )


def test_a_strict_workbook_is_called_that(tmp_path: Path) -> None:
    """Excel's "Strict Open XML Spreadsheet" looks like any other .xlsx, and has other names inside."""
    path = write_cell(tmp_path, "Ana")
    ordinary, strict = (
        b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
        (b"http://purl.oclc.org/ooxml/spreadsheetml/main"),
    )
    change_part(path, "xl/workbook.xml", lambda xml: xml.replace(ordinary, strict))

    with pytest.raises(SheetError) as caught:
        read(path)

    assert str(caught.value) == (
        'recipients.xlsx: is saved as "Strict Open XML"; save it in Excel as an ordinary Excel Workbook (.xlsx)'
    )


def test_comments_on_cells_are_left_out(tmp_path: Path) -> None:
    """A remark is no part of a name."""
    path = write_cell(tmp_path, "Ana")
    workbook = openpyxl.load_workbook(path)
    assert workbook.active is not None
    workbook.active["B2"].comment = Comment("opted out!", "Maria")
    workbook.save(path)

    assert read_recipient(path).values["name"] == "Ana"


def test_several_sheets_with_the_columns_are_refused(tmp_path: Path) -> None:
    """Which of them is meant is for a person to say, and a named sheet is taken even when hidden."""
    path = write_sheets(tmp_path, October="visible", November="visible", Old="hidden")

    with pytest.raises(SheetError) as caught:
        read(path)

    assert str(caught.value) == (
        'recipients.xlsx: the sheets "October" and "November" all have the columns; say which one to read'
        ' in the campaign file: [sheet] name = "October"'
    )
    assert read(path, sheet=SheetRules(name=" november")).sheet_name == "November"
    assert read(path, sheet=SheetRules(name="Old")).sheet_name == "Old"


def test_an_unknown_sheet_is_refused_with_those_there_are(tmp_path: Path) -> None:
    """A misspelt sheet name is answered with the right ones."""
    path = write_sheets(tmp_path, October="visible")

    with pytest.raises(SheetError) as caught:
        read(path, sheet=SheetRules(name="Oktober"))

    assert str(caught.value) == (
        'recipients.xlsx: there is no sheet called "Oktober"; sheets found: "READ ME", "October"'
    )


def test_a_country_code_in_the_format_is_no_part_of_the_number(tmp_path: Path) -> None:
    """Excel shows +1 604-555-0112; without the 1 it is a number in Malaysia."""
    path = tmp_path / "recipients.xlsx"
    workbook = xlsxwriter.Workbook(path)
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, ["phone", "name"])
    sheet.write_number(1, 0, 6045550112, workbook.add_format({"num_format": '"+1 "000-000-0000'}))
    sheet.write_number(2, 0, 12025550101, workbook.add_format({"num_format": '"+"0'}))
    sheet.write_column(1, 1, ["Ana", "Bob"])
    workbook.close()

    refusal, recipient = read_all(path)

    assert isinstance(refusal, Refusal)
    assert refusal.reason == (
        "the cell lacks digits that its format shows: format the column as Text and enter the whole number"
    )
    assert isinstance(recipient, Recipient)


def test_an_opt_out_that_is_merged_over_rows_leaves_nobody_to_chance(tmp_path: Path) -> None:
    """Excel shows one "yes" over three rows, and only the first of them has it."""
    path = tmp_path / "recipients.xlsx"
    workbook = xlsxwriter.Workbook(path)
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, ["phone", "name", "opt out"])
    for number in range(4):
        sheet.write_row(number + 1, 0, [f"+1202555010{number}", "Ana"])
    sheet.merge_range("C2:C4", "yes")
    workbook.close()

    found = read_all(path, skip_if={"opt out": ("yes",)})

    assert [type(row) for row in found] == [Refusal, Refusal, Refusal, Recipient]
    assert isinstance(found[1], Refusal)
    assert found[1].reason == (
        "the cell is blank, and it may leave the person out (it is merged with C2: unmerge the cells)"
    )


def test_merged_cells_are_named_with_the_cell_that_has_the_value(tmp_path: Path) -> None:
    """Only the first cell of a merged range has the value; the others say which one it is."""
    path = tmp_path / "recipients.xlsx"
    workbook = xlsxwriter.Workbook(path)
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, ["phone", "name"])
    sheet.write_column(1, 0, [PHONE, "+12025550101"])
    sheet.merge_range("B2:B3", "Ana")
    workbook.close()

    first, second = read_all(path)

    assert isinstance(first, Recipient)
    assert isinstance(second, Refusal)
    assert second.reason == (
        "the cell is empty, and the message needs it: fill it in (it is merged with B2: unmerge the cells)"
    )


def test_formatted_empty_rows_are_nothing(tmp_path: Path) -> None:
    """Two thousand coloured rows below the data are not two thousand refusals."""
    path = tmp_path / "recipients.xlsx"
    workbook = xlsxwriter.Workbook(path)
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, ["phone", "name"])
    sheet.write_row(1, 0, [PHONE, "Ana"])
    colour = workbook.add_format({"bg_color": "yellow"})
    for number in range(2, 2000):
        sheet.write_blank(number, 0, None, colour)
    workbook.close()

    assert len(read_all(path)) == 1


def test_a_wrong_dimension_drops_no_rows(tmp_path: Path) -> None:
    """Some exports claim that the sheet is smaller than it is."""
    path = write_xlsx(tmp_path, [["phone", "name"], [PHONE, "Ana"], ["+12025550101", "Bob"]])
    change_part(path, SHEET_PART, lambda xml: xml.replace(b'ref="A1:B3"', b'ref="A1:B2"'))

    assert len(read_all(path)) == 2


def test_broken_styles_do_not_matter(tmp_path: Path) -> None:
    """A cell that points at a style that is not there is read without one."""
    path = write_cell(tmp_path, 501, "00000")
    change_part(path, SHEET_PART, lambda xml: xml.replace(b's="1"', b's="77"'))

    assert read_recipient(path).values["name"] == "501"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b'patternType="gray125"', b'patternType="nope"'),
        (b"<fonts count=", b'<fonts bad="1" count='),
        (b'<family val="2"', b'<family val="99"'),
    ],
    ids=["pattern", "attribute", "font"],
)
def test_broken_fonts_and_colours_do_not_matter(tmp_path: Path, good: bytes, bad: bytes) -> None:
    """How a cell is painted has nothing to do with what it says; dates and hidden rows are still known."""
    path = write_cell(tmp_path, at(), "dd/mm/yyyy")
    with zipfile.ZipFile(path) as archive:
        assert good in archive.read("xl/styles.xml")
    change_part(path, "xl/styles.xml", lambda xml: xml.replace(good, bad))
    change_part(path, SHEET_PART, lambda xml: xml.replace(b'<row r="2"', b'<row r="2" hidden="1"'))

    row = read_one(path, sheet=SheetRules(hidden_rows="skip"))

    assert row.values["name"] == "2026-12-31"
    assert isinstance(row, Refusal)


def test_a_stray_cell_at_the_end_of_the_sheet_costs_nothing(tmp_path: Path) -> None:
    """XFD1048576 is a row of its own to refuse, not a million empty ones to read."""
    path = tmp_path / "recipients.xlsx"
    workbook = xlsxwriter.Workbook(path)
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, ["phone", "name"])
    sheet.write_row(1, 0, [PHONE, "Ana"])
    sheet.write("XFD1048576", "oops")
    workbook.close()

    first, last = read_all(path)

    assert isinstance(first, Recipient)
    assert (last.row_number, last.notices[0].column, last.notices[0].reason) == (
        1_048_576, "beyond column SF", "stands to the right of the last column and is left out",
    )  # fmt: skip


def test_a_header_of_endless_columns_is_refused(tmp_path: Path) -> None:
    """A stray cell far to the right of the header is named."""
    path = tmp_path / "recipients.xlsx"
    workbook = xlsxwriter.Workbook(path)
    sheet = workbook.add_worksheet()
    sheet.write_row(0, 0, ["phone", "name"])
    sheet.write("XFD1", "oops")
    workbook.close()

    with pytest.raises(
        SheetError,
        match="row 1 reaches beyond column SF: a sheet of recipients has at most 500 columns; delete the stray cells",
    ):
        read(path)


def test_a_workbook_open_in_excel_is_read_with_a_notice(tmp_path: Path) -> None:
    """What Excel has not saved yet is not in the file."""
    path = write_cell(tmp_path, "Ana")
    (tmp_path / "~$recipients.xlsx").write_bytes(b"\x05owner")

    sheet = read(path)
    list(sheet)

    assert [notice.reason for notice in sheet.notices] == [
        "recipients.xlsx is open in Excel; what was saved last is read"
    ]


def test_a_file_that_grows_into_a_bomb_is_refused(tmp_path: Path) -> None:
    """200 MB of XML in half a megabyte is refused before any of it is parsed."""
    path = write_cell(tmp_path, "Ana")
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("xl/worksheets/sheet2.xml", "w") as part,
    ):
        for _ in range(201):
            part.write(b" " * 1_000_000)

    with pytest.raises(SheetError) as caught:
        read(path)

    assert str(caught.value) == (
        "recipients.xlsx: unpacks to 201 MB, more than 200 MB; copy the rows into a new workbook or save"
        " them as CSV UTF-8"
    )


def test_a_part_packed_too_well_is_refused(tmp_path: Path) -> None:
    """Fifty megabytes of blanks are no sheet either."""
    path = write_cell(tmp_path, "Ana")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet2.xml", b" " * 50_000_000)

    with pytest.raises(SheetError, match=r"sheet2\.xml is packed more than 100 times over"):
        read(path)


@pytest.mark.parametrize("part", [SHEET_PART, "xl/sharedStrings.xml", "xl/workbook.xml"])
def test_entities_are_refused(tmp_path: Path, part: str) -> None:
    """An entity bomb is refused wherever it hides."""
    path = tmp_path / "recipients.xlsx"
    workbook = xlsxwriter.Workbook(path)
    workbook.add_worksheet().write_row(0, 0, ["phone", "name"])
    workbook.close()
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    change_part(path, part, lambda xml: xml.replace(b"?>", b"?>" + bomb, 1))

    with pytest.raises(SheetError) as caught:
        read_all(path)

    assert str(caught.value) == (
        "recipients.xlsx: contains XML entities, which no spreadsheet program writes; it is not read"
    )


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PROTECTED = OLE + "EncryptedPackage".encode("utf-16-le")
WEB_PAGE = "is a web page or XML, no spreadsheet; open it in Excel and save it as .xlsx"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", b"phone,name\n", "is a CSV file named .xlsx; rename it to .csv or save it as .xlsx"),
        ("a.xlsx", b"<html><table>", WEB_PAGE),
        ("a.xls", b"\xef\xbb\xbf<table>", WEB_PAGE),
        ("a.xlsx", PROTECTED, "is protected by a password; save it without one and try again"),
        ("a.xlsx", OLE, "is an old Excel file (.xls); open it in Excel and save it as .xlsx"),
        (
            "a.xlsx",
            b"PK\x03\x04",
            "is damaged, perhaps only half copied; open it in Excel, save it and try again",
        ),
        ("a.xlsx", b"", "is empty; export the rows again"),
        ("a.csv", b"\x1f\x8b\x08", "is compressed (gzip), no spreadsheet; unpack it first"),
        ("a.csv", b"%PDF-1.7", "is a PDF, no spreadsheet; export the table as .xlsx or CSV UTF-8"),
        ("a.csv", b'{"a": 1}', "is JSON, no spreadsheet; export the table as .xlsx or CSV UTF-8"),
        ("~$a.xlsx", b"\x05owner", "is Excel's lock file; the sheet itself is a.xlsx"),
        ("a.numbers", b"x", ".numbers is not read; save it as .xlsx or .csv"),
    ],
)
def test_files_that_are_something_else_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """Going by its first bytes each file is called what it is, with what to do."""
    path = write_bytes(tmp_path, content, name)

    with pytest.raises(SheetError) as caught:
        read(path)

    assert str(caught.value) == f"{name}: {message}"


def test_a_workbook_named_csv_is_refused(tmp_path: Path) -> None:
    """A workbook that somebody renamed is told its right name."""
    path = write_cell(tmp_path, "Ana").rename(tmp_path / "recipients.csv")

    with pytest.raises(SheetError) as caught:
        read(path)

    assert str(caught.value) == ("recipients.csv: is an Excel or ODS workbook (.xlsx); rename it to recipients.xlsx")


def test_paths_that_are_no_files_are_named(tmp_path: Path) -> None:
    """A folder, a device and a missing file each have their own words."""
    for path, words in [
        (tmp_path, "is a folder; name the file in it"),
        (Path("/dev/zero"), "is no ordinary file; copy the rows into a .csv or .xlsx file"),
        (tmp_path / "no.csv", "there is no such file; check recipients in the campaign file"),
    ]:
        with pytest.raises(SheetError) as caught:
            read(path)
        assert str(caught.value) == f"{path}: {words}"


def convert(path: Path, kind: str) -> Path:
    """Let LibreOffice save ``path`` in another format, in the folder above."""
    folder = path.parent.parent
    profile = f"-env:UserInstallation=file://{folder}/profile"
    command = ["soffice", profile, "--headless", "--convert-to", kind, "--outdir", str(folder), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return folder / path.with_suffix(f".{kind.partition(':')[0]}").name


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
@pytest.mark.parametrize(
    "kind", ["xlsx", "xls", "ods", "csv:Text - txt - csv (StarCalc):59,34,76,1,,1033,false,true,false"]
)
def test_libreoffice_writes_the_same_rows(tmp_path: Path, kind: str) -> None:
    """A sheet that went through LibreOffice gives the same number, text and date in every format."""
    (tmp_path / "source").mkdir()
    rows: list[list[Any]] = [["phone", "name", "date"], [12025550100, "Jos\u00e9", date(2026, 12, 31)]]
    path = convert(write_xlsx(tmp_path / "source", rows), kind)

    recipient = read_recipient(path, body=["{name}", "{date:%d %B}"], sheet=SheetRules(hidden_rows="include"))

    assert (recipient.to, recipient.values["name"]) == ("12025550100", "Jos\u00e9")
    assert recipient.values["date"] == "2026-12-31"


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_libreoffice_keeps_rows_hidden(tmp_path: Path, kind: str) -> None:
    """Which rows a filter hides is known in every format, by their numbers."""
    (tmp_path / "source").mkdir()
    path = convert(write_hidden_rows(tmp_path / "source"), kind)

    with pytest.raises(HiddenRowsError) as caught:
        read(path)

    assert caught.value.row_numbers == [3, 4]


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs LibreOffice")
@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_libreoffice_keeps_errors(tmp_path: Path, kind: str) -> None:
    """A formula that failed is named in every format, and the row beside it is read."""
    (tmp_path / "source").mkdir()
    rows: list[list[Any]] = [["phone", "name"], [PHONE, "=1/0"], ["+12025550101", "Bob"]]
    path = convert(write_xlsx(tmp_path / "source", rows), kind)

    refused, sent = read_all(path)

    assert isinstance(refused, Refusal)
    assert refused.reason == "the cell shows the error #DIV/0!: correct its formula or type the value"
    assert isinstance(sent, Recipient)


def test_rows_that_are_out_of_order_are_refused(tmp_path: Path) -> None:
    """Two rows of one number would make two people one."""
    path = write_xlsx(tmp_path, [["phone", "name"], [PHONE, "Ana"], ["+12025550101", "Bob"]])
    change_part(path, SHEET_PART, lambda xml: xml.replace(b'<row r="3"', b'<row r="2"'))

    with pytest.raises(SheetError) as caught:
        read_all(path)

    assert str(caught.value) == (
        "recipients.xlsx: is damaged or not a workbook (ValueError); open it in Excel or LibreOffice, save it"
        " as .xlsx and try again"
    )


@pytest.mark.parametrize(
    ("start", "is_free"),
    [
        (b'<?xml version="1.0" encoding="UTF-8"?><worksheet>', True),
        (b"\xef\xbb\xbf<worksheet>", True),
        (b'<?xml version="1.0"?><worksheet>', True),
        (b'<?xml version="1.0" encoding="cp037"?><worksheet>', False),
        ('<?xml version="1.0"?><worksheet>'.encode("utf-16"), False),
    ],
    ids=["utf-8", "mark", "unstated", "ebcdic", "utf-16"],
)
def test_only_what_surely_has_no_entities_takes_the_quick_parser(tmp_path: Path, start: bytes, is_free: bool) -> None:
    """In another encoding than UTF-8 a document type could be spelt in bytes nobody looks for."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("plain", start + b"<row r='1'/>" * 200_000)
        archive.writestr("late", start + b"<row r='1'/>" * 200_000 + b"<!DOCTYPE x>")

        assert scan_sheet(archive, "plain").is_free_of_entities is is_free
        with pytest.raises(DefusedXmlException):
            scan_sheet(archive, "late")
