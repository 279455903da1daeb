"""The channels that AI Studio carries: WhatsApp, and SMS by the same call without a template."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any

from dispatcher.channel import Body, Limits, Sender, Setting, Words
from dispatcher.models import Campaign, Recipient, Refusal
from dispatcher.studio import settings
from dispatcher.studio.body import encode_body, render_body
from dispatcher.studio.words import SMS_WORDS, WHATSAPP_WORDS


@dataclass(frozen=True, slots=True)
class StudioChannel:
    """One channel of AI Studio; fulfils ``channel.Channel``, which says what each member means."""

    name: str
    words: Words
    has_template: bool

    @property
    def limits(self) -> Limits:
        """The same for all channels."""
        return settings.LIMITS

    @property
    def settings(self) -> Mapping[str, Setting]:
        """The same for all channels."""
        return settings.SETTINGS

    def find_contradictions(self, content: Mapping[str, Any]) -> Iterator[str]:
        """Yield what single keys cannot show."""
        return settings.find_contradictions(content)

    def read_agent_id(self, text: str) -> str:
        """Return an agent's id in small letters, or an empty text."""
        return settings.read_agent_id(text)

    def find_endpoint(self, region: str) -> str:
        """Return the endpoint of a region."""
        return settings.ENDPOINTS[region]

    def find_trouble(self, campaign: Campaign, recipient: Recipient, today: date) -> Refusal | None:
        """Return why a row cannot be sent, or None."""
        rendered = render_body(campaign, recipient, today)
        return rendered if isinstance(rendered, Refusal) else None

    def render(self, campaign: Campaign, recipient: Recipient, today: date) -> Body | Refusal:
        """Return the request for one recipient, or what is wrong with the row."""
        return render_body(campaign, recipient, today)

    def encode(self, body: Body) -> bytes:
        """Return the bytes that are posted."""
        return encode_body(body)

    def connect(self, api_key: str, *, connections: int) -> AbstractAsyncContextManager[Sender]:
        """Return the client for one run."""
        from dispatcher.studio.client import Studio  # brings the HTTP client along, which only who sends pays for

        return Studio(api_key, connections=connections)


WHATSAPP = StudioChannel("whatsapp", WHATSAPP_WORDS, has_template=True)
SMS = StudioChannel("sms", SMS_WORDS, has_template=False)
