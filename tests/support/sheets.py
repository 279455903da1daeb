"""Builders of recipients files and campaigns for tests; every file is made by a real writer."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from dispatcher.errors import SheetError
from dispatcher.loader import Sheet, read_recipients
from dispatcher.models import Agent, Campaign, MessageTemplate, Recipient, RecipientRules, Refusal, SheetRules
from dispatcher.placeholders import parse_text
from dispatcher.studio import WHATSAPP

PHONE = "+12025550100"
INCLUDE = SheetRules(hidden_rows="include")
TODAY = date(2026, 12, 1)
AGENT = Agent("66c0ec5d5cd447cc0bafda3b", "eu", 1, 0.0, "http://127.0.0.1:8900/messaging/conversation")


def make_campaign(
    path: Path,
    *,
    body: Sequence[str] = ("{name}",),
    to: str = "{phone}",
    key: str = "{to}",
    parameters: Mapping[str, str] | None = None,
    sheet: SheetRules | None = None,
    **rules: Any,
) -> Campaign:
    """Return a campaign on ``path`` whose template has one parameter per text in ``body``."""
    return Campaign(
        "reminders",
        path.with_name("reminders.toml"),
        path,
        "https://hooks.example.com/whatsapp",
        "whatsapp",
        AGENT,
        RecipientRules(parse_text(to), parse_text(key), **rules),
        sheet or SheetRules(),
        template=MessageTemplate("ns", "reminder", parse_text("en"), (), tuple(parse_text(text) for text in body)),
        session_parameters=tuple((name, parse_text(text)) for name, text in (parameters or {}).items()),
    )


def read(path: Path, **options: Any) -> Sheet:
    """Open ``path`` for a campaign with ``options``, see ``make_campaign``."""
    return read_recipients(make_campaign(path, **options), path, today=TODAY, channel=WHATSAPP)


def read_all(path: Path, **options: Any) -> list[Recipient | Refusal]:
    """Return what every row of ``path`` is."""
    return list(read(path, **options))


def read_one(path: Path, **options: Any) -> Recipient | Refusal:
    """Return what the only row of ``path`` is."""
    (row,) = read_all(path, **options)
    return row


def read_recipient(path: Path, **options: Any) -> Recipient:
    """Return the only row of ``path``, which must be sendable."""
    row = read_one(path, **options)
    assert isinstance(row, Recipient), row.reason
    return row


def read_refusal(path: Path, **options: Any) -> Refusal:
    """Return the only row of ``path``, which must not be sendable."""
    row = read_one(path, **options)
    assert isinstance(row, Refusal), row
    return row


def write_bytes(folder: Path, content: bytes, name: str = "recipients.csv") -> Path:
    """Write ``content`` byte by byte, as a CSV that no writer of ours would make."""
    path = folder / name
    path.write_bytes(content)
    return path


def write_csv(folder: Path, text: str, name: str = "recipients.csv", encoding: str = "utf-8") -> Path:
    """Write ``text`` as it stands."""
    return write_bytes(folder, text.encode(encoding), name)


def write_xlsx(folder: Path, rows: Iterable[Sequence[Any]], name: str = "recipients.xlsx") -> Path:
    """Write ``rows`` with openpyxl, each value in the cell type of its Python type."""
    workbook = openpyxl.Workbook()
    assert workbook.active is not None
    for row in rows:
        workbook.active.append(list(row))
    path = folder / name
    workbook.save(path)
    return path


def read_error(path: Path, rules: SheetRules = INCLUDE) -> str:
    """Return what a file that cannot be trusted is told."""
    with pytest.raises(SheetError) as caught:
        read_all(path, sheet=rules)
    return str(caught.value)


def read_refusals(path: Path, rules: SheetRules = INCLUDE) -> list[str]:
    """Return what is said of every row that is refused or skipped, with its row and column."""
    rows = [found for found in read_all(path, sheet=rules) if isinstance(found, Refusal)]
    return [f"row {found.row_number}, {found.column or '-'}: {found.reason}" for found in rows]
