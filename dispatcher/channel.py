"""What a campaign needs from the vendor that carries its messages: one protocol and the records it speaks in.

A channel is what a campaign file names in ``channel = "whatsapp"``: one object that fulfils ``Channel``, in a folder of
its own beside ``studio``, listed in ``channels.py``. All that a vendor decides stays in that folder: what its
settings may be, where requests go and what they look like, how fast, what an answer means, what its things are called.
The other rooms are handed the channel and know no vendor.

Two things every channel keeps. Its folder can be imported without its network client, which ``connect`` alone brings
along, for most commands never send. And ``Sender.send`` sends at most once: what it cannot know is ``in_doubt``.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from dispatcher.models import AttemptResult, Campaign, Recipient, Refusal

Body = dict[str, Any]
"""A request as JSON, in the order of its keys in which it is sent."""


def _find_nothing(value: Any) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a channel says of one key of a campaign file.

    Attributes:
        advice: what is to be written there; completes the sentence "write ...".
        find_trouble: says what is wrong with a value, to go on where the value ends, or nothing. With a semicolon in
            it, it says itself what to write. It gets a text as it stands in the file, its placeholders known to be
            sound, or a whole number; of a list or a table, each value.
        find_name_trouble: says the same of each name in a table whose names people choose.
    """

    advice: str
    find_trouble: Callable[[Any], str] = _find_nothing
    find_name_trouble: Callable[[str], str] = _find_nothing


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast the agents of a vendor may send.

    Attributes:
        granted: the sessions per second that a vendor approves, each at least 1, ascending; the first one holds for
            an agent of which nothing else is known.
        warm_up_s: seconds from a change of an agent's limit until it is active.
    """

    granted: tuple[int, ...]
    warm_up_s: float

    @property
    def first(self) -> int:
        """What holds until another limit is asked for."""
        return self.granted[0]


@dataclass(frozen=True, slots=True)
class Words:
    """What the vendor's things are called where people read of them.

    Attributes:
        vendor: who accepts and refuses, such as ``AI Studio``.
        session: what one recipient gets, in the singular, such as ``WhatsApp session``.
        key_mark: what stands before "key" in the vendor's name for its API key, such as ``vgai`` in ``X-Vgai-Key``.
        agent_id: what an agent's id looks like, to go on after "write its id of".
        inactive_limit: why less than the approved limit may be accepted for a while, and what to check.
        throttled: what to check when many requests in a row are throttled, in whole sentences without the last stop.
        agent_draft: the ``[agent]`` table of a first campaign file, a comment beside each key that is to be filled in.
        template_draft: the ``[template]`` table alike, empty without one; ``{columns}`` alone on a line stands for
            comments that list the columns of the sheet.
    """

    vendor: str
    session: str
    key_mark: str
    agent_id: str
    inactive_limit: str
    throttled: str
    agent_draft: str
    template_draft: str = ""


class Sender(Protocol):
    """Sends requests over connections of its own."""

    async def send(self, endpoint: str, body: bytes) -> AttemptResult:
        """Send one request once, and say how that ended.

        Nothing is ever repeated, and nothing that happens on the network raises: the intent is on disk, so an outcome
        must reach the ledger. ``accepted``, ``throttled`` and ``rejected`` only where the vendor is known to mean it;
        ``unsent`` only where no byte can have left; all else is ``in_doubt``. A call that is cancelled still returns
        its outcome. ``AttemptResult`` says what else is told, ``stop`` above all: why no other row should be tried.

        Args:
            endpoint: where to, from ``Campaign.agent``.
            body: what ``Channel.encode`` made.
        """
        ...


class Channel(Protocol):
    """All that a vendor decides about a campaign; holds no state."""

    @property
    def name(self) -> str:
        """What a campaign file calls it, such as ``whatsapp``."""
        ...

    @property
    def words(self) -> Words:
        """What its things are called."""
        ...

    @property
    def limits(self) -> Limits:
        """How fast its agents may send."""
        ...

    @property
    def has_template(self) -> bool:
        """Whether a campaign needs a ``[template]`` table; where it does not, one in the file is left out."""
        ...

    @property
    def settings(self) -> Mapping[str, Setting]:
        """What it says of the keys that are a vendor's, by their place in a campaign file, such as ``agent.id``.

        ``campaign.sections.CHANNEL_KEYS`` lists them; all must be there that a campaign of this channel can have.
        """
        ...

    def find_contradictions(self, content: Mapping[str, Any]) -> Iterator[str]:
        """Yield what single keys cannot show, each as a sentence with its place and what to write.

        Args:
            content: the campaign file as it was read, not checked yet: any value may be of any kind.
        """
        ...

    def read_agent_id(self, text: str) -> str:
        """Return an agent's id in the one form in which it is sent and kept, or an empty text if it is none."""
        ...

    def find_endpoint(self, region: str) -> str:
        """Return where the requests for agents of a region go that ``settings`` allows."""
        ...

    def find_trouble(self, campaign: Campaign, recipient: Recipient, today: date) -> Refusal | None:
        """Return why a row cannot be sent by the vendor's rules, or None; what ``render`` would refuse, and no more.

        Args:
            campaign: where the texts come from.
            recipient: where the values come from.
            today: what ``{today}`` stands for, as an ISO date.
        """
        ...

    def render(self, campaign: Campaign, recipient: Recipient, today: date) -> Body | Refusal:
        """Return the request for one recipient, or what is wrong with the row; the arguments are ``find_trouble``'s.

        A row that is refused names the columns to blame as the campaign file spells them, with commas between. The
        same arguments make the same request.
        """
        ...

    def encode(self, body: Body) -> bytes:
        """Return the bytes that are sent for a request; ``preview`` shows the same ones."""
        ...

    def connect(self, api_key: str, *, connections: int) -> AbstractAsyncContextManager[Sender]:
        """Return what sends the requests of a run, for the length of an ``async with``.

        Args:
            api_key: what the vendor knows its customer by; never shown, logged or kept.
            connections: so many at a time, from 1.

        Raises:
            UsageError: no key looks like this one.
        """
        ...
