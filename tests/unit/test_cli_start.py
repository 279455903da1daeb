"""How the command line starts: at once, with nothing imported that a command does not need."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from dispatcher.cli import commands
from tests.support.command_line import REPOSITORY, Desk, people

SHEETS_AND_HTTP = {"aiohttp", "openpyxl", "pandas", "phonenumbers", "xlsxwriter"}
CAMPAIGN_FILES = {"pydantic", "tomllib"}
NEVER = SHEETS_AND_HTTP | {"aiolimiter", "asyncio", "babel", "rich"}
AT_ONCE = NEVER | CAMPAIGN_FILES | {"email", "importlib.metadata", "sqlalchemy", "ssl", "statistics", "tempfile"}


@pytest.mark.parametrize(
    ("words", "spared"),
    [
        (["--help"], AT_ONCE | {"json", "sqlite3", "dispatcher.ledger", "dispatcher.models"}),
        (["--version"], AT_ONCE | {"json", "sqlite3", "dispatcher.ledger", "dispatcher.models"}),
        (["status", "--ledger", "LEDGER"], AT_ONCE | {"dispatcher.ledger.face"}),
        (["status", "--json", "--ledger", "LEDGER"], AT_ONCE | {"dispatcher.ledger.face"}),
        (["status", "--sandbox", "CAMPAIGN"], NEVER | {"sqlalchemy"}),
        (["check", "--help"], SHEETS_AND_HTTP),
        (["check", "CAMPAIGN"], {"aiohttp", "pandas", "rich", "xlsxwriter"}),
    ],
    ids=["help", "version", "status", "status in JSON", "status of a campaign", "help of a command", "check"],
)
def test_light_commands_import_no_heavy_library(desk: Desk, words: list[str], spared: set[str]) -> None:
    """`--help` and `status` must answer at once: what they do without is not imported."""
    desk.write_sheet(people(1))
    desk.write_campaign(None)
    assert desk.run("send", "--sandbox", desk.campaign).code == 0
    stand_ins = {"CAMPAIGN": desk.campaign, "LEDGER": desk.folder / "ledger.sandbox.db"}
    typed = [str(stand_ins.get(word, word)) for word in words]
    program = f"import sys; from dispatcher.cli import main; code = main({typed!r}); print(code, *sys.modules)"

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY)

    code, *imported = ran.stdout.splitlines()[-1].split()
    assert code == "0"
    assert not spared & set(imported)


def test_each_command_has_a_file_and_its_line_in_the_help() -> None:
    """The help tells of commands it does not import, so what it says must be what they say themselves."""
    files = {path.stem for path in Path(commands.__file__).parent.glob("[!_]*.py")}

    helps = {name: getattr(import_module(f"dispatcher.cli.commands.{name}"), name).help for name in files}

    assert {name: text.partition("\n\n")[0] for name, text in helps.items()} == commands.HELP_LINES
