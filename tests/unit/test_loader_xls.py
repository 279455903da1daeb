"""The loader and the workbooks of Excel 97 to 2003, and the binary ones that are not read."""

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlwt  # type: ignore[import-untyped]  # ships no types

from dispatcher.models import SheetRules
from tests.support.other_workbooks import BOB, write_xls
from tests.support.sheets import PHONE, read, read_all, read_error, read_recipient, read_refusals

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


def test_an_xlsb_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """No reader that is kept tells its dates and errors truly; Excel saves it as .xlsx in a moment."""
    path = tmp_path / "recipients.xlsb"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.bin", b"\x83\x01\x00")

    assert read_error(path) == (
        "recipients.xlsb: is a binary workbook (.xlsb), which is not read; open it in Excel and save it as .xlsx"
    )


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


def write_1904_xls(folder: Path) -> Path:
    """Write the number 44897 into an .xls that counts from 1904."""
    path = write_xls(folder, (PHONE,), change=lambda sheet: sheet.write(1, 1, 44897))
    mode = struct.pack("<HHH", 0x0022, 2, 0)
    path.write_bytes(path.read_bytes().replace(mode, struct.pack("<HHH", 0x0022, 2, 1)))
    return path


def test_dates_without_a_format_are_counted_from_1904(tmp_path: Path) -> None:
    """As in an .xlsx; counted from 1900 the appointment would be four years and a day too early."""
    recipient = read_recipient(write_1904_xls(tmp_path), body=["{name:%d.%m.%Y}"])

    assert recipient.values["name"] == "2026-12-03"


def test_an_xls_without_a_workbook_is_refused(tmp_path: Path) -> None:
    """A container of something else is no workbook."""
    path = write_xls(tmp_path, BOB)
    path.write_bytes(path.read_bytes().replace("Workbook".encode("utf-16-le"), "Document".encode("utf-16-le")))

    assert read_error(path).startswith("recipients.xls: is damaged or not a workbook")
