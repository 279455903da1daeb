"""The judge: a hostile server with a journal of its own, and the checker that holds the ledger against it.

The server is a program (``python -m tests.support.hostile_server JOURNAL``) that shares no code with what it
judges. It writes one line for each request it has read whole, before it answers, so the journal knows what really
arrived whatever becomes of the answer, of the connection, or of the process that sent it.
"""

import argparse
import asyncio
import hashlib
import json
import os
import socket
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Fate(StrEnum):
    """What the judge does to one request; the words after the dash are what its journal says."""

    ACCEPT = "accept"  # 200 - accepted
    THROTTLE = "throttle"  # 429 - refused
    REFUSE = "refuse"  # 400 - refused
    UNAUTHORIZED = "unauthorized"  # 401 - refused
    ERROR_DONE = "error_done"  # 500 - accepted
    ERROR_UNDONE = "error_undone"  # 500 - refused
    CLOSE_DONE = "close_done"  # read whole, closed without an answer - accepted
    CLOSE_UNDONE = "close_undone"  # read whole, reset without an answer - refused
    CLOSE_UNREAD = "close_unread"  # closed before it was read, so nobody knows whose it was - dropped
    SILENT = "silent"  # read whole, never answered - accepted


HOSTILE: tuple[tuple[Fate, float], ...] = (
    (Fate.THROTTLE, 0.05),
    (Fate.CLOSE_DONE, 0.015),
    (Fate.CLOSE_UNDONE, 0.015),
    (Fate.ERROR_DONE, 0.015),
    (Fate.ERROR_UNDONE, 0.015),
    (Fate.SILENT, 0.02),
    (Fate.REFUSE, 0.02),
)
"""The share of each misbehaviour; 3 % of the requests are closed unread besides."""

_UNREAD_SHARE = 0.03
_ACCEPTING = (Fate.ACCEPT, Fate.ERROR_DONE, Fate.CLOSE_DONE, Fate.SILENT)
_ANSWERS = {
    Fate.ACCEPT: (200, '{{"session_id":"s-{number}"}}'),
    Fate.THROTTLE: (429, '{{"error":"Too Many Requests"}}'),
    Fate.REFUSE: (400, '{{"message":"{to} cannot be messaged"}}'),
    Fate.UNAUTHORIZED: (401, '{{"message":"who is that?"}}'),
    Fate.ERROR_DONE: (500, '{{"message":"oops"}}'),
    Fate.ERROR_UNDONE: (500, '{{"message":"oops"}}'),
}


def key_of(body: Mapping[str, Any]) -> str:
    """Return the row's identity, which every campaign of the proof sends as the session parameter KEY."""
    parameters = {item["name"]: item["value"] for item in body.get("session_parameters", [])}
    return str(parameters.get("KEY", ""))


def _draw(*parts: object) -> float:
    """Return a number from 0 to 1 that depends on ``parts`` alone, so that a seed repeats a run."""
    digest = hashlib.sha256(":".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


class Judge:
    """The server: reads a request, decides its fate, writes its line, then answers or does worse."""

    def __init__(
        self, journal_path: Path, *, seed: int | None, script: Mapping[str, Sequence[str]], latency_s: float
    ) -> None:
        self._journal = os.open(journal_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._seed = seed
        self._script = {key: list(fates) for key, fates in script.items()}
        self._latency_s = latency_s
        self._requests = 0
        self._tries: Counter[str] = Counter()
        self._lines = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Deal with one connection, request after request."""
        try:
            while first := await reader.read(1):
                self._requests += 1
                if self._seed is not None and _draw(self._seed, self._requests) < _UNREAD_SHARE:
                    self._note("dropped", Fate.CLOSE_UNREAD, {})
                    return
                if not await self._deal(first, reader, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the sender died or gave up; what was not read whole was not accepted
        finally:
            writer.close()

    async def _deal(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read the rest of a request and do to it what it deserves; return whether the connection lives on."""
        body = json.loads(await _read_request(first, reader))
        if "script" in body:
            self._script = {key: list(fates) for key, fates in body["script"].items()}
            writer.write(_answer(200, "{}"))
            return False
        fate = self._choose(key_of(body))
        self._note("accepted" if fate in _ACCEPTING else "refused", fate, body)
        await asyncio.sleep(self._latency_s)
        if fate in _ANSWERS:
            status, text = _ANSWERS[fate]
            writer.write(_answer(status, text.format(number=self._lines, to=body["to"])))
            await writer.drain()
        elif fate is Fate.SILENT:
            await reader.read()  # until the sender hangs up
        elif fate is Fate.CLOSE_UNDONE:
            _reset(writer)
        return fate in _ANSWERS

    def _choose(self, key: str) -> Fate:
        self._tries[key] += 1
        if scripted := self._script.get(key):
            return Fate(scripted.pop(0))
        if self._seed is None:
            return Fate.ACCEPT
        drawn = _draw(self._seed, key, self._tries[key])
        for fate, share in HOSTILE:
            drawn -= share
            if drawn < 0:
                return fate
        return Fate.ACCEPT

    def _note(self, verdict: str, fate: Fate, body: Mapping[str, Any]) -> None:
        """Append one line; a single write, so that it is there whole or not at all."""
        self._lines += 1
        line = {"at_s": time.monotonic(), "verdict": verdict, "fate": fate, "key": key_of(body), "body": body}
        os.write(self._journal, (json.dumps(line) + "\n").encode())


async def _read_request(first: bytes, reader: asyncio.StreamReader) -> bytes:
    head = first + await reader.readuntil(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return await reader.readexactly(int(lengths[0]))


def _answer(status: int, text: str) -> bytes:
    return f"HTTP/1.1 {status} Any\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass(frozen=True)
class Line:
    """One line of the journal; ``at_s`` is the machine's monotonic clock."""

    at_s: float
    verdict: str
    fate: Fate
    key: str
    body: Mapping[str, Any]


def read_journal(path: Path, start: int = 0) -> list[Line]:
    """Return what arrived at the judge, in order, from a place in the file on."""
    return list(_lines(path, start)) if path.exists() else []


def _lines(path: Path, start: int) -> Iterator[Line]:
    with path.open("rb") as file:
        file.seek(start)
        for text in file:
            line = json.loads(text)
            yield Line(line["at_s"], line["verdict"], Fate(line["fate"]), line["key"], line["body"])


def main() -> None:
    """Serve until killed; the first line of output is the port."""
    parser = argparse.ArgumentParser()
    parser.add_argument("journal", type=Path)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--script", type=json.loads, default={})
    parser.add_argument("--latency", type=float, default=0.0)
    options = parser.parse_args()

    async def serve() -> None:
        judge = Judge(options.journal, seed=options.seed, script=options.script, latency_s=options.latency)
        server = await asyncio.start_server(judge.serve, "127.0.0.1", 0, backlog=1000)
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
