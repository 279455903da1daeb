"""Dates in a message speak the language of its recipient."""

import subprocess
import sys

import pytest

from dispatcher.placeholders import parse_text


@pytest.mark.parametrize(
    ("locale", "form", "text"),
    [
        ("en", "%A, %d %B %Y", "Thursday, 31 December 2026"),
        ("en_GB", "%a %-d %b", "Thu 31 Dec"),
        ("de", "%A, %d. %B %Y", "Donnerstag, 31. Dezember 2026"),
        ("pt_BR", "%-d de %B", "31 de dezembro"),
        ("pl", "%d %B", "31 grudnia"),
        ("zh_CN", "%Y %B", "2026 十二月"),
        ("fr", "%d/%m/%Y 100%%", "31/12/2026 100%"),
        ("ar", "%d %B", "31 ديسمبر"),
    ],
)
def test_months_and_days_are_named_in_the_recipients_language(locale: str, form: str, text: str) -> None:
    """Names are those used within a date; digits stay as the format asks."""
    assert parse_text(f"{{day:{form}}}").fill({"day": "2026-12-31"}, locale=locale) == text


def test_the_half_of_the_day_is_named_in_the_recipients_language() -> None:
    """%p is a name as well."""
    assert parse_text("{at:%I:%M %p}").fill({"at": "14:30"}, locale="ja") == "02:30 午後"


@pytest.mark.parametrize("locale", ["xx", "Deutsch", "", "de_de_de_de"])
def test_an_unknown_language_is_refused(locale: str) -> None:
    """A wrong locale must not fall back to English in silence."""
    with pytest.raises(ValueError, match="is no language whose months are known; write for example de or pt_BR"):
        parse_text("{day:%B}").fill({"day": "2026-12-31"}, locale=locale)


def test_babel_is_imported_only_when_a_name_is_needed() -> None:
    """A campaign in English, or without names in its dates, does not pay for babel."""
    program = (
        "import sys; from dispatcher.placeholders import parse_text;"
        "parse_text('{day:%B}').fill({'day': '2026-12-31'});"
        "parse_text('{day:%d.%m.}').fill({'day': '2026-12-31'}, locale='de');"
        "print('babel' in sys.modules)"
    )

    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout

    assert output == "False\n"
