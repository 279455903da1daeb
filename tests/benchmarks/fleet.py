"""Two hundred agents at 5 sessions a second in one process, intent and outcome durable, and the ceiling above.

``python -m tests.benchmarks.fleet`` prints tables in Markdown. *Fleet*: one ``send`` of as many campaigns as
agents against a strict sliding window for each, in a process of its own; the ideal is 5 sessions a second and
agent. *Ceiling*: the same program with the limits lifted; then with group commit taken out, each intent and
each outcome a transaction of its own; then task queues that do one POST a task. Takes three to four minutes.
"""

import argparse
import importlib.metadata
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from dispatcher.campaign import load_campaign
from dispatcher.channels import CHANNELS
from dispatcher.errors import ExitCode
from dispatcher.ledger import writer as ledger_writer
from dispatcher.models import Campaign
from dispatcher.pipeline import Plan, RowDone, SendOptions, StopSwitch, send
from dispatcher.pipeline.progress import Progress
from tests.benchmarks.lean_server import UNLIMITED
from tests.benchmarks.simulate import Tally
from tests.benchmarks.stage import API_KEY, describe_machine, fetch_tallies, lean_server, write_campaign
from tests.benchmarks.strict_server import LATENCIES
from tests.benchmarks.task_queues import WORKERS, measure

LIMIT = 5
LIFTED_LIMIT = 1_000
CEILING_AGENTS = 10
GOAL_PER_S = 3_000
RIVAL_TASKS = 3_000
SETTLING_S = 5.0
"""The first seconds of a run are told apart: an agent that nothing is known of yet is sent to with care."""


@dataclass
class Watch:
    """Notes wall clock and CPU time of the process as rows are done, twice a second."""

    confirmed: tuple[float, float] = (0.0, 0.0)
    samples: list[tuple[float, float]] = field(default_factory=list)

    def confirm(self, plans: list[Plan]) -> bool:
        """Say yes: everything is loaded, and sending begins."""
        self.confirmed = (time.monotonic(), time.process_time())
        return True

    def see(self, event: Progress) -> None:
        """Note the two clocks."""
        if isinstance(event, RowDone) and (not self.samples or time.monotonic() - self.samples[-1][0] >= 0.5):
            self.samples.append((time.monotonic(), time.process_time()))

    def cpu_share(self, since_s: float, until_s: float) -> float:
        """Return CPU seconds a second, all threads, from one moment of the monotonic clock to another."""
        within = [sample for sample in self.samples if since_s <= sample[0] <= until_s]
        (first_s, first_cpu_s), (last_s, last_cpu_s) = within[0], within[-1]
        return (last_cpu_s - first_cpu_s) / (last_s - first_s)


def run_send(campaigns: list[Campaign], folder: Path) -> tuple[ExitCode, Watch]:
    """Load and send campaigns in this process, watching its clocks."""
    watch = Watch()
    order = SendOptions(tuple(campaigns), folder / "ledger.db", API_KEY, today=datetime.now(UTC).date(), warm_up=False)
    code = send(order, on_progress=watch.see, stop=StopSwitch(), confirm=watch.confirm)
    return code, watch


def measure_fleet(agents: int, seconds: int, latency: str) -> None:
    """Send at the approved limits and print the table."""
    with tempfile.TemporaryDirectory() as name, lean_server() as address:
        folder = Path(name)
        endpoints = [f"{address}/sliding/{LIMIT}/{latency}/{number}" for number in range(agents)]
        paths = [
            write_campaign(folder, f"fleet-{number}", endpoint=endpoint, rows=LIMIT * seconds)
            for number, endpoint in enumerate(endpoints)
        ]
        code, watch = run_send([load_campaign(path, CHANNELS) for path in paths], folder)
        tallies = fetch_tallies(address)
    print_fleet(list(tallies.values()), watch, seconds, code)


def print_fleet(tallies: list[Tally], watch: Watch, seconds: int, code: ExitCode) -> None:
    """Print what the server counted against the ideal, settling and settled."""
    began_s = min(tally.accepted_at_s[0] for tally in tallies)
    refused = sum(len(tally.refused_at_s) for tally in tallies)
    print("| part of the run | sessions/s | ideal | share | worst agent | refused | CPU s a second |")
    print("|---|---|---|---|---|---|---|")
    for words, since_s, until_s in (
        ("whole", 0.0, float(seconds)),
        (f"after {SETTLING_S:.0f} s", SETTLING_S, float(seconds)),
    ):
        counts = [
            sum(began_s + since_s <= at_s < began_s + until_s for at_s in tally.accepted_at_s) for tally in tallies
        ]
        ideal = LIMIT * (until_s - since_s)
        cpu = watch.cpu_share(began_s + since_s, began_s + until_s)
        print(
            f"| {words} | {sum(counts) / (until_s - since_s):.0f} | {LIMIT * len(tallies)} "
            f"| {100 * sum(counts) / ideal / len(tallies):.1f} % | {100 * min(counts) / ideal:.1f} % "
            f"| {refused} | {cpu:.2f} |"
        )
    sent = sum(len(tally.accepted_at_s) for tally in tallies)
    print(f"\n{len(tallies)} agents, {sent} rows accepted, exit code {int(code)}.\n")


def measure_ceiling(agents: int, rows: int, *, group_commit: bool = True) -> tuple[float, float]:
    """Send with limits lifted; return rows a second, and CPU milliseconds of this process a row."""
    with tempfile.TemporaryDirectory() as name, lean_server() as address:
        folder = Path(name)
        paths = [
            write_campaign(folder, f"lifted-{number}", endpoint=address + UNLIMITED, rows=rows // agents)
            for number in range(agents)
        ]
        campaigns = [_lift(load_campaign(path, CHANNELS)) for path in paths]
        with _each_alone() if not group_commit else nullcontext():
            _, watch = run_send(campaigns, folder)
        arrived_at_s = fetch_tallies(address)[UNLIMITED].accepted_at_s
    rate = (len(arrived_at_s) - 1) / (arrived_at_s[-1] - arrived_at_s[0])
    return rate, 1000 * watch.cpu_share(arrived_at_s[0], arrived_at_s[-1]) / rate


def _lift(campaign: Campaign) -> Campaign:
    return replace(campaign, agent=replace(campaign.agent, limit=LIFTED_LIMIT))


@contextmanager
def _each_alone() -> Iterator[None]:
    """Take group commit out: every intent and every outcome is a transaction of its own."""
    with patch.object(ledger_writer, "_split", lambda jobs: ([job] for job in jobs)):
        yield


def print_ceiling(rows: int, runs: int) -> None:
    """Measure the ceiling and print the table: the median of some runs, and what each of them gave."""
    print("| one process, one POST a row | rows/s, median | of the goal | runs | CPU ms a row |")
    print("|---|---|---|---|---|")
    for words, group_commit, count in (
        ("dispatcher, intent and outcome durable", True, rows),
        ("the same, group commit taken out", False, rows // 5),
    ):
        results = [measure_ceiling(CEILING_AGENTS, count, group_commit=group_commit) for _ in range(runs)]
        print_rates(words, [rate for rate, _ in results], f"{statistics.median(cpu_ms for _, cpu_ms in results):.2f}")


def print_rivals(tasks: int, runs: int) -> None:
    """Measure the task queues and print their lines of the same table."""
    with tempfile.TemporaryDirectory() as name:
        for library in WORKERS:
            rates = [rate for _ in range(runs) if (rate := measure(library, tasks, Path(name))) is not None]
            if rates:
                print_rates(f"{library} {importlib.metadata.version(library)}, nothing durable", rates, "")
            else:
                print(f"| {library} | not installed, or did not start | | | |")


def print_rates(words: str, rates: list[float], cpu_ms: str) -> None:
    """Print one line of the table."""
    rate = statistics.median(rates)
    listed = ", ".join(f"{each:.0f}" for each in rates)
    print(f"| {words} | {rate:.0f} | {100 * rate / GOAL_PER_S:.0f} % | {listed} | {cpu_ms} |", flush=True)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", choices=("fleet", "ceiling", "rivals"), help="measure only this")
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60, help="how long the fleet sends")
    parser.add_argument("--latency", choices=LATENCIES, default="5ms", help="each way, as strict_server has them")
    parser.add_argument("--rows", type=int, default=15_000, help="of one run at the ceiling")
    parser.add_argument("--runs", type=int, default=3, help="at the ceiling, for the median")
    arguments = parser.parse_args()
    print(describe_machine("aiohttp", "SQLAlchemy", "aiolimiter"), end="\n\n")
    if arguments.only in (None, "fleet"):
        measure_fleet(arguments.agents, arguments.seconds, arguments.latency)
    if arguments.only in (None, "ceiling"):
        print_ceiling(arguments.rows, arguments.runs)
    if arguments.only in (None, "rivals"):
        print_rivals(RIVAL_TASKS, arguments.runs)


if __name__ == "__main__":
    main()
