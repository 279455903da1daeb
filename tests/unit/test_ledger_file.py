"""The ledger as a file: private, of one kind, under one name, and never used when it is damaged."""

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dispatcher import ledger
from dispatcher.errors import LedgerError
from dispatcher.ledger.engines.sqlite import connection as sqlite_connection
from dispatcher.ledger.engines.sqlite import location
from dispatcher.ledger.engines.sqlite.lock import RunLock
from dispatcher.ledger.engines.sqlite.opening import open_writer, remove_rehearsal
from dispatcher.ledger.identity import SCHEMA_VERSION
from dispatcher.models import State
from tests.support.ledgers import ACCEPTED, begin_run, changing, load, open_once, person, query, send, states


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of a test lies."""
    return tmp_path / "ledger.db"


@pytest.fixture
def closed(path: Path) -> Path:
    """Return a ledger with two people, one of them messaged, that nobody has open."""
    with ledger.own(path) as writer:
        load(writer, [person(0), person(1)])
        send(writer, 1, ACCEPTED)
    return path


def refusal_of(path: Path) -> str:
    """Return why the ledger cannot be opened for writing."""
    with pytest.raises(LedgerError) as caught:
        open_once(path)
    return str(caught.value)


def test_all_files_are_private(path: Path) -> None:
    """Numbers of people lie in the ledger: only its owner reads it and its side files."""
    old = os.umask(0)
    try:
        with ledger.own(path) as writer:
            load(writer, [person(0)])
            modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    finally:
        os.umask(old)

    assert modes == dict.fromkeys(
        ["ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.db.lock", "ledger.db.spill"], 0o600
    )


def test_a_closed_ledger_is_one_file(closed: Path) -> None:
    """What a person copies or mails is whole: only the lock file stays beside it."""
    assert sorted(found.name for found in closed.parent.iterdir()) == ["ledger.db", "ledger.db.lock"]


def test_the_settings_are_those_that_lose_nothing(path: Path) -> None:
    """WAL with FULL, foreign keys on, read back from the very connection that writes."""
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "trusted_schema", "cell_size_check")
    engine = open_writer(path, ledger.Kind.REAL)

    with engine.connect() as connection:
        found = {name: sqlite_connection.read_pragma(connection, name) for name in names}
    engine.dispose()

    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "trusted_schema": 0,
        "cell_size_check": 1,
    }


def test_a_setting_that_does_not_take_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that cannot do what the promise needs is found before the first row."""
    monkeypatch.setitem(sqlite_connection.WRITER_SETTINGS, "synchronous", 7)

    assert refusal_of(path) == f"{path}: synchronous is 0 and must be 7; keep the ledger on a local disk"


def test_a_foreign_file_is_left_alone(path: Path) -> None:
    """Somebody else's database or text is never written to."""
    path.write_text("name,phone\n" * 100)
    assert refusal_of(path) == (
        f"{path}: the ledger is damaged (file is not a database); nothing was sent."
        " Put back a copy made with `VACUUM INTO`"
    )
    assert path.read_text() == "name,phone\n" * 100
    path.unlink()
    with changing(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    before = path.read_bytes()

    assert refusal_of(path) == f"{path}: this is no ledger of dispatcher; choose another file with --ledger"
    assert path.read_bytes() == before


def test_a_rehearsal_and_the_real_thing_never_mix(path: Path) -> None:
    """A sandbox's ``accepted`` in a real ledger would silence a person for ever."""
    open_once(path, kind=ledger.Kind.REHEARSAL)
    assert refusal_of(path) == f"{path}: this is a rehearsal's ledger; choose another file with --ledger"
    open_once(path, kind=None)
    remove_rehearsal(path)
    assert [found.name for found in path.parent.iterdir()] == ["ledger.db.lock"]
    remove_rehearsal(path)

    open_once(path)

    real = f"^{re.escape(str(path))}: this ledger holds real outcomes; choose another file for the rehearsal$"
    with pytest.raises(LedgerError, match=real):
        open_once(path, kind=ledger.Kind.REHEARSAL)
    with pytest.raises(LedgerError, match=real):
        open_once(path, kind=ledger.Kind.REHEARSAL, is_fresh=True)
    assert path.exists()


def test_a_newer_schema_is_refused(closed: Path) -> None:
    """An older program would break what it does not know."""
    with changing(closed) as connection:
        connection.execute("PRAGMA user_version = 99")

    expected = (
        f"{closed}: written by a newer dispatcher (schema 99, this one knows {SCHEMA_VERSION});"
        " install the newer program"
    )
    assert refusal_of(closed) == expected
    with pytest.raises(LedgerError, match=re.escape(expected)), ledger.open_reader(closed):
        pass


def test_a_reader_of_nothing_says_how_to_begin(path: Path) -> None:
    """``status`` before the first ``send``."""
    with pytest.raises(LedgerError) as caught, ledger.open_reader(path):
        pass

    assert str(caught.value) == f"{path}: there is no ledger yet; `dispatcher send` creates it"
    assert not path.exists()


@pytest.mark.parametrize("where", ["nowhere/ledger.db", "file/ledger.db"])
def test_a_ledger_that_cannot_be_created_says_why(tmp_path: Path, where: str) -> None:
    """The message names path and cause."""
    (tmp_path / "file").touch()
    path = tmp_path / where
    cause = "No such file or directory" if "nowhere" in where else "Not a directory"

    with pytest.raises(LedgerError) as caught:
        RunLock(path).acquire()

    assert str(caught.value) == f"{path}.lock: the lock file cannot be made: {cause}"
    with pytest.raises(LedgerError) as caught:
        open_writer(path, None)
    assert str(caught.value) == f"{path}: the ledger cannot be created: {cause}"


def test_a_reader_sees_whole_commits_while_the_writer_writes(closed: Path) -> None:
    """``status`` in another window disturbs nothing, sees no half of a commit, and leaves the files alone."""
    with ledger.own(closed) as writer:
        for index in range(20):
            with ledger.open_reader(closed) as reader:
                before = ledger.count_states(reader, 1)
                load(writer, [person(number) for number in range(index + 3)], fingerprint=str(index))
                assert ledger.count_states(reader, 1) == before
            with ledger.open_reader(closed) as reader:
                assert sum(ledger.count_states(reader, 1).values()) == index + 3
            with closing(sqlite3.connect(closed)) as tool:
                assert tool.execute("SELECT count(*) FROM v_recipients").fetchone() == (index + 3,)


def test_a_reader_cannot_write(closed: Path) -> None:
    """Read-only is enforced by the connection, not by good manners."""
    with (
        pytest.raises(LedgerError, match="attempt to write a readonly database"),
        ledger.open_reader(closed) as reader,
    ):
        reader.exec_driver_sql("UPDATE recipients SET reason = 'x'")


def test_a_reader_after_a_killed_run_sees_every_commit(path: Path, tmp_path: Path) -> None:
    """What a dead run had committed lies in the ``-wal``; it is read without the dead run's memory of it."""
    killed = tmp_path / "killed"
    killed.mkdir()
    with ledger.own(path) as writer:
        load(writer, [person(0)])
        writer.intend(1, begin_run(writer)).result()
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", killed / f"ledger.db{suffix}")

    with ledger.open_reader(killed / "ledger.db") as reader:
        assert ledger.count_states(reader, 1)[State.SENDING] == 1


def test_a_second_name_is_refused(closed: Path, tmp_path: Path) -> None:
    """Two names are two locks, and two runs at once."""
    second = tmp_path / "second.db"
    second.hardlink_to(closed)

    for path in (closed, second):
        assert refusal_of(path) == f"{path}: the ledger has a second name (a hard link); remove all names but one"


def test_a_symlink_leads_to_the_same_lock(closed: Path, tmp_path: Path) -> None:
    """A second path to one ledger meets the run that holds it."""
    link = tmp_path / "link.db"
    link.symlink_to(closed)

    assert RunLock(link).path == RunLock(closed).path
    with ledger.own(link) as writer:
        load(writer, [person(0), person(1), person(2)], fingerprint="g")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["ledger.db", "ledger.db.lock", "link.db"]
    assert len(states(closed)) == 3


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 22 0:35 / /mnt/share rw - nfs4 server:/export rw
41 22 0:36 / /mnt/two\\040words rw - cifs //server/x rw
42 22 0:37 / /home/me/remote rw - fuse.sshfs me@server:/ rw
43 22 0:38 / /mnt/share/local rw - tmpfs tmpfs rw
44 22 0:39 / /mnt/usb rw - fuseblk /dev/sdb1 rw
"""


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("/ledger.db", None),
        ("/mnt/shared/ledger.db", None),
        ("/mnt/share/ledger.db", "nfs4"),
        ("/mnt/share/local/ledger.db", None),
        ("/mnt/two words/ledger.db", "cifs"),
        ("/home/me/remote/a/ledger.db", "fuse.sshfs"),
        ("/mnt/usb/ledger.db", None),
    ],
)
def test_a_network_file_system_is_refused(monkeypatch: pytest.MonkeyPatch, where: str, kind: str | None) -> None:
    """Locks do not reach the other machines there; the nearest mount point decides."""
    monkeypatch.setattr(location, "_read_mounts", lambda: MOUNTS)

    if kind is None:
        location.refuse_unfit_location(Path(where))
        return
    with pytest.raises(LedgerError) as caught:
        location.refuse_unfit_location(Path(where))

    assert str(caught.value) == f"{where}: lies on a network file system ({kind}); keep the ledger on a local disk"


def test_a_system_that_does_not_tell_its_mounts_is_trusted(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Without /proc nothing is known against the place."""
    monkeypatch.setattr(location, "_MOUNTS_PATH", path / "nowhere")

    location.refuse_unfit_location(path)


def replace_by_copy(path: Path) -> None:
    """Put a copy in the ledger's place."""
    shutil.copy(path, path.with_suffix(".copy"))
    path.with_suffix(".copy").replace(path)


def overwrite_by_copy(path: Path) -> None:
    """Write an older copy into the file that is open."""
    path.write_bytes(path.read_bytes())


def run_tool(path: Path, *statements: str) -> None:
    """Do something to the ledger from another process, as a person with a SQLite tool could."""
    script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    script += "for statement in sys.argv[2:]: c.execute(statement).fetchall()"
    subprocess.run([sys.executable, "-c", script, str(path), *statements], check=True)


def change_with_a_tool(path: Path) -> None:
    """Change the ledger behind the run's back."""
    run_tool(path, "UPDATE runs SET note = 'x'")


@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(replace_by_copy, id="replaced"),
        pytest.param(overwrite_by_copy, id="overwritten"),
        pytest.param(lambda path: path.unlink(), id="removed"),
        pytest.param(lambda path: path.rename(path.with_suffix(".old")), id="renamed"),
        pytest.param(lambda path: path.with_suffix(".2").hardlink_to(path), id="second name"),
        pytest.param(lambda path: Path(f"{path}-wal").unlink(), id="wal removed"),
        pytest.param(lambda path: os.truncate(f"{path}-wal", 0), id="wal truncated"),
        pytest.param(change_with_a_tool, id="changed with a tool"),
    ],
)
def test_a_ledger_meddled_with_during_a_run_takes_no_more_intents(closed: Path, meddle: object) -> None:
    """SQLite goes on without an error when its files are swapped; the writer notices before the next send."""
    assert callable(meddle)
    with ledger.own(closed) as writer:
        run_id = begin_run(writer)
        meddle(closed)

        with pytest.raises(LedgerError) as caught:
            writer.intend(2, run_id).result()

    assert str(caught.value) == (f"{closed}: something else replaced, removed or wrote to the ledger during a run")


def test_looking_at_a_ledger_during_a_run_is_no_meddling(closed: Path) -> None:
    """Any SQLite tool may read, and a copy may be made the right way."""
    with ledger.own(closed) as writer:
        run_id = begin_run(writer)
        run_tool(closed, "SELECT * FROM v_failed", f"VACUUM INTO '{closed}.copy'")

        assert writer.intend(2, run_id).result() == 2
    assert query(Path(f"{closed}.copy"), "PRAGMA quick_check") == [("ok",)]
