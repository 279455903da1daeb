"""What of a sheet and its campaign file counts: whether there is anything to load, and which columns make a message."""

import hashlib
from datetime import date
from pathlib import Path

from dispatcher import __version__
from dispatcher.errors import SheetError
from dispatcher.models import Campaign


def find_used_columns(campaign: Campaign) -> frozenset[str]:
    """Return the folded columns that decide what is sent to whom."""
    texts = (campaign.recipient.to, campaign.recipient.key, *campaign.message_texts)
    columns = {placeholder.key for text in texts for placeholder in text.placeholders}
    return frozenset(columns.union(campaign.recipient.skip_if))


def fingerprint(campaign: Campaign, path: Path, today: date) -> str:
    """Identify a sheet as this campaign reads it; while it stays the same nothing has to be loaded again.

    Raises:
        SheetError: the file cannot be read.
    """
    texts = (campaign.recipient.key, *campaign.message_texts)
    is_dated = any(placeholder.key == "today" for text in texts for placeholder in text.placeholders)
    parts = [__version__, str(path.resolve()), campaign.sheet.hidden_rows, _hash_file(campaign.path), _hash_file(path)]
    if campaign.recipient.suppress_path:
        parts.append(_hash_file(campaign.recipient.suppress_path))
    if is_dated:
        parts.append(today.isoformat())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _hash_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SheetError(f"{path}: cannot be read: {error.strerror}") from None
