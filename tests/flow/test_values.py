"""What `check` calls ready is what `preview` shows is what leaves on the wire, whatever people type into cells."""

import csv
import json
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatcher.campaign import load_campaign
from dispatcher.channels import CHANNELS, channel_of
from dispatcher.models import Recipient
from dispatcher.pipeline import preview_requests
from tests.support.command_line import Desk
from tests.support.fast_clock import SPEED
from tests.support.loopback_server import Loopback

TEXTS = [
    "Ana",
    " Ana ",
    "José",
    "Łukasz",
    "O'Neil",
    'Say "hi"',
    "a,b;c",
    "line\nbreak",
    "two  spaces",
    "a     b",
    "tab\there",
    "nbsp\xa0here",
    "zero\u200bwidth",
    "=1+1",
    "@home",
    "+1",
    "-5",
    "{first name}",
    "%s",
    "{{x}}",
    "N/A",
    "NULL",
    "nan",
    "-",
    "",
    "   ",
    "😀",
    "مرحبا",
    "03/12/2026",
    "2026-12-03",
    "00501",
    "'quoted",
    "https://example.com/?a=1&b=2",
]
CELLS: list[object] = [
    *TEXTS, "x" * 1024, "x" * 1025, 0, 7, 1.5, 15551234567, 1e21, True, False, date(2026, 12, 3),
    datetime.fromisoformat("2026-12-03T14:30"), time(9, 5),
]  # fmt: skip


def write_workbook(path: Path, cells: list[object]) -> None:
    """Write each cell into a row of its own, with real types."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.append(["Phone", "First name"])
    for index, cell in enumerate(cells):
        sheet.append([f"+1202555{1000 + index}", None])
        target = sheet.cell(index + 2, 2)
        target.value = cell  # type: ignore[assignment] # any of the types above
        if isinstance(cell, str):
            target.data_type = "s"  # openpyxl would make a formula of what begins with =
    workbook.save(path)


def write_csv(path: Path, cells: list[object]) -> None:
    """Write each cell into a row of its own, as text."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = [[f"+1202555{1000 + index}", str(cell)] for index, cell in enumerate(cells)]
        csv.writer(file).writerows([["Phone", "First name"], *rows])


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    ("name", "write"), [("people.xlsx", write_workbook), ("people.csv", write_csv)], ids=["workbook", "csv"]
)
def test_check_preview_and_the_wire_agree(desk: Desk, name: str, write: Callable[[Path, list[object]], None]) -> None:
    """Row by row: ready means previewed means posted with these very texts; every other row is named."""
    write(desk.folder / name, CELLS)
    with Loopback(speed=SPEED) as server:
        desk.write_campaign(server.endpoint, recipients=f'recipients = "{name}"')

        checked = desk.run("check", "--json", desk.campaign).json
        previewed = desk.run("preview", "--json", desk.campaign).json["requests"]
        desk.run("send", "--accept-refused", desk.campaign)

    named = [problem["row"] for problem in checked["refused"] + checked["skipped"]]
    shown = {request["row"]: request["body"] for request in previewed}
    posted = [json.loads(request.raw) for request in server.received if request.answered == 200]
    assert checked["ready"] == len(shown)
    assert sorted([*named, *shown]) == list(range(2, len(CELLS) + 2))
    assert sorted(posted, key=str) == sorted(shown.values(), key=str)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_what_is_previewed_is_what_the_ledger_would_render(desk: Desk, texts: list[str]) -> None:
    """Values go through the sheet once: rendering a read row again gives the same request."""
    write_csv(desk.folder / "people.csv", list(texts))
    campaign = load_campaign(desk.write_campaign(None), CHANNELS)
    today = date(2026, 12, 1)
    try:
        rows = list(preview_requests(campaign, campaign.recipients_path, today=today))
    except Exception as error:  # a text that makes the whole file unreadable is refused by name
        assert type(error).__name__ == "SheetError"  # noqa: PT017 - both ways are right, which one is up to the text
        return

    for row, body in rows:
        if isinstance(row, Recipient) and body is not None:
            again = Recipient(row.row_number, row.to, row.key, json.loads(json.dumps(dict(row.values))))
            assert channel_of(campaign).render(campaign, again, today) == body
