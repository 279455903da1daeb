"""Time and memory of `dispatcher check` on large files, against the plain use of the libraries underneath.

Run it with ``python -m tests.benchmarks.check_size``; each measurement is a process of its own, and its
memory is the peak resident set the operating system reports. Time is processor time, which other programs
hardly change; everything here runs in one thread. It ends with 1 when a limit is exceeded:

- a CSV of 1,000,000 rows within 150 MB, in at most 2 times what reading it with pandas in chunks and parsing
  each number with phonenumbers takes;
- an .xlsx of 100,000 rows in at most 1.3 times openpyxl's own read-only pass.
"""

import argparse
import contextlib
import csv
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

COLUMNS = ["phone", "first_name", "clinic", "date", "time", "patient_id", "opt_out", "language"]
MAX_CSV_MB, MAX_CSV_RATIO, MAX_XLSX_RATIO = 150.0, 2.0, 1.3


def make_rows(count: int) -> Iterator[list[str]]:
    """Yield made-up people; a third of the numbers without +, a tenth in brackets and dashes."""
    for index in range(count):
        digits = f"1202{2000000 + index % 8000000:07d}"
        plain = digits if index % 3 == 0 else f"+{digits}"
        phone = f"+1 ({digits[1:4]}) {digits[4:7]}-{digits[7:]}" if index % 10 == 9 else plain
        day = f"2026-12-{1 + index % 28:02d}"
        yield [phone, "Jos\u00e9", f"Clinic {index % 50}", day, "14:30", f"P{index:07d}", "", "en"]


def write_csv(path: Path, count: int) -> None:
    """Write ``count`` rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(make_rows(count))


def write_xlsx(path: Path, count: int) -> None:
    """Write ``count`` rows as a workbook, every third phone as a number and the days as date cells."""
    from datetime import date

    import xlsxwriter

    workbook = xlsxwriter.Workbook(path)
    sheet = workbook.add_worksheet()
    day_format = workbook.add_format({"num_format": "dd/mm/yyyy"})
    sheet.write_row(0, 0, COLUMNS)
    for number, row in enumerate(make_rows(count), start=1):
        sheet.write_row(number, 0, row)
        sheet.write_datetime(number, 3, date.fromisoformat(row[3]), day_format)
        if row[0].isdigit():
            sheet.write_number(number, 0, int(row[0]))
    workbook.close()


CAMPAIGN = """
name = "size"
recipients = "{recipients}"
status_url = "https://hooks.example.com/whatsapp"
[agent]
id = "66c0ec5d5cd447cc0bafda3b"
region = "eu"
[recipient]
to = "{{phone}}"
skip_if = {{ opt_out = ["x"] }}
[template]
namespace = "0f5f"
name = "appointment_reminder"
locale = "en"
body = ["{{first_name}}", "{{date:%d %B}}", "{{time}}"]
[session_parameters]
PATIENT_ID = "{{patient_id}}"
"""


def check_with_dispatcher(path: Path) -> int:
    """Run the whole ``dispatcher check`` on the file; return how many rows it found ready."""
    from dispatcher.cli import main

    campaign = path.with_suffix(".toml")
    campaign.write_text(CAMPAIGN.format(recipients=path.name))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        main(["check", str(campaign)])
    return int(printed.getvalue().split("ready")[0].split()[-1].replace(",", ""))


def read_with_pandas(path: Path) -> int:
    """Read a CSV in chunks and parse each number, the least that any program would do."""
    import pandas as pd
    import phonenumbers

    count = 0
    for chunk in pd.read_csv(path, dtype=object, na_filter=False, chunksize=20_000):
        for row in chunk.itertuples(index=False):
            phone = str(row[0])
            phonenumbers.parse(phone if phone.startswith("+") else f"+{phone}", None)
            count += 1
    return count


def read_with_openpyxl(path: Path) -> int:
    """Read a workbook with openpyxl alone."""
    import openpyxl

    workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    sheet = workbook.worksheets[0]
    sheet.reset_dimensions()
    count = sum(1 for _ in sheet.iter_rows(values_only=True)) - 1
    workbook.close()
    return count


READERS: dict[str, Callable[[Path], int]] = {
    "check": check_with_dispatcher,
    "pandas": read_with_pandas,
    "openpyxl": read_with_openpyxl,
}


def measure(reader: str, path: Path) -> tuple[float, float]:
    """Return seconds and peak megabytes of one reader in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.check_size", "--one", reader, str(path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, megabytes, count = output.split()
    print(f"  {reader:9} {path.name:15} {count:>9} rows {float(seconds):7.1f} s {float(megabytes):6.0f} MB")
    return float(seconds), float(megabytes)


def run_one(reader: str, path: Path) -> None:
    """Read ``path`` and print processor seconds, peak megabytes and rows."""
    started = time.process_time()
    count = READERS[reader](path)
    seconds = time.process_time() - started
    print(seconds, read_peak_mb(), count)


def read_peak_mb() -> float:
    """Return the peak resident set in megabytes; ``getrusage`` would count that of the parent as well."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


def main() -> int:
    """Measure both formats and compare them with the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("READER", "PATH"))
    parser.add_argument("--csv-rows", type=int, default=1_000_000)
    parser.add_argument("--xlsx-rows", type=int, default=100_000)
    options = parser.parse_args()
    if options.one:
        run_one(options.one[0], Path(options.one[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        csv_path, xlsx_path = Path(folder, "recipients.csv"), Path(folder, "recipients.xlsx")
        write_csv(csv_path, options.csv_rows)
        write_xlsx(xlsx_path, options.xlsx_rows)
        check_s, check_mb = measure("check", csv_path)
        pandas_s, _ = measure("pandas", csv_path)
        excel_s, _ = measure("check", xlsx_path)
        openpyxl_s, _ = measure("openpyxl", xlsx_path)
    print(f"csv:  {check_s / pandas_s:.2f} of pandas + phonenumbers, limit {MAX_CSV_RATIO}; {check_mb:.0f} MB")
    print(f"xlsx: {excel_s / openpyxl_s:.2f} of openpyxl, limit {MAX_XLSX_RATIO}")
    is_within = (
        check_s <= MAX_CSV_RATIO * pandas_s and check_mb <= MAX_CSV_MB and excel_s <= MAX_XLSX_RATIO * openpyxl_s
    )
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main())
