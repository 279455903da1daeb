"""The loader and files nobody meant to write: rows or a ``SheetError``, no traceback, no hang."""

import io
import zipfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import IO, Any

import openpyxl
import pytest
import xlwt  # type: ignore[import-untyped]  # ships no types
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.errors import SheetError
from dispatcher.models import Recipient, Refusal, SheetRules
from tests.support.other_workbooks import ANA, BOB, HEADER, cell, group, row, text, write_ods, write_xls
from tests.support.sheets import PHONE, read_all

CSV = (
    'sep=,\n# exported\nphone,name,when\n+12025550100,"Ana ""A""\nMaria",2026-12-31\n\n'
    '12025550101,José,46359\n="+12025550102",N/A,03/12/2026\n'
).encode()


def unpack(file: Path | IO[bytes]) -> dict[str, bytes]:
    """Return the parts of an archive."""
    with zipfile.ZipFile(file) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def make_workbook() -> dict[str, bytes]:
    """Return the parts of a workbook with every kind of cell."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    rows: list[list[object]] = [
        ["phone", "name", "when"],
        [12025550100, "Ana", date(2026, 12, 31)],
        ["+12025550101", True, 46359.5],
        ["+12025550102", "#N/A", "=A1"],
    ]
    for cells in rows:
        sheet.append(cells)
    sheet.merge_cells("B4:B5")
    sheet.row_dimensions[3].hidden = True
    file = io.BytesIO()
    workbook.save(file)
    return unpack(file)


PARTS = make_workbook()
PIECES = [
    b"", b"0", b"-1", b"1e999", b"nan", b'"', b"'", b"<", b">", b"&", b"&#0;", b"&#x1b;", b"\x00", b"\xff",
    b"\r", b"\n", b",", b";", b"\t", b't="s"', b't="d"', b't="e"', b'r="A0"', b'r="ZZZZ9"', b'r="9"',
    b's="99"',
    b"99999999999999999999", b"<row/>", b"</row>", b"<c><v/></c>", b"<f>", b"<!DOCTYPE a>", b"1904",
    b'encoding="utf-16"', b'encoding="cp037"',
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """Return ``content`` with some places replaced by pieces that break readers."""
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 0, 1, 1, 2, 5, 30]))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=4))
        content = content[:start] + piece + content[start + length :]
    return content


@st.composite
def mutated_workbooks(draw: st.DrawFn, intact: Mapping[str, bytes] = PARTS) -> bytes:
    """Return a workbook with one broken part, or a broken archive."""
    parts = dict(intact)
    usual = [name for name in parts if any(word in name for word in ("sheet1", "workbook", "styles", "content"))]
    name = draw(st.sampled_from(usual) | st.sampled_from(sorted(parts)))
    if draw(st.integers(0, 9)) == 0:
        del parts[name]
    else:
        parts[name] = draw(mutated(parts[name]))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    content = file.getvalue()
    return draw(mutated(content)) if draw(st.integers(0, 3)) == 0 else content


FILTERED = 'table:visibility="filter"'
ODS_ROWS = (
    row(text("00501", 'office:value="501"', "float"), cell("<text:p>A<text:s text:c='2'/>n<text:tab/>a</text:p>")),
    row(text("3.12.", 'office:date-value="2026-12-03"', "date"), text("26:30", 'office:time-value="PT26H30M"', "time")),
    row(text(PHONE, 'table:number-rows-spanned="2"'), text("#N/A", 'calcext:value-type="error"')),
    row(
        '<table:covered-table-cell/><table:table-cell table:formula="of:=[.A2]"/>', options='table:visibility="filter"'
    ),
    row(text("x", 'table:number-columns-repeated="3"'), options='table:number-rows-repeated="2"'),
)


def vary(sheet: Any) -> None:
    """Add a hidden row, cells of all kinds and a merged one to an .xls."""
    sheet.row(2).hidden = True
    sheet.write(3, 0, 12025550102)
    sheet.write(3, 1, date(2026, 12, 3), xlwt.easyxf(num_format_str="DD/MM/YYYY"))
    sheet.write(4, 0, True)
    sheet.write(4, 1, xlwt.Formula("A2"))
    sheet.row(5).set_cell_error(1, 0x2A)
    sheet.merge(5, 6, 0, 0)


def read_whatever(folder: Path, name: str, content: bytes) -> None:
    """Read ``content`` under ``name``; fail unless it gives rows that add up or a sentence."""
    path = folder / name
    path.write_bytes(content)
    for rules in (SheetRules(hidden_rows="include"), SheetRules(encoding="cp1252", hidden_rows="skip")):
        try:
            rows = read_all(path, body=["{name}", "{when:%d %B}"], sheet=rules)
        except SheetError as error:
            if name not in str(error):
                pytest.fail(f"{error} does not name the file")
            continue
        for found in rows:
            assert isinstance(found, Recipient | Refusal)
            assert not isinstance(found, Refusal) or found.reason
        numbers = [found.row_number for found in rows]
        assert numbers == sorted(numbers)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one folder for all examples of this module."""
    return tmp_path_factory.mktemp("fuzz")


FUZZ = settings(max_examples=150, deadline=5000, suppress_health_check=[HealthCheck.too_slow])


@FUZZ
@given(
    name=st.sampled_from(["a.csv", "a.tsv", "a.xlsx", "a.xlsm", "a.xls", "a.ods", "a.xlsb"]),
    content=st.binary(min_size=1, max_size=300)
    | st.sampled_from([b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\xff\xfe", b"\xef\xbb\xbf"]).flatmap(
        lambda start: st.binary(max_size=600).map(lambda rest: start + rest)
    ),
)
def test_random_bytes_are_refused(folder: Path, name: str, content: bytes) -> None:
    """Bytes that are nothing at all end in a sentence, whatever the file is called."""
    read_whatever(folder, name, content)


@FUZZ
@given(mutated(CSV))
def test_broken_csv_files_are_read_or_refused(folder: Path, content: bytes) -> None:
    """A CSV with some bytes changed gives rows or a sentence."""
    read_whatever(folder, "a.csv", content)


@FUZZ
@given(mutated_workbooks())
def test_broken_workbooks_are_read_or_refused(folder: Path, content: bytes) -> None:
    """A workbook with a damaged part gives rows or a sentence."""
    read_whatever(folder, "a.xlsx", content)


@FUZZ
@given(st.data())
def test_broken_other_formats_are_read_or_refused(folder: Path, data: st.DataObject) -> None:
    """A sheet of another format with a damaged part gives rows or a sentence."""
    ods = unpack(write_ods(folder, HEADER, ANA, group(ANA, 'table:display="false"'), *ODS_ROWS))
    xls = write_xls(folder, (PHONE, "Ana"), BOB, change=vary).read_bytes()
    broken = {".ods": mutated_workbooks(ods), ".xls": mutated(xls)}

    ending = data.draw(st.sampled_from(sorted(broken)))
    read_whatever(folder, f"a{ending}", data.draw(broken[ending]))
