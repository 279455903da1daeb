"""One POST a task through celery, dramatiq and arq, each with a worker of one process and a Redis of its own.

``python -m tests.benchmarks.task_queues celery URL REDIS_PORT TASKS`` fills the queue, then works it off until
it is ended; ``fleet`` starts it so. Redis keeps everything in memory only: nothing here survives a power cut.
At times celery and arq want different releases of the redis package; the one that does not start is left out.
"""

import asyncio
import http.client
import importlib
import importlib.util
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.stage import fetch_tallies, lean_server, wait_until_open

THREADS = 16
JOBS_AT_ONCE = 100
PATIENCE_S = 60.0
BODY = b"x" * 300
_local = threading.local()


def _post(url: str) -> None:
    """Make one call on the thread's own connection, which stays open."""
    parts = urlsplit(url)
    if not hasattr(_local, "connection"):
        _local.connection = http.client.HTTPConnection(parts.netloc)
    _local.connection.request("POST", parts.path, BODY)
    _local.connection.getresponse().read()


def work_celery(url: str, redis_url: str, tasks: int) -> None:
    """Fill and work off a queue of celery's, with its pool of threads."""
    app: Any = importlib.import_module("celery").Celery("benchmark", broker=redis_url)
    task = app.task(name="post", ignore_result=True)(_post)
    for _ in range(tasks):
        task.delay(url)
    app.worker_main(["worker", "--pool=threads", f"--concurrency={THREADS}", "--loglevel=ERROR", "--without-gossip"])


def work_dramatiq(url: str, redis_url: str, tasks: int) -> None:
    """Fill and work off a queue of dramatiq's."""
    dramatiq: Any = importlib.import_module("dramatiq")
    broker = importlib.import_module("dramatiq.brokers.redis").RedisBroker(url=redis_url)
    dramatiq.set_broker(broker)
    actor = dramatiq.actor(actor_name="post")(_post)
    for _ in range(tasks):
        actor.send(url)
    dramatiq.Worker(broker, worker_threads=THREADS).start()
    threading.Event().wait()


def work_arq(url: str, redis_url: str, tasks: int) -> None:
    """Fill and work off a queue of arq's, with the client the program uses."""
    arq: Any = importlib.import_module("arq")
    aiohttp: Any = importlib.import_module("aiohttp")

    async def post(context: dict[str, Any], url: str) -> None:
        async with context["http"].post(url, data=BODY) as response:
            await response.read()

    async def open_client(context: dict[str, Any]) -> None:
        context["http"] = aiohttp.ClientSession()

    async def fill() -> None:
        pool = await arq.create_pool(settings)
        for _ in range(tasks):
            await pool.enqueue_job("post", url)

    settings = importlib.import_module("arq.connections").RedisSettings.from_dsn(redis_url)
    asyncio.run(fill())
    asyncio.set_event_loop(asyncio.new_event_loop())
    function = arq.func(post, name="post", keep_result=0)
    worker = {"functions": [function], "redis_settings": settings, "on_startup": open_client}
    arq.run_worker(type("Settings", (), worker), max_jobs=JOBS_AT_ONCE, poll_delay=0.01, queue_read_limit=500)


WORKERS: dict[str, Callable[[str, str, int], None]] = {
    "celery": work_celery,
    "dramatiq": work_dramatiq,
    "arq": work_arq,
}


def measure(library: str, tasks: int, folder: Path) -> float | None:
    """Return how many tasks a second arrive at the server, None when something is missing or does not start."""
    redis = shutil.which("redis-server")
    if redis is None or importlib.util.find_spec(library) is None or importlib.util.find_spec("redis") is None:
        return None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    database = subprocess.Popen([redis, "--port", port, "--bind", "127.0.0.1", "--save", ""], cwd=folder, **quiet)
    try:
        wait_until_open(int(port))
        with lean_server() as address:
            command = [sys.executable, "-m", "tests.benchmarks.task_queues", library, address, port, str(tasks)]
            worker = subprocess.Popen(command, **quiet)
            try:
                return _wait_for_rate(address, tasks, worker)
            finally:
                worker.kill()
                worker.wait()
    finally:
        database.kill()
        database.wait()


def _wait_for_rate(address: str, tasks: int, worker: "subprocess.Popen[bytes]") -> float | None:
    """Wait until all tasks arrived, patience ends or the worker died; return the rate of those that arrived."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        arrived = sorted(at_s for tally in fetch_tallies(address).values() for at_s in tally.accepted_at_s)
        if len(arrived) >= tasks or worker.poll() is not None or time.monotonic() > deadline_s:
            return (len(arrived) - 1) / (arrived[-1] - arrived[0]) if len(arrived) > 1 else None
        time.sleep(0.5)


if __name__ == "__main__":
    library, url, port, tasks = sys.argv[1:]
    WORKERS[library](f"{url}/unlimited", f"redis://127.0.0.1:{port}/0", int(tasks))
