"""What every ledger says of itself: whose outcomes it holds, and the version of its tables."""

from enum import StrEnum


class Kind(StrEnum):
    """What a ledger's outcomes are: of real people, or of a rehearsal. Neither is ever used as the other."""

    REAL = "real"
    REHEARSAL = "rehearsal"


SCHEMA_VERSION = 1
"""Rises with every change of the tables; a ledger of a higher version is not touched."""
