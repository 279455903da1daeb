"""A vendor is one folder: another one needs no other change, and no other room knows what only a vendor decides."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from dispatcher.channel import Channel
from dispatcher.channels import CHANNELS
from tests.support.command_line import Desk
from tests.support.pigeon_post import PigeonPost

PIGEON_CAMPAIGN = """\
name = "flock"
recipients = "people.csv"
status_url = "https://hooks.example.com/"
channel = "pigeon"
[agent]
id = "loft-3"
region = "north"
[recipient]
to = "{phone}"
[session_parameters]
NOTE = "Hello {first name}"
"""
ROOT = Path(__file__).parents[2] / "dispatcher"
VENDOR_WORDS = ("ai studio", "vonage", "nexmo", "vgai", "whatsapp", "hex digits")
SAID_ELSEWHERE = {
    "cli/commands/__init__.py": "what the sandbox command stands in for",
    "loader/values/phone_numbers.py": "what people paste for a number, and that a fixed line rarely has it",
}
"""Files outside the two rooms that name a vendor where people read, and why."""


@pytest.fixture
def pigeons(monkeypatch: pytest.MonkeyPatch) -> PigeonPost:
    """A second channel, added where the first ones are listed."""
    flock = PigeonPost()
    monkeypatch.setitem(cast("dict[str, Channel]", CHANNELS), flock.name, flock)
    return flock


def test_a_second_channel_checks_previews_and_sends(desk: Desk, pigeons: PigeonPost) -> None:
    """Its settings, its rule, its request, its limit and its answer take the way of any other."""
    desk.write_sheet([("+12025550101", "Ana"), ("+12025550102", "Bartholomew of Ely")])
    campaign = desk.write_campaign(None, PIGEON_CAMPAIGN)

    checked = desk.run("check", campaign, "--json", "--accept-refused")
    preview = desk.run("preview", campaign, "--row", "2")
    sent = desk.run("send", campaign, "--accept-refused")

    (refused,) = checked.json["refused"]
    assert (refused["row"], refused["column"], refused["reason"]) == (3, "First name", "is too heavy; shorten it")
    assert checked.json["seconds_at_limit"] == 0.5
    assert preview.out == '{"to": "12025550101", "NOTE": "Hello Ana"}\n'
    assert sent.code == 6
    assert pigeons.flown == [("http://127.0.0.1/north", preview.out.strip())]
    assert desk.states() == {2: "accepted", 3: "refused"}
    assert desk.attempts(2) == ["accepted"]


def test_a_second_channel_speaks_for_itself(desk: Desk, pigeons: PigeonPost) -> None:
    """What is wrong in its campaign file is said in its words, and it is offered where a channel is unknown."""
    wrong = PIGEON_CAMPAIGN.replace("loft-3", "66c0").replace("north", "eu").partition("[session_parameters]")[0]

    told = desk.run("check", desk.write_campaign(None, wrong)).err
    offered = desk.run("check", desk.write_campaign(None, PIGEON_CAMPAIGN.replace('"pigeon"', '"dove"'))).err

    assert 'agent.id = "66c0": is no loft; write a loft, such as "loft-3"\n' in told
    assert 'agent.region = "eu": has no tower; write a tower\n' in told
    assert "session_parameters: missing; a pigeon carries a note\n" in told
    assert 'channel = "dove": is none of the choices; write "whatsapp" or "sms" or "pigeon"\n' in offered


def test_no_other_room_speaks_of_the_vendor() -> None:
    """What a person reads of the vendor, and what a request holds, is written down with the vendor's facts."""
    found = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] not in ("studio", "sandbox")
        for text in _texts_in(path)
        if any(word in text.casefold() for word in VENDOR_WORDS)
    }

    assert found == set(SAID_ELSEWHERE)


def _texts_in(path: Path) -> Iterator[str]:
    """Yield the text constants of a file, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    docstrings = {id(value) for value in statements}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
