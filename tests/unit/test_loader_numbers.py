"""The loader's numbers: what people write into a phone column, and that it is never dialled wrong."""

from typing import Any

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dispatcher.loader.values.phone_numbers import Number, Unreadable, read_number, read_slowly
from dispatcher.loader.values.plain_numbers import read_plain
from dispatcher.models import RecipientRules
from dispatcher.placeholders import parse_text


def make_rules(**options: Any) -> RecipientRules:
    """Return rules for a column called phone."""
    return RecipientRules(parse_text("{phone}"), parse_text("{to}"), **options)


INTERNATIONAL = make_rules()
GB = make_rules(written_as="national", default_region="GB")
US = make_rules(written_as="national", default_region="US")
DE = make_rules(written_as="national", default_region="DE")

NOT_IN_A_PLAN = "has the right length but is in no country's numbering plan: check it"
TWO = "holds two numbers: keep one, or give each its own row"
CODE_MISSING = "has no country code: write the number as +44 7700 900123"
NEGATIVE = "begins with a minus sign: remove it and write the number as +12025550123"
FIXED_LINE = "is a fixed line: WhatsApp rarely runs on one"


@pytest.mark.parametrize(
    ("text", "digits", "notes"),
    [
        ("12025550123", "12025550123", ()),
        ("+12025550123", "12025550123", ()),
        (" +1 (202) 555-0123 ", "12025550123", ()),
        ("+1.202.555.0123", "12025550123", ()),
        ("+1.2025550123", "12025550123", ()),
        ("1-202-555-0123", "12025550123", ()),
        ("+1\u00a0202\u202f555\u20110123", "12025550123", ()),
        ("\u202a+12025550123\u202c", "12025550123", ()),
        ("\u200b+1 202\ufeff 555 0123", "12025550123", ()),
        ("\uff0b\uff11\uff12\uff10\uff12\uff15\uff15\uff15\uff10\uff11\uff12\uff13", "12025550123", ()),
        ("+\u0661\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0662\u0663", "12025550123", ()),
        ("tel:+1-202-555-0123", "12025550123", ()),
        ("tel:+1-202-555-0123;phone-context=+1", "12025550123", ()),
        ("tel:555-0123;phone-context=+1-202", "12025550123", ()),
        ("tel:+12025550123;phone-context=example.com", "12025550123", ()),
        ("whatsapp:+12025550123", "12025550123", ()),
        ("https://wa.me/12025550123", "12025550123", ()),
        ("wa.me/12025550123?text=Hi", "12025550123", ()),
        ("https://api.whatsapp.com/send?phone=%2B12025550123&text=Hi", "12025550123", ()),
        ('="+12025550123"', "12025550123", ()),
        ("'+12025550123", "12025550123", ()),
        ("\u2019+12025550123", "12025550123", ()),
        ("0012025550123", "12025550123", ("began with 00, which was read as +",)),
        ("15551234567", "15551234567", (NOT_IN_A_PLAN,)),
        ("+447700900123", "447700900123", (NOT_IN_A_PLAN,)),
        ("12025550123.0", "12025550123", ("ended in .0, which was left out",)),
        ("+44 (0)7911 123456", "447911123456", ()),
        ("+39 06 698 12345", "390669812345", (FIXED_LINE,)),
        ("+49 151/23456789", "4915123456789", ()),
        ("+44 20 7946 0018", "442079460018", (FIXED_LINE,)),
        ("+18005550199", "18005550199", ("is a toll-free number",)),
        ("+55 11 8765 4321", "551187654321", (
            "has not the 9 that Brazilian mobile numbers have after the area code: check it",)),
        ("+54 11 2345 6789", "541123456789", (
            "is a fixed line; Argentine mobile numbers have a 9 after +54: check it",)),
    ],
)  # fmt: skip
def test_numbers_with_their_country_code_are_read(text: str, digits: str, notes: tuple[str, ...]) -> None:
    """Every spelling of a number gives the same digits; what is unusual is noted and not refused."""
    number = read_number(text, INTERNATIONAL)

    assert number == Number(digits, notes)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.5551E+10", "was cut by Excel, its digits are lost: format the column as Text and enter it again"),
        ("1,5551E+10", "was cut by Excel, its digits are lost: format the column as Text and enter it again"),
        ("12025550123.5", "is a decimal number: format the column as Text and enter the number again"),
        ("12025550123,0", "is a decimal number: format the column as Text and enter the number again"),
        ("2025550123", "is in no country's numbering plan; its country code is probably missing: add it"),
        ("(202) 555-0123", CODE_MISSING),
        ("07911 123456", CODE_MISSING),
        ("+1 202 555 0123 ext. 5",
         "holds an extension: a message cannot be sent to one; write the number of a mobile phone"),
        ("+12025550123x5",
         "holds an extension: a message cannot be sent to one; write the number of a mobile phone"),
        ("tel:+12025550123;ext=5",
         "holds an extension: a message cannot be sent to one; write the number of a mobile phone"),
        ("+1-800-FLOWERS", "holds letters: write the number in digits"),
        ("call me +12025550123", "holds letters: write the number in digits"),
        ("N/A", "holds letters: write the number in digits"),
        ("+12025550123 / +12025550124", TWO),
        ("12025550123,12025550124", TWO),
        ("12025550123 or 12025550124", TWO),
        ("12025550123\n12025550124", TWO),
        ("12025550123\u202812025550124", TWO),
        ("12345,67890", TWO),
        ("12345;67890", TWO),
        ("12345/67890", TWO),
        ("+12025550123+12025550124", TWO),
        ("030 123456/7", TWO),
        ("1202555012 12025550124", "has too many digits for one phone number: are there two in the cell?"),
        ("12025550123 12025550124", "has too many digits for one phone number: are there two in the cell?"),
        ("8110000000000001", "has too many digits for one phone number: are there two in the cell?"),
        ("919876543210123456", "has too many digits for one phone number: are there two in the cell?"),
        ("1202*5550123", "holds '*': only digits, spaces and + - . ( ) are expected in a phone number"),
        ("12,025,550,123", "holds ',': only digits, spaces and + - . ( ) are expected in a phone number"),
        ("1202555012\u00b3",
         "holds '\u00b3': only digits, spaces and + - . ( ) are expected in a phone number"),
        ("++12025550123", "has more than one +: write the number as +12025550123"),
        ("+12025550123 +", "has more than one +: write the number as +12025550123"),
        ("+12025550123 (+12025550124)", TWO),
        ("1202+5550123", "has a + in the middle: write the number as +12025550123"),
        ("-12025550101", NEGATIVE),
        ("\u221212025550101", NEGATIVE),
        ("\u2013 1 202 555 0101", NEGATIVE),
        ("'-12025550101", NEGATIVE),
        ("+-12025550101", NEGATIVE),
        ("-", "holds no digits: fill in a phone number or delete the row"),
        ("112", "is too short for a phone number of its country: add the missing digits"),
        ("+1202555012", "is too short for a phone number of its country: add the missing digits"),
        ("+120255501234", "is too long for a phone number of its country: remove the surplus digits"),
        ("+9991234567", "begins with a country code that does not exist: correct it"),
        ("+5215512345678", "has the 1 that Mexican numbers dropped in 2019: write +52 and the ten digits"),
        ("+11111111111", "is one digit over and over: write the real number"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused_in_its_own_words(text: str, reason: str) -> None:
    """Each mistake has its own sentence that says what to do."""
    assert read_number(text, INTERNATIONAL) == Unreadable(reason)


@pytest.mark.parametrize("region", [None, "DK", "DE", "GB"])
@pytest.mark.parametrize(
    "text",
    [
        "2026-12-03",
        "2026-12-03 14:30",
        "2026-12-03T14:30:00Z",
        "2026/12/3",
        "+2026-12-03",
        "03.12.2026",
        "3. 12. 2026",
        "12-03-2026",
        "31/12/1985",
        "12/31/1985 2:30 pm",
        '="03.12.2026"',
        "03\u201112\u20112026",
    ],
)
def test_a_date_is_not_dialled(text: str, region: str | None) -> None:
    """A column of dates that is taken for the phone column would dial strangers."""
    rules = make_rules(written_as="national", default_region=region) if region else INTERNATIONAL

    assert read_number(text, rules) == Unreadable(
        "is a date: format the column as Text and enter the phone number again"
    )


@pytest.mark.parametrize("text", ["20-26-12-03", "20 26 12 03", "32-12-2026", "20.13.2026", "20-26-1203"])
def test_numbers_that_only_resemble_dates_are_read(text: str) -> None:
    """Danish numbers have eight digits in pairs."""
    number = read_number(text, make_rules(written_as="national", default_region="DK"))

    assert isinstance(number, Number)


@pytest.mark.parametrize(
    ("rules", "text", "digits"),
    [
        (GB, "07911 123456", "447911123456"),
        (GB, "7911123456", "447911123456"),
        (GB, "+447911123456", "447911123456"),
        (GB, "447911123456", "447911123456"),
        (GB, "00447911123456", "447911123456"),
        (GB, "+12025550123", "12025550123"),
        (US, "(202) 555-0123", "12025550123"),
        (US, "1 202 555 0123", "12025550123"),
        (DE, "0151 23456789", "4915123456789"),
        (DE, "0151/23456789", "4915123456789"),
        (DE, "01515/3456789", "4915153456789"),
    ],
)
def test_national_numbers_belong_to_their_region(rules: RecipientRules, text: str, digits: str) -> None:
    """In a national column digits without + belong to the default region, with or without its zero."""
    assert read_number(text, rules) == Number(digits)


@pytest.mark.parametrize(
    ("rules", "text", "reason"),
    [
        (DE, "4915123456789",
         "can be read with and without the country code 49: write it with a + and the country code"),
        (US, "00447911123456", "is too long for a phone number of its country: remove the surplus digits"),
        (US, "555-0123", "has no area code: write the whole number"),
        (DE, "030 12345 030 12346", "has too many digits for one phone number: are there two in the cell?"),
        (DE, "030 12345\n030 12346", TWO),
        (make_rules(written_as="national"), "07911123456",
         "has no country code: write it with one, or set default_region in the campaign file"),
    ],
    ids=["ambiguous", "foreign-prefix", "local", "two-in-a-row", "two-lines", "no-region"],
)  # fmt: skip
def test_doubtful_national_numbers_are_refused(rules: RecipientRules, text: str, reason: str) -> None:
    """A number that could be somebody else's is never dialled."""
    assert read_number(text, rules) == Unreadable(reason)


def test_no_region_is_applied_to_an_international_column() -> None:
    """Digits of an international column are read with their own code, whatever the default region is."""
    rules = make_rules(default_region="DE")

    assert read_number("4915123456789", rules) == Number("4915123456789")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0151 23456789", Number("4915123456789")),
        ("+12025550123", Number("12025550123")),
        ("15123456789", Unreadable(
            "can be read with its country code and as a number of DE: write it with a +, or set written_as in"
            " the campaign file")),
    ],
)  # fmt: skip
def test_an_undecided_column_takes_only_what_has_one_reading(text: str, number: Number | Unreadable) -> None:
    """Without written_as digits that are possible both ways are refused as ambiguous."""
    assert read_number(text, make_rules(written_as=None, default_region="DE")) == number


@pytest.mark.parametrize("text", ["+12025550123", "12025550123", "+1 202 555 0123"])
def test_countries_that_are_not_allowed_are_refused(text: str) -> None:
    """A number of a country outside allowed_countries is named with its country."""
    reason = (
        "belongs to US, which is not in allowed_countries of the campaign file: correct the number or add the country"
    )

    assert read_number(text, make_rules(allowed_countries=("GB", "DE"))) == Unreadable(reason)
    assert read_number(text, make_rules(allowed_countries=("GB", "US"))) == Number("12025550123")


def test_a_number_in_no_plan_counts_as_any_country_of_its_code() -> None:
    """The fictional +1 555 numbers are let through where the US is allowed, and only there."""
    assert isinstance(read_number("15551234567", make_rules(allowed_countries=("US",))), Number)
    assert read_number("15551234567", make_rules(allowed_countries=("GB",))) == Unreadable(
        "belongs to country code +1, which is not in allowed_countries of the campaign file:"
        " correct the number or add the country"
    )


def _examples() -> list[str]:
    """Return an example of every kind of number of every country."""
    kinds = [kind for kind in range(11) if kind != phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE]
    found = (
        phonenumbers.example_number_for_type(region, kind)
        for region in sorted(phonenumbers.SUPPORTED_REGIONS)
        for kind in kinds
    )
    return [phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) for number in found if number]


EXAMPLES = _examples()


@st.composite
def plain_texts(draw: st.DrawFn) -> str:
    """Numbers of any country: real ones, some with digits changed, some with separators."""
    text = draw(st.sampled_from(EXAMPLES))[1:]
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.text("0123456789", max_size=2)) + text[place + draw(st.integers(0, 2)) :]
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from(" ()-")) + text[place:]
    return draw(st.sampled_from(["", "+"])) + text


@settings(max_examples=1000, deadline=None)
@given(
    plain_texts() | st.from_regex(r"\A\+?[0-9]{3,17}\Z"),
    st.sampled_from([INTERNATIONAL, GB, make_rules(allowed_countries=("US", "GB", "DE", "IT", "RU"))]),
)
@example("+2909999", INTERNATIONAL)
def test_the_short_way_and_the_long_way_agree(text: str, rules: RecipientRules) -> None:
    """Whatever is written plainly is read as phonenumbers itself reads it."""
    assert read_number(text, rules) == read_slowly(text, rules)


def test_the_short_way_knows_every_example() -> None:
    """Nearly all numbers take the short way, and it knows their kind and their country."""
    plain = {text: read_plain(text) for text in EXAMPLES}

    missed = [text for text, number in plain.items() if number is None]
    assert len(missed) < len(EXAMPLES) / 20
    for text, number in plain.items():
        parsed = phonenumbers.parse(text)
        if number is not None:
            assert number.kind == phonenumbers.number_type(parsed), text
            assert number.region == phonenumbers.region_code_for_number(parsed), text


@given(st.text(max_size=40) | st.text("+0123456789 ()-./,;xe'\"=\u202a\u0661", max_size=40))
def test_any_text_is_a_number_or_a_reason(text: str) -> None:
    """No text breaks the reading, and every number read has 7 to 15 digits."""
    for rules in (INTERNATIONAL, US):
        number = read_number(text, rules)

        if isinstance(number, Number):
            assert number.digits.isascii()
            assert number.digits.isdigit()
            assert 7 <= len(number.digits) <= 15
        else:
            assert ":" in number.reason


def test_a_national_prefix_after_the_country_code_is_read_as_phonenumbers_reads_it() -> None:
    """``+44 0 7911 123456`` and its like never take a short way to another number."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if metadata is None or example is None:
            continue
        national = phonenumbers.national_significant_number(example)
        for prefix in ("0", "00", "1", "15", "8", "9", metadata.national_prefix or ""):
            for surplus in range(3):
                text = f"+{example.country_code}{prefix}{national[: len(national) - surplus]}"
                assert read_number(text, INTERNATIONAL) == read_slowly(text, INTERNATIONAL), text
