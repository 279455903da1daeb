"""The strict server without a web framework, for rates at which a framework would be what is measured.

It counts and delays as ``strict_server`` does, on the same paths, and understands no more HTTP than the
clients of these benchmarks speak: a ``Content-Length``, one request at a time, connections that stay open.
What is posted to ``/unlimited`` is accepted at once. ``GET /tally`` tells what was counted on every path.
In a process of its own: ``python -m tests.benchmarks.lean_server --port 8902``.
"""

import argparse
import asyncio
import json
import random
import re
from collections.abc import Callable
from typing import TypeVar

from tests.benchmarks.strict_server import COUNTINGS, LATENCIES, Cell, Latency

_T = TypeVar("_T")

UNLIMITED = "/unlimited"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_SESSION = b'{"id":"7c1d"}'


class Unlimited:
    """Accepts whatever comes."""

    def admit(self, now_s: float) -> bool:
        """Accept the call."""
        return True


def _open_cell(path: str) -> Cell:
    if path == UNLIMITED:
        return Cell(Unlimited(), Latency(lambda _: 0.0), random.Random(path))
    _, counting, limit, latency, _ = path.split("/")
    return Cell(COUNTINGS[counting](int(limit)), LATENCIES[latency], random.Random(path))


def _answer(status: str, body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, cells: dict[str, Cell]) -> None:
        self._cells = cells
        self._loop = asyncio.get_running_loop()
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take a request once it is whole."""
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not separator or len(body) < (int(length[1]) if length else 0):
            return
        self._received = b""
        method, path = head.split(b" ", 2)[:2]
        if method == b"POST":
            self._take_call(path.decode())
        else:
            self._write(_answer("200 OK", self._tell_tally()))

    def _take_call(self, path: str) -> None:
        cell = self._cells.get(path) or self._cells.setdefault(path, _open_cell(path))
        self._after(cell.latency.leg_s(cell.rng), self._judge_call, cell)

    def _judge_call(self, cell: Cell) -> None:
        is_accepted = cell.judge()
        work_s = cell.latency.work_s(cell.rng) if is_accepted else 0.0
        answer = _answer("200 OK", _SESSION) if is_accepted else _answer("429 Too Many Requests")
        self._after(work_s + cell.latency.leg_s(cell.rng), self._write, answer)

    def _after(self, seconds: float, function: Callable[[_T], None], argument: _T) -> None:
        if seconds:
            self._loop.call_later(seconds, function, argument)
        else:
            function(argument)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)

    def _tell_tally(self) -> bytes:
        tally = {path: (cell.accepted_at_s, cell.refused_at_s) for path, cell in self._cells.items()}
        return json.dumps(tally).encode()


async def serve(port: int) -> None:
    """Serve on a port of 127.0.0.1 until the process is ended."""
    cells: dict[str, Cell] = {}
    server = await asyncio.get_running_loop().create_server(lambda: Connection(cells), "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Read the port and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8902)
    asyncio.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
