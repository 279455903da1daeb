"""What no single key of a campaign file can show: keys that do not fit each other.

Looks at the file as it was read, so that these mistakes are listed together with those of single keys.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dispatcher.channel import Channel


def find_contradictions(content: Mapping[str, Any], channels: Mapping[str, Channel], channel: Channel) -> Iterator[str]:
    """Yield each contradiction as a sentence that says what to write.

    Args:
        content: the file as it was read.
        channels: every channel by its name.
        channel: the one the file names, else the one that holds where none is named.
    """
    if channel.has_template and content.get("channel", channel.name) == channel.name and "template" not in content:
        others = [f'"{name}"' for name, other in channels.items() if not other.has_template]
        instead = f", or channel = {' or '.join(others)}" if others else ""
        yield f"template: missing; write a [template] table{instead}"
    recipient = content.get("recipient")
    if isinstance(recipient, dict):
        yield from _find_in_recipient(recipient)
    yield from channel.find_contradictions(content)


def _find_in_recipient(recipient: Mapping[str, Any]) -> Iterator[str]:
    written_as, region = recipient.get("written_as"), recipient.get("default_region")
    if written_as == "national" and region is None:
        yield 'recipient.default_region: missing; national numbers need their country, such as "GB"'
    if written_as == "international" and region is not None:
        yield 'recipient.default_region: only for written_as = "national"; remove it or write that too'
