"""What three parts of the loader buy, each measured against the plain thing it stands for.

Run it with ``python -m tests.benchmarks.loader_parts``. For each part ``dispatcher check`` reads one file in turns with
it and without it, each time in a process of its own; what is printed is the median of the turns' ratios, in processor
time and peak memory. Without ``first rows`` a dictionary remembers which row had which key; without ``plain numbers``
phonenumbers reads every number; without ``shared texts`` openpyxl reads those of a workbook.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.check_size import check_with_dispatcher, read_peak_mb, write_csv, write_xlsx


class PlainRows:
    """``FirstRows`` with a dictionary."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, key: str) -> int | None:
        """Return the number of the row that has ``key``, or None."""
        return self._rows.get(key)

    def add(self, key: str, row_number: int) -> int | None:
        """Remember that ``row_number`` has ``key``; return the row that had it before, or None."""
        earlier = self._rows.setdefault(key, row_number)
        return None if earlier == row_number else earlier


def leave_out_first_rows() -> None:
    """Let a dictionary remember keys and numbers."""
    from dispatcher.loader import sheet, suppression
    from dispatcher.loader.judging import facts, judge, opt_outs

    for module in (sheet, suppression, facts, judge, opt_outs):
        vars(module)["FirstRows"] = PlainRows


def leave_out_plain_numbers() -> None:
    """Let phonenumbers read every number."""
    from dispatcher.loader.values import phone_numbers

    vars(phone_numbers)["read_plain"] = lambda text: None


def leave_out_shared_texts() -> None:
    """Let openpyxl read the texts that cells share."""
    from openpyxl.reader.excel import ExcelReader

    from dispatcher.loader.formats import xlsx_workbook

    del xlsx_workbook._WorkbookReader.read_strings
    assert xlsx_workbook._WorkbookReader.read_strings is ExcelReader.read_strings


@dataclass(frozen=True)
class Part:
    """A part of the loader, how to leave it out, and the kind of file that shows what it buys."""

    name: str
    leave_out: Callable[[], None]
    ending: str


PARTS = (
    Part("first rows", leave_out_first_rows, ".csv"),
    Part("plain numbers", leave_out_plain_numbers, ".csv"),
    Part("shared texts", leave_out_shared_texts, ".xlsx"),
)


def run_one(part: str, path: Path) -> None:
    """Check a file, without a part if one is named; print processor seconds and peak megabytes."""
    for candidate in PARTS:
        if candidate.name == part:
            candidate.leave_out()
    started = time.process_time()
    check_with_dispatcher(path)
    print(time.process_time() - started, read_peak_mb())


def measure(part: str, path: Path) -> tuple[float, float]:
    """Return seconds and peak megabytes of one check in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.loader_parts", "--one", part, str(path)]
    seconds, megabytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), float(megabytes)


def compare(part: Part, path: Path, turns: int) -> None:
    """Measure with and without a part in turns; print a line of the table."""
    pairs = [(measure("none", path), measure(part.name, path)) for _ in range(turns)]
    with_s, with_mb = (statistics.median(told) for told in zip(*(pair[0] for pair in pairs), strict=True))
    without_s, without_mb = (statistics.median(told) for told in zip(*(pair[1] for pair in pairs), strict=True))
    ratio = statistics.median(without[0] / with_part[0] for with_part, without in pairs)
    print(
        f"| {part.name} | {path.name} | {with_s:.1f} s, {with_mb:.0f} MB |"
        f" {without_s:.1f} s, {without_mb:.0f} MB | {ratio:.2f} |",
        flush=True,
    )


def main() -> None:
    """Measure all parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("PART", "PATH"))
    parser.add_argument("--csv-rows", type=int, default=500_000)
    parser.add_argument("--xlsx-rows", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    if options.one:
        run_one(options.one[0], Path(options.one[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = {".csv": Path(folder, "recipients.csv"), ".xlsx": Path(folder, "recipients.xlsx")}
        write_csv(paths[".csv"], options.csv_rows)
        write_xlsx(paths[".xlsx"], options.xlsx_rows)
        print("| part | file | with it | without it | time without / with |\n|---|---|---|---|---:|")
        for part in PARTS:
            compare(part, paths[part.ending], options.turns)


if __name__ == "__main__":
    main()
