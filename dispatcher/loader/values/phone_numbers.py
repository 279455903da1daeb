"""Reads what people write into a phone column as one E.164 number, or says why that cannot be done.

A region is never guessed: ``written_as`` decides how digits without a ``+`` are read.
"""

import re
import unicodedata
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from dispatcher.loader.values.plain_numbers import PlainNumber, read_plain
from dispatcher.models import RecipientRules


class Number(NamedTuple):
    """A number that can be sent to: E.164 digits without ``+``, and what a person should know about it."""

    digits: str
    notes: tuple[str, ...] = ()


class Unreadable(NamedTuple):
    """Why a text is no number that can be sent to, and what to do about it."""

    reason: str


class _BareText(NamedTuple):
    """What is left of a text once wrappers and invisible marks are gone."""

    text: str
    notes: tuple[str, ...] = ()


_LINK = re.compile(
    r"(?i)^(?:https?://)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?phone=)|^whatsapp://send/?\?phone="
)
_SCHEME = re.compile(r"(?i)^(?:tel|phone|whatsapp|sms|callto):(?://)?")
_SCIENTIFIC = re.compile(r"\+?\d(?:[.,]\d+)?[eE]\+?\d+")
_DECIMAL = re.compile(r"\d+[.,]\d+|\+\d{4,}[.,]\d+")
# With the year first or last, and perhaps a time; groups of a phone number do not end in a year after a day and month.
_DATE = re.compile(
    r"\+?(?:(?:19|20)\d\d(?P<sign>[./-])\s?(?P<month>\d\d?)(?P=sign)\s?(?P<day>\d\d?)\.?"
    r"|(?P<first>\d\d?)(?P<mark>[./-])\s?(?P<second>\d\d?)(?P=mark)\s?(?:19|20)\d\d)"
    r"(?:(?:,?\s+|T)\d\d?[:.]\d\d.*)?"
)
_EXTENSION = re.compile(r"(?i)(?:;\s*ext|\bext|extension|\bx|(?<=\d)x|#)[\s.:=]*\d{1,7}$")
_BETWEEN_NUMBERS = re.compile(r"[,;|&\n\r\v\f\x85\u2028\u2029]|\s(?:or|and|und|et|y|o)\s|(?<=\d)[\s(]*\+")
_MIN_DIGITS = 5  # fewer on one side of a separator are no number of their own
_NEGATIVE = re.compile(r"\+?\s*-")
_CONTEXT = re.compile(r"(?i);phone-context=(\+[\d().-]+)?[^;]*")
_NOT_ALLOWED = re.compile(r"[^\d\s()+./-]")
_MAX_DIGITS = 15  # ITU-T E.164, country code included
TWO_NUMBERS = "holds two numbers: keep one, or give each its own row"
_TOO_MANY_DIGITS = "has too many digits for one phone number: are there two in the cell?"
_UNLIKELY_TYPES = {
    PhoneNumberType.FIXED_LINE: "is a fixed line: WhatsApp rarely runs on one",
    PhoneNumberType.PREMIUM_RATE: "is a premium rate number",
    PhoneNumberType.SHARED_COST: "is a shared cost number",
    PhoneNumberType.TOLL_FREE: "is a toll-free number",
    PhoneNumberType.PAGER: "is a pager",
    PhoneNumberType.UAN: "is a company number",
    PhoneNumberType.VOICEMAIL: "is a voice mailbox",
}
_IMPOSSIBLE = {
    ValidationResult.TOO_SHORT: "is too short for a phone number of its country: add the missing digits",
    ValidationResult.TOO_LONG: "is too long for a phone number of its country: remove the surplus digits",
    ValidationResult.INVALID_LENGTH: "has a length no phone number of its country has: correct it",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "has no area code: write the whole number",
    ValidationResult.INVALID_COUNTRY_CODE: "begins with a country code that does not exist: correct it",
}


def read_number(text: str, rules: RecipientRules) -> Number | Unreadable:
    """Read the one phone number in ``text``.

    Digits without ``+`` are read with their country code when ``written_as`` is ``international``, and as
    numbers of ``default_region`` when it is ``national``. A number that has a possible length but is in
    nobody's numbering plan, and a fixed line, are read with a note.

    Args:
        text: the cell as it stands.
        rules: how the column is written, and the countries that may be messaged.
    """
    if (text.startswith("+") or _is_international(rules)) and not _is_date(text):
        plain = read_plain(text)
        if plain is not None and _is_unquestionable(plain, text, rules):
            return Number(plain.digits, _describe_line(plain.digits, plain.kind))
    return read_slowly(text, rules)


def _is_unquestionable(plain: PlainNumber, text: str, rules: RecipientRules) -> bool:
    """Return whether there is nothing to refuse in a plainly written number."""
    if len(plain.digits) > _MAX_DIGITS or plain.digits.endswith(plain.digits[-1] * 6):
        return False
    if rules.allowed_countries and plain.region not in rules.allowed_countries:
        return False
    return plain.kind != PhoneNumberType.UNKNOWN or text.startswith("+") or len(plain.digits) > 10


def read_slowly(text: str, rules: RecipientRules) -> Number | Unreadable:
    """Read any text through phonenumbers; plainly written numbers give the same as the short way."""
    stripped = _strip_wrappers(text)
    reason = _find_misspelling(stripped.text)
    if reason:
        return Unreadable(reason)
    return _read_digits(stripped, rules)


def _strip_wrappers(text: str) -> _BareText:
    text = text if text.isascii() else _to_ascii(text)
    text = text.strip()
    if text.startswith('="') and text.endswith('"'):
        text = text[2:-1]
    text = text.lstrip("'`").strip()
    link = _LINK.match(text)
    if link:
        text = "+" + text[link.end() :].partition("?")[0].partition("&")[0].replace("%2B", "+").lstrip("+ /")
    text = _read_context(_SCHEME.sub("", text).strip())
    if re.fullmatch(r"\+?\d{7,15}\.0", text):
        return _BareText(text[:-2], ("ended in .0, which was left out",))
    return _BareText(text)


def _read_context(text: str) -> str:
    """Return the number of a ``tel:`` URI; a local one goes after the digits its context names (RFC 3966)."""
    context = _CONTEXT.search(text)
    if context is None:
        return text
    number = _CONTEXT.sub("", text)
    return number if number.startswith("+") else (context[1] or "") + number


def holds_two_numbers(text: str) -> bool:
    """Return whether ``text`` has the digits of a number on both sides of a separator or a line break."""
    return sum(_count_digits(part) >= _MIN_DIGITS for part in _BETWEEN_NUMBERS.split(text)) > 1


def _to_ascii(text: str) -> str:
    """Return ``text`` with every script's digits, dashes and spaces as ASCII and invisible marks gone."""
    return "".join(map(_to_ascii_character, text))


def _to_ascii_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "Cf":
        return ""
    if category == "Zs":
        return " "
    if category == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    if "\uff01" <= character <= "\uff5e":
        return chr(ord(character) - 0xFEE0)
    return "'" if character in "\u2018\u2019\u00b4" else character


def _is_date(text: str) -> bool:
    """Return whether ``text`` is a day of a calendar, in figures with separators."""
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    day, month = sorted((int(match["day"] or match["first"]), int(match["month"] or match["second"])), reverse=True)
    return 1 <= month <= 12 and day <= 31


def _find_misspelling(text: str) -> str:
    """Return why ``text`` is not written as one phone number, or ``""``."""
    if not text:
        return "is empty: fill in a phone number or delete the row"
    if _is_date(text):
        return "is a date: format the column as Text and enter the phone number again"
    if _SCIENTIFIC.fullmatch(text):
        return "was cut by Excel, its digits are lost: format the column as Text and enter it again"
    if _EXTENSION.search(text):
        return "holds an extension: a message cannot be sent to one; write the number of a mobile phone"
    if holds_two_numbers(text):
        return TWO_NUMBERS
    if any(character.isalpha() for character in text):
        return "holds letters: write the number in digits"
    return _find_stray_characters(text)


def _find_stray_characters(text: str) -> str:
    if _DECIMAL.fullmatch(text):
        return "is a decimal number: format the column as Text and enter the number again"
    stray = _NOT_ALLOWED.search(text)
    if stray:
        return f"holds {stray.group()!r}: only digits, spaces and + - . ( ) are expected in a phone number"
    if _is_split_by_slash(text):
        return TWO_NUMBERS
    if not any(character.isdigit() for character in text):
        return "holds no digits: fill in a phone number or delete the row"
    if _NEGATIVE.match(text):
        return "begins with a minus sign: remove it and write the number as +12025550123"
    if text.count("+") > 1:
        return "has more than one +: write the number as +12025550123"
    if "+" in text and _count_digits(text.partition("+")[0]):
        return "has a + in the middle: write the number as +12025550123"
    return _TOO_MANY_DIGITS if _count_digits(text) > _MAX_DIGITS + len("00") else ""


def _is_split_by_slash(text: str) -> bool:
    """Return whether a slash parts two numbers, not an area code from the rest as in ``0151/23456789``."""
    left, slash, right = text.partition("/")
    longest_code = 5 if text.startswith(("+", "0")) else _MIN_DIGITS - 1
    return bool(slash) and (_count_digits(left) > longest_code or _count_digits(right) < _MIN_DIGITS or "/" in right)


def _count_digits(text: str) -> int:
    return sum(character.isdigit() for character in text)


def _read_digits(bare: _BareText, rules: RecipientRules) -> Number | Unreadable:
    """Read a text that holds nothing but digits and separators."""
    digits = "".join(filter(str.isdigit, bare.text))
    notes = bare.notes
    if "+" in bare.text:
        parsed = _parse("+" + digits, None)
    elif rules.written_as == "national":
        parsed = _parse_national(digits, rules.default_region)
    elif not _is_international(rules):
        parsed = _parse_either(digits, str(rules.default_region))
    elif digits.startswith("00"):
        parsed = _parse("+" + digits[2:], None)
        notes += ("began with 00, which was read as +",)
    elif digits.startswith("0") or bare.text.startswith("("):
        return Unreadable("has no country code: write the number as +44 7700 900123")
    else:
        parsed = _parse("+" + digits, None)
    if isinstance(parsed, Unreadable):
        return parsed
    has_code = "+" in bare.text or digits.startswith("00") or not _is_international(rules)
    return _check_number(parsed, notes, rules, has_code=has_code)


def _is_international(rules: RecipientRules) -> bool:
    """Return whether digits can only be meant with their country code."""
    return rules.written_as == "international" or (rules.written_as is None and rules.default_region is None)


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | Unreadable:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            return Unreadable(_IMPOSSIBLE[ValidationResult.INVALID_COUNTRY_CODE])
        if error.error_type == NumberParseException.TOO_LONG:
            return Unreadable(_TOO_MANY_DIGITS)
        return Unreadable("is too short for a phone number: add the missing digits")


def _parse_national(digits: str, region: str | None) -> phonenumbers.PhoneNumber | Unreadable:
    """Read digits of ``region``; refuse those that are a number with and without its country code."""
    if region is None:
        return Unreadable("has no country code: write it with one, or set default_region in the campaign file")
    parsed = _parse(digits, region)
    code = str(phonenumbers.country_code_for_region(region))
    if isinstance(parsed, Unreadable) or not digits.startswith(code):
        return parsed
    other = _parse("+" + digits, None)
    if isinstance(other, Unreadable) or other == parsed or not phonenumbers.is_valid_number(other):
        return parsed
    return Unreadable(f"can be read with and without the country code {code}: write it with a + and the country code")


def _parse_either(digits: str, region: str) -> phonenumbers.PhoneNumber | Unreadable:
    """Read digits of a column of which nobody has said how it is written; one reading must be impossible."""
    readings = [_parse("+" + digits, None), _parse(digits, region)]
    possible = [
        reading
        for reading in readings
        if not isinstance(reading, Unreadable) and phonenumbers.is_possible_number(reading)
    ]
    if len(possible) == 2 and possible[0] != possible[1]:
        return Unreadable(
            f"can be read with its country code and as a number of {region}: write it with a +,"
            " or set written_as in the campaign file"
        )
    return possible[0] if possible else readings[1]


def _check_number(
    number: phonenumbers.PhoneNumber, notes: tuple[str, ...], rules: RecipientRules, *, has_code: bool
) -> Number | Unreadable:
    """Check a parsed number: length, numbering plan, country, kind of line."""
    possible = phonenumbers.is_possible_number_with_reason(number)
    digits = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
    if len(digits) > _MAX_DIGITS:
        return Unreadable(_TOO_MANY_DIGITS)
    if possible != ValidationResult.IS_POSSIBLE:
        return Unreadable(_explain_impossible(digits, possible))
    if len(set(digits[len(str(number.country_code)) :])) == 1:
        return Unreadable("is one digit over and over: write the real number")
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.UNKNOWN and not has_code and len(digits) < 11:
        return Unreadable("is in no country's numbering plan; its country code is probably missing: add it")
    if rules.allowed_countries and not _is_allowed(number, rules.allowed_countries):
        region = phonenumbers.region_code_for_number(number) or f"country code +{number.country_code}"
        return Unreadable(
            f"belongs to {region}, which is not in allowed_countries of the campaign file:"
            " correct the number or add the country"
        )
    return Number(digits, notes + _describe_line(digits, kind))


def _explain_impossible(digits: str, possible: int) -> str:
    if digits.startswith("521") and len(digits) == 13:
        return "has the 1 that Mexican numbers dropped in 2019: write +52 and the ten digits"
    return _IMPOSSIBLE.get(possible, _IMPOSSIBLE[ValidationResult.INVALID_LENGTH])


def _is_allowed(number: phonenumbers.PhoneNumber, allowed: tuple[str, ...]) -> bool:
    """Return whether the country of a number is allowed; without a plan every country of its code counts."""
    region = phonenumbers.region_code_for_number(number)
    regions = (region,) if region else phonenumbers.region_codes_for_country_code(number.country_code or 0)
    return any(candidate in allowed for candidate in regions)


def _describe_line(digits: str, kind: int) -> tuple[str, ...]:
    if kind == PhoneNumberType.UNKNOWN and digits.startswith("55") and len(digits) == 12:
        return ("has not the 9 that Brazilian mobile numbers have after the area code: check it",)
    if kind == PhoneNumberType.UNKNOWN:
        return ("has the right length but is in no country's numbering plan: check it",)
    if kind == PhoneNumberType.FIXED_LINE and digits.startswith("54"):
        return ("is a fixed line; Argentine mobile numbers have a 9 after +54: check it",)
    return (_UNLIKELY_TYPES[kind],) if kind in _UNLIKELY_TYPES else ()
