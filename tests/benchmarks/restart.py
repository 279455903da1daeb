"""Kill the program and start it again at limit 5: refusals, and the time to the first request.

``python -m tests.benchmarks.restart`` prints tables in Markdown. *Restart*: the whole program is killed with
SIGKILL in the middle of a campaign and started again at once, against a strict sliding window that has seen
the calls before. *Unchanged*: ``send`` on a campaign that is fully loaded, here of 1,000,000 rows, from the
start of the process to the first request. Loading them first takes minutes;
``--rows`` asks for fewer.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.lean_server import UNLIMITED
from tests.benchmarks.simulate import Tally
from tests.benchmarks.stage import API_KEY, describe_machine, fetch_tallies, lean_server, write_campaign

LIMIT = 5
LEG_S = 0.005
GOAL_S = 2.0
PATIENCE_S = 30.0
LOADING_PATIENCE_S = 1_200.0


@dataclass(frozen=True)
class Start:
    """One start of the program after a kill; moments of the machine's monotonic clock.

    Attributes:
        began_at_s: when the process was started.
        first_at_s: when its first request left, a leg before it arrived.
        window_at_s: when the server had room again for a call.
    """

    began_at_s: float
    first_at_s: float
    window_at_s: float

    @property
    def took_s(self) -> float:
        """From the start of the process to the first request."""
        return self.first_at_s - self.began_at_s

    @property
    def demanded_s(self) -> float:
        """How much of that the server's window demanded."""
        return max(0.0, self.window_at_s - self.began_at_s)


def start_program(campaign_path: Path) -> "subprocess.Popen[bytes]":
    """Start ``dispatcher send`` as a person would, in a process of its own."""
    command = [sys.executable, "-m", "dispatcher", "send", "--yes", "--quiet", str(campaign_path)]
    environment = os.environ | {"DISPATCHER_API_KEY": API_KEY}
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def wait_for_call(address: str, path: str, since_s: float, patience_s: float = PATIENCE_S) -> tuple[float, Tally]:
    """Wait for a call after a moment; return when it arrived, and everything that was counted."""
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        tally = fetch_tallies(address).get(path, Tally())
        later = [at_s for at_s in sorted(tally.accepted_at_s + tally.refused_at_s) if at_s > since_s]
        if later:
            return later[0], tally
        time.sleep(0.05)
    raise RuntimeError(f"no request within {patience_s:.0f} seconds")


def restart_often(kills: int) -> tuple[list[Start], Tally]:
    """Kill and start again so many times; return the starts and what the server counted in all."""
    starts, rng = [], random.Random(1)
    path = f"/sliding/{LIMIT}/5ms/restart"
    with tempfile.TemporaryDirectory() as name, lean_server() as address:
        campaign_path = write_campaign(Path(name), "restart", endpoint=address + path, rows=LIMIT * 10 * kills)
        program = start_program(campaign_path)
        wait_for_call(address, path, 0.0)
        for _ in range(kills):
            time.sleep(rng.uniform(1.5, 3.0))
            program.kill()
            program.wait()
            counted_at_s = fetch_tallies(address)[path].accepted_at_s
            began_at_s = time.monotonic()
            program = start_program(campaign_path)
            first_at_s, tally = wait_for_call(address, path, counted_at_s[-1])
            starts.append(Start(began_at_s, first_at_s - LEG_S, counted_at_s[-LIMIT] + 1))
        program.kill()
        program.wait()
        tally = fetch_tallies(address)[path]
    return starts, tally


def print_restarts(starts: list[Start], tally: Tally) -> None:
    """Print the table of restarts."""
    over_s = [start.took_s - start.demanded_s for start in starts]
    figures: list[tuple[str, Callable[[Start], float]]] = [
        ("start of the process to first request", lambda start: start.took_s),
        ("of that, until the window had room", lambda start: start.demanded_s),
        ("over what the window demands", lambda start: start.took_s - start.demanded_s),
    ]
    print("| seconds | median | worst | of the goal (worst) |")
    print("|---|---|---|---|")
    for words, figure in figures:
        values = [figure(start) for start in starts]
        share = f"{100 * max(values) / GOAL_S:.0f} %" if words.startswith("over") else ""
        print(f"| {words} | {statistics.median(values):.2f} | {max(values):.2f} | {share} |")
    kept = sum(value <= GOAL_S for value in over_s)
    refused, calls = len(tally.refused_at_s), len(tally.refused_at_s) + len(tally.accepted_at_s)
    print(f"\n{len(starts)} kills: {refused} of {calls} calls refused; ", end="")
    print(f"within {GOAL_S:.0f} s plus what the window demands: {100 * kept / len(starts):.0f} %.\n")


def start_unchanged(rows: int, runs: int) -> list[float]:
    """Load a campaign, then start on it again and again; return the seconds to the first request of each."""
    took_s = []
    with tempfile.TemporaryDirectory() as name, lean_server() as address:
        campaign_path = write_campaign(Path(name), "unchanged", endpoint=address + UNLIMITED, rows=rows)
        last_at_s = _run_to_first_call(campaign_path, address, 0.0, LOADING_PATIENCE_S)[1]
        for _ in range(runs):
            time.sleep(2.0)  # the window of the run before must be empty: it is not what is measured here
            seconds, last_at_s = _run_to_first_call(campaign_path, address, last_at_s, PATIENCE_S)
            took_s.append(seconds)
    return took_s


def _run_to_first_call(campaign_path: Path, address: str, since_s: float, patience_s: float) -> tuple[float, float]:
    """Start, kill after the first request; return the seconds to that, and when the last call arrived."""
    began_at_s = time.monotonic()
    program = start_program(campaign_path)
    try:
        first_at_s, _ = wait_for_call(address, UNLIMITED, since_s, patience_s)
    finally:
        program.kill()
        program.wait()
    return first_at_s - began_at_s, fetch_tallies(address)[UNLIMITED].accepted_at_s[-1]


def print_unchanged(rows: int, took_s: list[float]) -> None:
    """Print the table of starts on a loaded campaign."""
    print("| rows, all loaded, file unchanged | to the first request, median s | worst s | of the goal (median) |")
    print("|---|---|---|---|")
    median_s = statistics.median(took_s)
    print(f"| {rows} | {median_s:.2f} | {max(took_s):.2f} | {100 * median_s / GOAL_S:.0f} % |")


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", choices=("restart", "unchanged"), help="measure only this")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the campaign that is loaded already")
    parser.add_argument("--runs", type=int, default=5, help="starts on the loaded campaign")
    arguments = parser.parse_args()
    print(describe_machine("aiohttp", "SQLAlchemy", "pydantic"), end="\n\n")
    if arguments.only != "unchanged":
        print_restarts(*restart_often(arguments.kills))
    if arguments.only != "restart":
        print_unchanged(arguments.rows, start_unchanged(arguments.rows, arguments.runs))


if __name__ == "__main__":
    main()
