"""A server on 127.0.0.1 that misbehaves on demand and counts the bytes of HTTP it saw.

A script is a coroutine that is given one connection and does to it what it likes; the server writes down what
came in. ``FaultServer`` uses raw sockets, so that a reset is a reset; ``serve_tls`` speaks TLS.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_TLS_RECORD = b"\x16"


@dataclass
class Seen:
    """What a server saw.

    Attributes:
        connections: accepted so far.
        requests: those read whole, as they came.
        http_bytes: bytes of HTTP, of unfinished requests too; a TLS greeting is none.
    """

    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    http_bytes: int = 0


class Peer:
    """One connection as the server sees it."""

    def __init__(self, connection: socket.socket, seen: Seen) -> None:
        self._socket = connection
        self._seen = seen
        self._loop = asyncio.get_running_loop()
        self._is_tls = False

    async def read(self, at_most: int = 65536) -> bytes:
        """Return what has come in, waiting for the first byte; empty at the end of the stream."""
        piece = await self._loop.sock_recv(self._socket, at_most)
        self._is_tls = self._is_tls or piece.startswith(_TLS_RECORD)
        if not self._is_tls:
            self._seen.http_bytes += len(piece)
        return piece

    async def read_request(self) -> bytes:
        """Return one whole request; an unfinished one counts its bytes and ends the script."""
        raw = b""
        while not is_whole(raw):
            piece = await self.read()
            if not piece:
                raise ConnectionError("the request was never finished")
            raw += piece
        self._seen.requests.append(raw)
        return raw

    async def write(self, data: bytes) -> None:
        """Send ``data``."""
        await self._loop.sock_sendall(self._socket, data)

    def close(self) -> None:
        """End the connection politely (FIN)."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def reset(self) -> None:
        """End the connection with RST: lingering for no time forbids a polite end."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


Script = Callable[[Peer], Awaitable[None]]


def is_whole(raw: bytes) -> bool:
    """Return whether ``raw`` is at least one whole request with a Content-Length."""
    head, end, body = raw.partition(b"\r\n\r\n")
    if not end:
        return False
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return len(body) >= int(lengths[0])


class FaultServer:
    """Plays ``script`` on every connection; use as ``async with FaultServer(script) as server``."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/messaging/conversation"
        self.seen = Seen()

    async def __aenter__(self) -> Self:
        self._start(self._accept())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)

    async def _accept(self) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            connection.setblocking(False)
            self.seen.connections += 1
            self._start(self._play(connection))

    async def _play(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            await self._script(Peer(connection, self.seen))


@dataclass(frozen=True)
class TlsServer:
    """A TLS server that answers 200; ``seen`` counts what came through the encryption."""

    port: int
    seen: Seen


CERTIFICATE_PATH = Path(__file__).with_name("stand_in.pem")


@contextlib.asynccontextmanager
async def serve_tls(*, wants_client_certificate: bool = False, is_old: bool = False) -> AsyncIterator[TlsServer]:
    """Serve TLS on 127.0.0.1 with a certificate nobody trusts by default.

    Args:
        wants_client_certificate: demand one, which no client of the tests has.
        is_old: speak TLS 1.2 at most.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE_PATH)
    if wants_client_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(CERTIFICATE_PATH)
    if is_old:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    seen = Seen()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = b""
        with contextlib.suppress(OSError):
            while not is_whole(raw):
                piece = await reader.read(65536)
                if not piece:
                    break
                raw += piece
                seen.http_bytes += len(piece)
            else:
                seen.requests.append(raw)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield TlsServer(port, seen)
    finally:
        server.close()


def http(status: int, body: bytes = b"", headers: Mapping[str, object] | None = None) -> bytes:
    """Return an answer as it stands on the wire; ``headers`` may override Content-Length."""
    lines = [f"{name}: {value}" for name, value in {"Content-Length": len(body), **(headers or {})}.items()]
    return "\r\n".join([f"HTTP/1.1 {status} Any", *lines, "", ""]).encode() + body


def answer_with(data: bytes, then: Script | None = None) -> Script:
    """Return a script that reads one request, writes ``data`` and closes, or goes on with ``then``."""

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.write(data)
        if then is not None:
            await then(peer)
        peer.close()

    return script


def reset_after(bytes_read: int | None) -> Script:
    """Return a script that reads so many bytes (None: the whole request), then resets."""

    async def script(peer: Peer) -> None:
        if bytes_read is None:
            await peer.read_request()
        elif bytes_read:
            await peer.read(bytes_read)
        peer.reset()

    return script


async def close_unread(peer: Peer) -> None:
    """Close without reading."""
    peer.close()


async def hang(peer: Peer) -> None:
    """Keep the connection open and say nothing."""
    await asyncio.sleep(60)


async def flood_early_hints(peer: Peer) -> None:
    """Send 1xx answers without end."""
    while True:
        await peer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 50)
        await asyncio.sleep(0.001)


async def flood(peer: Peer) -> None:
    """Send letters without end, as fast as they are taken."""
    while True:
        await peer.write(b"x" * 65536)


async def trickle(peer: Peer) -> None:
    """Send one letter at a time, without end and without a long silence."""
    while True:
        await peer.write(b"x")
        await asyncio.sleep(0.02)
