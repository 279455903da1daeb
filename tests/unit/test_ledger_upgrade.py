"""A ledger of an earlier version: read as it is, copied and upgraded by whoever writes to it first."""

import hashlib
import json
import re
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from dispatcher import __version__, ledger
from dispatcher.errors import LedgerError
from dispatcher.ledger.engines.sqlite import header
from dispatcher.ledger.engines.sqlite.spill import Spill
from dispatcher.ledger.engines.sqlite.triggers import render
from dispatcher.ledger.engines.sqlite.watermark import Watermark
from dispatcher.ledger.identity import FIRST_VERSION, SCHEMA_VERSION
from dispatcher.ledger.migrations import STEPS
from dispatcher.ledger.queue import Conclusion
from dispatcher.ledger.rules import RULES
from dispatcher.models import State
from tests.support.command_line import Desk
from tests.support.ledgers import ACCEPTED, changing, open_once, query, states
from tests.support.loopback_server import Loopback
from tests.support.old_ledgers import DUE, IN_THE_AIR, SHEET, VERSION_1, put_version_1, read_content, read_version

OPT_OUT = 'to = "{phone}"\nskip_if = { "opt out" = ["x"] }'
"""How the campaign of the old ledger is addressed."""

REAL, REHEARSAL = 0x44535054, 0x44535053
RULES_SHA256 = "f971b2aa07c2c344c479b4cf73caf3b4b2638185e1c95eaf89050f0cdf4be84e"
"""Of the rules of this version. A ledger is compared with them: whoever changes one needs a version and a step."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a ledger of version 1."""
    return put_version_1(tmp_path / "ledger.db")


def copy_of(path: Path) -> Path:
    """Return where a ledger is copied to before its upgrade."""
    return path.with_name("ledger.db.before-2")


def refusal_of(path: Path) -> str:
    """Return why a ledger cannot be opened for writing."""
    with pytest.raises(LedgerError) as caught:
        open_once(path)
    return str(caught.value)


def test_an_upgrade_keeps_everything(old: Path) -> None:
    """Every row, attempt, run, event, key, limit and time is there afterwards; the ledger says what it is now."""
    before = read_content(old)

    with ledger.own(old) as writer:
        notice = writer.notice

    assert read_content(old) == before
    assert read_version(old) == (REAL, SCHEMA_VERSION)
    assert query(old, "SELECT * FROM ledger_meta") == [(1, "real", SCHEMA_VERSION, __version__, before["runs"][0][3])]
    assert query(old, "PRAGMA integrity_check") == [("ok",)]
    assert query(old, "PRAGMA foreign_key_check") == []
    assert notice == (
        f"the ledger was upgraded from schema 1 to {SCHEMA_VERSION}; {copy_of(old)} is a copy from before. Remove it"
        " when all is well: it holds numbers, and a purge does not reach it"
    )
    with ledger.own(old) as writer:
        assert writer.notice == ""


def test_the_copy_is_the_old_ledger_whole_and_private(old: Path) -> None:
    """The earlier program can go on with it, and nobody else reads it."""
    open_once(old)

    copy = copy_of(old)
    assert read_content(copy) == read_content(VERSION_1)
    assert read_version(copy) == (REAL, 1)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(found.name for found in old.parent.iterdir()) == [old.name, copy.name, f"{old.name}.lock"]


def describe(path: Path) -> dict[str, str]:
    """Return the statement of everything in a ledger by its name, without blanks and quotes."""
    found = query(path, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: re.sub(r"[\s\"]", "", sql) for name, sql in found}


def test_an_upgraded_ledger_is_like_a_new_one(old: Path, tmp_path: Path) -> None:
    """Table for table, index for index, rule for rule: what changes in the one needs a step for the other."""
    new = tmp_path / "new.db"
    open_once(new)
    open_once(old)

    assert describe(old) == describe(new)


def test_every_version_since_the_first_has_its_step() -> None:
    """A number that rises without a step would open old ledgers unchanged."""
    assert list(STEPS) == list(range(FIRST_VERSION + 1, SCHEMA_VERSION + 1))


def test_the_rules_are_those_of_this_version() -> None:
    """Ledgers that are in use are compared with the rules: a rule that changes without a version refuses them all."""
    rendered = "\n".join(map(render, RULES))

    assert hashlib.sha256(rendered.encode()).hexdigest() == RULES_SHA256


def test_nobody_is_sent_again_after_an_upgrade(old: Path, desk: Desk) -> None:
    """The first `send` of the new program copies, upgrades, tells, and messages those who wait and nobody else."""
    before = states(old)
    assert desk.ledger == old
    desk.write_sheet(SHEET, header=("Phone", "First name", "Opt out"))
    with Loopback() as server:
        desk.write_campaign(server.endpoint, to=OPT_OUT)

        ran = desk.run("send", desk.campaign, "--yes", "--accept-refused")

    assert sorted(request.to for request in server.received) == sorted(DUE)
    assert "the ledger was upgraded from schema 1" in ran.err
    assert "an earlier run died; in doubt now: 1 row it was sending" in ran.err
    expected = before | dict.fromkeys(DUE, "accepted") | {IN_THE_AIR: "in_doubt"}
    assert states(desk.ledger) == expected
    assert query(desk.ledger, "SELECT count(*) FROM attempts") == [(25 + len(DUE),)]


def test_looking_at_an_old_ledger_leaves_it_alone(old: Path, desk: Desk) -> None:
    """`status`, `show`, `export`, `check` and a `resolve` that only lists need no upgrade, and make none."""
    assert desk.ledger == old
    desk.write_sheet(SHEET, header=("Phone", "First name", "Opt out"))
    desk.write_campaign(None, to=OPT_OUT)
    content = desk.ledger.read_bytes()

    shown = json.loads(desk.run("status", desk.campaign, "--json").out)["campaigns"][0]["states"]
    told = [
        desk.run("show", desk.campaign, IN_THE_AIR).code,
        desk.run("show", desk.campaign, "447700900001", "--json").code,
        desk.run("export", desk.campaign, desk.folder / "out.csv").code,
        desk.run("check", desk.campaign, "--accept-refused").code,
        desk.run("resolve", desk.campaign).code,
        desk.run("limit", "--ledger", desk.ledger).code,
    ]

    assert (shown["sending"], shown["retryable"], shown["expired"]) == (1, 1, 0)
    assert told == [0, 0, 0, 6, 0, 0]
    assert desk.ledger.read_bytes() == content
    assert not copy_of(desk.ledger).exists()


@pytest.mark.parametrize("words", [("resolve", "--as", "failed"), ("purge", "--older-than", "1d")])
def test_every_command_that_writes_upgrades(old: Path, desk: Desk, words: tuple[str, ...]) -> None:
    """Not only `send`."""
    assert desk.ledger == old
    desk.write_sheet(SHEET, header=("Phone", "First name", "Opt out"))
    desk.write_campaign(None, to=OPT_OUT)

    ran = desk.run(words[0], desk.campaign, *words[1:])

    assert ran.code == 0
    is_purge = words[0] == "purge"
    told = f"{copy_of(old)}: a copy from before an upgrade, which still holds them; remove it\n"
    assert ran.err == (told if is_purge else "")
    assert read_version(desk.ledger) == (REAL, SCHEMA_VERSION)
    assert copy_of(desk.ledger).exists()


def test_a_ledger_too_old_to_be_read_says_who_upgrades_it(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once more than version 1 is needed to read, readers say what to do, and `send` still upgrades."""
    monkeypatch.setattr(header, "OLDEST_READABLE_VERSION", 2)

    with pytest.raises(LedgerError) as caught, ledger.open_reader(old):
        pass
    with pytest.raises(LedgerError) as caught_at_once:
        ledger.read_standings(old)

    assert str(caught_at_once.value) == str(caught.value)
    assert str(caught.value) == (
        f"{old}: written by an older dispatcher (schema 1, this one reads 2 and later);"
        " the next `dispatcher send` upgrades it"
    )
    open_once(old)
    assert [standing.campaign.name for standing in ledger.read_standings(old)] == ["reminders", "yesterday"]


def test_an_upgrade_that_is_repeated_makes_no_second_copy(old: Path) -> None:
    """Killed between the copy and the upgrade, the next run finds the same copy; half a copy is made anew."""
    open_once(old)
    copy = copy_of(old).read_bytes()
    put_version_1(old)
    old.with_name("ledger.db.before-2.part").write_bytes(b"half")

    open_once(old)

    assert copy_of(old).read_bytes() == copy
    assert len(list(old.parent.glob("*before*"))) == 1


def test_another_copy_is_never_overwritten(old: Path) -> None:
    """Whoever goes back to the old program, sends, and upgrades again keeps both copies."""
    copy_of(old).write_bytes(b"of another ledger")
    with changing(old) as connection:
        connection.execute("UPDATE runs SET note = 'went back' WHERE id = 5")

    with ledger.own(old) as writer:
        assert f"{copy_of(old)}.2 is a copy" in writer.notice

    assert copy_of(old).read_bytes() == b"of another ledger"
    assert query(Path(f"{copy_of(old)}.2"), "SELECT note FROM runs WHERE id = 5") == [("went back",)]


def test_a_damaged_ledger_is_not_upgraded(old: Path) -> None:
    """Every page and index is looked at before: what is damaged would be carried over, or lost."""
    content = bytearray(old.read_bytes())
    place = content.index(b"447700900006", content.index(b"12025550196"))
    content[place] ^= 1
    old.write_bytes(content)

    assert "the ledger is damaged" in refusal_of(old)
    assert old.read_bytes() == content
    assert not copy_of(old).exists()


def test_an_older_copy_that_was_put_back_is_not_upgraded(old: Path) -> None:
    """The watermark is asked first, so that the newest copy can still be put in its place."""
    watermark = Watermark(old)
    watermark.set(26)
    watermark.close()

    assert "holds 25 attempts, but 26 were made with it" in refusal_of(old)
    assert read_version(old) == (REAL, 1)


def test_an_outcome_that_the_old_program_kept_aside_is_found(old: Path) -> None:
    """What a full disk refused goes into the upgraded ledger, not into doubt."""
    spill = Spill(old)
    spill.reserve()
    spill.add(Conclusion(25, 17, ACCEPTED, None))
    spill.close()

    with ledger.own(old) as writer:
        assert writer.call(ledger.sweep_dead_run).result() == 0

    assert states(old)[IN_THE_AIR] == "accepted"


def test_a_rehearsal_stays_one(old: Path) -> None:
    """Its kind was in the header only."""
    with changing(old) as connection:
        connection.execute(f"PRAGMA application_id = {REHEARSAL}")

    open_once(old, kind=ledger.Kind.REHEARSAL)

    assert query(old, "SELECT kind FROM ledger_meta") == [("rehearsal",)]
    assert "this is a rehearsal's ledger" in refusal_of(old)


def test_a_view_of_somebody_s_own_outlives_the_upgrade(old: Path) -> None:
    """People may have made themselves one with a tool."""
    with changing(old) as connection:
        connection.execute("CREATE VIEW mine AS SELECT state, count(*) AS rows FROM recipients GROUP BY state")
        before = connection.execute("SELECT * FROM mine").fetchall()

    open_once(old)

    assert query(old, "SELECT * FROM mine") == before


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(f"PRAGMA application_id = {REHEARSAL}", id="another kind"),
        pytest.param("UPDATE ledger_meta SET schema_version = 3", id="another version"),
        pytest.param("DROP TABLE ledger_meta", id="no row"),
    ],
)
def test_a_header_that_says_something_else_is_damage(tmp_path: Path, statement: str) -> None:
    """Header and ledger_meta say the same of every ledger of today."""
    path = tmp_path / "ledger.db"
    open_once(path)
    with changing(path) as connection:
        if "DROP" in statement:
            connection.execute("DROP TRIGGER ledger_meta_kept")
            connection.execute("DELETE FROM ledger_meta")
        else:
            connection.execute(statement)

    with pytest.raises(LedgerError, match="its header and its ledger_meta differ"):
        open_once(path, kind=None)
    with pytest.raises(LedgerError, match="its header and its ledger_meta differ"), ledger.open_reader(path):
        pass


def test_a_version_that_never_was_is_damage(old: Path) -> None:
    """A flipped bit in the header starts no upgrade."""
    with changing(old) as connection:
        connection.execute("PRAGMA user_version = 0")

    assert "the ledger is damaged (no ledger ever had schema 0)" in refusal_of(old)


def test_steps_are_loaded_when_they_are_needed(tmp_path: Path) -> None:
    """A ledger of today does not pay for the way of older ones."""
    script = "import sys; from dispatcher import ledger\nwith ledger.own(sys.argv[1]): pass\n"
    script += "print(any('migrations' in name or name.endswith('upgrade') for name in sys.modules))"
    command = [sys.executable, "-c", script, str(tmp_path / "ledger.db")]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"


def test_an_expired_row_is_kept_and_can_be_purged(old: Path) -> None:
    """The state that version 2 brings: never sent, counted, forgotten like any other that is finished."""
    with ledger.own(old) as writer:
        writer.call(
            lambda connection: connection.exec_driver_sql("UPDATE recipients SET state = 'expired' WHERE id = 18")
        ).result()
        assert writer.call(ledger.count_states, 2).result()[State.EXPIRED] == 1
        with pytest.raises(LedgerError, match="a row is no longer waiting"):
            writer.intend(18, 5).result()

    ledger.purge(old, "reminders", older_than=timedelta(seconds=-1))

    assert query(old, "SELECT state, to_number, purged_at IS NULL FROM recipients WHERE id = 18") == [
        ("expired", None, 0)
    ]
