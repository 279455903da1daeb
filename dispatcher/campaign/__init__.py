"""A campaign file (TOML) becomes a checked ``Campaign``, or a list of everything that is wrong with it."""

from dispatcher.campaign.api_key import read_api_key
from dispatcher.campaign.file import load_campaign

__all__ = ["load_campaign", "read_api_key"]
