"""Who is left out: people who opted out in the sheet, and numbers on the list of those never to be messaged."""

from pathlib import Path

import openpyxl
import pytest

from dispatcher.errors import SheetError
from dispatcher.models import Notice, Recipient, Refusal, SheetRules, State
from tests.support.sheets import read, read_all, write_csv, write_xlsx

BAD, LISTED, OUT = "+12025FLOWERS", "+12025550105", "+12025550106"
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


@pytest.mark.parametrize("key", ["{to}", "{visit}"])
def test_opting_out_below_counts_above(tmp_path: Path, key: str) -> None:
    """Who opted out in any row is messaged in none, whatever identifies a message."""
    path = write_csv(tmp_path, "phone,name,visit,opt_out\n+12025550100,Ana,V1,\n1 202 555 0100,Ana,V2,x\n")

    first, second = read_all(path, key=key, skip_if={"opt_out": ("x",)})

    assert isinstance(first, Refusal)
    assert (first.state, first.column, first.reason) == (State.SKIPPED, "phone", "opted out in row 3")
    assert isinstance(second, Refusal)
    assert second.reason == 'left out because "opt_out" says so'


@pytest.mark.parametrize("opt_outs", [("yes", ""), ("", "yes")], ids=["hidden-above", "hidden-below"])
def test_hidden_rows_opt_people_out(tmp_path: Path, opt_outs: tuple[str, str]) -> None:
    """A filter that hides the opt-outs does not bring these people back."""
    path = write_xlsx(tmp_path, [["phone", "name", "opt_out"], *(["+12025550100", "Ana", word] for word in opt_outs)])
    workbook = openpyxl.load_workbook(path)
    workbook.worksheets[0].row_dimensions[2 + opt_outs.index("yes")].hidden = True
    workbook.save(path)

    rows = read_all(path, skip_if={"opt_out": ("yes",)}, sheet=SheetRules(hidden_rows="skip"))

    assert [row.state for row in rows if isinstance(row, Refusal)] == [State.SKIPPED, State.SKIPPED]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("+1202555010", "the number is too short for a phone number of its country: add the missing digits"),
        ("", "the cell is empty: fill in a phone number or delete the row"),
        ("#REF!", "the cell shows the error #REF!: correct its formula or type the value"),
    ],
    ids=["mistyped", "blank", "error"],
)
def test_an_opt_out_of_nobody_knows_whom_is_refused(tmp_path: Path, number: str, reason: str) -> None:
    """The same person may be in another row, so this is something to correct and no ordinary skip."""
    path = write_csv(tmp_path, f"phone,name,opt_out\n{number},Ana,x\n")

    (row,) = read_all(path, skip_if={"opt_out": ("x",)})

    assert isinstance(row, Refusal)
    assert (row.state, row.column) == (State.REFUSED, "phone")
    assert row.reason == f'{reason}; "opt_out" leaves a person out, and nobody can say whom'


def test_an_opt_out_from_a_country_that_is_not_allowed_is_skipped(tmp_path: Path) -> None:
    """The number can be read, so it is known whom to leave out."""
    path = write_csv(tmp_path, "phone,name,opt_out\n+447911123456,Ana,x\n")

    (row,) = read_all(path, skip_if={"opt_out": ("x",)}, allowed_countries=("US",))

    assert isinstance(row, Refusal)
    assert (row.state, row.reason) == (State.SKIPPED, 'left out because "opt_out" says so')


@pytest.mark.parametrize(
    "broken",
    ["Ana,Maria,+12025550100,x", "Ana, Maria,+12025550100,x,", "Ana,+12025550100,x,note", "+12025550100,x"],
    ids=["comma", "comma-and-tail", "surplus-cell", "lost-cell"],
)
def test_an_opt_out_in_a_broken_row_counts(tmp_path: Path, broken: str) -> None:
    """Where the cells of a row have moved, the person is found where the cells belong."""
    path = write_csv(tmp_path, f"name,phone,opt_out\n{broken}\nAna,+12025550100,\nBob,+12025550101,\n")

    first, second, third = read_all(path, skip_if={"opt_out": ("x",)})

    assert isinstance(first, Refusal)
    assert first.reason.startswith("the row has ")
    assert isinstance(second, Refusal)
    assert (second.state, second.reason) == (State.SKIPPED, "opted out in row 2")
    assert isinstance(third, Recipient)


def test_other_words_in_an_opt_out_column_are_shown_once(tmp_path: Path) -> None:
    """A word that nobody listed leaves nobody out; a person must see it, whatever it looks like."""
    words = ["no", "YES!", "", "ja", "No", "x", "\u200d", "maybe", "call +12025550100", "later", "NO"]
    lines = [f"+120255501{index:02},Ana,{word}\n" for index, word in enumerate(words)]
    sheet = read(write_csv(tmp_path, "phone,name,opt_out\n" + "".join(lines)), skip_if={"opt_out": ("x", "yes")})

    rows = list(sheet)

    assert [row.row_number for row in rows if isinstance(row, Refusal)] == [7]
    assert sheet.notices == [
        Notice(
            'holds words that leave nobody out: "no", "YES!", "ja", "maybe", "call +12******100" (8 cells);'
            " add those that should to skip_if in the campaign file",
            column="opt_out",
        )
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


@pytest.mark.parametrize(
    ("cells", "is_hidden", "reason"),
    [
        (
            (BAD, "", "yes", "v1"),
            True,
            'the number holds letters: write the number in digits; "opt out" leaves a person',
        ),
        ((LISTED, "", "yes", "v1"), True, 'left out because "opt out" says so'),
        ((LISTED, "", "#N/A", "v1"), True, "hidden by a filter in Excel or by hand"),
        ((LISTED, "", "#N/A", "v1"), False, "the cell shows the error #N/A"),
        ((LISTED, "", "", "v1"), False, "on the list of numbers never to be messaged"),
        ((OUT, "", "", "v1"), False, "opted out in row 3"),
        ((BAD, "", "", "v1"), False, "the number holds letters"),
        (("+12025550107", "", "", ""), False, "the cell is empty, and the key needs it"),
        (("+12025550107", "", "", "v1"), False, "the cell is empty, and the message needs it"),
        (("+12025550107", "x" * 1025, "", "v1"), False, "is 1,025 characters long"),
        (("+12025550107", "Ana", "", "v1"), False, "the same key as in row 2"),
    ],
)
def test_the_reasons_count_in_their_order(tmp_path: Path, cells: tuple[str, ...], is_hidden: bool, reason: str) -> None:
    """Who opted out or is listed is skipped whatever else is wrong with the row, and a hidden row is not looked at."""
    suppress = write_csv(tmp_path, f"phone\n{LISTED}\n", "listed.csv")
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for line in (
        ("phone", "name", "opt out", "visit"),
        ("+12025550100", "Ana", "", "v1"),
        (OUT, "", "yes", "v2"),
        cells,
    ):
        sheet.append(line)
    sheet.row_dimensions[4].hidden = is_hidden
    book.save(tmp_path / "recipients.xlsx")

    *_, row = read_all(
        tmp_path / "recipients.xlsx",
        key="{visit}",
        suppress_path=suppress,
        skip_if={"opt out": ("yes",)},
        sheet=SheetRules(hidden_rows="skip"),
    )

    assert isinstance(row, Refusal)
    assert row.reason.startswith(reason)
