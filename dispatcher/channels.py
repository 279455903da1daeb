"""Which channels there are: the one place that knows every vendor's folder by its name."""

from collections.abc import Mapping

from dispatcher.channel import Channel
from dispatcher.models import Campaign
from dispatcher.studio import SMS, WHATSAPP

DEFAULT: Channel = WHATSAPP
"""The channel of a campaign that names none, and the words where no campaign is at hand."""

CHANNELS: Mapping[str, Channel] = {channel.name: channel for channel in (DEFAULT, SMS)}
"""By their names, the default one first."""


def read_agent_id(text: str) -> str:
    """Return an agent's id in the form of the channel it is an id of, or an empty text if it is none."""
    return next(filter(None, (channel.read_agent_id(text) for channel in CHANNELS.values())), "")


def channel_of(campaign: Campaign) -> Channel:
    """Return the channel that carries a campaign's messages."""
    return CHANNELS[campaign.channel]
