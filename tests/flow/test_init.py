"""`init` drafts a campaign file from a sheet, whatever the sheet is like; `check` says what is still to fill in."""

import tomllib
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl.utils.exceptions import IllegalCharacterError

from dispatcher.errors import SheetError
from dispatcher.pipeline import draft_campaign
from tests.support.command_line import Desk, people
from tests.support.sheets import write_csv


def draft(folder: Path, text: str) -> dict[str, Any]:
    """Return what is drafted for a CSV of these lines, as TOML reads it."""
    out = folder / "drafted.toml"
    draft_campaign(write_csv(folder, text), out)
    return tomllib.loads(out.read_text(encoding="utf-8"))


def test_init_drafts_a_campaign_that_check_completes(desk: Desk) -> None:
    """The draft names the columns it found; check says what is still empty; what is there is never replaced."""
    sheet = desk.write_sheet(people(3), header=("Mobile", "Name"))

    made = desk.run("init", sheet)
    again = desk.run("init", sheet)
    checked = desk.run("check", sheet.with_suffix(".toml"))

    text = sheet.with_suffix(".toml").read_text()
    assert (made.code, again.code, checked.code) == (0, 2, 2)
    assert 'to = "{Mobile}"' in text
    assert '"{Mobile}", "{Name}"' in text
    assert [line.split()[0] for line in checked.err.splitlines()[1:]] == [
        "status_url",
        "agent.id",
        "template.namespace",
        "template.name",
        "template.body,",
    ]


def test_a_draft_that_is_filled_in_can_be_sent(desk: Desk) -> None:
    """What the draft says beside what is empty is right."""
    path = desk.write_sheet(people(3)).with_suffix(".toml")
    desk.run("init", desk.folder / "people.csv")
    filled = path.read_text()
    for empty, value in (
        ('status_url = ""', 'status_url = "https://hooks.example.com/whatsapp"'),
        ('\nid = ""', '\nid = "66c0ec5d5cd447cc0bafda3b"'),
        ('namespace = ""', 'namespace = "0f5f"'),
        ('\nname = ""', '\nname = "appointment_reminder"'),
        ('body = [""]', 'body = ["{first name}"]'),
    ):
        assert empty in filled
        filled = filled.replace(empty, value)
    path.write_text(filled)

    checked = desk.run("check", "--json", path)

    assert (checked.code, checked.json["ready"]) == (0, 3)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("Name,Phone,City\nA,,X\nB,+12025550100,Y\n", "{Phone}"),
        ("Customer list,,\nName,Contact,City\nA,unknown,X\nB,+12025550100,Y\n", "{Contact}"),
        ("Phone list of October,\nName,Mobil\nB,+12025550100\n", "{Mobil}"),
        ("Order id,Phone\n491512345678,+12025550100\n491512345679,\n", "{Phone}"),
        ("Order number,WhatsApp\n12025550100,12025550101\n", "{WhatsApp}"),
        ("Ref,Contact\n491512345678,+12025550100\n", "{Contact}"),
        ("Ref,Number\n491512345678,491512345679\n", "{Number}"),
    ],
    ids=["blank first phone", "title and junk", "title with the word", "+ beside ids", "word", "+ alone", "weak word"],
)
def test_the_header_and_the_column_of_numbers_are_found(tmp_path: Path, text: str, column: str) -> None:
    """The header is the row that names the columns, the numbers are where header and cells say so."""
    recipient = draft(tmp_path, text)["recipient"]

    assert (recipient["to"], recipient["written_as"]) == (column, "international")


@pytest.mark.parametrize("number", ["07911 123456", "(202) 555-0101", "0151/12345678", "2025550101", "555-0101"])
def test_national_numbers_are_drafted_with_a_country_to_fill_in(desk: Desk, number: str) -> None:
    """The country is not guessed: check asks for it."""
    desk.write_sheet([(number, "Ana")])

    made = desk.run("init", desk.folder / "people.csv")
    checked = desk.run("check", desk.folder / "people.toml")

    assert made.code == 0
    assert 'written_as = "national"' in (desk.folder / "people.toml").read_text()
    assert 'recipient.default_region = "": is no country code; write two capital letters' in checked.err


@pytest.mark.parametrize("cells", ["2026-12-01,Ana", "00501,Ana", "12 Main Street,Ana"])
def test_a_sheet_without_numbers_is_refused(tmp_path: Path, cells: str) -> None:
    """Dates, codes and streets are no phone numbers."""
    with pytest.raises(SheetError, match="no column below a header holds phone numbers"):
        draft(tmp_path, f"When,Name\n{cells}\n")


@pytest.mark.parametrize("lines", ["Ana,+12025550101\n", "\nAna;(0151) 12345678\nBo;\n", "+12025550101\n"])
def test_a_sheet_without_a_header_is_told_so(tmp_path: Path, lines: str) -> None:
    """The numbers are there; what is missing are the names of the columns."""
    row_number = 2 if lines.startswith("\n") else 1

    with pytest.raises(SheetError) as caught:
        draft(tmp_path, lines)

    assert str(caught.value) == (
        f"recipients.csv: the first row (row {row_number}) already holds a phone number;"
        " a row with the names of the columns must stand above it"
    )


def test_the_sheet_without_a_header_is_named(tmp_path: Path) -> None:
    """A workbook has several."""
    workbook = openpyxl.Workbook()
    assert workbook.active is not None
    workbook.active.append(["nothing", "here"])
    workbook.create_sheet("October").append(["Ana", "+12025550101"])
    workbook.save(tmp_path / "people.xlsx")

    with pytest.raises(
        SheetError, match=r'the first row of the sheet "October" \(row 1\) already holds a phone number'
    ):
        draft_campaign(tmp_path / "people.xlsx", tmp_path / "drafted.toml")


def test_other_columns_of_numbers_are_named(tmp_path: Path) -> None:
    """One of them was picked, and a person should know that it was; ids are none of them, whatever their length."""
    text = (
        "ID,Phone,Mobile,Name,Emergency,Fax phone\n"
        "491512345678,+12025550100,+12025550101,Ana,+12025550102,\n"
        "491512345679,+12025550103,,Bo,,\n"
    )

    drafted = draft(tmp_path, text)

    lines = (tmp_path / "drafted.toml").read_text().splitlines()
    assert drafted["recipient"]["to"] == "{Phone}"
    assert lines[lines.index('to = "{Phone}"') + 1] == (
        '# There are phone numbers in these columns as well: "Mobile", "Emergency"'
    )


def test_columns_a_placeholder_cannot_name_are_left_out(tmp_path: Path) -> None:
    """A header with a colon or a brace is listed apart, with what to do."""
    drafted = draft(tmp_path, "Phone,Time: start,{Code},Name\n+12025550100,09:30,1,Ana\n")

    text = (tmp_path / "drafted.toml").read_text()
    assert drafted["recipient"]["to"] == "{Phone}"
    assert '#   "{Phone}", "{Name}"\n' in text
    assert 'rename them, for a placeholder holds no : and no braces: "Time: start", "{Code}"\n' in text


def test_a_number_column_a_placeholder_cannot_name_is_to_be_renamed(tmp_path: Path) -> None:
    """The draft still parses, and says which column it is."""
    drafted = draft(tmp_path, "Phone: mobile,Name\n+12025550100,Ana\n")

    assert drafted["recipient"]["to"] == ""
    assert 'rename the column "Phone: mobile"' in (tmp_path / "drafted.toml").read_text()


@pytest.mark.parametrize("header", ["Opt out", "opted-out", "Unsubscribed", "Do not contact"])
def test_a_column_of_people_who_opted_out_becomes_a_rule(tmp_path: Path, header: str) -> None:
    """Whoever forgets it messages people who said no."""
    drafted = draft(tmp_path, f"Phone,{header}\n+12025550100,\n")

    assert drafted["recipient"]["skip_if"] == {header: ["yes", "y", "x", "true", "1"]}


def test_the_chosen_of_two_sheets_is_named(desk: Desk) -> None:
    """Two sheets with numbers: the draft names one, and says that there is another."""
    workbook = openpyxl.Workbook()
    assert workbook.active is not None
    workbook.active.title = "October"
    for sheet in (workbook.active, workbook.create_sheet("November")):
        sheet.append(["Phone", "Name", "City"][: 3 if sheet.title == "November" else 2])
        sheet.append(["+12025550100", "Ana", "Berlin"][: 3 if sheet.title == "November" else 2])
    workbook.save(desk.folder / "people.xlsx")

    made = desk.run("init", desk.folder / "people.xlsx")

    choice = 'the sheet "November" was chosen; there are phone numbers in "October" as well'
    text = (desk.folder / "people.toml").read_text()
    assert made.out.startswith(f"{choice}\n")
    assert f'[sheet]\nname = "November"   # {choice}\n' in text


_LABELS = st.text(st.sampled_from([*'{}:"#\\\n\t\x7f=, ab', "\u00e9"]) | st.characters(codec="utf-8"), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=st.lists(_LABELS, min_size=1, max_size=4))
def test_whatever_the_headers_are_the_draft_is_toml(tmp_path: Path, labels: list[str]) -> None:
    """Quotes, braces, line breaks and control characters of a header end up in texts and comments that parse."""
    workbook = openpyxl.Workbook()
    assert workbook.active is not None
    for column, label in enumerate(["Phone", *labels], start=1):
        cell = workbook.active.cell(1, column)
        try:
            cell.value = label
        except IllegalCharacterError:
            continue
        cell.data_type = "s"
    workbook.active.cell(2, 1).value = "+12025550100"
    workbook.save(tmp_path / "people.xlsx")
    out = tmp_path / "drafted.toml"
    out.unlink(missing_ok=True)

    draft_campaign(tmp_path / "people.xlsx", out)

    assert tomllib.loads(out.read_text(encoding="utf-8"))["recipient"]["to"] == "{Phone}"
