"""Results back to the sheet: own columns, own order, text stays text, and safe to send again."""

import csv
import random
import re
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from openpyxl.utils import get_column_letter

from dispatcher.added_columns import HIDDEN_REASON, OUTCOME_COLUMNS, PROBLEM_COLUMNS
from dispatcher.errors import UsageError
from dispatcher.ledger import RowRecord
from dispatcher.models import Problem, Recipient, Refusal, SheetRules, State
from dispatcher.outputs.export import write_export
from dispatcher.outputs.problems import write_problems
from tests.support.command_line import Desk, people
from tests.support.loopback_server import Answer, Loopback
from tests.support.outcome_rows import outcome_row
from tests.support.sheets import read_all, write_csv

HOSTILE = ["=1+1", "+12025550100", "-5", "@SUM(A1)", "00501", "15551234567", "2026-12-03", "https://example.com"]


def export(out: Path, columns: Sequence[str], *rows: Sequence[str]) -> None:
    """Export accepted rows with these cells."""
    write_export(out, columns, [outcome_row(columns, cells) for cells in rows])


def test_text_stays_text_in_a_workbook(tmp_path: Path) -> None:
    """No formula, no number, no link: every cell is the string it was."""
    out = tmp_path / "out.xlsx"

    export(out, [f"c{index}" for index in range(len(HOSTILE))], HOSTILE)

    sheet = openpyxl.load_workbook(out).active
    assert sheet is not None
    cells = next(sheet.iter_rows(min_row=2))
    assert [cell.value for cell in cells[: len(HOSTILE)]] == HOSTILE
    assert {cell.data_type for cell in cells[: len(HOSTILE)]} == {"s"}
    assert not any(cell.hyperlink for cell in cells)
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == f"A1:{get_column_letter(len(HOSTILE) + len(OUTCOME_COLUMNS))}2"


def test_a_csv_is_no_formula_for_excel(tmp_path: Path) -> None:
    """What Excel would calculate becomes a quoted text, in the header as well: Excel shows it as it is."""
    out = tmp_path / "out.csv"

    export(out, ["a", "=b", "c", "d", "e"], ["=1+1", "+1202", '-"5"', "@x", "plain"])

    with out.open(encoding="utf-8-sig", newline="") as file:
        header, line = csv.reader(file)
    assert header == ["a", '="=b"', "c", "d", "e", *OUTCOME_COLUMNS]
    assert line[:5] == ['="=1+1"', '="+1202"', '="-""5"""', '="@x"', "plain"]


@pytest.mark.parametrize("digits", ["00502", "01", "447700900123", "12025550100" * 2])
def test_digits_stay_text_in_a_csv(tmp_path: Path, digits: str) -> None:
    """Excel would save 502 and 4.477E+11 instead; numbers it leaves alone stay bare."""
    out = tmp_path / "out.csv"
    bare = ["0", "502", "12025550100", "0.5", "2026-12-03"]

    export(out, ["Phone", *"abcde"], [digits, *bare])

    with out.open(encoding="utf-8-sig", newline="") as file:
        _, line = csv.reader(file)
    assert line[:6] == [f'="{digits}"', *bare]


_TRICKY = [*"=+-@'\"\t ,;ab1\u00e9\u200e\u200b\u0301", '="', "_x0041_"]
_PIECES = st.sampled_from(_TRICKY) | st.characters(codec="utf-8", exclude_characters="\0")
_CELLS = st.lists(_PIECES, max_size=9).map("".join)
_WRAPPED_AND_MARKED = [
    ("=Ana", "-5"),
    ("'-5", "+7"),
    ('="x"', '=""'),
    ('="=""x"""', "@"),
    ("\u200e \u200e=1", "e\u200b\u0301"),
    ("00502", "447700900123"),
]


def read_cells(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the first three cells of every row that can be sent, by its key."""
    rows = [one for one in read_all(path, key="{to} {ref}", body=[]) if isinstance(one, Recipient)]
    return {one.key: tuple(one.values.values())[:3] for one in rows}


def find_formulas(path: Path) -> list[str]:
    """Return the cells that Excel would calculate, beyond the constant texts ``="..."`` of a CSV."""
    if path.suffix == ".xlsx":
        sheet = openpyxl.load_workbook(path).active
        assert sheet is not None
        return [str(cell.value) for line in sheet.iter_rows() for cell in line if cell.data_type == "f"]
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for line in csv.reader(file) for cell in line if cell.startswith(("=", "+", "-", "@"))]
    return [cell for cell in cells if not re.fullmatch(r'="(?:[^"]|"")*"', cell, re.DOTALL)]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=5))
@example(texts=_WRAPPED_AND_MARKED)
def test_an_export_reads_back_to_the_same_keys_and_values(tmp_path: Path, texts: list[tuple[str, str]]) -> None:
    """Whatever stands in the cells: nobody becomes another person, no text changes, nothing becomes a formula."""
    sheet = tmp_path / "sheet.csv"
    with sheet.open("w", encoding="utf-8", newline="") as file:
        lines = [(f"+1202555{100 + index:04}", *cells) for index, cells in enumerate(texts)]
        csv.writer(file).writerows([("Phone", "Name", "Ref"), *lines])
    before = read_cells(sheet)

    for ending in ("csv", "xlsx"):
        out = tmp_path / f"out.{ending}"
        export(out, ["Phone", "Name", "Ref"], *before.values(), ("1", "", ""))

        assert read_cells(out) == before
        assert not find_formulas(out)


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_an_export_sent_again_messages_nobody(desk: Desk, ending: str) -> None:
    """Names and keys that look like formulas are the same people when the export is sent."""
    phones = [phone for phone, _ in people(3)]
    rows = zip(phones, ["=Ana", "Ben", "Cy"], ["-5", "+7", "x"], strict=True)
    desk.write_sheet(list(rows), header=("Phone", "First name", "Ref"))
    desk.write_campaign(None, to='to = "{phone}"\nkey = "{to} {ref}"')
    desk.run("send", "--sandbox", desk.campaign)
    out = desk.folder / f"out.{ending}"
    desk.run("export", "--sandbox", desk.campaign, out)

    checked = desk.run("check", "--sandbox", "--json", desk.campaign, out).json
    again = desk.run("send", "--sandbox", "--keep", "--json", "--recipients", out, desk.campaign)

    assert (checked["changes"]["already sent"], checked["ready"]) == (3, 0)
    assert (again.json["sent"], again.json["states"]["accepted"], sum(again.json["states"].values())) == (0, 3, 3)
    assert "changed after" not in again.out


def test_columns_named_like_ours_are_kept_apart(tmp_path: Path) -> None:
    """The sheet's own `State` stays what it is, and the colours are on the column that tells the outcome."""
    out = tmp_path / "out.xlsx"

    export(out, ["Phone", "State"], ["1", "CA"])

    sheet = openpyxl.load_workbook(out).active
    assert sheet is not None
    header, line = sheet.iter_rows(values_only=True)
    assert (header[:4], line[:4]) == (("Phone", "State", "state (2)", "reason"), ("1", "CA", "accepted", "HTTP 200"))
    assert {str(area.sqref) for area in sheet.conditional_formatting} == {"C2"}


def test_a_sheet_with_a_column_of_our_name_can_be_sent_again(desk: Desk) -> None:
    """An export of a sheet with US states reads back like any other."""
    desk.write_sheet([(*people(1)[0], "CA")], header=("Phone", "First name", "State"))
    desk.write_campaign(None, body='body = ["{first name}", "{state}"]')
    desk.run("send", "--sandbox", desk.campaign)
    out = desk.folder / "out.xlsx"
    desk.run("export", "--sandbox", desk.campaign, out)

    again = desk.run("check", "--sandbox", "--json", desk.campaign, out)

    assert (again.code, again.json["changes"]["already sent"]) == (0, 1)


def test_a_cell_that_excel_cannot_hold_is_cut_with_a_mark(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is lost without a word, and nothing of XlsxWriter's is printed; a CSV holds it all."""
    text = "x" * 40_000
    for ending in ("xlsx", "csv"):
        export(tmp_path / f"out.{ending}", ["a"], [text])

    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert sheet is not None
    value = str(sheet["A2"].value)
    assert (len(value), value[:9]) == (32_767, "x" * 9)
    assert value.endswith("x [cut here: an Excel cell holds no more]")
    assert text in (tmp_path / "out.csv").read_text()
    assert capfd.readouterr() == ("", "")


def test_excel_counts_a_rare_character_twice(tmp_path: Path) -> None:
    """20,000 of them are too many for a cell: cut between two characters, with the mark."""
    out = tmp_path / "out.xlsx"

    export(out, ["a", "b"], ["\N{WAVING HAND SIGN}" * 20_000, "x" + "\N{WAVING HAND SIGN}" * 16_383])

    sheet = openpyxl.load_workbook(out).active
    assert sheet is not None
    hands = (32_767 - len(" [cut here: an Excel cell holds no more]")) // 2
    assert sheet["A2"].value == "\N{WAVING HAND SIGN}" * hands + " [cut here: an Excel cell holds no more]"
    assert sheet["B2"].value == "x" + "\N{WAVING HAND SIGN}" * 16_383


@pytest.mark.parametrize("text", ["<r>&</r>", "<r><t>x</t></r>", "<r></r>"])
def test_markup_in_a_cell_is_a_text(tmp_path: Path, text: str) -> None:
    """XlsxWriter would write it into the sheet's XML as it stands: a workbook that Excel finds damaged."""
    out = tmp_path / "out.xlsx"

    export(out, ["Phone", text], ["+12025550100", text])

    (read,) = read_all(out, body=[])
    assert isinstance(read, Recipient)
    assert read.values == {"phone": "+12025550100", text: text} | dict(list(read.values.items())[2:])


def test_rows_that_do_not_fit_into_a_sheet_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Excel's own limit: rows beyond it would be missing without a word."""
    monkeypatch.setattr("dispatcher.outputs.xlsx._ROWS_MAX", 2)

    with pytest.raises(UsageError, match=r"more than 2 rows do not fit into an Excel sheet; write to a \.csv"):
        export(tmp_path / "out.xlsx", ["a"], *"123")

    assert list(tmp_path.iterdir()) == []


def test_every_state_has_its_colour(tmp_path: Path) -> None:
    """Green is done, yellow waits, red wants a person, grey is left out."""
    out = tmp_path / "out.xlsx"

    write_export(out, ["Phone"], [outcome_row(["Phone"], ["1"], state=state) for state in State])

    sheet = openpyxl.load_workbook(out).active
    assert sheet is not None
    (area,) = sheet.conditional_formatting
    colours = {rule.formula[0].strip('"'): rule.dxf.fill.bgColor.rgb[2:] for rule in area.rules}
    assert str(area.sqref) == f"B2:B{len(State) + 1}"
    assert set(colours) == set(State)
    assert {state for state, colour in colours.items() if colour == "C6EFCE"} == {State.ACCEPTED}
    assert colours[State.FAILED] == colours[State.REFUSED] == "FFC7CE"
    assert colours[State.PENDING] == colours[State.RETRYABLE] == "FFEB9C"
    assert colours[State.SKIPPED] == colours[State.WITHDRAWN] == colours[State.EXPIRED] == "D9D9D9"


def test_times_are_local_for_people_and_iso_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook shows the clock on the wall; a CSV has the offset as well."""
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        for ending in ("xlsx", "csv"):
            export(tmp_path / f"out.{ending}", ["a"], ["1"])
    finally:
        monkeypatch.undo()
        time.tzset()

    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert sheet is not None
    assert sheet["D2"].value == "2026-11-22 15:00:00"
    assert ",2026-11-22T15:00:00+05:30," in (tmp_path / "out.csv").read_text()


@pytest.mark.parametrize("name", ["out.txt", "out"], ids=["unknown ending", "no ending"])
def test_an_unknown_ending_is_refused(tmp_path: Path, name: str) -> None:
    """The two formats are named."""
    with pytest.raises(UsageError, match=r"write to a file that ends in \.xlsx or \.csv"):
        write_export(tmp_path / name, [], [])


def test_a_failing_write_leaves_the_old_file(tmp_path: Path) -> None:
    """Half an export never takes the place of a whole one."""
    out = tmp_path / "out.csv"
    out.write_text("the old one")

    def rows() -> Iterator[RowRecord]:
        yield outcome_row(["phone"], ["1"])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_export(out, ["phone"], rows())

    assert out.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_a_full_disk_is_named_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """The file that cannot be written is said, whichever library was writing it; no rows are left lying about."""
    out = tmp_path / f"out.{ending}"
    out.write_text("the old one")
    rows = [outcome_row(["a", "b"], [str(index), random.Random(index).randbytes(500).hex()]) for index in range(200)]

    (tmp_path / "working").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "working"))

    with limited_files(20_000), pytest.raises(UsageError) as caught:
        write_export(out, ["a", "b"], rows)

    assert str(caught.value) == f"{out}: cannot be written: File too large"
    assert out.read_text() == "the old one"
    assert sorted(tmp_path.rglob("*")) == [out, tmp_path / "working"]


@contextmanager
def limited_files(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: what a full disk does, with another word for it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_problems_are_written_as_they_come(tmp_path: Path, ending: str) -> None:
    """Own columns, then which columns are to blame and all that is to be done, whatever the length of the list."""
    out = tmp_path / f"out.{ending}"
    others = (Problem("Name", "", "is empty"),)
    refused = [
        Refusal(2 + index, "Phone", "x", "is no number", {"phone": "00x"}, others=others) for index in range(6_001)
    ]

    with write_problems(out, ["Phone", "Name"]) as problems:
        for row in refused:
            problems.add(row)

    header, *lines = read_lines(out)
    assert header == ["Phone", "Name", *PROBLEM_COLUMNS]
    assert lines == [["00x", "", "Phone, Name", "is no number; Name: is empty", str(row.row_number)] for row in refused]


def read_lines(path: Path) -> list[list[str]]:
    """Return the cells of a file as text, row by row."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file))
    sheet = openpyxl.load_workbook(path).worksheets[0]
    return [["" if cell is None else str(cell) for cell in line] for line in sheet.iter_rows(values_only=True)]


def test_no_problems_are_a_header(tmp_path: Path) -> None:
    """Who looks into the list sees that it is empty, and what would stand in it."""
    for ending in ("xlsx", "csv"):
        with write_problems(tmp_path / f"out.{ending}", ["Phone"]):
            pass

        assert read_lines(tmp_path / f"out.{ending}") == [["Phone", *PROBLEM_COLUMNS]]


def test_trouble_while_problems_are_found_is_none_of_the_files(tmp_path: Path) -> None:
    """What the sheet's reader meets is not said of the list, and the old list stays."""
    out = tmp_path / "out.csv"
    out.write_text("the old one")

    def find_problems() -> None:
        with write_problems(out, ["Phone"]) as problems:
            problems.add(Refusal(2, "Phone", "x", "is no number", {"phone": "x"}))
            raise ConnectionError

    with pytest.raises(ConnectionError):
        find_problems()

    assert out.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_an_export_can_be_sent_again_and_messages_nobody_twice(desk: Desk, ending: str) -> None:
    """Reading the export back gives the same people; a corrected failure is all that is sent."""
    desk.write_sheet([*people(30), ("+1202555103", "Too short")])
    refusing = True
    with Loopback(lambda body, earlier: Answer(400 if refusing and body["to"].endswith("1004") else 200)) as server:
        desk.write_campaign(server.endpoint)
        assert desk.run("send", desk.campaign).code == 6
        out = desk.folder / f"outcomes.{ending}"
        assert desk.run("export", desk.campaign, out).code == 0
        refusing = False

        again = desk.run("retry", "--json", "--recipients", out, desk.campaign)

    assert again.json["sent"] == 1
    assert set(server.accepted.values()) == {1}
    assert len(server.accepted) == 30


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("people.csv", "the recipients file"),
        ("october.csv", "the recipients file"),
        ("opted_out.csv", "the list of numbers never to be messaged"),
        ("reminders.toml", "the campaign file"),
        ("ledger.sandbox.db", "the ledger"),
    ],
)
@pytest.mark.parametrize("link", [None, Path.symlink_to, Path.hardlink_to], ids=["itself", "symlink", "hard link"])
def test_the_input_is_never_written_to(desk: Desk, name: str, what: str, link: Any) -> None:
    """Nothing a campaign is made of is an output, whatever link it is named by."""
    sheet = desk.write_sheet(people(2))
    (desk.folder / "october.csv").write_bytes(sheet.read_bytes())
    (desk.folder / "opted_out.csv").write_text("Phone\n+12025559999\n")
    desk.write_campaign(None, to='to = "{phone}"\nsuppress = "opted_out.csv"')
    desk.run("send", "--sandbox", "--recipients", desk.folder / "october.csv", desk.campaign)
    out = named = desk.folder / name
    if link:
        out = desk.folder / "out.csv"
        link(out, named)
    before = named.read_bytes()

    exported = desk.run("export", "--sandbox", desk.campaign, out)
    checked = desk.run("check", "--sandbox", "--problems", out, desk.campaign)

    for ran in (exported, checked):
        assert (ran.code, ran.err) == (
            2,
            f"dispatcher: {out}: is {what}, which is never written to; choose another name\n",
        )
    assert named.read_bytes() == before


def test_only_failed_rows(desk: Desk) -> None:
    """--state picks rows in a state."""
    desk.write_sheet(people(4))
    with Loopback(lambda body, earlier: Answer(400, "") if body["to"].endswith("1002") else Answer()) as server:
        desk.write_campaign(server.endpoint)
        desk.run("send", desk.campaign)

    desk.run("export", "--state", "failed", desk.campaign, desk.folder / "failed.csv")

    lines = (desk.folder / "failed.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith('"=""+12025551002""",Name 2,failed,HTTP 400')


HIDE = 'body = ["{first name}"]\n[sheet]\nhidden_rows = '


def export_with_one_hidden(desk: Desk, *endings: str) -> Path:
    """Export a workbook that hides row 3 of three people, then the export, and so on; return the last one."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    for line in [("Phone", "First name", "State"), *((*one, "CA") for one in people(3))]:
        sheet.append(line)
    sheet.row_dimensions[3].hidden = True
    path = desk.folder / "people.xlsx"
    workbook.save(path)
    desk.write_campaign(None, body=f'{HIDE}"skip"')
    for count, ending in enumerate(endings):
        desk.run("send", "--sandbox", "--keep", "--recipients", path, desk.campaign)
        path = desk.folder / f"out{count}.{ending}"
        assert desk.run("export", "--sandbox", desk.campaign, path).code == 0
    return path


@pytest.mark.parametrize("endings", [("xlsx",), ("csv",), ("xlsx", "csv")], ids=["xlsx", "csv", "twice"])
def test_a_row_that_was_hidden_stays_hidden_in_an_export(desk: Desk, endings: tuple[str, ...]) -> None:
    """The export shows the row, and its outcome says what it was: nobody is messaged without a decision."""
    out = export_with_one_hidden(desk, *endings)

    again = desk.run("send", "--sandbox", "--keep", "--json", "--recipients", out, desk.campaign)
    desk.write_campaign(None)
    refused = desk.run("send", "--sandbox", "--keep", "--recipients", out, desk.campaign)
    desk.write_campaign(None, body=f'{HIDE}"include"')
    included = desk.run("send", "--sandbox", "--keep", "--json", "--recipients", out, desk.campaign)

    assert (again.json["sent"], again.json["states"]) == (0, again.json["states"] | {"accepted": 2, "skipped": 1})
    assert f"{out.name}: 1 row is hidden by a filter or by hand (3). Show them in Excel" in refused.err
    assert "(in an export: empty the cells that say so), or decide in the" in refused.err
    assert (included.json["sent"], included.json["states"]["accepted"]) == (1, 3)


def test_emptying_the_outcome_shows_a_row_that_was_hidden(desk: Desk) -> None:
    """Who wants the row sent after all empties what the export says of it."""
    out = export_with_one_hidden(desk, "xlsx")
    workbook = openpyxl.load_workbook(out)
    sheet = workbook.active
    assert sheet is not None
    assert [cell.value for cell in sheet[3][3:5]] == ["skipped", HIDDEN_REASON]
    for cell in sheet[3][3:5]:
        cell.value = None
    shown = desk.folder / "shown.xlsx"
    workbook.save(shown)

    before, after = (
        desk.run("send", "--sandbox", "--keep", "--json", "--recipients", path, desk.campaign).json["sent"]
        for path in (out, shown)
    )

    assert (before, after) == (0, 1)


@pytest.mark.parametrize(
    ("header", "shown", "hidden"),
    [
        ("State,Reason", f"skipped,{HIDDEN_REASON}?;pending,{HIDDEN_REASON};,", f"skipped,{HIDDEN_REASON}"),
        ("State,Reason,State (2),Reason (2)", f"skipped,{HIDDEN_REASON},,", f",,skipped,{HIDDEN_REASON}"),
        ("Reason,State,Reason", f"{HIDDEN_REASON},skipped,mine", f"mine,skipped,{HIDDEN_REASON}"),
        ("Problem in,What to do", f",{HIDDEN_REASON}?;,", f",{HIDDEN_REASON}"),
        ("State,Note,Reason,Reason", f"skipped,,mine,{HIDDEN_REASON}", f"skipped,,{HIDDEN_REASON},mine"),
    ],
    ids=["both", "two exports", "own column before", "problems", "own columns beside"],
)
def test_what_the_last_export_says_hides_a_row(tmp_path: Path, header: str, shown: str, hidden: str) -> None:
    """State and reason together, and of several exports the last one."""
    cells = [*shown.split(";"), hidden]
    lines = [f"+1202555010{index},{line}" for index, line in enumerate(cells)]
    sheet = write_csv(tmp_path, "\n".join([f"Phone,{header}", *lines]))

    found = read_all(sheet, body=[], sheet=SheetRules(hidden_rows="skip"))

    assert [one.row_number for one in found if isinstance(one, Refusal)] == [len(cells) + 1]


def test_remarks_on_rows_that_were_sent_are_in_the_next_export(desk: Desk) -> None:
    """A person adds a column to the export, sends it, and finds the column again in the next one."""
    desk.write_sheet(people(3))
    desk.write_campaign(None)
    desk.run("send", "--sandbox", desk.campaign)
    first, second = desk.folder / "first.csv", desk.folder / "second.csv"
    desk.run("export", "--sandbox", desk.campaign, first)
    with first.open(encoding="utf-8-sig", newline="") as file:
        header, *lines = csv.reader(file)
    with first.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*header, "Remark"], *([*line, f"seen {line[1]}"] for line in lines)])

    sent = desk.run("send", "--sandbox", "--keep", "--json", "--recipients", first, desk.campaign)
    desk.run("export", "--sandbox", desk.campaign, second)

    with second.open(encoding="utf-8-sig", newline="") as file:
        exported = [(line["Remark"], line["state"], line["state (2)"]) for line in csv.DictReader(file)]
    assert sent.json["sent"] == 0
    assert exported == [(f"seen Name {index}", "accepted", "accepted") for index in range(3)]


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_a_row_that_was_hidden_stays_hidden_in_a_list_of_problems(desk: Desk, ending: str) -> None:
    """The list is there to be corrected and sent: what was hidden is still nobody's decision."""
    sheet, problems = export_with_one_hidden(desk), desk.folder / f"problems.{ending}"
    desk.run("check", "--problems", problems, desk.campaign, sheet)

    sent = desk.run("send", "--sandbox", "--json", "--recipients", problems, desk.campaign)

    assert (sent.json["sent"], sent.json["states"]["skipped"]) == (0, 1)
