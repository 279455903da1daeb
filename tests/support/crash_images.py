"""Reads what ``strace`` saw of a run, and rebuilds what a disk would hold had the power failed at any moment.

Model: a write is lost unless a sync of its file began after it and returned. File creation counts as durable.
"""

import codecs
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TRACED = "pwrite64,fdatasync,fsync,ftruncate,sendto,sendmsg,write"
_CALL = re.compile(r"^(?P<pid>\d+) +(?P<name>\w+)\((?P<descriptor>\d+)<(?P<file>.*?)>(?P<rest>.*)$", re.DOTALL)
_RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PLACE = re.compile(r", (?P<length>\d+), (?P<offset>\d+)(?:\)| <unfinished)")


@dataclass(frozen=True)
class Call:
    """One system call on a file or socket; ``is_start`` and ``is_end`` differ where another thread came between."""

    name: str
    file: str
    data: bytes
    offset: int
    is_start: bool
    is_end: bool


def read_trace(path: Path) -> Iterator[Call]:
    """Yield the calls in the order they began and ended."""
    unfinished: dict[tuple[str, str], Call] = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        if resumed := _RESUMED.match(line):
            began = unfinished.pop((resumed["pid"], resumed["name"]))
            yield Call(began.name, began.file, began.data, began.offset, is_start=False, is_end=True)
        elif match := _CALL.match(line):
            is_end = "<unfinished ...>" not in match["rest"]
            call = Call(match["name"], match["file"], *_content(match["rest"]), is_start=True, is_end=is_end)
            if not is_end:
                unfinished[match["pid"], match["name"]] = call
            yield call


def _content(rest: str) -> tuple[bytes, int]:
    text, place = _TEXT.search(rest), _PLACE.search(rest)
    data = codecs.decode(text[1], "unicode_escape").encode("latin-1") if text else b""
    return data, int(place["offset"]) if place else 0


@dataclass
class _File:
    """One file: all writes that returned, and how many of them are on disk."""

    writes: list[tuple[int, bytes]] = field(default_factory=list)
    syncing: int = 0
    synced: int = 0

    def on_disk(self) -> bytes:
        content = bytearray()
        for offset, data in self.writes[: self.synced]:
            content.extend(bytes(max(0, offset + len(data) - len(content))))
            content[offset : offset + len(data)] = data
        return bytes(content)


class Disk:
    """What is certainly on disk, call by call."""

    def __init__(self) -> None:
        self._files: defaultdict[str, _File] = defaultdict(_File)

    def take(self, call: Call) -> None:
        """Take one more call into account."""
        file = self._files[call.file]
        if call.name == "pwrite64" and call.is_end:
            file.writes.append((call.offset, call.data))
        elif call.name in ("fdatasync", "fsync"):
            if call.is_start:
                file.syncing = len(file.writes)
            if call.is_end:
                file.synced = file.syncing

    def write_image(self, ledger_path: Path, image_path: Path) -> None:
        """Write the ledger as a power failure would leave it."""
        for suffix in ("", "-wal"):
            content = self._files[f"{ledger_path}{suffix}"].on_disk()
            image_path.with_name(image_path.name + suffix).write_bytes(content)
