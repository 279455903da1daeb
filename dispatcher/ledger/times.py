"""Times as the ledger writes them."""

from datetime import UTC, datetime


def utc_now() -> str:
    """Return the time as the ledger writes it: UTC with milliseconds, ``2026-11-22T09:30:00.000Z``."""
    return utc_text(datetime.now(UTC))


def utc_text(moment: datetime) -> str:
    """Return an aware moment as the ledger writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
