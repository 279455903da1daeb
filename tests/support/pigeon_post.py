"""A second channel, as somebody would write one from the docstrings of ``dispatcher.channel`` alone.

It shares nothing with AI Studio: lofts for agents, seven sessions a second, no template, notes for requests. Its sender
keeps what it is given; it is a vendor of its own, not a stand-in for one.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from dispatcher.channel import Body, Limits, Sender, Setting, Words
from dispatcher.models import AttemptResult, Campaign, Outcome, Recipient, Refusal

TOWERS = {"north": "http://127.0.0.1/north", "south": "http://127.0.0.1/south"}
LONGEST_NOTE = 20


@dataclass(frozen=True)
class PigeonPost:
    """One flock; ``flown`` is every note that left, with where to."""

    flown: list[tuple[str, str]] = field(default_factory=list)

    name = "pigeon"
    words = Words("Pigeon Post", "pigeon", "perch", "loft- and a number", "moulting?", "Feed the pigeons", "[agent]")
    limits = Limits(granted=(2, 7), warm_up_s=0.0)
    has_template = False
    settings: Mapping[str, Setting] = field(
        default_factory=lambda: {
            "status_url": Setting("an https URL"),
            "agent.id": Setting('a loft, such as "loft-3"', lambda text: "" if _is_loft(text) else "is no loft"),
            "agent.region": Setting("a tower", lambda text: "" if text in TOWERS else "has no tower"),
            "agent.sessions_per_second": Setting("2 or 7", lambda limit: "" if limit in (2, 7) else "is no flock"),
            "session_parameters": Setting("what the note says"),
        }
    )

    def find_contradictions(self, content: Mapping[str, Any]) -> Iterator[str]:
        """Nothing contradicts itself here but a silent bird."""
        if not content.get("session_parameters"):
            yield "session_parameters: missing; a pigeon carries a note"

    def read_agent_id(self, text: str) -> str:
        """Lofts are written in capitals."""
        return text.upper() if _is_loft(text) else ""

    def find_endpoint(self, region: str) -> str:
        """Return the tower of a region."""
        return TOWERS[region]

    def find_trouble(self, campaign: Campaign, recipient: Recipient, today: date) -> Refusal | None:
        """Refuse a note that is too heavy."""
        rendered = self.render(campaign, recipient, today)
        return rendered if isinstance(rendered, Refusal) else None

    def render(self, campaign: Campaign, recipient: Recipient, today: date) -> Body | Refusal:
        """Return the note for one recipient."""
        body = {name: text.fill(recipient.values) for name, text in campaign.session_parameters}
        for name, text in campaign.session_parameters:
            if len(body[name]) > LONGEST_NOTE:
                column = ", ".join(text.columns)
                return Refusal(recipient.row_number, column, body[name], "is too heavy; shorten it", recipient.values)
        return {"to": recipient.to, **body}

    def encode(self, body: Body) -> bytes:
        """Return the note as it is tied on."""
        return json.dumps(body).encode()

    def connect(self, api_key: str, *, connections: int) -> AbstractAsyncContextManager[Sender]:
        """Open the loft."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Sender]:
        yield self

    async def send(self, endpoint: str, body: bytes) -> AttemptResult:
        """Let one pigeon fly; it is never seen again, and never fails."""
        self.flown.append((endpoint, body.decode()))
        return AttemptResult(Outcome.ACCEPTED, "it flew", headers_sent=True)


def _is_loft(text: str) -> bool:
    return text.lower().startswith("loft-")
