"""What the benchmarks of the whole program share: a server, campaigns and their sheets, facts of the machine."""

import csv
import hashlib
import importlib.metadata
import json
import os
import platform
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.benchmarks.simulate import Tally

API_KEY = "benchmark-key"
_CAMPAIGN = """
name = "{name}"
recipients = "{name}.csv"
status_url = "https://hooks.example.com/whatsapp"
[agent]
id = "{agent_id}"
region = "eu"
sessions_per_second = 5
warm_up = "0s"
endpoint = "{endpoint}"
[recipient]
to = "{{phone}}"
key = "{{appointment id}}"
[template]
namespace = "0f5f3c7e_8a51_4b0c_9c7d_2a6b1e4d9f30"
name = "appointment_reminder"
locale = "en"
body = ["{{first name}}", "{{appointment id}}"]
"""


def write_campaign(folder: Path, name: str, *, endpoint: str, rows: int) -> Path:
    """Write a campaign at limit 5 and its sheet; return the campaign file's path.

    The numbers are those set aside for drama, again and again; the key is the appointment.
    """
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as sheet:
        writer = csv.writer(sheet)
        writer.writerow(("Phone", "First name", "Appointment ID"))
        writer.writerows((f"+44 7700 900{row % 1000:03}", f"Person {row}", f"A-{row}") for row in range(rows))
    path = folder / f"{name}.toml"
    path.write_text(
        _CAMPAIGN.format(name=name, agent_id=hashlib.sha256(name.encode()).hexdigest()[:24], endpoint=endpoint),
        encoding="utf-8",
    )
    return path


@contextmanager
def lean_server() -> Iterator[str]:
    """Run the lean server in a process of its own and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.lean_server", "--port", str(port)])
    try:
        wait_until_open(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def wait_until_open(port: int) -> None:
    """Wait until something listens on a port of 127.0.0.1, 10 seconds at most."""
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise RuntimeError(f"nothing listened on port {port} within 10 seconds")


def fetch_tallies(address: str) -> dict[str, Tally]:
    """Return what the server counted on every path, in seconds of the machine's monotonic clock."""
    with urllib.request.urlopen(f"{address}/tally") as response:  # noqa: S310 - an address of our own
        counted = json.load(response)
    return {path: Tally(accepted_at_s, refused_at_s) for path, (accepted_at_s, refused_at_s) in counted.items()}


def describe_machine(*libraries: str) -> str:
    """Return in one line what the figures were measured on."""
    with Path("/proc/cpuinfo").open() as cpus:
        names = [line.partition(": ")[2].strip() for line in cpus if line.startswith("model name")]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in libraries]
    load = " ".join(f"{figure:.1f}" for figure in os.getloadavg())
    parts = [f"{os.cpu_count()} cores ({names[0] if names else platform.machine()})", f"load before {load}"]
    parts += [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}", *versions]
    return ", ".join(parts)
