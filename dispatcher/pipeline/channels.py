"""Which channels there are: the one place that knows every vendor's folder by its name."""

from collections.abc import Mapping

from dispatcher.channel import Channel
from dispatcher.models import Campaign
from dispatcher.studio import SMS, WHATSAPP

CHANNELS: Mapping[str, Channel] = {channel.name: channel for channel in (WHATSAPP, SMS)}
"""By their names; the first one is that of a campaign which names none."""


def channel_of(campaign: Campaign) -> Channel:
    """Return the channel that carries a campaign's messages."""
    return CHANNELS[campaign.channel]
