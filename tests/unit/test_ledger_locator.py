"""What people may write to say where a ledger is."""

import os
from pathlib import Path

import pytest

from dispatcher import ledger
from dispatcher.errors import UsageError
from dispatcher.ledger.locator import locate
from tests.support.command_line import Desk, people
from tests.support.ledgers import load, open_once, person, states

HOW = "write the path of its file, or sqlite:///ledger.db"


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("ledger.db", id="relative"),
        pytest.param("{folder}/ledger.db", id="absolute"),
        pytest.param("sqlite:///ledger.db", id="relative URL"),
        pytest.param("sqlite:///{folder}/ledger.db", id="absolute URL"),
        pytest.param("SQLite:///ledger.db", id="capitals"),
    ],
)
def test_all_ways_lead_to_one_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """A path and a URL, as SQLAlchemy counts its slashes, name the same file."""
    monkeypatch.chdir(tmp_path)
    locator = form.format(folder=tmp_path)
    assert not ledger.is_there(locator)

    with ledger.own(locator) as writer:
        load(writer, [person(0)])

    assert ledger.is_there(locator)
    assert states(tmp_path / "ledger.db") == {person(0).key: "pending"}


@pytest.mark.parametrize(
    ("locator", "refusal"),
    [
        ("", f"'': this is no ledger; {HOW}"),
        ("postgresql://me:secret@host/db", f"postgresql://...: this version keeps ledgers in SQLite only; {HOW}"),
        ("mysql+pymysql://me:secret@host/db", f"mysql+pymysql://...: this version keeps ledgers in SQLite only; {HOW}"),
        ("postgresql:db", f"'postgresql:db': this is no ledger; {HOW}"),
        ("sqlite:ledger.db", f"'sqlite:ledger.db': this is no ledger; {HOW}"),
        ("sqlite://", f"sqlite://: this is no ledger; {HOW} (three slashes, four before an absolute path)"),
        (
            "sqlite://ledger.db",
            f"sqlite://ledger.db: this is no ledger; {HOW} (three slashes, four before an absolute path)",
        ),
        ("sqlite:///l.db?mode=ro", f"sqlite:///l.db?mode=ro: a ledger takes no options; {HOW}"),
    ],
)
def test_what_names_no_ledger_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locator: str, refusal: str
) -> None:
    """Taken as a file's name it would be an empty ledger, and everybody would be messaged again."""
    monkeypatch.chdir(tmp_path)
    for attempt in (ledger.is_there, ledger.open_reader, open_once):
        with pytest.raises(UsageError) as caught:
            attempt(locator)
        assert str(caught.value) == refusal

    assert list(tmp_path.iterdir()) == []


def test_the_command_line_takes_the_same_texts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--ledger`` and the environment name a ledger alike; a wrong one ends with the code for usage."""
    desk.write_sheet(people(2))
    desk.write_campaign(None)
    with ledger.own(desk.ledger) as writer:
        load(writer, [person(0)], campaign="reminders")
    url = f"sqlite:///{desk.ledger}"

    assert desk.run("status", "--ledger", url).out.startswith("reminders: 1 row, loaded ")
    monkeypatch.setenv("DISPATCHER_LEDGER", url)
    assert desk.run("status", desk.campaign).out.startswith("reminders: 1 row, loaded ")
    for words in (("status",), ("send", desk.campaign, "--dry-run"), ("limit",), ("check", desk.campaign)):
        ran = desk.run(*words, "--ledger", "postgresql://me:secret@host/db")
        assert (ran.code, "SQLite only" in ran.err, "secret" in ran.err) == (2, True, False), words
    assert desk.run("status", "--ledger", "").code == 2


@pytest.mark.parametrize("name", ["ledger.db", "ledger.db-wal", "ledger.db.lock", "ledger.db.spill", "other.csv"])
def test_the_ledger_knows_its_own_files(tmp_path: Path, name: str) -> None:
    """None of them may be written over, by whatever name or link it is called."""
    path, out = tmp_path / "ledger.db", tmp_path / "out.csv"
    (tmp_path / "other.csv").touch()
    with ledger.own(path):
        os.link(tmp_path / name, out)
        is_own = ledger.is_part_of(path, out)
        out.unlink()

    assert is_own == (name != "other.csv")
    assert ledger.is_part_of(f"sqlite:///{path}", tmp_path / name) == (name in ("ledger.db", "ledger.db.lock"))


@pytest.mark.parametrize(
    ("named", "in_environment", "is_rehearsal", "located"),
    [
        ("named.db", "there.db", False, "named.db"),
        ("named.db", None, True, "named.db"),
        (None, "there.db", False, "there.db"),
        (None, "there.db", True, "campaigns/ledger.sandbox.db"),
        (None, "", False, "campaigns/ledger.db"),
        (None, None, False, "campaigns/ledger.db"),
    ],
)
def test_where_a_ledger_is_when_nobody_says_so(
    monkeypatch: pytest.MonkeyPatch, named: str | None, in_environment: str | None, is_rehearsal: bool, located: str
) -> None:
    """Beside the campaign file; a rehearsal never takes the real one that the environment names."""
    monkeypatch.delenv("DISPATCHER_LEDGER", raising=False)
    if in_environment is not None:
        monkeypatch.setenv("DISPATCHER_LEDGER", in_environment)

    assert locate({Path("campaigns")}, named, is_rehearsal=is_rehearsal) == located


def test_campaigns_of_two_folders_have_no_ledger_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ledgers for one call would each know half of what was sent."""
    monkeypatch.delenv("DISPATCHER_LEDGER", raising=False)

    with pytest.raises(UsageError, match="the campaigns stand in different folders"):
        locate({Path("one"), Path("two")})
