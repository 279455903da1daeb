"""The short way for plainly written numbers: an optional ``+``, a country code, digits and separators.

``phonenumbers`` needs 50 to 100 µs to parse a number and find its plan. Most cells are written plainly, and for
those its own metadata, compiled once per calling code, gives the same answer in a tenth of the time.
Whatever is not plain takes the long way; a property test shows that both ways agree.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberType

_PLAIN = re.compile(r"\+?[1-9][0-9 ()-]{6,20}")
_SEPARATORS = str.maketrans("", "", "+ ()-")
# In the order in which phonenumbers tries them; mobile and fixed line come after all of these.
_SPECIAL_KINDS = (
    ("premium_rate", PhoneNumberType.PREMIUM_RATE),
    ("toll_free", PhoneNumberType.TOLL_FREE),
    ("shared_cost", PhoneNumberType.SHARED_COST),
    ("voip", PhoneNumberType.VOIP),
    ("personal_number", PhoneNumberType.PERSONAL_NUMBER),
    ("pager", PhoneNumberType.PAGER),
    ("uan", PhoneNumberType.UAN),
    ("voicemail", PhoneNumberType.VOICEMAIL),
)


class PlainNumber(NamedTuple):
    """A plainly written number of a possible length.

    ``kind`` is a ``PhoneNumberType``; with ``UNKNOWN`` the number is in nobody's plan and has no region.
    """

    digits: str
    kind: int
    region: str | None


class _Shape(NamedTuple):
    """What a kind of number looks like after the country code."""

    pattern: re.Pattern[str]
    lengths: frozenset[int]

    def fits(self, national: str) -> bool:
        """Return whether ``national`` looks like this."""
        return len(national) in self.lengths and self.pattern.fullmatch(national) is not None


class _Region(NamedTuple):
    """The numbering plan of one country."""

    name: str
    leading: re.Pattern[str] | None
    general: _Shape
    special: tuple[tuple[_Shape, int], ...]
    any_special: re.Pattern[str]
    fixed: _Shape | None
    mobile: _Shape | None


class _Plan(NamedTuple):
    """The regions that share a calling code, the main one first.

    ``prefix`` is what a caller may dial before a national number; a number that begins like it is not plain.
    """

    regions: tuple[_Region, ...]
    lengths: frozenset[int]
    prefix: re.Pattern[str] | None


def read_plain(text: str) -> PlainNumber | None:
    """Read a text such as ``+1 (202) 555-0123`` or ``12025550123``; None means "take the long way"."""
    if not _PLAIN.fullmatch(text):
        return None
    digits = text.translate(_SEPARATORS)
    for length in (1, 2, 3):
        plan = _find_plan(digits[:length])
        if plan is not None:
            return _place_in_plan(digits, digits[length:], plan)
    return None


def _place_in_plan(digits: str, national: str, plan: _Plan) -> PlainNumber | None:
    if len(national) not in plan.lengths or national[0] == "0":
        return None
    if plan.prefix is not None and plan.prefix.match(national):
        return None
    if len(set(national)) == 1:  # refused the long way, whatever the country
        return None
    for region in plan.regions:
        if region.leading is not None:
            if region.leading.match(national):
                return PlainNumber(digits, _find_kind(national, region), region.name)
            continue
        kind = _find_kind(national, region)
        if kind != PhoneNumberType.UNKNOWN:
            return PlainNumber(digits, kind, region.name)
    return PlainNumber(digits, PhoneNumberType.UNKNOWN, None)


def _find_kind(national: str, region: _Region) -> int:
    if not region.general.fits(national):
        return PhoneNumberType.UNKNOWN
    if region.any_special.fullmatch(national):
        for shape, kind in region.special:
            if shape.fits(national):
                return kind
    is_mobile = region.mobile is not None and region.mobile.fits(national)
    if region.fixed is not None and region.fixed.fits(national):
        return PhoneNumberType.FIXED_LINE_OR_MOBILE if is_mobile else PhoneNumberType.FIXED_LINE
    return PhoneNumberType.MOBILE if is_mobile else PhoneNumberType.UNKNOWN


@lru_cache(maxsize=2048)
def _find_plan(code: str) -> _Plan | None:
    """Return the plan of a calling code, or None when there is no such code or no country behind it."""
    names = phonenumbers.region_codes_for_country_code(int(code))
    regions = [_make_region(name) for name in names if name != phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY]
    if not regions or None in regions:
        return None
    main = PhoneMetadata.metadata_for_region(names[0])
    prefix = main.national_prefix_for_parsing if main else None
    found = tuple(region for region in regions if region)
    return _Plan(found, found[0].general.lengths, re.compile(prefix) if prefix else None)


def _make_region(name: str) -> _Region | None:
    metadata = PhoneMetadata.metadata_for_region(name)
    general = _make_shape(metadata.general_desc, frozenset()) if metadata else None
    if metadata is None or general is None:
        return None
    shapes = [(_make_shape(getattr(metadata, field), general.lengths), kind) for field, kind in _SPECIAL_KINDS]
    special = tuple((shape, kind) for shape, kind in shapes if shape)
    return _Region(
        name,
        re.compile(metadata.leading_digits) if metadata.leading_digits else None,
        general,
        special,
        re.compile("|".join(f"(?:{shape.pattern.pattern})" for shape, _ in special) or "(?!)"),
        _make_shape(metadata.fixed_line, general.lengths),
        _make_shape(metadata.mobile, general.lengths),
    )


def _make_shape(desc: phonenumbers.PhoneNumberDesc | None, usual_lengths: frozenset[int]) -> _Shape | None:
    if desc is None or not desc.national_number_pattern:
        return None
    lengths = frozenset(desc.possible_length) or usual_lengths
    return _Shape(re.compile(desc.national_number_pattern), lengths)
