"""Status callbacks: what AI Studio posts to ``status_url`` while a message travels."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from dispatcher.sandbox.checks import is_loopback

_STATUSES = ("submitted", "delivered", "read")
_IN_THE_AIR_AT_MOST = 20
_PATIENCE_S = 2.0
_SENDER = "12025550100"


class CallbackPost:
    """Posts callbacks in the background, to this machine only; a callback that fails is forgotten.

    Args:
        delay_s: pause before each callback of a message, seconds.
    """

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._slots = asyncio.Semaphore(_IN_THE_AIR_AT_MOST)
        self._tasks: set[asyncio.Task[None]] = set()

    def announce(self, body: dict[str, Any], conversation_id: str, message_id: str) -> None:
        """Start the callbacks of one accepted request; nothing happens unless its URL is http on loopback."""
        url = urlsplit(body["status_url"])
        if url.scheme != "http" or not is_loopback(url.hostname):
            return
        task = asyncio.create_task(self._post_all(body, conversation_id, message_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Drop what is not posted yet."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _post_all(self, body: dict[str, Any], conversation_id: str, message_id: str) -> None:
        for status in _STATUSES:
            await asyncio.sleep(self._delay_s)
            event = {
                "to": body["to"],
                "from": _SENDER,
                "channel": body["channel"],
                "message_uuid": message_id,
                "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "usage": {"price": "0.04", "currency": "EUR"},
                "status": status,
                "client_ref": "AI Studio",
                "whatsapp": {"conversation": {"id": conversation_id}},
                "internal_message_uuid": message_id,
            }
            try:
                async with self._slots, asyncio.timeout(_PATIENCE_S):
                    await _post(body["status_url"], json.dumps(event).encode())
            except (OSError, ValueError):
                return


async def _post(address: str, payload: bytes) -> None:
    """Post once and wait for the first byte of the answer; enough of HTTP for a receiver on this machine."""
    url = urlsplit(address)
    target = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
    reader, writer = await asyncio.open_connection(url.hostname, url.port or 80)
    try:
        writer.write(
            f"POST {target} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n".encode("ascii")
            + payload
        )
        await writer.drain()
        await reader.read(1)
    finally:
        writer.close()
