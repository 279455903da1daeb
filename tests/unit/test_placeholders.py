"""Texts with placeholders: what they hold, what fills them, and which mistakes they name."""

import json
import subprocess
import sys
from datetime import date

import pytest
from babel import localedata
from babel.dates import format_date
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.placeholders import Placeholder, UnfitValueError, fold, format_value, parse_text

LITERALS = st.text().filter(lambda text: "{" not in text and "}" not in text)
COLUMNS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_ -]{0,12}", fullmatch=True)
PLACEHOLDERS = st.builds(
    lambda column, form: f"{{{column}:{form}}}" if form else f"{{{column}}}",
    COLUMNS,
    st.sampled_from(["", "%d %B", "%H:%M", "%-d.%-m.%Y"]),
)

OR_RENAME = ", or rename a column that has a colon in its header"
NO_DIRECTIVE = ", which is no date directive; write for example %d %B %Y, %H:%M, or %% for a per cent sign"


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("", ()),
        ("no placeholder", ("no placeholder",)),
        ("{phone}", (Placeholder("phone", "phone"),)),
        ("Dear {First  Name},", ("Dear ", Placeholder("First Name", "first name"), ",")),
        ("{a}{b}", (Placeholder("a", "a"), Placeholder("b", "b"))),
        ("{{a}}", ("{a}",)),
        ("{{{a}}}", ("{", Placeholder("a", "a"), "}")),
        ("{date: %d %B}", (Placeholder("date", "date", " %d %B"),)),
        ("{time:%H:%M}", (Placeholder("time", "time", "%H:%M"),)),
        ("{a.b}{a[0]}{a!r}", (Placeholder("a.b", "a.b"), Placeholder("a[0]", "a[0]"), Placeholder("a!r", "a!r"))),
    ],
)
def test_text_is_split_into_literals_and_placeholders(source: str, parts: tuple[object, ...]) -> None:
    """Braces name columns, doubled braces stand for themselves, and nothing in them is evaluated."""
    text = parse_text(source)

    assert (text.source, text.parts) == (source, parts)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{phone", "holds a single {; write {column} for a value, {{ for the brace itself"),
        ("phone}", "holds a single }; write {column} for a value, }} for the brace itself"),
        ("{a{b}}", "holds a single {; write {column} for a value, {{ for the brace itself"),
        ("{}", "names no column in {}; write one, such as {phone}"),
        ("{ :%d}", "names no column in { :%d}; write one, such as {phone}"),
        ("{date:}", f"has no date format after the colon in {{date:}}; write one such as {{date:%d %B}}{OR_RENAME}"),
        (
            "{Visit: when}",
            f"has no date format after the colon in {{Visit: when}}; write one such as {{Visit:%d %B}}{OR_RENAME}",
        ),
        ("{date:%d %Q}", f"holds %Q{NO_DIRECTIVE}"),
        ("{date:%-A}", f"holds %-A{NO_DIRECTIVE}"),
        ("{date:%d%}", f"holds %{NO_DIRECTIVE}"),
    ],
)
def test_mistake_in_a_text_says_what_to_write(source: str, message: str) -> None:
    """A text that cannot be meant is refused with the remedy."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        parse_text(source)

    assert str(caught.value) == message


@given(LITERALS)
def test_literal_text_fills_to_itself(literal: str) -> None:
    """Without braces there is nothing to fill, whatever the text holds."""
    assert parse_text(literal).fill({}) == literal


@given(st.text())
def test_doubled_braces_fill_to_single_ones(literal: str) -> None:
    """Every text can be written as a literal by doubling its braces."""
    assert parse_text(literal.replace("{", "{{").replace("}", "}}")).fill({}) == literal


@given(st.lists(st.one_of(LITERALS, PLACEHOLDERS)))
def test_parsed_parts_join_to_the_source(pieces: list[str]) -> None:
    """Parsing loses nothing: written out again, the parts are the source but for surplus space in names."""
    source = "".join(pieces)

    text = parse_text(source)

    written = "".join(part if isinstance(part, str) else _write(part) for part in text.parts)
    assert parse_text(written) == type(text)(written, text.parts)
    assert fold(written) == fold("".join(_tidy(piece) for piece in pieces))


def _write(placeholder: Placeholder) -> str:
    return f"{{{placeholder.column}{':' * bool(placeholder.format)}{placeholder.format}}}"


def _tidy(piece: str) -> str:
    if not piece.startswith("{"):
        return piece
    column, colon, form = piece[1:-1].partition(":")
    return f"{{{' '.join(column.split())}{colon}{form}}}"


@given(st.dictionaries(COLUMNS.map(fold), st.text(), min_size=1))
def test_value_is_never_expanded(values: dict[str, str]) -> None:
    """What a cell holds arrives as it stands, whatever it looks like."""
    text = parse_text("|".join(f"{{{column}}}" for column in values))

    assert text.fill(values) == "|".join(values.values())


def test_missing_column_is_a_key_error() -> None:
    """A column that is not there is the caller's mistake and names itself."""
    with pytest.raises(KeyError, match="first name"):
        parse_text("{First Name}").fill({})


@pytest.mark.parametrize(
    ("name", "folded"),
    [("Phone", "phone"), ("  First\n Name ", "first name"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("", "")],
)
def test_names_are_compared_without_case_and_surplus_space(name: str, folded: str) -> None:
    """Two spellings of a header that people take for the same one fold to the same text."""
    assert fold(name) == folded


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        ("2026-12-03", "", "2026-12-03"),
        ("2026-12-03", "%d %B", "03 December"),
        ("2026-12-03", "%-d %b %Y", "3 Dec 2026"),
        ("2026-12-03", "%A, %a", "Thursday, Thu"),
        ("2026-12-03", "%d.%m.%y", "03.12.26"),
        ("2026-01-03", "%j %-j", "003 3"),
        ("2026-12-03", "100%% on %-d/%-m", "100% on 3/12"),
        ("0999-01-02", "%Y", "0999"),
        ("2000-01-02", "%y %-y", "00 0"),
        (" 2026-12-03 ", "%d", "03"),
        ("2026-12-03 09:05", "%H:%M", "09:05"),
        ("2026-12-03T00:05:07", "%-H:%M:%S", "0:05:07"),
        ("14:30", "%I:%M %p", "02:30 PM"),
        ("09:30", "%-I.%M %p", "9.30 AM"),
        ("09:30:15.250", "%S", "15"),
        ("2026-12-03", "un %d é", "un 03 é"),
    ],
)
def test_dates_and_times_are_shown_as_asked(value: str, form: str, shown: str) -> None:
    """A format shows an ISO date or time in English, the same on every platform."""
    assert format_value(value, form) == shown


@pytest.mark.parametrize(
    ("value", "form", "message"),
    [
        ("", "%d", "is empty, and the message shows it as a date or time; fill in the cell"),
        ("soon", "%d", "is no date or time that can be read; write it as 2026-12-31 or 14:30"),
        ("03/12/2026", "%d", "is no date or time that can be read; write it as 2026-12-31 or 14:30"),
        ("٢٠٢٦-١٢-٠٣", "%d", "is no date or time that can be read; write it as 2026-12-31 or 14:30"),
        ("14:30", "%d", "holds no date; write it as 2026-12-31"),
        ("2026-12-03", "%H", "holds no time of day; write it as 14:30, after a date as 2026-12-31 14:30"),
        ("2026-13-03", "%d", "is a date or time that does not exist; correct it"),
        ("2026-02-29", "%d", "is a date or time that does not exist; correct it"),
        ("25:00", "%H", "is a date or time that does not exist; correct it"),
    ],
)
def test_unfit_value_says_what_to_write(value: str, form: str, message: str) -> None:
    """A value that lacks what the format shows is refused, in words that go on where the value ends."""
    with pytest.raises(UnfitValueError) as caught:
        parse_text(f"On {{Date:{form}}}").fill({"date": value})

    assert (str(caught.value), caught.value.value, caught.value.placeholder.column) == (message, value, "Date")


@pytest.mark.parametrize("locale", ["en", "en_GB"])
def test_english_names_are_the_programs_own(locale: str) -> None:
    """English looks the same whatever version of the library is installed, for it is not asked."""
    assert format_value("2026-12-03", "%A, %-d. %B (%a, %b)", locale) == "Thursday, 3. December (Thu, Dec)"


@pytest.mark.parametrize(
    ("locale", "known"),
    [("de", "de"), ("de_AT", "de_AT"), ("pl", "pl"), ("pt_BR", "pt_BR"), ("zh_TW", "zh_TW"), ("es_XX", "es")],
)
def test_month_and_day_names_follow_the_locale(locale: str, known: str) -> None:
    """Names are those of the recipient's language; an unknown country falls back on the language."""
    shown = format_date(date(2026, 12, 3), "EEEE, d. MMMM (EEE, MMM)", locale=known)

    assert format_value("2026-12-03", "%A, %-d. %B (%a, %b)", locale) == shown


@pytest.mark.parametrize(("form", "shown"), [("%-d %B", "3 декабря"), ("%B %Y", "декабрь 2026")])
def test_month_is_bent_only_beside_a_day(form: str, shown: str) -> None:
    """Languages with cases have two names for a month: one for a date, one that stands alone."""
    assert format_value("2026-12-03", form, "ru") == shown


@pytest.mark.parametrize("order", [("he", "az", "de", "no"), ("de", "no", "az", "he")])
def test_one_language_does_not_leak_into_another(order: tuple[str, ...]) -> None:
    """Whatever language was shown before, each one keeps its own month names."""
    alone = {locale: _name_october(locale)[locale] for locale in order}

    assert _name_october(*order) == alone


def _name_october(*locales: str) -> dict[str, str]:
    """Return the names that a process of its own gives, one language after the other."""
    program = f"""
import json
from dispatcher.placeholders import format_value
print(json.dumps({{locale: format_value("2026-10-15", "%B", locale) for locale in {locales}}}))
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    names: dict[str, str] = json.loads(printed)
    return names


PRIVATE_USE = "qaa"
"""A code that no language will ever have: ISO 639-2 keeps qaa to qtz for private use."""


def test_unknown_language_is_refused_only_where_a_name_is_shown() -> None:
    """Digits are the same everywhere; a name that is not known is never shown in another language."""
    assert format_value("2026-12-03", "%d.%m.%Y", PRIVATE_USE) == "03.12.2026"
    assert _refuse_name(PRIVATE_USE) == _names_unknown(PRIVATE_USE)


def test_language_without_names_is_refused_like_an_unknown_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library has languages on record whose names nobody gave it yet; it shows M12 for December then."""
    nameless = localedata.load("root")
    monkeypatch.setattr(localedata, "load", lambda name: nameless)

    assert format_value("2026-12-03", "%d.%m.%Y", "eu") == "03.12.2026"
    assert _refuse_name("eu") == _names_unknown("eu")


def _refuse_name(locale: str) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        format_value("2026-12-03", "%B", locale)
    return str(caught.value)


def _names_unknown(locale: str) -> str:
    return (
        f"cannot be written out: the month and day names of the locale {locale} are not known;"
        " show the date in digits, as in %d.%m.%Y"
    )


def test_english_and_digits_do_not_load_the_names_of_the_world() -> None:
    """Only a message with names in another language pays for the library that knows them."""
    program = """
import sys
from dispatcher.placeholders import format_value
format_value("2026-12-03", "%A %B", "en_GB"), format_value("2026-12-03", "%d.%m", "de")
sys.exit("babel" in sys.modules)
"""

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
