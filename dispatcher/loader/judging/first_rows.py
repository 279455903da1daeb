"""Remembers the keys of a million rows in 24 MB, so that duplicates are found while memory stays flat."""

from array import array
from hashlib import blake2b

_START_SLOTS = 1 << 12


class FirstRows:
    """The row that first had each key; a table of fingerprints with open addressing.

    A key of digits, which phone numbers are, is its own fingerprint. Any other key is reduced to 63 bits:
    among a million of them the chance that any two are confused is one in eighteen million.
    """

    def __init__(self) -> None:
        self._count = 0
        self._prints = array("Q", bytes(8 * _START_SLOTS))
        self._rows = array("I", bytes(4 * _START_SLOTS))

    def __len__(self) -> int:
        return self._count

    def find(self, key: str) -> int | None:
        """Return the number of the row that has ``key``, or None."""
        return self._rows[self._slot_of(_fingerprint(key))] or None

    def add(self, key: str, row_number: int) -> int | None:
        """Remember that ``row_number`` (from 1) has ``key``; return the row that had it before, or None."""
        fingerprint = _fingerprint(key)
        slot = self._slot_of(fingerprint)
        if self._rows[slot]:
            return self._rows[slot]
        self._prints[slot] = fingerprint
        self._rows[slot] = row_number
        self._count += 1
        if self._count * 2 > len(self._rows):
            self._grow()
        return None

    def _slot_of(self, fingerprint: int) -> int:
        mask = len(self._rows) - 1
        slot = (fingerprint * 0x9E3779B97F4A7C15 >> 20) & mask
        while self._rows[slot] and self._prints[slot] != fingerprint:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        prints, rows = self._prints, self._rows
        self._prints = array("Q", bytes(16 * len(rows)))
        self._rows = array("I", bytes(8 * len(rows)))
        for fingerprint, row_number in zip(prints, rows, strict=True):
            if row_number:
                slot = self._slot_of(fingerprint)
                self._prints[slot] = fingerprint
                self._rows[slot] = row_number


def _fingerprint(key: str) -> int:
    if len(key) <= 15 and key.isascii() and key.isdigit() and key[0] != "0":
        return int(key)
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()) | 1 << 63
