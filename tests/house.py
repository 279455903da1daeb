"""Measures the house: its files and lines, and the way of row 17 through them.

``python -m tests.house [CHECKOUT]`` prints the figures of a checkout, this one by default; the checkout's own
interpreter (``CHECKOUT/.venv/bin/python``) runs its program.

*The way of row 17.* ``send --sandbox`` runs on a CSV whose row 17 has a number that stands nowhere else. A function is
on the way if the row is among what it is given or what it gives back: as that number in a text, or as the row's number,
the recipient it became or the attempt made for it, under these names; by itself, in a record or a collection of a few
items that holds it, or in a record of such. *Files* are the package's files with such a function. *Jumps* are the
calls that lead from one file into another on the way, each pair of files counted once. Functions of other libraries,
module bodies, and the sandbox, which stands for the vendor, do not count. *Whole send* counts alike everything that
runs from the command line to the outcome on disk, whether the row is there or not: campaign file, lock, pace.
"""

import ast
import json
import statistics
import subprocess
import sys
import tempfile
import tokenize
from pathlib import Path

_TRACER = '''
import json, os, sys, threading
from dataclasses import fields, is_dataclass
PACKAGE, OUT, NUMBER = sys.argv.pop(1), sys.argv.pop(1), "12025550117"
IDS = {"row_number": 17, "recipient_id": 16, "attempt_id": 1}  # the sixteenth below the header; nobody else is sent to
files, jumps, run_files, run_jumps = [], [], [], []
last = threading.local()

def holds(value, depth=3, name=""):
    if type(value) is int:
        return IDS.get(name) == value
    if isinstance(value, (str, bytes)):
        return len(value) < 100_000 and (NUMBER if isinstance(value, str) else NUMBER.encode()) in value
    if depth == 0 or value is None or isinstance(value, (float, bool)):
        return False
    if isinstance(value, dict):
        return len(value) <= 20 and any(holds(one, depth - 1) for one in value.values())
    if isinstance(value, (list, tuple)):
        return len(value) <= 20 and any(holds(one, depth - 1) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        return any(holds(getattr(value, field.name, None), depth - 1, field.name) for field in fields(value))
    return False

def file_of(frame):
    """Return the package's file in which a frame stands, or in which the nearest frame above it does."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            return frame.f_code.co_filename[len(PACKAGE) + 1 :]
        frame = frame.f_back
    return getattr(last, "path", None)  # the event loop or a thread goes on where the way was left

def note(frame, files, jumps):
    path, before = file_of(frame), file_of(frame.f_back)
    if path.startswith("sandbox") or (before or "").startswith("sandbox"):
        return
    if path not in files:
        files.append(path)
    if before not in (None, path) and [before, path] not in jumps:
        jumps.append([before, path])
    last.path = path

def watch(frame, event, argument):
    code = frame.f_code
    if not code.co_filename.startswith(PACKAGE) or code.co_name == "<module>":
        return
    if event == "call":
        note(frame, run_files, run_jumps)
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if any(holds(frame.f_locals.get(name), name=name) for name in names if name != "self"):
            note(frame, files, jumps)
    elif event == "return" and holds(argument):
        note(frame, files, jumps)

from dispatcher.cli import main
threading.setprofile(watch)
sys.setprofile(watch)
code = main(sys.argv[1:])
sys.setprofile(None)
assert code == 0
with open(OUT, "w") as file:
    json.dump({"files": files, "jumps": jumps, "run_files": run_files, "run_jumps": run_jumps}, file)
'''


def measure(checkout: Path) -> dict[str, int | float]:
    """Return the figures of a checkout by name."""
    package = checkout / "dispatcher"
    sources = sorted(package.rglob("*.py"))
    lengths = sorted(length for source in sources for length in _function_lengths(source))
    lines = sum(len(source.read_text(encoding="utf-8").splitlines()) for source in sources)
    way = follow_row(checkout)
    return {
        "files": len(sources),
        "lines": lines,
        "longest file, lines": max(len(source.read_text(encoding="utf-8").splitlines()) for source in sources),
        "functions": len(lengths),
        "median function, lines": statistics.median(lengths),
        "longest function, lines": lengths[-1],
        "comment lines, per cent": round(100 * sum(map(_count_comments, sources)) / lines, 1),
        "row 17: files": len(way["files"]),
        "row 17: jumps": len(way["jumps"]),
        "whole send: files": len(way["run_files"]),
        "whole send: jumps": len(way["run_jumps"]),
    }


def follow_row(checkout: Path) -> dict[str, list[str]]:
    """Send row 17 through a checkout's program; return the files on its way in order, and the jumps between them."""
    with tempfile.TemporaryDirectory() as folder:
        out, tracer = Path(folder, "way.json"), Path(folder, "tracer.py")
        tracer.write_text(_TRACER, encoding="utf-8")
        campaign = _write_campaign(Path(folder))
        python = checkout / ".venv" / "bin" / "python"
        command = [python if python.exists() else sys.executable, tracer, checkout / "dispatcher", out]
        command += ["send", campaign, "--sandbox", "--quiet"]
        subprocess.run(command, check=True, env={"PYTHONPATH": str(checkout), "PATH": ""}, cwd=folder, timeout=120)
        way: dict[str, list[str]] = json.loads(out.read_text(encoding="utf-8"))
    return way


def _write_campaign(folder: Path) -> Path:
    """Write a sheet whose row 17 has a number of its own, alone to be sent, so that its way is the only one."""
    rows = ["Phone,First name,Stopped", *["+1 202 555 0199,Ito,yes"] * 15, "+12025550117,Ada,"]
    (folder / "people.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    campaign = folder / "campaign.toml"
    campaign.write_text(
        'name = "row-17"\nrecipients = "people.csv"\nstatus_url = "https://hooks.example.com/whatsapp"\n'
        '[agent]\nid = "66c0ec5d5cd447cc0bafda3b"\nregion = "eu"\nsessions_per_second = 5\n'
        '[recipient]\nto = "{phone}"\nskip_if = { stopped = ["yes"] }\n'
        '[template]\nnamespace = "0f5f"\nname = "hello"\nlocale = "en"\nbody = ["{first name}"]\n',
        encoding="utf-8",
    )
    return campaign


def _function_lengths(source: Path) -> list[int]:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]


def _count_comments(source: Path) -> int:
    with source.open("rb") as file:
        return sum(token.type == tokenize.COMMENT for token in tokenize.tokenize(file.readline))


def main() -> None:
    """Print the figures, and the way of row 17."""
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
    for name, figure in measure(checkout).items():
        print(f"{name:<26} {figure:>8,}")
    print("\nthe way of row 17:", *follow_row(checkout)["files"], sep="\n  ")


if __name__ == "__main__":
    main()
