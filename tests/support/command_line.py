"""The program as a person uses it: a folder with a campaign and a sheet, and commands typed into it."""

import csv
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dispatcher.cli import main

API_KEY = "canary-key-7c1f"
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Ran:
    """What a command printed and returned."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The last line of stdout."""
        parsed: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return parsed


@dataclass
class Desk:
    """A folder with one campaign file and its sheet."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def campaign(self) -> Path:
        """The campaign file."""
        return self.folder / "reminders.toml"

    @property
    def ledger(self) -> Path:
        """Where the ledger is by default."""
        return self.folder / "ledger.db"

    def write_sheet(self, rows: Sequence[Sequence[str]], header: Sequence[str] = ("Phone", "First name")) -> Path:
        """Write the recipients file, header first."""
        path = self.folder / "people.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    def write_campaign(self, endpoint: str | None, text: str | None = None, **changes: str) -> Path:
        """Write the campaign file; ``changes`` replace whole lines by their key, empty removes one."""
        lines = (text or CAMPAIGN).splitlines()
        if endpoint:
            lines.insert(lines.index("[agent]") + 1, f'endpoint = "{endpoint}"')
        for key, value in changes.items():
            lines = [value if line.startswith(f"{key} = ") else line for line in lines]
        self.campaign.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return self.campaign

    def run(self, *words: str | Path) -> Ran:
        """Type a command; its exit code is what the shell would see."""
        self.capture.readouterr()
        code = main([str(word) for word in words])
        printed = self.capture.readouterr()
        return Ran(code, printed.out, printed.err)

    def start(self, *words: str | Path) -> "subprocess.Popen[str]":
        """Start a command as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "dispatcher", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "DISPATCHER_API_KEY": API_KEY},
        )

    def states(self) -> dict[int, str]:
        """Return the state of every row by its number, read with plain SQLite."""
        with sqlite3.connect(self.ledger) as connection:
            found = dict(connection.execute("SELECT row_number, state FROM v_recipients"))
        connection.close()
        return found

    def attempts(self, row_number: int) -> list[str]:
        """Return the outcomes of a row's attempts, read with plain SQLite."""
        with sqlite3.connect(self.ledger) as connection:
            query = "SELECT outcome FROM v_attempts WHERE row_number = ? ORDER BY attempt"
            found = [outcome for (outcome,) in connection.execute(query, (row_number,))]
        connection.close()
        return found


CAMPAIGN = """\
name = "reminders"
recipients = "people.csv"
status_url = "https://hooks.example.com/whatsapp"
[agent]
id = "66c0ec5d5cd447cc0bafda3b"
region = "eu"
sessions_per_second = 5
warm_up = "0s"
[recipient]
to = "{phone}"
[template]
namespace = "0f5f"
name = "appointment_reminder"
locale = "en"
body = ["{first name}"]
"""


def people(count: int, first: int = 0) -> list[tuple[str, str]]:
    """Return so many rows with numbers reserved for fiction."""
    return [
        (f"+1202555{index // 100 + 1:01d}{index % 1000:03d}", f"Name {index}") for index in range(first, first + count)
    ]
