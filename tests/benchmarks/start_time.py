"""How soon the program answers: whole processes as multiples of ``python -c pass``, taken in turn, pair by pair.

``python -m tests.benchmarks.start_time`` prints a table in Markdown. In an editable install Python itself imports a
dozen modules at every start to find the project, which flatters the multiples: ``--python`` names the interpreter
of a plain install (``pip install .`` in a fresh environment), to be run from this folder.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.stage import describe_machine, write_campaign

ROWS = 6


@dataclass(frozen=True)
class Multiple:
    """One command against ``python -c pass``: medians over all pairs, and the range of the multiple."""

    milliseconds: float
    times: float
    least: float
    most: float


def time_process(python: str, *words: str) -> float:
    """Return the seconds from the start of a process to its end."""
    started_s = time.perf_counter()
    subprocess.run([python, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started_s


def compare(python: str, words: list[str], runs: int) -> Multiple:
    """Run the program and ``python -c pass`` in turn, once each for the caches and then ``runs`` times."""
    pairs = [
        (time_process(python, "-m", "dispatcher", *words), time_process(python, "-c", "pass")) for _ in range(runs + 1)
    ]
    multiples = [program_s / pass_s for program_s, pass_s in pairs[1:]]
    median_ms = 1000 * statistics.median(program_s for program_s, _ in pairs[1:])
    return Multiple(median_ms, statistics.median(multiples), min(multiples), max(multiples))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="the interpreter to start")
    parser.add_argument("--runs", type=int, default=21)
    arguments = parser.parse_args()
    print(f"{describe_machine('click', 'SQLAlchemy', 'pydantic')}\n")
    print(f"| command, {ROWS} rows | ms | times `python -c pass` | least to most |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        campaign_path = write_campaign(Path(name), "six", endpoint="http://127.0.0.1:9", rows=ROWS)
        campaign, ledger = str(campaign_path), str(campaign_path.with_name("ledger.sandbox.db"))
        rehearsal = [arguments.python, "-m", "dispatcher", "send", "--sandbox", "--quiet", campaign]
        subprocess.run(rehearsal, check=True)
        for told, words in (
            ("--help", ["--help"]),
            ("status", ["status", "--ledger", ledger]),
            ("status CAMPAIGN", ["status", "--sandbox", campaign]),
            ("check CAMPAIGN", ["check", "--sandbox", campaign]),
        ):
            found = compare(arguments.python, words, arguments.runs)
            print(f"| {told} | {found.milliseconds:.0f} | {found.times:.1f} | {found.least:.1f} to {found.most:.1f} |")


if __name__ == "__main__":
    main()
