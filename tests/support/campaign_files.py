"""Campaign files for tests: the good one, with changes, loaded as the program does."""

from pathlib import Path

import pytest

from dispatcher.campaign import load_campaign
from dispatcher.channels import CHANNELS
from dispatcher.errors import CampaignError
from dispatcher.models import Campaign

CANARY = "vgai-3f9a-canary"
CHOICE = "is none of the choices"

GOOD: dict[str, dict[str, str]] = {
    "": {
        "name": '"reminders"',
        "recipients": '"people.csv"',
        "status_url": '"https://hooks.example.com/whatsapp"',
    },
    "agent": {"id": '"66C0ec5d5cd447cc0bafda3b"', "region": '"eu"'},
    "recipient": {"to": '"{phone}"'},
    "template": {
        "namespace": '"0f5f"',
        "name": '"appointment_reminder"',
        "locale": '"en"',
        "body": '["{first name}"]',
    },
}


def write_toml(**changes: str | None) -> str:
    """Return the good file; ``agent__id='"x"'`` sets a key of a table, None removes one, ``sheet__name`` adds."""
    tables = {name: dict(keys) for name, keys in GOOD.items()}
    for place, value in changes.items():
        section, _, key = place.rpartition("__")
        tables.setdefault(section, {})[key] = value or ""
    lines = []
    for section, keys in tables.items():
        lines += [f"[{section}]"] if section else []
        lines += [f"{key} = {value}" for key, value in keys.items() if value]
    return "\n".join(lines) + "\n"


def load(folder: Path, text: str | None = None, **changes: str | None) -> Campaign:
    """Load a file with ``text``, or the good file with ``changes``."""
    path = folder / "campaign.toml"
    path.write_text(write_toml(**changes) if text is None else text, encoding="utf-8")
    return load_campaign(path, CHANNELS)


def problems_of(folder: Path, text: str | None = None, **changes: str | None) -> list[str]:
    """Return what is wrong with such a file."""
    with pytest.raises(CampaignError) as caught:
        load(folder, text, **changes)
    return caught.value.problems
