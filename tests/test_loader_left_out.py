"""Who is left out: people who opted out in the sheet, and numbers on the list of those never to be messaged."""

from pathlib import Path

import pytest

from dispatcher.errors import SheetError
from dispatcher.models import Notice, Recipient, Refusal, SheetRules, State
from tests.sheets import read, read_all, write_csv

HEADER = "phone,name\n"
ANA = "+12025550100,Ana\n"
BOB = "+12025550101,Bob\n"


def test_opted_out_rows_and_their_number_are_skipped(tmp_path: Path) -> None:
    """Who opted out in one row is skipped in later rows as well."""
    path = write_csv(
        tmp_path, "phone,name,opt_out\n+12025550100,Ana, YES \n+1 202 555 0100,Ana,\n+12025550101,Bob,no\n"
    )

    first, second, third = read_all(path, skip_if={"opt_out": ("yes", "x")})

    assert isinstance(first, Refusal)
    assert (first.state, first.column, first.reason) == (
        State.SKIPPED, "opt_out", 'left out because "opt_out" says so',
    )  # fmt: skip
    assert isinstance(second, Refusal)
    assert (second.state, second.reason) == (State.SKIPPED, "opted out in row 2")
    assert isinstance(third, Recipient)


def test_opting_out_too_late_in_the_sheet_is_said(tmp_path: Path) -> None:
    """A person whose earlier row is not marked is pointed out on the row that is."""
    path = write_csv(tmp_path, "phone,name,opt_out\n+12025550100,Ana,\n+12025550100,Ana,x\n")

    first, second = read_all(path, skip_if={"opt_out": ("x",)})

    assert isinstance(first, Recipient)
    assert [notice.reason for notice in second.notices] == [
        "row 2 above has the same number and will be sent: mark it as well"
    ]


@pytest.mark.parametrize("content", ["+12025550100\n", "number\n1 202 555 0100\n", "name,Phone\nAna,12025550100\n"])
def test_suppressed_numbers_are_skipped(tmp_path: Path, content: str) -> None:
    """Numbers of the suppression list are never messaged, whether it has a header or other columns."""
    suppress = write_csv(tmp_path, content, "opted_out.csv")
    path = write_csv(tmp_path, HEADER + ANA + BOB)

    first, second = read_all(path, suppress_path=suppress)

    assert isinstance(first, Refusal)
    assert (first.state, first.reason, first.key) == (
        State.SKIPPED, "on the list of numbers never to be messaged", "12025550100",
    )  # fmt: skip
    assert isinstance(second, Recipient)


def test_an_unreadable_suppression_list_stops_everything(tmp_path: Path) -> None:
    """When a number on the list cannot be read nobody knows who must be left out."""
    suppress = write_csv(tmp_path, "phone\n+12025550100\n12025550101x7\n", "opted_out.csv")
    path = write_csv(tmp_path, HEADER + ANA)

    with pytest.raises(SheetError) as caught:
        read(path, suppress_path=suppress)

    assert str(caught.value) == (
        'opted_out.csv, row 3: the number "12*******01x7" holds an extension: a message cannot be sent to'
        " one; write the number of a mobile phone; until then nobody can say who must be left out"
    )


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("Opt-outs, as of 2026-11-22\n\nphone\n+12025550100\n", "utf-8"),
        ("Opt-outs,,\nname,phone,since\nAna,+12025550100,May\n", "utf-8"),
        ("Opt-outs\nNumber\n+12025550100\n", "utf-8"),
        ("phone,name\n+12025550100,Jos\u00e9\n", "cp1252"),
        ("\ufeffphone,name\n+12025550100,Jos\u00e9\n", "utf-8"),
        ("phone,name\n+12025550100,\u0141ukasz\n", "cp1250"),
    ],
    ids=["titles", "titles-of-a-table", "titles-without-a-name", "western", "byte-order-mark", "central-european"],
)
@pytest.mark.parametrize("stated", [None, "cp1252"])
def test_suppression_lists_are_read_however_they_were_made(
    tmp_path: Path, content: str, encoding: str, stated: str | None
) -> None:
    """Titles above the numbers and an encoding that is not that of the sheet keep nobody from being left out."""
    suppress = write_csv(tmp_path, content, "opted_out.csv", encoding)
    path = write_csv(tmp_path, HEADER + ANA + BOB)

    first, second = read_all(path, suppress_path=suppress, sheet=SheetRules(encoding=stated))

    assert [type(row) for row in (first, second)] == [Refusal, Recipient]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("2025550101\n+12025550100\n", 'row 1: the number "20*****101" is in no country\'s numbering plan'),
        ("+12025550100\n2025550101\n", 'row 2: the number "20*****101" is in no country\'s numbering plan'),
        ("Opt-outs\n2025550101\n", 'row 2: the number "20*****101" is in no country\'s numbering plan'),
        ("2025550101\nphone\n", 'row 1: the number "20*****101" is in no country\'s numbering plan'),
        ('phone\n"12345\n67890"\n', 'row 2: the number "12*** **890" holds two numbers'),
        ("Ana\nBob\n", 'row 2: the number "Bob" holds letters'),
        ("phone\nn/a\n", 'row 2: the number "n/a" holds letters'),
    ],
    ids=["first-line", "second-line", "below-a-title", "above-the-header", "two-lines", "only-names", "word"],
)
def test_a_mistyped_line_of_a_suppression_list_is_never_taken_for_a_header(
    tmp_path: Path, content: str, where: str
) -> None:
    """Whatever could be meant as a number is read as one or stops everything, with its row."""
    suppress = write_csv(tmp_path, content, "opted_out.csv")
    path = write_csv(tmp_path, HEADER + ANA)

    with pytest.raises(SheetError) as caught:
        read(path, suppress_path=suppress)

    assert str(caught.value).startswith(f"opted_out.csv, {where}")
    assert str(caught.value).endswith("; until then nobody can say who must be left out")


def test_a_comment_in_a_suppression_list_is_pointed_out(tmp_path: Path) -> None:
    """A row without a number leaves out nobody, and that is said."""
    suppress = write_csv(tmp_path, "phone,note\n+12025550100,\n,from May on:\n+12025550101,\n", "opted_out.csv")
    sheet = read(write_csv(tmp_path, HEADER + ANA + BOB), suppress_path=suppress)

    rows = list(sheet)

    assert [type(row) for row in rows] == [Refusal, Refusal]
    assert sheet.notices == [Notice("opted_out.csv, row 3: holds no number, so it leaves out nobody")]


def test_a_suppression_list_names_its_column_once(tmp_path: Path) -> None:
    """With two columns of the name nobody can say which one holds the numbers."""
    suppress = write_csv(tmp_path, "phone,phone\n+12025550100,+12025550101\n", "opted_out.csv")

    with pytest.raises(SheetError, match='the column "phone" stands in the columns A and B: rename or delete one'):
        read(write_csv(tmp_path, HEADER + ANA), suppress_path=suppress)
