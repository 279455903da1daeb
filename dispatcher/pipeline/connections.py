"""What the requests of a run leave by: to the vendor or to the sandbox, and how many at a time."""

import contextlib
import resource
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from dispatcher.channel import Sender
from dispatcher.channels import channel_of
from dispatcher.models import Campaign
from dispatcher.pipeline.dispatch import IN_AIR_MAX
from dispatcher.pipeline.send_options import SendOptions

OTHER_FILES = 64
"""What the ledger and the rest of the program keep open, with room to spare."""


@dataclass(frozen=True, slots=True)
class Connections:
    """What sends the requests of a run.

    Attributes:
        senders: by channel.
        sandbox_endpoint: where all of them go instead of the vendor; empty for a real run.
    """

    senders: Mapping[str, Sender]
    sandbox_endpoint: str = ""

    def locate(self, campaign: Campaign) -> Campaign:
        """Return a campaign as it is sent: to its own endpoint, or to the sandbox."""
        if not self.sandbox_endpoint:
            return campaign
        return replace(campaign, agent=replace(campaign.agent, endpoint=self.sandbox_endpoint))


@asynccontextmanager
async def open_connections(
    campaigns: Sequence[Campaign], options: SendOptions, *, count: int
) -> AsyncIterator[Connections]:
    """Yield what sends the requests of these campaigns, ``count`` of them at a time."""
    channels = {campaign.channel: channel_of(campaign) for campaign in campaigns}
    async with AsyncExitStack() as stack:
        endpoint = ""
        if options.sandbox:
            from dispatcher.sandbox import Sandbox, SandboxOptions  # only a rehearsal pays for a server

            limits = {campaign.agent.id: campaign.agent.limit for campaign in campaigns}
            endpoint = (await stack.enter_async_context(Sandbox(SandboxOptions(limits=limits)))).endpoint
        senders = {
            name: await stack.enter_async_context(channel.connect(options.api_key, connections=count))
            for name, channel in channels.items()
        }
        yield Connections(senders, endpoint)


def share_connections(agents: int) -> int:
    """Return how many requests each of so many agents may have in the air, from 1 to ``IN_AIR_MAX``.

    Every agent gets the same, and together they fit into what the process may open: else one agent whose requests
    are answered late would take the connections of all others. What the system lets us raise is raised first.
    """
    files_max = _raise_files_max(IN_AIR_MAX * agents + OTHER_FILES)
    return max(1, min(IN_AIR_MAX, (files_max - OTHER_FILES) // max(1, agents)))


def _raise_files_max(wanted: int) -> int:
    """Let the process open ``wanted`` files, or as many as it is allowed to; return how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return max(soft, wanted)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    with contextlib.suppress(ValueError, OSError):  # some systems call it unlimited and refuse all the same
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        return allowed
    return soft
