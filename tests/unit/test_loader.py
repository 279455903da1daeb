"""The loader: what becomes of each row of an ordinary sheet, in which order the reasons count."""

import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.errors import SheetError
from dispatcher.loader import read_recipients
from dispatcher.loader.judging.first_rows import FirstRows
from dispatcher.models import Notice, Problem, Recipient, Refusal, SheetRules, State
from dispatcher.studio import SMS, WHATSAPP
from tests.support.sheets import (
    TODAY,
    make_campaign,
    read,
    read_all,
    read_one,
    read_recipient,
    read_refusal,
    write_csv,
    write_xlsx,
)

HEADER = "phone,name\n"
ANA = "+12025550100,Ana\n"
BOB = "+12025550101,Bob\n"


def test_csv_row_becomes_a_recipient(tmp_path: Path) -> None:
    """A plain row carries its Excel row number, its digits, its key and all of its cells by folded label."""
    path = write_csv(tmp_path, "Phone , First  Name,Age\n+1 202 555 0100,Ana,41\n")

    recipient = read_recipient(path, body=["{first name}"])

    assert recipient == Recipient(
        2, "12025550100", "12025550100", {"phone": "+1 202 555 0100", "first name": "Ana", "age": "41"}
    )


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("phone,name\n+12025550100,José\n", "utf-8"),
        ("phone,name\n+12025550100,José\n", "utf-8-sig"),
        ("phone;name\r\n+12025550100;José\r\n", "utf-8"),
        ("phone\tname\n+12025550100\tJosé\n", "utf-8"),
        ("phone|name\n+12025550100|José\n", "utf-8"),
        ("phone\tname\r\n+12025550100\tJosé\r\n", "utf-16"),
        ("sep=;\r\nphone;name\r\n+12025550100;José\r\n", "utf-8"),
        ("phone,name\r+12025550100,José\r", "utf-8"),
        ('"phone","name"\n"+12025550100","José"\n', "utf-8-sig"),
        ("phone,name,\n+12025550100,José,\n", "utf-8"),
        ("phone,name\n+12025550100,José,\n", "utf-8"),
    ],
    ids=[
        "utf-8", "bom", "semicolon", "tab", "pipe", "utf-16", "sep-line", "cr-only", "quoted",
        "trailing-commas", "trailing-comma-in-data-only",
    ],
)  # fmt: skip
def test_csv_dialects_read_alike(tmp_path: Path, content: str, encoding: str) -> None:
    """However Excel separated and encoded it, the same sheet gives the same recipient."""
    path = write_csv(tmp_path, content, encoding=encoding)

    recipient = read_recipient(path)

    assert (recipient.row_number, recipient.to, recipient.values["name"]) == (2, "12025550100", "José")


def test_numbers_in_cells_keep_their_digits(tmp_path: Path) -> None:
    """A phone stored as a number is its digits, never .0 or E+10; N/A stays text; booleans as Excel shows."""
    path = write_xlsx(
        tmp_path,
        [
            ["phone", "name", "share", "note", "vip"],
            [12025550100, "Ana", 1.5, "N/A", True],
            [12025550101.0, "Bob", 1e-7, None, False],
            [None, None, None, None, None],
            ["+1 202 555 0102", "Cy", 0.1 + 0.2, "", None],
        ],
    )

    rows = read_all(path)

    assert [(row.row_number, *row.values.values()) for row in rows] == [
        (2, "12025550100", "Ana", "1.5", "N/A", "TRUE"),
        (3, "12025550101", "Bob", "0.0000001", "", "FALSE"),
        (5, "+1 202 555 0102", "Cy", "0.3", "", ""),
    ]


def test_row_numbers_are_those_excel_shows(tmp_path: Path) -> None:
    """Blank lines count and a quoted line break does not begin a row."""
    path = write_csv(tmp_path, 'phone,name\n\n+12025550100,"Ana\nMaria"\n,\n+12025550101,Bob\n')

    rows = read_all(path)

    assert [(row.row_number, row.values["name"]) for row in rows] == [(3, "Ana Maria"), (5, "Bob")]


def test_columns_are_made_unique(tmp_path: Path) -> None:
    """A column without a name gets Excel's letter, a second one of the same name a number."""
    path = write_csv(tmp_path, "phone,Name,,name,NAME,\n+12025550100,Ana,x,y,z,\n")

    sheet = read(path, body=["{phone}"])

    assert sheet.columns == ("phone", "Name", "column C", "name (2)", "NAME (3)")
    (row,) = sheet
    assert dict(row.values) == {
        "phone": "+12025550100", "name": "Ana", "column c": "x", "name (2)": "y", "name (3)": "z",
    }  # fmt: skip


def test_missing_columns_are_all_named(tmp_path: Path) -> None:
    """A sheet without the columns the campaign uses is refused, with the nearest names and those found."""
    path = write_csv(tmp_path, "Phone,Frist Name,Clinic\n+12025550100,Ana,North\n")

    with pytest.raises(SheetError) as caught:
        read(path, body=["{first_name}", "{date:%d %B}"], skip_if={"opt_out": ("yes",)})

    assert str(caught.value) == (
        'recipients.csv, row 1: there is no column called "first_name" (near: Frist Name);'
        ' there is no column called "date"; there is no column called "opt_out".'
        ' Columns found: "Phone", "Frist Name", "Clinic"'
    )


def test_a_used_column_must_stand_once(tmp_path: Path) -> None:
    """Two columns of a name the campaign uses are refused, because nobody can say which one is meant."""
    path = write_csv(tmp_path, "phone,name,Phone\n+12025550100,Ana,+12025550101\n")

    with pytest.raises(SheetError, match='the column "phone" stands in the columns A and C: rename or delete'):
        read(path)


def test_duplicates_are_skipped_after_the_first(tmp_path: Path) -> None:
    """The same number in another spelling is skipped, and says which row is the one that is sent."""
    path = write_csv(tmp_path, HEADER + ANA + "1 (202) 555-0100,Ana Maria\n")

    _, second = read_all(path)

    assert isinstance(second, Refusal)
    assert (second.state, second.column, second.value) == (State.SKIPPED, "phone", "1 (2**) ***-*100")
    assert second.reason == "the same number as in row 2, which is the one that is sent"
    assert (second.key, second.to) == (None, "12025550100")


def test_duplicates_are_refused_when_asked(tmp_path: Path) -> None:
    """With duplicates = "error" the second row is something to correct."""
    path = write_csv(tmp_path, HEADER + ANA + ANA)

    _, second = read_all(path, sheet=SheetRules(duplicates="error"))

    assert isinstance(second, Refusal)
    assert (second.state, second.reason) == (State.REFUSED, "the same number as in row 2: delete one")


def test_a_duplicate_of_a_refused_row_is_sent(tmp_path: Path) -> None:
    """Only a row that can be sent makes later ones its duplicates."""
    path = write_csv(tmp_path, "phone,name\n+12025550100,\n" + ANA)

    first, second = read_all(path)

    assert isinstance(first, Refusal)
    assert first.reason == "the cell is empty, and the message needs it: fill it in"
    assert isinstance(second, Recipient)


def test_the_key_is_built_from_columns_and_built_ins(tmp_path: Path) -> None:
    """In the key {to} is the number and {today} the day, even when columns have these names."""
    path = write_csv(tmp_path, "to,today,visit\n+12025550100,never,V1\n")

    recipient = read_recipient(path, to="{to}", key="{to} {today} {visit}", body=["{visit}"])

    assert recipient.key == "12025550100 2026-12-01 V1"


def test_rows_of_one_person_with_different_keys_are_all_sent(tmp_path: Path) -> None:
    """Duplicates are counted by key, not by number."""
    path = write_csv(tmp_path, "phone,name,visit\n+12025550100,Ana,V1\n+12025550100,Ana,V2\n+12025550100,Ana,V1\n")

    rows = read_all(path, key="{visit}")

    assert [type(row) for row in rows] == [Recipient, Recipient, Refusal]
    assert isinstance(rows[2], Refusal)
    assert (rows[2].column, rows[2].reason) == (
        "visit", "the same key as in row 2, which is the one that is sent",
    )  # fmt: skip


def test_an_empty_key_cell_is_refused(tmp_path: Path) -> None:
    """A row without identity could be sent twice."""
    path = write_csv(tmp_path, "phone,name,visit\n+12025550100,Ana,\n")

    refusal = read_refusal(path, key="{visit}")

    assert (refusal.column, refusal.reason) == (
        "visit", "the cell is empty, and the key needs it: fill it in",
    )  # fmt: skip


def test_the_rules_of_the_channel_are_among_the_rules(tmp_path: Path) -> None:
    """What WhatsApp would refuse is refused here, with the key and the number of the row."""
    long = "x" * 1025
    path = write_csv(tmp_path, HEADER + f"+12025550100,{long}\n" + BOB)

    first, second = read_all(path)

    reason = "is 1,025 characters long, and WhatsApp allows 1,024; shorten it"
    assert first == Refusal(2, "name", long[:100], reason, first.values, key="12025550100", to="12025550100")
    assert isinstance(second, Recipient)


def test_the_rules_of_the_channel_come_before_duplicates(tmp_path: Path) -> None:
    """A row is the duplicate only of one that can be sent."""
    path = write_csv(tmp_path, HEADER + f"+12025550100,{'x' * 1025}\n" + ANA)

    refused, sent = read_all(path)

    assert isinstance(refused, Refusal)
    assert isinstance(sent, Recipient)


def test_refused_rows_never_claim_the_key_of_another(tmp_path: Path) -> None:
    """Of all rows with one key at most one sendable and one refused row carry it."""
    path = write_csv(tmp_path, HEADER + "+12025550100,\n+12025550100,\n" + ANA + "+12025550100,\n")

    rows = read_all(path)

    assert [row.key for row in rows] == ["12025550100", None, "12025550100", None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("+12025550100", "the row has 1 of 2 columns: complete or delete it"),
        (
            "+12025550100,Ana,Maria",
            "the row has 3 values for 2 columns: put a text with a comma in double quotes",
        ),
    ],
    ids=["short", "long"],
)
def test_ragged_rows_are_refused(tmp_path: Path, line: str, reason: str) -> None:
    """A row whose cells may have moved is not sent and claims no key."""
    path = write_csv(tmp_path, f"phone,name\n{line}\n")

    refusal = read_refusal(path)

    assert (refusal.column, refusal.reason, refusal.key) == ("", reason, None)


def test_numbers_of_an_undeclared_column_are_pointed_out_once(tmp_path: Path) -> None:
    """Digits without + are read with their country code; where nobody said that they are, it is said once."""
    numbers = ["+12025550100", "4795551234", "'4795551235", "004795551236", "https://wa.me/4795551237", "n/a"]
    path = write_csv(tmp_path, HEADER + "".join(f"{number},Ana\n" for number in numbers))

    undeclared = read(path, written_as=None)
    declared = read(path, written_as="international")
    rows = list(undeclared)

    assert [row.to for row in rows[1:3]] == ["4795551234", "4795551235"]
    assert [row.to for row in declared] == [row.to for row in rows]
    assert undeclared.notices == [
        Notice(
            "read 2 numbers without + as beginning with the country code, such as +47*****234 in row 3; if that is"
            ' right, write written_as = "international" in the campaign file, if not, written_as = "national" and'
            " default_region"
        )
    ]
    assert declared.notices == []


def test_numbers_with_two_readings_are_refused_and_not_pointed_out(tmp_path: Path) -> None:
    """With a region and nothing said on how numbers are written, nothing is read by default."""
    sheet = read(write_csv(tmp_path, HEADER + "15123456789,Ana\n"), written_as=None, default_region="DE")

    (row,) = sheet

    assert isinstance(row, Refusal)
    assert row.reason.startswith("the number can be read with its country code and as a number of DE")
    assert sheet.notices == []


@pytest.mark.parametrize("cell", ["12345\n67890", "+1 202 555 0100\r\n+1 202 555 0101", " 030 12345\n\n030 12346 "])
def test_two_lines_with_numbers_are_two_numbers(tmp_path: Path, cell: str) -> None:
    """A line break between two numbers never makes one long number of them, however the column is written."""
    path = write_csv(tmp_path, f'phone,name\n"{cell}",Ana\n')

    for rules in ({}, {"written_as": "national", "default_region": "DE"}):
        refusal = read_refusal(path, **rules)

        assert (refusal.column, refusal.to, refusal.key) == ("phone", None, None)
        assert refusal.reason == "the cell holds two numbers: keep one, or give each its own row"


def test_a_number_broken_over_two_lines_is_one_number(tmp_path: Path) -> None:
    """What is too short to be a number of its own belongs to the rest."""
    recipient = read_recipient(write_csv(tmp_path, 'phone,name\n"+1 202\n555 0100",Ana\n'))

    assert recipient.to == "12025550100"


@pytest.mark.parametrize("word", ["N/A", "null", "None", "nan", "NaN", "NaT", "<NA>", "(null)", "-"])
def test_words_for_nothing_are_refused_in_a_message(tmp_path: Path, word: str) -> None:
    """Nobody is greeted as "nan"; in a column that is not sent the word is just text."""
    path = write_csv(tmp_path, f"phone,name,note\n+12025550100,{word},{word}\n")

    refusal = read_refusal(path)
    recipient = read_recipient(path, body=["{phone}"])

    assert refusal.value == word
    assert refusal.reason == "the cell stands for an empty one, and the message needs it: fill in the value"
    assert recipient.values["note"] == word


@pytest.mark.parametrize(
    "error",
    ["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!",
     "#GETTING_DATA", "###", "##########", "Err:502", "#BEZUG!", "#\u00a1VALOR!"],
)  # fmt: skip
@pytest.mark.parametrize("column", ["phone", "name", "visit", "opt_out", "ward"])
def test_errors_that_became_text_are_named(tmp_path: Path, column: str, error: str) -> None:
    """A formula that failed is named in every column that is used, and is text in a column that is not."""
    cells = {"phone": "+12025550100", "name": "Ana", "visit": "V1", "opt_out": "", "ward": "W", "note": error}
    path = write_csv(tmp_path, f"{','.join(cells)}\n{','.join((cells | {column: error}).values())}\n")

    refusal = read_refusal(path, key="{visit}", parameters={"WARD": "{ward}"}, skip_if={"opt_out": ("x",)})

    assert (refusal.column, refusal.value) == (column, error)
    assert refusal.reason == f"the cell shows the error {error}: correct its formula or type the value"


@pytest.mark.parametrize("word", ["nan", "NaT", "<NA>", "None", "null", "(null)", "undefined"])
@pytest.mark.parametrize("is_sms", [False, True], ids=["whatsapp", "sms"])
def test_words_of_programs_reach_no_agent(tmp_path: Path, word: str, is_sms: bool) -> None:
    """In a session parameter, with or without a template, a blank cell may be meant; "nan" never is."""
    path = write_csv(tmp_path, f"phone,name,ward\n+12025550100,Ana,{word}\n+12025550101,Bob,\n")
    campaign = make_campaign(path, parameters={"WARD": "Ward {ward}"})
    if is_sms:
        campaign = replace(campaign, channel="sms", template=None)

    first, second = read_recipients(campaign, path, today=TODAY, channel=SMS if is_sms else WHATSAPP)

    assert isinstance(first, Refusal)
    assert (first.column, first.value, first.reason) == (
        "ward", word, "the cell holds a program's word for nothing: fill in the value or empty the cell",
    )  # fmt: skip
    assert isinstance(second, Recipient)


@pytest.mark.parametrize("word", ["-", "n/a", "N/A", "\N{EM DASH}"])
def test_words_of_people_reach_the_agent_with_a_notice(tmp_path: Path, word: str) -> None:
    """A dash may be what the agent is to be told."""
    recipient = read_recipient(
        write_csv(tmp_path, f"phone,name,ward\n+12025550100,Ana,{word}\n"), parameters={"WARD": "{ward}"}
    )

    assert recipient.notices == (Notice("stands for an empty cell, and is sent as it is", 2, "ward", word),)


def test_a_blank_cell_within_a_longer_text_is_shown(tmp_path: Path) -> None:
    """What goes out without the value is there to be read before it does."""
    path = write_csv(tmp_path, "phone,name,title\n+12025550100,,\n+12025550101,Bob,Dr\n")

    first, second = read_all(path, body=["Dear {title} {name} of {today}", "{phone}: {name}"])

    assert [(notice.column, notice.reason) for notice in first.notices] == [
        ("title", 'the cell is blank, and the message says "Dear of 2026-12-01" without it'),
        ("name", 'the cell is blank, and the message says "Dear of 2026-12-01" without it'),
        ("name", 'the cell is blank, and the message says "+12******100:" without it'),
    ]
    assert second.notices == ()


def test_every_problem_of_a_row_is_named_at_once(tmp_path: Path) -> None:
    """The first problem is the refusal's own; the others are there for one round of corrections, each column once."""
    path = write_csv(tmp_path, "phone,name,day,ward,note\n+1202555010,,#REF!,nan,#REF!\n")

    refusal = read_refusal(path, body=["{name}", "{name}", "{day:%d %B}"], parameters={"WARD": "{ward}"})

    assert (refusal.column, refusal.value) == ("phone", "+12*****010")
    assert refusal.reason.startswith("the number is too short")
    assert refusal.others == (
        Problem("day", "#REF!", "the cell shows the error #REF!: correct its formula or type the value"),
        Problem("name", "", "the cell is empty, and the message needs it: fill it in"),
        Problem("ward", "nan", "the cell holds a program's word for nothing: fill in the value or empty the cell"),
    )


def test_nat_is_a_name_and_nan_is_none(tmp_path: Path) -> None:
    """Only pandas' own spelling of a missing time stands for nothing."""
    assert read_recipient(write_csv(tmp_path, HEADER + "+12025550100,Nat\n")).values["name"] == "Nat"


@pytest.mark.parametrize("value", ["\u00ad", "\u200d", "\u2800", "\u200c \u2063", "\u3164"])
def test_a_cell_in_which_nobody_sees_anything_is_empty(tmp_path: Path, value: str) -> None:
    """Marks without a shape greet nobody, and are no number, no key and no opt-out."""
    path = write_csv(tmp_path, f"phone,name,visit,opt_out\n+12025550100,{value},V1,{value}\n")

    refusal = read_refusal(path, skip_if={"opt_out": ("x",)})
    keyless = read_refusal(path, key="{name}", body=["{visit}"])
    numberless = read_refusal(path, to="{name}", body=["{visit}"])

    assert (refusal.column, refusal.reason) == ("name", "the cell is empty, and the message needs it: fill it in")
    assert keyless.reason == "the cell is empty, and the key needs it: fill it in"
    assert numberless.reason == "the cell is empty: fill in a phone number or delete the row"


@pytest.mark.parametrize("value", ["Zo\u0308e\u00ad", "\U0001f469\u200d\U0001f4bb", "\u0645\u06cc\u200c\u062e"])
def test_marks_between_letters_stay(tmp_path: Path, value: str) -> None:
    """Joiners and soft hyphens carry meaning where there is something to join."""
    recipient = read_recipient(write_csv(tmp_path, f"{HEADER}+12025550100,{value}\n"))

    assert recipient.values["name"] == unicodedata.normalize("NFC", value)


def test_a_sheet_can_be_read_again(tmp_path: Path) -> None:
    """Iterating twice gives the same rows; the second time nothing counts as a duplicate of the first."""
    sheet = read(write_csv(tmp_path, HEADER + ANA + BOB))

    assert list(sheet) == list(sheet)


def test_a_sheet_without_rows_is_refused(tmp_path: Path) -> None:
    """A header alone would withdraw everybody; it is far more often an export that failed."""
    sheet = read(write_csv(tmp_path, HEADER))

    with pytest.raises(SheetError, match=r"^recipients\.csv: has no rows below its header in row 1$"):
        list(sheet)


def test_several_placeholders_make_one_number(tmp_path: Path) -> None:
    """``recipient.to`` is a text: a country code may stand in a column of its own."""
    path = write_csv(tmp_path, "code,phone,name\n1,202 555 0100,Ana\n")

    recipient = read_one(path, to="+{code} {phone}")

    assert isinstance(recipient, Recipient)
    assert recipient.to == "12025550100"


def test_values_are_plain_mappings_in_sheet_order(tmp_path: Path) -> None:
    """Export writes the columns in the order of the sheet."""
    recipient = read_recipient(write_csv(tmp_path, "z,phone,name,a\n1,+12025550100,Ana,2\n"))

    assert list(recipient.values) == ["z", "phone", "name", "a"]
    assert replace(recipient) == recipient


@given(st.lists(st.tuples(st.sampled_from(["", "0", "1202", "visit "]), st.integers(0, 3000)), max_size=400))
def test_seen_keys_are_those_of_a_plain_dictionary(parts: list[tuple[str, int]]) -> None:
    """The compact table finds the first row of every key, digits or not, leading zeros or not."""
    seen, expected = FirstRows(), dict[str, int]()
    for row_number, (prefix, number) in enumerate(parts, start=2):
        key = f"{prefix}{number}"

        assert seen.find(key) == expected.get(key)
        assert seen.add(key, row_number) == expected.get(key)
        expected.setdefault(key, row_number)

    assert len(seen) == len(expected)


def test_seen_keys_grow_with_the_sheet() -> None:
    """A hundred thousand keys are all found again after the table has grown several times."""
    seen = FirstRows()
    for row_number in range(1, 100_001):
        assert seen.add(f"1202{row_number * 7:07d}", row_number) is None

    assert all(seen.find(f"1202{row_number * 7:07d}") == row_number for row_number in range(1, 100_001, 97))
    assert seen.find("12029999999") is None


def test_numbers_outside_the_number_column_are_masked_as_well(tmp_path: Path) -> None:
    """A number in a name is nobody's business either, in what is refused, noted, or shown of a longer text."""
    noted, refused = read_all(
        write_csv(
            tmp_path,
            "Phone,Name,Code,Blank\n+12025550100,a  +12025550178,ok,\n+12025550101,Bo,+12025550178 \x07,\n",
        ),
        body=["{name} {blank}", "{code}"],
    )

    assert isinstance(refused, Refusal)
    assert [(notice.column, notice.value) for notice in noted.notices] == [("Name", "a +12******178"), ("Blank", "")]
    assert 'the message says "a +12******178" without it' in noted.notices[1].reason
    assert (refused.column, refused.value[:15]) == ("Code", "+12******178 \N{REPLACEMENT CHARACTER}")


@pytest.mark.parametrize(
    ("body", "shown"),
    [("{img}", "Img"), ("{img} {name} {to}", "Img, Name, to"), ("{city, state}", "City, State")],
    ids=["one", "several", "comma in the name"],
)
def test_what_the_channel_blames_is_labelled_as_in_the_sheet(tmp_path: Path, body: str, shown: str) -> None:
    """A person looks for the column in Excel, not in the campaign file."""
    long = "x" * 1025
    path = write_csv(tmp_path, f'Phone,Img,Name,"City, State"\n+12025550100,{long},Ana,{long}\n')

    assert read_refusal(path, body=[body]).column == shown
