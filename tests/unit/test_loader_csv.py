"""The loader and CSV files: encodings, quotes and what else is broken about them."""

from pathlib import Path
from typing import Any

import pytest

from dispatcher.errors import SheetError
from dispatcher.models import Recipient, Refusal, SheetRules
from tests.support.sheets import read, read_all, read_recipient, write_bytes, write_csv

ROW = "+12025550100,Ana\n"
TEXT_AFTER_QUOTE = (
    'row 2 (line 2 of the file): there is text after a closing quote ("); write a quote inside a text as ("")'
)
NUL = "holds a NUL character, so this is no CSV file or a damaged one; save it again from Excel as CSV UTF-8"
ENDLESS = "is longer than a million characters, so this is no CSV file; save it again from Excel as CSV UTF-8"
AMBIGUOUS = (
    "can be read as 2026-12-03 and as 2026-03-12: write it as 2026-12-31, make it a date cell,"
    ' or set text_dates = "day_first" or "month_first" under [sheet] in the campaign file'
)


def read_error(path: Path, **options: Any) -> str:
    """Return what a file that cannot be trusted is told."""
    with pytest.raises(SheetError) as caught:
        read_all(path, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("encoding", "name"), [("cp1252", "José"), ("cp1250", "Łukasz"), ("cp1254", "Şule"), ("utf-16", "José")]
)
def test_a_stated_encoding_decides(tmp_path: Path, encoding: str, name: str) -> None:
    """With ``encoding`` in the campaign file every letter is read as it was written."""
    path = write_csv(tmp_path, f"phone,name\n+12025550100,{name}\n", encoding=encoding)

    recipient = read_recipient(path, sheet=SheetRules(encoding=encoding))

    assert recipient.values["name"] == name


@pytest.mark.parametrize(
    ("content", "stated", "found"),
    [
        ("José".encode(), "cp1252", "UTF-8"),
        ("\ufeffAna".encode(), "latin-1", "UTF-8"),
        ("\ufeffAna".encode("utf-16-le"), "cp1250", "UTF-16"),
    ],
    ids=["letters", "mark", "utf-16"],
)
def test_a_stated_encoding_that_is_surely_wrong_is_refused(
    tmp_path: Path, content: bytes, stated: str, found: str
) -> None:
    """A file saved as UTF-8 for a campaign that says cp1252 would greet José as JosÃ©."""
    path = write_bytes(tmp_path, content + b",phone,name\n+12025550100,Ana,Ana\n")

    assert read_error(path, sheet=SheetRules(encoding=stated)) == (
        f'recipients.csv: is written in {found}, not in "{stated}" as [sheet] encoding of the'
        " campaign file says; remove that line"
    )


def test_a_stated_encoding_fits_a_file_of_plain_letters(tmp_path: Path) -> None:
    """ASCII is the same in all of them, and an encoding of several bytes may look like UTF-8."""
    plain = write_csv(tmp_path, f"phone,name\n{ROW}")
    chinese = write_csv(tmp_path, "phone,name\n+12025550100,\u0572\n", "chinese.csv", "utf-8")

    assert read_recipient(plain, sheet=SheetRules(encoding="cp1252")).values["name"] == "Ana"
    assert read_recipient(chinese, sheet=SheetRules(encoding="gbk")).values["name"] == b"\xd5\xb2".decode("gbk")


def test_a_damaged_utf_16_file_is_called_that(tmp_path: Path) -> None:
    """Half a letter at the end of a file that begins as UTF-16 is no question of other encodings."""
    path = write_bytes(tmp_path, f"\ufeffphone\tname\n{ROW}".encode("utf-16-le") + b"x")

    assert read_error(path) == (
        "recipients.csv: begins as UTF-16 but is damaged, perhaps only half copied; save it again from Excel as CSV"
        " UTF-8"
    )


def test_an_unknown_encoding_is_never_guessed(tmp_path: Path) -> None:
    """Each candidate is shown with the doubtful words as they would read in it."""
    path = write_csv(tmp_path, "phone;name\n+12025550100;Ana\n+12025550101;Łukasz Wąsik\n", encoding="cp1250")

    assert read_error(path) == (
        "recipients.csv, line 3: is not UTF-8. The doubtful words would read"
        " in cp1252 (Western): £ukasz W¹sik; in cp1250 (Central European): Łukasz Wąsik;"
        ' in cp1254 (Turkish): £ukasz W¹sik. Save the file as "CSV UTF-8", or name the encoding that reads'
        ' right in the campaign file: [sheet] encoding = "cp1252"'
    )


def test_a_wrong_encoding_is_refused(tmp_path: Path) -> None:
    """A stated encoding that does not fit, or does not exist, is said with its line."""
    path = write_csv(tmp_path, "phone,name\n+12025550100,José\n", encoding="cp1252")

    assert read_error(path, sheet=SheetRules(encoding="utf-8")) == (
        'recipients.csv, line 2: is not written in "utf-8", as [sheet] encoding of the campaign file says;'
        " correct or remove that line"
    )
    assert read_error(path, sheet=SheetRules(encoding="cp12520")) == (
        'recipients.csv: there is no encoding called "cp12520"; try "cp1252"'
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('phone,name\n"+12025550100,Ana\n+12025550101,Bob\n',
         'row 2 (line 2 of the file): a quote (") opened here is never closed; close or remove it'),
        ('phone,name\n+12025550100, "Ana\n+12025550101,Bob\n',
         'row 2 (line 2 of the file): a quote (") opened here is never closed; close or remove it'),
        ('phone,name\n+12025550100,"Ana\nMaria"\n+12025550101,"Bob\n+12025550102,Cy\n',
         'row 3 (line 4 of the file): a quote (") opened here is never closed; close or remove it'),
        ('phone,name\n+12025550100,"Ana" M.\n',
         TEXT_AFTER_QUOTE),
        ('phone,name\n+12025550100,"Ana\n+12025550101,Bob "the" Builder\n',
         TEXT_AFTER_QUOTE),
        ('phone,name\n+12025550100,"' + "x" * 70_000 + "\n" + "x" * 70_000 + '"\n',
         'row 2 (line 2 of the file): a quote (") opened here is never closed; close or remove it'),
    ],
    ids=["unclosed", "after-blank", "after-line-break", "text-after-quote", "swallowed-rows", "endless-field"],
)  # fmt: skip
def test_broken_quotes_are_refused_where_they_begin(tmp_path: Path, content: str, message: str) -> None:
    """A quote that is never closed swallows people; the row and line it began on are named."""
    path = write_csv(tmp_path, content)

    assert read_error(path) == f"recipients.csv, {message}"


@pytest.mark.parametrize("quote", ["", '"'], ids=["plain", "quoted"])
def test_a_cell_without_end_is_refused(tmp_path: Path, quote: str) -> None:
    """A cell longer than the reader takes is not called an open quote."""
    path = write_csv(tmp_path, f"phone,name\n{ROW}+12025550101,{quote}{'x' * 140_000}{quote}\n")

    assert read_error(path) == (
        "recipients.csv, row 3 (line 3 of the file): a cell is longer than the 32,767 characters of Excel; shorten it"
    )


def test_a_cell_longer_than_excels_is_refused_and_shown_shortened(tmp_path: Path) -> None:
    """No message has a page of text in it, and no screen should."""
    path = write_csv(tmp_path, f"phone,name,notes\n+12025550100,{'x' * 32_768},\n+12025550101,Bob,{'x' * 32_768}\n")

    refusal, recipient = read_all(path)

    assert isinstance(refusal, Refusal)
    assert isinstance(recipient, Recipient)
    assert refusal.value == "x" * 100 + "\u2026"
    assert refusal.reason == "the cell has 32,768 characters, more than the 32,767 a cell of Excel holds: shorten it"


def test_rows_swallowed_by_a_closed_quote_are_refused(tmp_path: Path) -> None:
    """A quote that happens to be closed some rows later leaves a cell that looks like whole rows."""
    path = write_csv(
        tmp_path,
        'phone,name,note\n+12025550100,Ana,"x\n+12025550101,Bob,y\n+12025550102,Cy,"\n+12025550103,Di,z\n',
    )

    assert read_error(path) == (
        'recipients.csv, row 2 (line 2 of the file): a quote (") opened here swallows rows below it; close or remove it'
    )


@pytest.mark.parametrize(
    "content",
    [
        'phone,name,city\n+12025550101,"Ana,Berlin\n+12025550102,Bo",Paris\n+12025550103,Ce,Rom\n',
        'name,phone\n"Ana,+12025550101\nBo",+12025550102\nCe,+12025550103\n',
        'phone;name;city\n612345678;"Ana;Berlin\n612345679;Bo";Paris\n',
    ],
    ids=["second-line", "first-line", "national"],
)
def test_a_quote_closed_in_the_middle_of_the_next_row_is_refused(tmp_path: Path, content: str) -> None:
    """The row between would be missing although every row left has as many cells as the header."""
    path = write_csv(tmp_path, content)

    assert read_error(path) == (
        'recipients.csv, row 2 (line 2 of the file): a quote (") opened here swallows rows below it; close or remove it'
    )


def test_an_address_of_several_lines_is_no_swallowed_row(tmp_path: Path) -> None:
    """Line breaks and commas within quotes are ordinary."""
    address = "1 Main St,\nSpringfield, IL, 62701-1234,\n+1 202 555 0100\nsince 4 May, 2026-12-31"
    path = write_csv(tmp_path, f'phone,name,address,city,region,zip\n+12025550100,Ana,"{address}",,,\n')

    assert read_recipient(path).values["address"] == address.replace("\n", " ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"phone,name\n+12025550100,A\x00na\n",
         f"recipients.csv, line 2: {NUL}"),
        ("phone,name\n".encode("utf-16-le"),
         f"recipients.csv, line 1: {NUL}"),
        (b"phone,name\n" + b"x" * 3_000_000,
         f"recipients.csv, line 2: {ENDLESS}"),
        (b"\n\n \n", "recipients.csv: has no rows; export them again"),
        (b"phone,name\n\n,\n", "recipients.csv: has no rows below its header in row 1"),
    ],
    ids=["nul", "utf-16-without-bom", "endless-line", "blank", "header-only"],
)  # fmt: skip
def test_broken_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    """What cannot be a list of people is refused as a whole."""
    path = write_bytes(tmp_path, content)

    assert read_error(path) == message


def test_a_file_without_a_header_is_refused(tmp_path: Path) -> None:
    """The first person is not taken for the header in silence."""
    path = write_csv(tmp_path, "+12025550100,Ana\n+12025550101,Bob\n")

    assert read_error(path) == (
        'recipients.csv, row 1: there is no column called "phone"; there is no column called "name".'
        ' Columns found: "+12******100", "Ana"'
    )


def test_comment_lines_above_the_header_are_left_out(tmp_path: Path) -> None:
    """Exports that begin with a remark are read from their header on."""
    path = write_csv(tmp_path, '# exported, "by" Maria\n\nphone;name\n+12025550100;Ana\n')

    sheet = read(path)
    (row,) = sheet

    assert (sheet.header_row, row.row_number) == (3, 4)
    assert [notice.reason for notice in sheet.notices] == ["the header is in row 3; what is above it is left out"]


def test_a_summary_row_is_refused(tmp_path: Path) -> None:
    """A total below the data is nobody."""
    path = write_csv(tmp_path, f'phone,name\n{ROW}"Total: 1,203",\n')

    _, total = read_all(path)

    assert isinstance(total, Refusal)
    assert (total.row_number, total.reason) == (3, "the number holds letters: write the number in digits")


def test_excels_way_to_keep_text_is_understood(tmp_path: Path) -> None:
    """``="00501"`` in a CSV is how exports keep leading zeros."""
    path = write_csv(tmp_path, 'phone,name\n="+12025550100",="00501"\n')

    recipient = read_recipient(path)

    assert (recipient.to, recipient.values["name"]) == ("12025550100", "00501")


def test_blanks_before_a_quoted_cell_are_left_out(tmp_path: Path) -> None:
    """People would be greeted with the quotes, and a comma within them would begin another cell."""
    path = write_csv(tmp_path, 'phone, "name", city\n+12025550100,  "Smith, Ana", Rome\n')

    assert read_recipient(path).values == {"phone": "+12025550100", "name": "Smith, Ana", "city": "Rome"}


def test_a_text_that_has_lost_letters_is_refused(tmp_path: Path) -> None:
    """Another program has read it in a wrong encoding; in a column that nobody uses it does no harm."""
    path = write_csv(tmp_path, "phone,name,city\n+12025550100,Jos\ufffd,Rome\n+12025550101,Ana,M\ufffdnchen\n")

    refusal, recipient = read_all(path)

    assert isinstance(refusal, Refusal)
    assert isinstance(recipient, Recipient)
    assert refusal.reason == (
        "the cell holds \ufffd where letters were lost before the file was saved: type the text again"
    )


def test_an_empty_text_as_exports_write_it_is_empty(tmp_path: Path) -> None:
    """People would be greeted as =""."""
    path = write_csv(tmp_path, 'phone,name\n+12025550100,"="""""\n')

    (refusal,) = read_all(path)

    assert isinstance(refusal, Refusal)
    assert refusal.reason == "the cell is empty, and the message needs it: fill it in"


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """A half-copied export would withdraw everybody who is not in it yet."""
    path = write_csv(tmp_path, f"phone,name\n{ROW}")
    rows = iter(read(path))
    next(rows)

    with path.open("a") as file:
        file.write("+12025550101,Bob\n")

    with pytest.raises(SheetError, match="changed while it was read; wait until it is complete"):
        list(rows)


@pytest.mark.parametrize(
    ("text", "iso", "order"),
    [
        ("2026-12-03", "2026-12-03", None),
        ("25/12/2026", "2026-12-25", None),
        ("12/25/2026", "2026-12-25", None),
        ("3.12.2026", "2026-12-03", None),
        ("05/05/2026", "2026-05-05", None),
        ("2026/12/3", "2026-12-03", None),
        ("03/12/2026", "2026-12-03", "day_first"),
        ("03/12/2026", "2026-03-12", "month_first"),
        ("25/12/2026", "2026-12-25", "day_first"),
        ("12/25/2026", "2026-12-25", "month_first"),
        ("25.12.2026", "2026-12-25", "month_first"),
        ("03-12-2026 2:30 pm", "2026-12-03 14:30", "day_first"),
        ("46359", "2026-12-03", None),
        ("46359.604166667", "2026-12-03 14:30", None),
        ("46359.9999999", "2026-12-04", None),
        ("9:30", "09:30", None),
        ("2:30 PM", "14:30", None),
        ("12:05 a.m.", "00:05", None),
        ("0.604166667", "14:30", None),
    ],
)
def test_text_dates_are_read_where_they_are_formatted(tmp_path: Path, text: str, iso: str, order: Any) -> None:
    """In a column that a placeholder formats, dates and times end in ISO form; elsewhere they are text."""
    path = write_csv(tmp_path, f"phone,when\n+12025550100,{text}\n")
    rules = SheetRules(text_dates=order)
    form = "{when:%d %B}" if iso[4:5] == "-" else "{when:%H:%M}"

    formatted = read_recipient(path, body=[form], sheet=rules)
    plain = read_recipient(path, body=["{when}"], sheet=rules)

    assert formatted.values["when"] == iso
    assert plain.values["when"] == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("03/12/2026",
         AMBIGUOUS),
        ("2026-02-30", "is a date that does not exist: correct it"),
        ("31/02/2026", "is a date that does not exist: correct it"),
        ("03/12/26", "has no year of four digits: write it as 2026-12-31"),
        ("3. Dezember", "is no date or time that can be read: write it as 2026-12-31 or 14:30"),
        ("soon", "is no date or time that can be read: write it as 2026-12-31 or 14:30"),
        ("25:10", "is no date or time that can be read: write it as 2026-12-31 or 14:30"),
        ("13:10 pm", "is no date or time that can be read: write it as 2026-12-31 or 14:30"),
        ("99999", "is no date or time that can be read: write it as 2026-12-31 or 14:30"),
    ],
)  # fmt: skip
def test_doubtful_dates_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    """An appointment on the wrong day is worse than none."""
    path = write_csv(tmp_path, f"phone,when\n+12025550100,{text}\n")

    (refusal,) = read_all(path, body=["{when:%d %B}"])

    assert isinstance(refusal, Refusal)
    assert (refusal.column, refusal.value, refusal.reason) == ("when", text, f"the cell {reason}")


@pytest.mark.parametrize(
    ("text", "order", "written"),
    [("12/25/2026", "day_first", "month"), ("12.25.2026", "day_first", "month"), ("25/12/2026", "month_first", "day")],
)
def test_a_date_in_another_order_than_stated_is_refused(tmp_path: Path, text: str, order: Any, written: str) -> None:
    """It proves that the column is not written as the campaign says."""
    path = write_csv(tmp_path, f"phone,when\n+12025550100,{text}\n")

    (refusal,) = read_all(path, body=["{when:%d %B}"], sheet=SheetRules(text_dates=order))

    assert isinstance(refusal, Refusal)
    assert refusal.reason == (
        f'the cell has the {written} first, but the campaign file says text_dates = "{order}": write it as'
        " 2026-12-31, and check the other dates of the column"
    )


def test_changed_dates_are_said(tmp_path: Path) -> None:
    """A number that was read as a date is pointed out with both."""
    recipient = read_recipient(write_csv(tmp_path, "phone,when\n+12025550100,46359\n"), body=["{when:%d %B}"])

    assert [notice.reason for notice in recipient.notices] == ["the number 46359 was read as the date 2026-12-03"]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_quoted_file_without_a_column_is_told_the_column(tmp_path: Path, delimiter: str) -> None:
    """Split in other ways its quotes would be wrong, but that is none of its faults."""
    lines = [("Phone", "Nmae"), ("+12025550101", "Ana")]
    path = write_bytes(
        tmp_path, "".join(delimiter.join(f'"{cell}"' for cell in line) + "\n" for line in lines).encode()
    )

    with pytest.raises(SheetError, match=r'there is no column called "name" \(near: Nmae\)'):
        read_all(path)
