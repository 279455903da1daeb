"""Scenario 12: any sequence of loads, sends, answers, crashes, restarts, retries and decisions, against a small model.

Everything is real: the program in a process of its own, its ledger, the judge over loopback. The model knows of each
person where it stands and how often it may have got a message; a crash leaves it a choice, which the ledger decides.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from dispatcher.models import Outcome
from tests.support.child_faults import Twist, die_after_statement, die_before_call, lift_limit, set_constant
from tests.support.hostile_server import Fate
from tests.support.killable_runs import Person, Scene, make_people

SEQUENCES, LONG_SEQUENCES, STEPS = 50, 5_000, 6
PEOPLE = 5
RAM = Path("/dev/shm")  # noqa: S108  # a kill keeps what the kernel has, so memory is as good as a disk here
TWISTS: tuple[Twist, ...] = (
    partial(lift_limit, 1),
    partial(set_constant, "dispatcher.pipeline.queue", "_TRIES", {Outcome.UNSENT: 3, Outcome.THROTTLED: 1}),
)
WAITING = ("pending", "retryable")
AFTER = {
    Fate.ACCEPT: ("accepted", 1),
    Fate.THROTTLE: ("retryable", 0),
    Fate.REFUSE: ("failed", 0),
    Fate.ERROR_DONE: ("in_doubt", 1),
    Fate.ERROR_UNDONE: ("in_doubt", 0),
    Fate.CLOSE_DONE: ("in_doubt", 1),
    Fate.CLOSE_UNDONE: ("in_doubt", 0),
}
"""What each fate makes of a row, and how many messages it means."""

fates = st.lists(st.sampled_from([Fate.ACCEPT, *AFTER]), min_size=PEOPLE, max_size=PEOPLE)
sheets = st.lists(st.integers(0, PEOPLE - 1), unique=True, min_size=3)
crashes: st.SearchStrategy[Twist] = st.one_of(
    st.builds(
        lambda name, nth: partial(die_before_call, name[0], name[1], nth),
        st.sampled_from(
            [
                ("dispatcher.ledger:Writer", "intend"),
                ("dispatcher.studio.client:Studio", "send"),
                ("dispatcher.ledger:Writer", "conclude"),
            ]
        ),
        st.integers(1, 3),
    ),
    st.builds(
        lambda statement, nth: partial(die_after_statement, statement, nth),
        st.sampled_from(["INSERT INTO recipients", "UPDATE recipients", "UPDATE attempts", "UPDATE campaigns"]),
        st.integers(1, 3),
    ),
)


class Promise(RuleBasedStateMachine):
    """One campaign of five people, its sheet, its ledger, and what the model knows of it."""

    host: ClassVar[Scene]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = self.stack.enter_context(TemporaryDirectory(dir=RAM if RAM.is_dir() else None))
        self.scene = Scene(Path(folder))
        self.scene.join(self.host)
        self.states: dict[str, str] = {}
        self.arrived: Counter[str] = Counter()
        self.resent: Counter[str] = Counter()
        self.decided: set[str] = set()
        self.sheet: list[str] = []
        self.clinic = ""

    def edit(self, numbers: list[int], version: int) -> None:
        """Save the sheet with these people in this order."""
        self.clinic = f"Clinic {version}"
        people: list[Person] = [make_people(PEOPLE)[number] | {"Clinic": self.clinic} for number in numbers]
        self.scene.write_sheet(people)
        self.sheet = [person["Appointment ID"] for person in people]

    @rule(
        numbers=sheets,
        version=st.integers(0, 2),
        chosen=fates,
        command=st.sampled_from(["send", "retry"]),
        crash=st.none() | crashes,
    )
    def send(self, numbers: list[int], version: int, chosen: list[Fate], command: str, crash: Twist | None) -> None:
        """Somebody sorts, inserts, removes, corrects; then a run to its end or to its death."""
        self.edit(numbers, version)
        self.script(chosen)
        predicted, before = self.predict(chosen, command), self.scene.kills
        if command == "retry":  # who resolved a doubt as failed and then retries asks for a second message
            self.resent.update(key for key in self.decided if self.states.get(key) == "failed")

        code = self.scene.run(command, twists=TWISTS if crash is None else (*TWISTS, crash))

        if self.scene.kills == before:
            self.hold_against(predicted)
            assert code == self.expected_code()
        else:
            self.hold_against_any(predicted, command)

    def hold_against(self, predicted: dict[str, tuple[str | None, int]]) -> None:
        """After a run that was not disturbed every row stands where its fate puts it."""
        for key, (state, messages) in predicted.items():
            assert self.scene.states.get(key) == state, key
            self.arrived[key] += messages
        self.adopt()

    def hold_against_any(self, predicted: dict[str, tuple[str | None, int]], command: str) -> None:
        """After a kill every row stands where it stood, in the air, or where its fate puts it."""
        now = self.scene.states
        for key, (state, messages) in predicted.items():
            assert now.get(key) in {self.states.get(key), self.loaded(key, command), "sending", state}, key
            arrived = len(self.scene.arrivals(key))
            assert self.arrived[key] <= arrived <= self.arrived[key] + messages, key
            assert arrived > self.arrived[key] or messages == 0 or now.get(key) != state or state != "accepted", key
            self.arrived[key] = arrived
        assert sum(state == "sending" for state in now.values()) <= 2
        self.adopt()

    @rule(decision=st.sampled_from(["accepted", "failed", "pending"]))
    def resolve(self, decision: str) -> None:
        """A person decides about every row in doubt."""
        if not self.states:
            return
        assert self.scene.run("resolve", "--as", decision, "--yes") == 0

        doubts = {key for key, state in self.states.items() if state == "in_doubt"}
        self.states |= dict.fromkeys(doubts, decision)
        self.decided |= doubts
        self.resent.update(doubts if decision == "pending" else ())
        assert self.scene.states == self.states

    @rule(numbers=sheets)
    def check(self, numbers: list[int]) -> None:
        """`check` writes nothing and counts who is new and who would be withdrawn."""
        self.edit(numbers, 0)
        changes = self.scene.ask("check")["changes"]

        assert changes.get("new", 0) == sum(key not in self.states for key in self.sheet)
        gone = [key for key, state in self.states.items() if state in WAITING and key not in self.sheet]
        assert changes["withdrawn"] == len(gone)
        assert self.scene.states == self.states

    def teardown(self) -> None:
        """Whatever happened: one more run, and the judge decides."""
        if self.sheet:
            self.script([Fate.ACCEPT] * PEOPLE)
            code = self.scene.run("send", twists=TWISTS)
            self.scene.judge(code, resent=self.resent, decided=self.decided)
        self.stack.close()

    def script(self, chosen: list[Fate]) -> None:
        """Tell the judge what to do with each person's next request."""
        self.host.rescript({f"A-{number}": [fate] for number, fate in enumerate(chosen)})

    def loaded(self, key: str, command: str) -> str | None:
        """Return where a row stands once the sheet is loaded and before anything is sent."""
        state = self.states.get(key)
        if key not in self.sheet:
            return "withdrawn" if state in WAITING else "in_doubt" if state == "sending" else state
        if state in (None, "withdrawn"):
            return "pending"
        if state == "failed" and command == "retry":
            return "pending"
        return "in_doubt" if state == "sending" else state

    def predict(self, chosen: list[Fate], command: str) -> dict[str, tuple[str | None, int]]:
        """Return where each row must stand after a run that is not disturbed, and its new messages."""
        after: dict[str, tuple[str | None, int]] = {}
        for number, fate in enumerate(chosen):
            state = self.loaded(f"A-{number}", command)
            after[f"A-{number}"] = AFTER[fate] if state in WAITING else (state, 0)
        return after

    def adopt(self) -> None:
        """Take over where the rows stand, and hold the journal against it."""
        self.states = self.scene.states
        for key in self.states:
            arrivals = self.scene.arrivals(key)
            assert len(arrivals) == self.arrived[key] <= 1 + self.resent[key], key

    def expected_code(self) -> int:
        """Return what a run that was not disturbed must end with."""
        open_states = {state for key, state in self.states.items() if key in self.sheet or state == "in_doubt"}
        if open_states & {"failed", "in_doubt"}:
            return 6
        return 5 if "retryable" in open_states else 0


@pytest.fixture
def host(tmp_path: Path) -> Iterator[None]:
    """One judge for all sequences."""
    with Scene(tmp_path).judged() as Promise.host:
        yield


def explore(sequences: int) -> None:
    """Run so many sequences; a failing one is printed as the program that repeats it."""
    chosen = settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        deadline=None,
        phases=[Phase.generate],  # making a failing sequence smaller would start thousands of processes
        derandomize=sequences == SEQUENCES,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Promise, settings=chosen)


@pytest.mark.usefixtures("host")
def test_any_sequence_keeps_the_promise() -> None:
    """Fifty sequences, the same ones each time."""
    explore(SEQUENCES)


@pytest.mark.long
@pytest.mark.usefixtures("host")
def test_five_thousand_sequences_keep_the_promise() -> None:
    """The long form, other sequences each time."""
    explore(LONG_SEQUENCES)
