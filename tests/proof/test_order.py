"""Scenario 3: the intent is on disk, not only written, before the first byte of its request leaves."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.child_faults import lift_limit, witness_intents
from tests.support.crash_images import TRACED, Disk, read_trace
from tests.support.killable_runs import CANARY_KEY, Scene, make_people
from tests.support.ledger_check import keys_in

PEOPLE = 8


def strace_trouble() -> str:
    """Return why system calls cannot be watched here, or an empty text."""
    if shutil.which("strace") is None:
        return "strace is not installed (apt-get install strace)"
    command = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, "true"]
    tried = subprocess.run(command, check=False, capture_output=True, text=True)
    return f"strace may not watch here: {tried.stderr.strip()}" if tried.returncode else ""


TROUBLE = strace_trouble()


def send_under_strace(scene: Scene, trace_path: Path) -> str:
    """Run the program as people do, every call that writes, syncs or sends noted; return what it printed."""
    command = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-y",
        "-s",
        "1000000",
        "-e",
        f"trace={TRACED}",
        "-o",
        str(trace_path),
    ]
    command += [sys.executable, "-m", "dispatcher", "send", str(scene.campaign_path), "--json"]
    environment = {**os.environ, "DISPATCHER_API_KEY": CANARY_KEY}
    ran = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def keys_on_disk(disk: Disk, ledger_path: Path, folder: Path, state: str) -> set[str]:
    """Return the keys in ``state`` after a power failure now."""
    image_path = folder / "image.db"
    disk.write_image(ledger_path, image_path)
    return keys_in(image_path, state)


def unsynced(scene: Scene, trace_path: Path, folder: Path) -> Iterator[str]:
    """Yield each request that left, and each row that was told as done, before the disk had it."""
    disk = Disk()
    for call in read_trace(trace_path):
        disk.take(call)
        if not call.is_start:
            continue
        if call.data.startswith(b"POST "):
            key = re.search(rb'"KEY","value":"([^"]+)"', call.data)
            assert key, "the request's body leaves apart from its head: look for the key there"
            if key[1].decode() not in keys_on_disk(disk, scene.ledger_path, folder, "sending"):
                yield f"the request of {key[1]!r} left before its intent was on disk"
        elif b'"type": "row"' in call.data:
            told = f"A-{json.loads(call.data)['row'] - 2}"
            if told not in keys_on_disk(disk, scene.ledger_path, folder, "accepted"):
                yield f"{told} was told as done before its outcome was on disk"


@pytest.mark.skipif(bool(TROUBLE), reason=TROUBLE)
def test_every_intent_is_on_disk_before_its_first_byte_leaves(tmp_path: Path) -> None:
    """Had the power failed as any request left, the ledger would know of it; and of each row told as done."""
    scene = Scene(tmp_path, latency_s=0.7)
    trace_path = tmp_path / "trace.txt"
    with scene.judged():
        scene.write_sheet(make_people(PEOPLE))
        told = send_under_strace(scene, trace_path)

    assert told.count('"type": "row"') == PEOPLE
    calls = [call for call in read_trace(trace_path) if call.is_start]
    assert sum(call.data.startswith(b"POST ") for call in calls) == PEOPLE
    assert sum(b'"type": "row"' in call.data for call in calls) == PEOPLE
    folder = tmp_path / "images"
    folder.mkdir()
    assert list(unsynced(scene, trace_path, folder)) == []
    scene.judge(0)


def test_a_stranger_reads_the_intent_before_the_first_byte_leaves(tmp_path: Path) -> None:
    """Where no system calls can be watched: the intent is committed in the file when the headers may leave."""
    scene = Scene(tmp_path)
    witness_path = tmp_path / "witness.txt"
    with scene.judged():
        scene.write_sheet(make_people(10))

        code = scene.run(
            "send", twists=[partial(lift_limit, 1), partial(witness_intents, scene.ledger_path, witness_path)]
        )

        assert witness_path.read_text().splitlines() == [f"1 {number}" for number in range(10)]
        scene.judge(code)
