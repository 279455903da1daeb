"""The campaign files that a command line names."""

from pathlib import Path

from dispatcher.models import Campaign


def open_campaign(path: Path) -> Campaign:
    """Read and check a campaign file, for any channel there is.

    Raises:
        CampaignError: the file cannot be read or holds mistakes.
    """
    from dispatcher.campaign import load_campaign  # heavy: only who names a campaign pays for it
    from dispatcher.channels import CHANNELS

    return load_campaign(path, CHANNELS)
