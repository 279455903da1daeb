"""What became of every row, for notebooks and jobs: columns of documented types, whatever the ledger holds."""

import csv
import doctest
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

import dispatcher
from dispatcher import ledger
from dispatcher.added_columns import OUTCOME_COLUMNS
from dispatcher.errors import CampaignError, LedgerError, UsageError
from dispatcher.ledger import RowRecord
from dispatcher.models import State
from dispatcher.outputs.frames import make_frame, make_frames
from tests.support.campaign_files import load as load_campaign
from tests.support.campaign_files import write_toml
from tests.support.command_line import Desk, people
from tests.support.ledgers import ACCEPTED, IN_DOUBT, REJECTED, THROTTLED, load, open_once, person, send, wrong
from tests.support.outcome_rows import outcome_row

AT_ONCE = timedelta(days=-1)


def read_documented_types() -> dict[str, str]:
    """Return the dtype of each column that the docstring of ``outcomes`` promises, by the column's name."""
    assert dispatcher.outcomes.__doc__
    _, _, table, _ = re.split(r"\n *=[ =]+=\n", dispatcher.outcomes.__doc__)
    columns = [re.split(r" {2,}", line.strip()) for line in table.splitlines()]
    return {label: dtype for label, dtype, _ in columns}


def types_of(frame: pd.DataFrame) -> dict[str, str]:
    """Return the dtype of each column by its name."""
    return {str(label): str(dtype) for label, dtype in frame.dtypes.items()}


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """Return a campaign file beside a ledger with a row accepted, failed, in doubt, retryable, waiting and refused."""
    path = tmp_path / "campaign.toml"
    path.write_text(write_toml())
    with ledger.own(tmp_path / "ledger.db") as writer:
        load(writer, [*map(person, range(5)), wrong(7)])
        for recipient_id, outcome in enumerate((ACCEPTED, REJECTED, IN_DOUBT, THROTTLED), start=1):
            send(writer, recipient_id, outcome)
    return path


def test_the_types_are_those_of_the_docstring(campaign: Path) -> None:
    """Every column, own and ours, with rows and without any, at once and in pieces."""
    promised = read_documented_types()
    own = promised.pop("the sheet's own")
    wanted = {"Phone": own, "Name": own} | promised

    assert tuple(promised) == OUTCOME_COLUMNS
    assert types_of(dispatcher.outcomes(campaign)) == wanted
    assert types_of(dispatcher.outcomes(campaign, states=["withdrawn"])) == wanted
    for states in (None, ["withdrawn"]):
        for frame in dispatcher.outcome_chunks(campaign, rows=2, states=states):
            assert types_of(frame) == wanted


def test_every_row_of_the_sheet_is_there_with_what_became_of_it(campaign: Path) -> None:
    """Cells as text, states as words, times aware, counts as numbers; nothing that an export does not hold."""
    frame = dispatcher.outcomes(campaign)

    assert frame["Phone"].tolist() == [*(f"+1202555010{index}" for index in range(5)), "x"]
    assert frame["Name"].tolist()[:5] == [f"person {index}" for index in range(5)]
    assert frame["Name"].isna().tolist() == [False] * 5 + [True]
    assert frame["state"].tolist() == ["accepted", "failed", "in_doubt", "retryable", "pending", "refused"]
    assert list(frame["state"].cat.categories) == [str(state) for state in State]
    assert frame["reason"].tolist() == ["HTTP 200", "HTTP 400", "no answer", "HTTP 429", "", "row 7 is wrong"]
    assert frame["last attempt"].notna().tolist() == [True] * 4 + [False] * 2
    assert abs(frame["last attempt"].max() - pd.Timestamp.now("UTC")) < timedelta(minutes=10)
    assert frame["session id"].fillna("none").tolist() == ["s-1", *["none"] * 5]
    assert frame["attempts"].tolist() == [1, 1, 1, 1, 0, 0]
    assert frame["sheet row"].tolist() == [2, 3, 4, 5, 6, 7]
    assert frame.index.tolist() == list(range(6))


def test_a_frame_says_what_an_export_says(desk: Desk) -> None:
    """The same columns under the same labels in the same order, for whoever knows one of them."""
    desk.write_sheet([(*row, "CA") for row in people(3)], header=("Phone", "First name", "State"))
    desk.write_campaign(None)
    desk.run("send", "--sandbox", desk.campaign)
    desk.run("export", "--sandbox", desk.campaign, desk.folder / "out.csv")

    frame = dispatcher.outcomes(desk.campaign, ledger=desk.folder / "ledger.sandbox.db")

    with (desk.folder / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *lines = csv.reader(file)
    assert frame.columns.tolist() == header
    assert header[2:4] == ["State", "state (2)"]
    exported = pd.DataFrame(lines, columns=header)
    for label in ("First name", "State", "state (2)", "reason", "session id", "attempts", "sheet row"):
        assert frame[label].astype(str).tolist() == exported[label].tolist()
    moments = pd.to_datetime(exported["last attempt"], utc=True)
    assert (frame["last attempt"].dt.floor("s") == moments).all()


def test_a_purged_row_has_no_cells(campaign: Path) -> None:
    """What was forgotten is not empty but unknown; that the person was messaged is still told."""
    ledger.purge(campaign.parent / "ledger.db", "reminders", older_than=AT_ONCE)

    frame = dispatcher.outcomes(campaign)

    gone = frame[frame["state"].isin(["accepted", "failed"])]
    assert len(gone) == 2
    assert gone[["Phone", "Name"]].isna().all(axis=None)
    assert gone["reason"].tolist() == ["", ""]
    assert gone["attempts"].tolist() == [1, 1]
    assert frame[frame["state"] == "in_doubt"]["Phone"].tolist() == ["+12025550102"]


def test_withdrawn_rows_are_told_when_asked_for(campaign: Path) -> None:
    """A row that is gone from the sheet is none of its rows, and is found by its state."""
    with ledger.own(campaign.parent / "ledger.db") as writer:
        load(writer, [*map(person, range(4)), wrong(7)], fingerprint="g")

    assert dispatcher.outcomes(campaign)["sheet row"].tolist() == [2, 3, 4, 5, 7]
    assert dispatcher.outcomes(campaign, states="withdrawn")["Phone"].tolist() == ["+12025550104"]
    both = dispatcher.outcomes(campaign, states=[State.WITHDRAWN, "failed"])
    assert both["state"].tolist() == ["failed", "withdrawn"]


def test_no_states_are_no_rows(campaign: Path) -> None:
    """A list that a job computed and that came out empty asks for nothing, not for everything."""
    assert len(dispatcher.outcomes(campaign, states=[])) == 0
    assert [len(frame) for frame in dispatcher.outcome_chunks(campaign, states=iter(()))] == [0]


def test_a_campaign_that_was_never_loaded_has_no_rows(tmp_path: Path) -> None:
    """A job may run before the first `send`: it finds our columns, empty, with their types."""
    campaign = load_campaign(tmp_path)
    open_once(tmp_path / "ledger.db")

    frame = dispatcher.outcomes(campaign)

    assert len(frame) == 0
    assert types_of(frame) == {
        label: dtype for label, dtype in read_documented_types().items() if label in OUTCOME_COLUMNS
    }


def test_the_ledger_is_found_as_on_the_command_line(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named, then in the environment, then beside the campaign file."""
    other, third = campaign.parent / "other.db", campaign.parent / "third.db"
    open_once(other)
    with ledger.own(third) as writer:
        load(writer, [person(0)])

    monkeypatch.delenv("DISPATCHER_LEDGER", raising=False)
    assert len(dispatcher.outcomes(str(campaign))) == 6
    monkeypatch.setenv("DISPATCHER_LEDGER", str(other))
    assert len(dispatcher.outcomes(campaign)) == 0
    assert len(dispatcher.outcomes(campaign, ledger=f"sqlite:///{third}")) == 1


def test_trouble_is_told_in_the_programs_own_words(campaign: Path) -> None:
    """Each says what, and what to do; a call that asks for pieces says so at once where it can."""
    with pytest.raises(LedgerError, match=r"none\.db: there is no ledger yet; `dispatcher send` creates it"):
        dispatcher.outcomes(campaign, ledger=campaign.parent / "none.db")
    with pytest.raises(CampaignError, match=r"none\.toml"):
        dispatcher.outcome_chunks(campaign.parent / "none.toml")
    with pytest.raises(UsageError, match=r"^'fialed' is no state; there are pending, sending, accepted, "):
        dispatcher.outcome_chunks(campaign, states=["fialed"])
    with pytest.raises(UsageError, match=r"^rows=0: a frame holds at least one row"):
        dispatcher.outcome_chunks(campaign, rows=0)


@pytest.mark.parametrize(("size", "lengths"), [(1, [1] * 6), (4, [4, 2]), (3, [3, 3]), (6, [6]), (50, [6])])
def test_the_pieces_are_the_whole(campaign: Path, size: int, lengths: list[int]) -> None:
    """Put together they are what is returned at once, with the same index."""
    frames = list(dispatcher.outcome_chunks(campaign, rows=size))

    assert [len(frame) for frame in frames] == lengths
    pd.testing.assert_frame_equal(pd.concat(frames), dispatcher.outcomes(campaign))


def test_the_pieces_tell_of_one_moment(campaign: Path) -> None:
    """What a run writes meanwhile is in none of them."""
    chunks = dispatcher.outcome_chunks(campaign, rows=1)
    first = next(chunks)

    with ledger.own(campaign.parent / "ledger.db") as writer:
        send(writer, 5, ACCEPTED)
    states = [str(first["state"][0]), *(str(frame["state"].iloc[0]) for frame in chunks)]

    assert states == ["accepted", "failed", "in_doubt", "retryable", "pending", "refused"]
    assert dispatcher.outcomes(campaign)["state"].tolist()[4] == "accepted"


def test_the_memory_of_a_piece_is_the_same_whatever_there_is_to_read() -> None:
    """Ten times the rows take no more than a tenth more."""

    def measure_peak(count: int) -> int:
        columns = [f"column {index}" for index in range(8)]
        rows: Iterator[RowRecord] = (
            outcome_row(columns, [f"{number} {index}" for index in range(8)]) for number in range(count)
        )
        tracemalloc.start()
        seen = sum(len(frame) for frame in make_frames(columns, rows, size=2_000))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert seen == count
        return peak

    assert measure_peak(40_000) < 1.1 * measure_peak(4_000)


def test_a_frame_reads_no_more_rows_than_it_holds() -> None:
    """The rest waits in the ledger."""
    rows = iter([outcome_row(["a"], [str(number)]) for number in range(5_000)])

    next(make_frames(["a"], rows, size=1_500))

    assert next(rows).values == {"a": "1500"}


def test_cells_keep_what_they_hold() -> None:
    """No text is taken for a number, a date or nothing at all."""
    cells = ["00501", "NaN", "", "None", "1e5", "2026-12-03", "\N{WAVING HAND SIGN}", "true"]
    rows = [outcome_row(["a"], [cell]) for cell in cells]

    frame = make_frame(["a"], rows)

    assert frame["a"].tolist() == cells


def test_importing_the_package_is_light() -> None:
    """What a help text does not need is imported with the first question."""
    heavy = ["pandas", "sqlalchemy", "pydantic", "asyncio", "click", "dispatcher.pipeline"]
    code = f"import sys, dispatcher; print([name for name in {heavy} if name in sys.modules])"

    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert printed == "[]\n"


def test_the_examples_run(campaign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the docstrings show can be typed as it stands."""
    folder = campaign.parent / "campaigns"
    folder.mkdir()
    for name in ("campaign.toml", "ledger.db"):
        (campaign.parent / name).rename(folder / name.replace("campaign.toml", "appointment_reminders.toml"))
    monkeypatch.chdir(campaign.parent)
    documents = [dispatcher.__doc__, dispatcher.outcomes.__doc__, dispatcher.outcome_chunks.__doc__]
    examples = [example.source for text in documents for example in doctest.DocTestParser().get_examples(text or "")]

    names: dict[str, object] = {}
    for source in examples:
        exec(source, names)  # noqa: S102 - the documentation's own lines

    assert names["failed"] == 1
    assert examples[0] == "import dispatcher\n"
