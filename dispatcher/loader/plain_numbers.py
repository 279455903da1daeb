"""The short way for the bulk of all numbers: plain digits of an ordinary mobile phone.

``phonenumbers`` needs about 45 µs to parse and judge one number. Most cells hold nothing but an optional
``+``, a country code and a mobile number, and for those one regular expression per country, built from the
library's own metadata, gives the same answer. Whatever is not surely plain takes the long way; that both
ways agree is shown by a property test.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

from dispatcher.models import RecipientRules

_PLAIN = re.compile(r"\+?[1-9][0-9]{6,14}")
_OTHER_KINDS = (
    "premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail",
)  # fmt: skip


class _Plan(NamedTuple):
    """How plain numbers of one calling code look after the code."""

    region: str
    mobile: re.Pattern[str]
    lengths: frozenset[int]
    not_plain: re.Pattern[str]


def read_plain(text: str, rules: RecipientRules) -> str | None:
    """Return the E.164 digits of a plainly written, valid mobile number, or None for "take the long way"."""
    if not _PLAIN.fullmatch(text):
        return None
    if text[0] == "+":
        digits = text[1:]
    elif rules.written_as == "international":
        digits = text
    else:
        return None
    for length in (1, 2, 3):
        plan = _find_plan(digits[:length])
        if plan is not None:
            return digits if _is_plain(digits[length:], plan, rules.allowed_countries) else None
    return None


def _is_plain(national: str, plan: _Plan, allowed: tuple[str, ...]) -> bool:
    return (
        len(national) in plan.lengths
        and plan.mobile.fullmatch(national) is not None
        and plan.not_plain.match(national) is None
        and (not allowed or plan.region in allowed)
        and national.count(national[0]) != len(national)
    )


@lru_cache(maxsize=2048)
def _find_plan(code: str) -> _Plan | None:
    """Return the plan of the first region of a calling code, or None where it is not that simple."""
    regions = phonenumbers.region_codes_for_country_code(int(code))
    if not regions or regions[0] == "001":
        return None
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(regions[0])
    if metadata is None or metadata.leading_digits or metadata.mobile is None:
        return None
    mobile, others = metadata.mobile, [getattr(metadata, kind) for kind in _OTHER_KINDS]
    if not mobile.national_number_pattern:
        return None
    patterns = [desc.national_number_pattern for desc in others if desc is not None]
    alternatives = [f"(?:{pattern})\\Z" for pattern in patterns if pattern]
    if metadata.national_prefix_for_parsing:
        alternatives.append(f"(?:{metadata.national_prefix_for_parsing})")
    return _Plan(
        regions[0],
        re.compile(mobile.national_number_pattern),
        frozenset(mobile.possible_length),
        re.compile("|".join([*alternatives, "0"])),
    )
