"""The loader's memory: files that unpack to far more than people write are refused before they fill the machine."""

import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter

from tests.support.other_workbooks import HEADER, row, text, write_ods
from tests.support.sheets import write_xlsx
from tests.unit.test_loader_excel import SHEET_PART, change_part

MAX_KB = 300_000
READ = """
import re, sys
from pathlib import Path
from dispatcher.errors import SheetError
from dispatcher.models import SheetRules
from tests.support.sheets import read_all
try:
    print(len(read_all(Path(sys.argv[1]), sheet=SheetRules(hidden_rows="include"))), "rows")
except SheetError as error:
    print(error)
print(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to know the peak memory")


def read_apart(path: Path) -> tuple[str, int]:
    """Read ``path`` in a process of its own; return what it says and its peak memory in kB."""
    command = [sys.executable, "-c", READ, str(path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    said, peak_kb = output.strip().rsplit("\n", 1)
    return said, int(peak_kb)


def insert_rows(rows: bytes) -> Callable[[bytes], bytes]:
    """Return a change that puts ``rows`` below the first ones and takes the size away that the sheet claims."""
    return lambda xml: re.sub(rb"<dimension[^>]*>", b"", xml).replace(b"</sheetData>", rows + b"</sheetData>")


def make_long_text() -> bytes:
    """Return 38 MB of letters that are not packed too well."""
    source = random.Random(1)
    return b"".join(source.randbytes(1000).hex().encode() * 19 for _ in range(1000))


@needs_proc
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            b'<row r="3"><c r="A3" t="inlineStr"><is><t>' + make_long_text() + b"</t></is></c></row>",
            "a text in its part xl/worksheets/sheet1.xml is longer than the 32,767 characters of a cell",
        ),
        (
            b'<row r="3">' + b"".join(b'<c r="A3"><v>%d</v></c>' % number for number in range(1_000_000)) + b"</row>",
            "its part xl/worksheets/sheet1.xml holds more than 5 MB within one row or below the last",
        ),
        (
            b"</sheetData><mergeCells>"
            + b"".join(b'<mergeCell ref="A%d:B%d"/>' % (number, number) for number in range(600_000))
            + b"</mergeCells><sheetData>",
            "its part xl/worksheets/sheet1.xml holds more than 5 MB within one row or below the last",
        ),
    ],
    ids=["one-text", "one-row", "merged-cells"],
)
def test_what_a_parser_would_keep_at_once_is_refused(tmp_path: Path, rows: bytes, said: str) -> None:
    """A text, a row and what stands below the rows may not be larger than people make them."""
    path = change_part(
        write_xlsx(tmp_path, [["phone", "name"], ["+12025550100", "Ana"]]), SHEET_PART, insert_rows(rows)
    )

    output, peak_kb = read_apart(path)

    assert output == f"recipients.xlsx: {said}; copy the rows into a new workbook or save them as CSV UTF-8"
    assert peak_kb < MAX_KB


@needs_proc
def test_a_million_rows_of_nothing_cost_little(tmp_path: Path) -> None:
    """Rows without a cell are read and left out."""
    path = change_part(
        write_xlsx(tmp_path, [["phone", "name"], ["+12025550100", "Ana"]]),
        SHEET_PART,
        insert_rows(b"<row/>" * 1_000_000),
    )

    output, peak_kb = read_apart(path)

    assert output == "1 rows"
    assert peak_kb < MAX_KB


@needs_proc
def test_a_shared_text_without_end_is_refused(tmp_path: Path) -> None:
    """The texts that cells share are looked at before they are parsed, as the sheets are."""
    path = tmp_path / "recipients.xlsx"
    workbook = xlsxwriter.Workbook(path)
    workbook.add_worksheet().write_column(0, 0, ["phone", "Ana"])
    workbook.close()
    change_part(path, "xl/sharedStrings.xml", lambda xml: xml.replace(b"Ana", make_long_text()))

    output, peak_kb = read_apart(path)

    assert output.startswith("recipients.xlsx: a text in its part xl/sharedStrings.xml is longer than the 32,767")
    assert peak_kb < MAX_KB


@needs_proc
def test_an_ods_that_unfolds_is_refused(tmp_path: Path) -> None:
    """A row and a cell that repeat make ten million cells of 800 bytes; just below the limit they are read."""
    many = row(text("x", 'table:number-columns-repeated="500"'), options='table:number-rows-repeated="20000"')
    fewer = row(text("x", 'table:number-columns-repeated="500"'), options='table:number-rows-repeated="2999"')

    output, peak_kb = read_apart(write_ods(tmp_path, HEADER, many))
    output_below, peak_below_kb = read_apart(write_ods(tmp_path, HEADER, fewer))

    assert output.startswith("recipients.ods: its rows and columns repeat to more than 1,500,000 cells")
    assert output_below == "2999 rows"
    assert max(peak_kb, peak_below_kb) < MAX_KB
