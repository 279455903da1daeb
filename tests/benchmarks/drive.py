"""Drive limiters against the strict server over real sockets, many cells side by side."""

import asyncio
import importlib.util
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aiohttp
from aiolimiter import AsyncLimiter

from dispatcher.limiter.lanes import Slot
from dispatcher.limiter.limiter import Limiter
from dispatcher.limiter.pacer import Signal
from dispatcher.studio import WHATSAPP
from tests.benchmarks.simulate import Tally

WARM_UP_CALLS = 8


@dataclass(frozen=True)
class Target:
    """One cell of the server, called through a connection pool of its own."""

    http: aiohttp.ClientSession
    url: str

    async def call(self) -> bool:
        """Make one call and tell whether it was accepted."""
        async with self.http.post(self.url) as response:
            return response.status != 429


@asynccontextmanager
async def strict_server() -> AsyncIterator[str]:
    """Run the strict server in a process of its own and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.strict_server", "--port", str(port)
    )
    try:
        await _wait_until_open(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        await server.wait()


async def _wait_until_open(port: int) -> None:
    for _ in range(100):
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.1)
    raise RuntimeError(f"the strict server did not open port {port} within 10 seconds")


@asynccontextmanager
async def open_target(address: str, path: str) -> AsyncIterator[Target]:
    """Open connections to one cell before anything is counted there, and keep them."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        warm_up = Target(http, f"{address}/token/100/5ms/warm-up")
        await asyncio.gather(*(warm_up.call() for _ in range(WARM_UP_CALLS)))
        yield Target(http, address + path)


async def fetch_tally(target: Target, began_at_s: float) -> Tally:
    """Return what the server counted, in seconds since ``began_at_s``."""
    async with target.http.get(target.url) as response:
        counted = await response.json()
    return Tally(
        [at_s - began_at_s for at_s in counted["accepted_at_s"]],
        [at_s - began_at_s for at_s in counted["refused_at_s"]],
    )


async def drive_dispatcher(target: Target, limit: int, until_s: float, rows: int | None = None) -> Limiter:
    """Send at the pace of the program's own limiter until ``until_s`` or until ``rows`` are accepted."""
    limiter = Limiter(limit, granted=WHATSAPP.limits.granted)
    accepted, in_air = 0, 0
    landed = asyncio.Event()

    async def deliver(slot: Slot) -> None:
        nonlocal accepted, in_air
        await limiter.start(slot)
        signal = Signal.ANSWERED if await target.call() else Signal.REFUSED
        limiter.release(slot, signal)
        accepted, in_air = accepted + (signal is Signal.ANSWERED), in_air - 1
        landed.set()

    async with asyncio.TaskGroup() as air:
        while time.monotonic() < until_s and (rows is None or accepted < rows):
            if rows is not None and accepted + in_air >= rows:
                landed.clear()
                await landed.wait()
                continue
            slot = await limiter.acquire()
            in_air += 1
            air.create_task(deliver(slot))
    return limiter


async def drive_rival(rival: str, target: Target, limit: int, until_s: float) -> None:
    """Send at the pace of ``rival``, which never learns what was answered, until ``until_s``."""
    if rival == "aiometer":
        aiometer = importlib.import_module("aiometer")
        calls = range(int(limit * max(0.0, until_s - time.monotonic())))
        await aiometer.run_on_each(lambda _: target.call(), calls, max_per_second=limit)
        return
    wait = _RIVAL_WAITS[rival](limit)
    async with asyncio.TaskGroup() as air:
        while time.monotonic() < until_s:
            await wait()
            air.create_task(target.call())


def _wait_of_pyrate(limit: int) -> Callable[[], Awaitable[object]]:
    pyrate = importlib.import_module("pyrate_limiter")
    limiter = pyrate.Limiter(pyrate.Rate(limit, pyrate.Duration.SECOND))
    return lambda: limiter.try_acquire_async("agent")


_RIVAL_WAITS: dict[str, Callable[[int], Callable[[], Awaitable[object]]]] = {
    "AsyncLimiter(R, 1)": lambda limit: AsyncLimiter(limit, 1).acquire,
    "AsyncLimiter(1, 1/R)": lambda limit: AsyncLimiter(1, 1 / limit).acquire,
    "sleep loop": lambda limit: lambda: asyncio.sleep(1 / limit),
    "pyrate-limiter": _wait_of_pyrate,
}
RIVALS = (*_RIVAL_WAITS, "aiometer")
_MODULES = {"aiometer": "aiometer", "pyrate-limiter": "pyrate_limiter"}


def is_installed(rival: str) -> bool:
    """Tell whether the library behind ``rival`` is there; the program itself does not need it."""
    return rival not in _MODULES or importlib.util.find_spec(_MODULES[rival]) is not None
