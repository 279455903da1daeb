"""What every ledger says of itself: whose outcomes it holds, and the version of its tables."""

from enum import StrEnum


class Kind(StrEnum):
    """What a ledger's outcomes are: of real people, or of a rehearsal. Neither is ever used as the other."""

    REAL = "real"
    REHEARSAL = "rehearsal"


SCHEMA_VERSION = 2
"""Rises with every change of tables, moves or rules, each with a step in ``migrations``.

A ledger of a higher version is not touched, one of a lower version upgraded by whoever writes to it first.
"""

FIRST_VERSION = 1
"""The oldest version that was ever released; each since can be upgraded."""

OLDEST_READABLE_VERSION = 1
"""From this version on there is everything that is only read: looking at an old ledger needs no upgrade."""
