"""The requests that a sheet would make, without making any."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from dispatcher.channels import channel_of
from dispatcher.errors import SheetError
from dispatcher.models import Campaign, Recipient, Refusal
from dispatcher.pipeline.load import open_sheet


def preview_requests(
    campaign: Campaign, path: Path, *, today: date, row_number: int | None = None
) -> Iterator[tuple[Recipient | Refusal, dict[str, Any] | None]]:
    """Yield each row of the sheet, or the one asked for, with the body that would be posted for it.

    Raises:
        SheetError: the file as a whole cannot be trusted, or has no such row.
    """
    channel, is_found = channel_of(campaign), False
    for row in open_sheet(campaign, path, today):
        if row_number is not None and row.row_number != row_number:
            continue
        is_found = True
        rendered = channel.render(campaign, row, today) if isinstance(row, Recipient) else None
        yield row, rendered if isinstance(rendered, dict) else None
    if row_number is not None and not is_found:
        raise SheetError(f"{path}: there is no row {row_number} with anything in it")
