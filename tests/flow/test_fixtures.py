"""Every sheet of ``sheet_fixtures``: what becomes of it is what the table says, and what leaves is what was shown."""

import json
from pathlib import Path

import pytest

from dispatcher.errors import ExitCode
from tests.support.command_line import Desk
from tests.support.fast_clock import SPEED
from tests.support.loopback_server import Loopback
from tests.support.sheet_fixtures import FIXTURES, Fixture, place, table

TABLE = Path(__file__).parents[1] / "support" / "sheet_fixtures.md"
EVERY_FIXTURE = [fixture for group in FIXTURES.values() for fixture in group]


def test_every_sheet_is_read_or_refused_as_the_table_says() -> None:
    """What a sheet's rows become, word for word; ``python -m tests.support.sheet_fixtures`` prints the table anew."""
    assert [line for block in table() for line in block.split("\n")] == TABLE.read_text(encoding="utf-8").splitlines()


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("fixture", EVERY_FIXTURE, ids=lambda fixture: fixture.name)
def test_check_preview_and_the_wire_agree(desk: Desk, fixture: Fixture) -> None:
    """As many rows as `check` calls ready are previewed, and their bodies and no others are posted, once each."""
    with Loopback(speed=SPEED) as server:
        campaign = place(fixture, desk.folder, endpoint=server.endpoint)

        checked = desk.run("check", "--json", campaign)
        previewed = desk.run("preview", "--json", campaign)
        sent = desk.run("send", "--accept-refused", campaign)

    shown = [request["body"] for request in previewed.json.get("requests", ())]
    posted = [json.loads(request.raw) for request in server.received]
    assert sorted(posted, key=str) == sorted(shown, key=str)
    assert checked.json.get("ready", 0) == len(shown)
    if checked.json.get("type") == "error":
        assert (checked.code, sent.code) == (ExitCode.SHEET_REFUSED, ExitCode.SHEET_REFUSED)
    else:
        problems = len(checked.json["refused"]) + len(checked.json["skipped"])
        assert checked.json["rows"] == len(shown) + problems
