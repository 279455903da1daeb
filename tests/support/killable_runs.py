"""Starts the real program in processes of its own, on a campaign in a folder of its own, and kills it.

Loading the program's libraries takes a second, which forty kills cannot afford: one process loads them and
forks for each run. What runs is ``dispatcher.cli.main`` in a process that can be killed like any other.
"""

import contextlib
import csv
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from tests.support.child_faults import Twist, lift_limit, shorten_silence
from tests.support.hostile_server import Fate, Line, read_journal
from tests.support.ledger_check import Case, Figures, judge, keys_in, read_rows

CANARY_KEY = "canary-key-5f1d9c"
IN_AIR_MAX = 8
PATIENCE_S = 30.0
HEADER = ("Phone", "First name", "Appointment ID", "Clinic")
_ROOT = Path(__file__).parents[2]
_PRIVATE = ("show", "preview", "export")  # these print whole numbers on purpose
_FAST: tuple[Twist, ...] = (partial(lift_limit, IN_AIR_MAX), partial(shorten_silence, 0.5))

Person = dict[str, str]


def make_people(count: int, first: int = 0) -> list[Person]:
    """Return fictional people; the numbers are those set aside for drama: +44 7700 900000 to 900999."""
    assert first + count <= 1000
    return [
        {
            "Phone": f"+44 7700 900{number:03}",
            "First name": f"Person {number}",
            "Appointment ID": f"A-{number}",
            "Clinic": "Harbour",
        }
        for number in range(first, first + count)
    ]


def wait_until(condition: Callable[[], bool], what: str, *, within_s: float = PATIENCE_S) -> None:
    """Wait for something another process does."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {within_s} s: {what}"
        time.sleep(0.002)


def nursery() -> ForkServerContext:
    """Return what forks the runs: a process that has loaded the program and nothing else has happened in."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "tests.support.preloaded"])
    return context


def _live(argv: Sequence[str], twists: Sequence[Twist], out: Path, environment: Mapping[str, str]) -> None:
    """Be the program: what a forked process does from beginning to end."""
    for number, name in ((1, "out"), (2, "err")):
        descriptor = os.open(out.with_suffix(f".{name}"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, number)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    for twist in twists:
        twist()
    from dispatcher.cli import main

    code = main(argv)
    sys.stdout.flush()
    sys.exit(code)


@dataclass
class Life:
    """One run of the program, alive or over."""

    process: ForkServerProcess
    path: Path
    command: str

    @property
    def pid(self) -> int:
        """The process id."""
        assert self.process.pid is not None
        return self.process.pid

    @property
    def out(self) -> str:
        """What it printed as its result so far."""
        return _read(self.path.with_suffix(".out"))

    @property
    def err(self) -> str:
        """What else it said so far."""
        return _read(self.path.with_suffix(".err"))

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self.process.exitcode is not None

    @property
    def is_stopped(self) -> bool:
        """Whether the process is there and stands still after SIGSTOP."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power button would, without a word; wait until it is gone."""
        self.process.kill()
        self.process.join(PATIENCE_S)

    def end(self, within_s: float = PATIENCE_S) -> int:
        """Wait for its end and return the exit code, negative for the signal that killed it."""
        self.process.join(within_s)
        if self.process.exitcode is None:
            self.kill()
            raise AssertionError(f"still running after {within_s} s\n{self.out}\n{self.err}")
        return self.process.exitcode


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


@dataclass
class Scene:
    """A folder with a campaign, its sheet, its ledger, and a judge that plays AI Studio.

    Attributes:
        folder: where all of it is.
        seed: of a hostile judge; None is a friendly one.
        script: fates of the first requests by key.
        latency_s: how long the judge takes for each answer.
        settings: lines of the campaign file that are not the usual ones, by name.
        journal_from: where in the journal this scene begins, in bytes.
    """

    folder: Path
    seed: int | None = None
    script: Mapping[str, Sequence[Fate]] = field(default_factory=dict)
    latency_s: float = 0.0
    settings: Mapping[str, str] = field(default_factory=dict)
    lives: list[Life] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    everybody: set[str] = field(default_factory=set)
    kills: int = 0
    endpoint: str = ""
    journal_path: Path = Path()
    journal_from: int = 0

    def __post_init__(self) -> None:
        """Give the scene a journal of its own."""
        self.journal_path = self.folder / "journal.jsonl"

    def join(self, host: "Scene") -> None:
        """Send to the judge of another scene, and see of its journal what comes from now on."""
        self.endpoint, self.journal_path = host.endpoint, host.journal_path
        self.journal_from = self.journal_path.stat().st_size if self.journal_path.exists() else 0
        self.write_campaign()

    @property
    def campaign_path(self) -> Path:
        """The campaign file."""
        return self.folder / "campaign.toml"

    @property
    def sheet_path(self) -> Path:
        """The recipients file."""
        return self.folder / "people.csv"

    @property
    def ledger_path(self) -> Path:
        """The ledger."""
        return self.folder / "ledger.db"

    @property
    def journal(self) -> list[Line]:
        """What arrived at the judge so far."""
        return read_journal(self.journal_path, self.journal_from)

    @contextlib.contextmanager
    def judged(self) -> Iterator["Scene"]:
        """Run the judge in a process of its own, and write the campaign that sends to it."""
        server = [sys.executable, "-m", "tests.support.hostile_server"]
        arguments = [*server, str(self.journal_path), "--latency", str(self.latency_s)]
        arguments += ["--script", json.dumps(self.script)]
        arguments += ["--seed", str(self.seed)] if self.seed is not None else []
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as process:
            assert process.stdout is not None
            self.endpoint = f"http://127.0.0.1:{int(process.stdout.readline())}/messaging/conversation"
            self.write_campaign()
            try:
                yield self
            finally:
                for life in self.lives:
                    if not life.is_over:
                        life.kill()
                process.kill()

    def rescript(self, script: Mapping[str, Sequence[Fate]]) -> None:
        """Give the judge other fates for the requests to come."""
        body = json.dumps({"script": script}).encode()
        request = urllib.request.Request(self.endpoint, data=body, method="POST")  # noqa: S310  # loopback
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310  # loopback
            assert answer.status == 200

    def write_campaign(self, **settings: str) -> None:
        """Write the campaign file; ``settings`` replace the usual values, written as TOML."""
        values = {
            "key": '"{appointment id}"',
            "limit": "5",
            "warm_up": '"0s"',
            "recipients": '"people.csv"',
            **self.settings,
            **settings,
        }
        self.campaign_path.write_text(_CAMPAIGN.format(endpoint=self.endpoint, **values), encoding="utf-8")

    def write_sheet(self, people: Sequence[Person]) -> None:
        """Save the sheet as Excel does: a new file takes the place of the old one."""
        self.people = list(people)
        self.everybody |= {person["Phone"].replace(" ", "").lstrip("+") for person in people}
        unfinished = self.sheet_path.with_suffix(".tmp")
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, HEADER)
            writer.writeheader()
            writer.writerows(people)
        unfinished.replace(self.sheet_path)

    def start(self, command: str, *options: str, twists: Sequence[Twist] = (), fast: bool = True) -> Life:
        """Start a command of the program on the campaign; ``fast`` lifts the limit."""
        argv = [command, str(self.campaign_path), *options]
        path = self.folder / f"life-{len(self.lives):04}"
        environment = {"PATH": os.environ["PATH"], "DISPATCHER_API_KEY": CANARY_KEY, "LANG": "C.UTF-8"}
        arguments = (argv, (*(_FAST if fast else ()), *twists), path, environment)
        process = nursery().Process(target=_live, args=arguments)
        process.start()
        self.lives.append(Life(process, path, command))
        return self.lives[-1]

    def run(self, command: str, *options: str, twists: Sequence[Twist] = (), fast: bool = True) -> int:
        """Run a command to its end and return the exit code."""
        code = self.start(command, *options, twists=twists, fast=fast).end()
        self.kills += code == -signal.SIGKILL
        return code

    def ask(self, command: str, *options: str) -> dict[str, Any]:
        """Run a command with --json and return what it answers."""
        life = self.start(command, "--json", *options)
        life.end()
        answer: dict[str, Any] = json.loads(life.out)
        return answer

    @property
    def states(self) -> dict[str, str]:
        """The state of every row with a key."""
        return {row.key: row.state for row in read_rows(self.ledger_path) if row.key is not None}

    def arrivals(self, key: str) -> list[Mapping[str, Any]]:
        """Return the bodies that were accepted for a key."""
        return [line.body for line in self.journal if line.key == key and line.verdict == "accepted"]

    def kill(self, life: Life) -> set[str]:
        """Kill a run; return the keys it leaves in ``sending``."""
        life.kill()
        self.kills += life.end() == -signal.SIGKILL
        return keys_in(self.ledger_path, "sending")

    def count_arrivals(self) -> int:
        """Return how many lines the journal has; quicker than reading them."""
        return self.journal_path.read_bytes().count(b"\n") if self.journal_path.exists() else 0

    def judge(
        self,
        exit_code: int | None = None,
        *,
        resent: Mapping[str, int] | None = None,
        decided: Collection[str] = (),
    ) -> Figures:
        """Let the checker decide about everything that happened here so far."""
        case = Case(
            exit_code=exit_code,
            sheet_rows=len(self.people),
            kills=self.kills,
            in_air_max=IN_AIR_MAX,
            resent=resent or {},
            decided=decided,
            outputs=[text for life in self.lives if life.command not in _PRIVATE for text in (life.out, life.err)],
            secrets={CANARY_KEY, *self.everybody},
        )
        return judge(self.ledger_path, self.journal, case)


_CAMPAIGN = """
name = "proof"
recipients = {recipients}
status_url = "https://hooks.example.com/whatsapp"
[agent]
id = "66c0ec5d5cd447cc0bafda3b"
region = "eu"
sessions_per_second = {limit}
warm_up = {warm_up}
endpoint = "{endpoint}"
[recipient]
to = "{{phone}}"
key = {key}
[template]
namespace = "0f5f3c7e_8a51_4b0c_9c7d_2a6b1e4d9f30"
name = "appointment_reminder"
locale = "en"
body = ["{{first name}}", "{{clinic}}"]
[session_parameters]
KEY = {key}
"""
