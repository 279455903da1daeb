"""The checker: holds a ledger against the judge's journal after a scenario, and says everything that is wrong.

It reads the file with SQL of its own; nothing of the program under test is imported.
"""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.hostile_server import Line

SWEEP_REASON = "the run ended while a request may have been in the air"
NEVER_ARRIVED = ("pending", "retryable", "failed", "refused", "skipped", "withdrawn", "expired")


@dataclass(frozen=True)
class LedgerRow:
    """One row as the ledger's file holds it."""

    key: str | None
    row_number: int
    to: str | None
    state: str
    reason: str
    is_in_sheet: bool
    attempts: int


@contextmanager
def image_of(ledger_path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of the ledger, so that looking neither recovers nor checkpoints the original."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "image.db"
        for suffix in ("", "-wal"):
            source = ledger_path.with_name(ledger_path.name + suffix)
            if source.exists():
                shutil.copyfile(source, copy.with_name(copy.name + suffix))
        with closing(sqlite3.connect(copy)) as connection:
            yield connection


def read_rows(ledger_path: Path) -> list[LedgerRow]:
    """Return every row of a ledger that holds one campaign; none where there is no ledger yet."""
    with image_of(ledger_path) as connection:
        if not connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'v_recipients'").fetchone()[0]:
            return []
        query = "SELECT key, row_number, to_number, state, reason, in_sheet, attempts FROM v_recipients"
        return [LedgerRow(*row) for row in connection.execute(f"{query} ORDER BY row_number")]


def keys_in(ledger_path: Path, state: str) -> set[str]:
    """Return the keys of the rows in a state."""
    return {row.key for row in read_rows(ledger_path) if row.state == state and row.key is not None}


@dataclass
class Case:
    """What is known of a scenario besides ledger and journal.

    Attributes:
        exit_code: of the last run, None when it was killed.
        sheet_rows: rows the sheet holds, None when it changed meanwhile.
        kills: how often a run was killed.
        in_air_max: requests in the air at once at most.
        resent: keys a person asked to send again, with how often.
        decided: keys of which a person said what became of them; that person may be wrong.
        outputs: everything the program printed.
        secrets: what must not stand in any output: the key, and every number.
    """

    exit_code: int | None = None
    sheet_rows: int | None = None
    kills: int = 0
    in_air_max: int = 0
    resent: Mapping[str, int] = field(default_factory=dict)
    decided: Collection[str] = ()
    outputs: Sequence[str] = ()
    secrets: Collection[str] = ()


@dataclass
class Figures:
    """What a scenario came to, in rows; ``delivered_doubts`` are the rows in doubt that had arrived."""

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    lost: int = 0
    in_doubt: int = 0
    delivered_doubts: int = 0
    kills: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        names = self.__dataclass_fields__
        return Figures(**{name: getattr(self, name) + getattr(other, name) for name in names})


def judge(ledger_path: Path, journal: Sequence[Line], case: Case) -> Figures:
    """Compare ledger and journal; return the figures.

    Raises:
        AssertionError: the promise is broken; the message lists every way in which it is.
    """
    rows = read_rows(ledger_path)
    arrived = Counter(line.key for line in journal if line.verdict == "accepted")
    findings = [
        *_check_rows(rows, arrived, case),
        *_check_totals(rows, arrived, case),
        *_check_exit_code(rows, case.exit_code),
        *_check_outputs(case),
        *_check_soundness(ledger_path),
    ]
    if findings:
        raise AssertionError("the promise is broken:\n" + "\n".join(findings[:30]))
    doubts = [row for row in rows if row.state == "in_doubt"]
    return Figures(
        rows=len(rows),
        accepted=sum(row.state == "accepted" for row in rows),
        in_doubt=len(doubts),
        delivered_doubts=sum(arrived[row.key or ""] > 0 for row in doubts),
        kills=case.kills,
    )


def _check_rows(rows: Sequence[LedgerRow], arrived: Counter[str], case: Case) -> Iterator[str]:
    for row in rows:
        name = f"row {row.row_number} ({row.key}), {row.state}: "
        count, allowed = arrived[row.key or ""], 1 + case.resent.get(row.key or "", 0)
        if count > allowed:
            yield f"{name}accepted {count} times, asked for {allowed}"
        if row.state == "sending":
            yield f"{name}no run is alive"
        if row.key in case.decided:
            continue
        if row.state == "accepted" and not count:
            yield f"{name}never arrived: lost"
        if row.state in NEVER_ARRIVED and count:
            yield f"{name}arrived {count} times although the ledger says it did not"


def _check_totals(rows: Sequence[LedgerRow], arrived: Counter[str], case: Case) -> Iterator[str]:
    known = {row.key for row in rows}
    yield from (f"{key!r} arrived and is not in the ledger" for key in arrived if key not in known)
    in_sheet = sum(row.is_in_sheet for row in rows)
    if case.sheet_rows is not None and in_sheet != case.sheet_rows:
        yield f"{case.sheet_rows} rows in the sheet, {in_sheet} of it in the ledger"
    crashed = sum(row.state == "in_doubt" and row.reason == SWEEP_REASON for row in rows)
    if crashed > case.kills * case.in_air_max:
        yield f"{crashed} rows in doubt by {case.kills} crashes with {case.in_air_max} requests in the air at most"


def expected_exit_code(rows: Sequence[LedgerRow]) -> int:
    """Return the code a run that was not stopped must end with."""
    open_states = {row.state for row in rows if row.is_in_sheet or row.state == "in_doubt"}
    if open_states & {"failed", "refused", "in_doubt"}:
        return 6
    return 5 if "retryable" in open_states else 0


def _check_exit_code(rows: Sequence[LedgerRow], exit_code: int | None) -> Iterator[str]:
    if exit_code is None or exit_code in (3, 4, 7, 10, 11, 130):
        return  # killed, or stopped by something the ledger's rows do not show
    waiting = sum(row.state == "pending" for row in rows)
    if waiting:
        yield f"exit code {exit_code} although {waiting} rows wait"
    if exit_code != expected_exit_code(rows):
        yield f"exit code {exit_code}, the ledger says {expected_exit_code(rows)}"


def _check_outputs(case: Case) -> Iterator[str]:
    text = "\n".join(case.outputs)
    squeezed = text.translate(str.maketrans("", "", " +().-"))
    for secret in case.secrets:
        if secret in text or secret in squeezed:
            yield f"{secret!r} stands in the output"


def _check_soundness(ledger_path: Path) -> Iterator[str]:
    with image_of(ledger_path) as connection:
        finding = connection.execute("PRAGMA integrity_check").fetchone()[0]
        foreign = connection.execute("PRAGMA foreign_key_check").fetchall()
        if finding != "ok" or foreign:
            yield f"the file is damaged: {finding} {foreign}"
        open_attempts = connection.execute("SELECT count(*) FROM attempts WHERE outcome IS NULL").fetchone()[0]
        if open_attempts:
            yield f"{open_attempts} attempts without an end although no run is alive"
