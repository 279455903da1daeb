"""Start one AI Studio WhatsApp session per spreadsheet row, at the approved rate, once and only once.

Notebooks and scheduled jobs ask here what became of every row; nothing is sent and nothing is changed by it:

    >>> import dispatcher
    >>> frame = dispatcher.outcomes("campaigns/appointment_reminders.toml")
    >>> frame["state"].value_counts()
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import PathLike

    from dispatcher.models import Campaign
    from dispatcher.outputs.frames import DataFrame

__all__ = ["__version__", "outcome_chunks", "outcomes"]
__version__ = "0.1.0"


def outcomes(
    campaign: "str | PathLike[str] | Campaign",
    *,
    ledger: "str | PathLike[str] | None" = None,
    states: "Iterable[str] | None" = None,
) -> "DataFrame":
    """Return what became of every row of the sheet, in its order, as a pandas DataFrame.

    It holds what an export of the campaign holds, under the same labels:

    ===================  ====================  ===============================================================
    column               dtype                 meaning
    ===================  ====================  ===============================================================
    the sheet's own      string                the cells as text; <NA> where the ledger holds none: purged
    state                category              where the row stands: pending, accepted, failed, in_doubt, ...
    reason               string                why, in a sentence for people; empty where there is none
    last attempt         datetime64[us, UTC]   when the last request for it began; NaT where none was made
    session id           string                the session that was started; <NA> where none is known
    attempts             Int64                 how many requests were made for it
    sheet row            int64                 its number, as Excel shows it
    ===================  ====================  ===============================================================

    The last six are always these, in this order. Where the sheet has a column ``State`` itself, ours is
    ``state (2)``. Rows of a campaign that the ledger has not seen yet are none: an empty frame of these six.

    Args:
        campaign: the campaign file, or what was read from one.
        ledger: where the ledger is: a path, or ``sqlite:///path``. Without it ``DISPATCHER_LEDGER``, then
            ``ledger.db`` beside the campaign file, as on the command line.
        states: only rows in these states, with those of earlier sheets: ``["failed", "in_doubt"]``.

    Raises:
        CampaignError: the campaign file cannot be read or holds mistakes.
        LedgerError: there is no ledger yet, or it cannot be read.
        UsageError: a state or the ledger's name is none.
    """
    from dispatcher.pipeline.outcomes import read_outcomes  # heavy: pandas

    return read_outcomes(*_find(campaign, ledger), states)


def outcome_chunks(
    campaign: "str | PathLike[str] | Campaign",
    *,
    rows: int = 50_000,
    ledger: "str | PathLike[str] | None" = None,
    states: "Iterable[str] | None" = None,
) -> "Iterator[DataFrame]":
    """Yield what ``outcomes`` returns in frames of at most ``rows`` rows, for sheets too large to hold at once.

    The index goes on from frame to frame. Where there are no rows one empty frame is yielded. All frames tell of
    the moment of the first one; the ledger is open for reading until the last one, or until the iterator is closed.

        >>> failed = 0
        >>> for frame in dispatcher.outcome_chunks("campaigns/appointment_reminders.toml", rows=10_000):
        ...     failed += int((frame["state"] == "failed").sum())

    Args and errors are those of ``outcomes``; the ledger is looked at with the first frame.
    """
    from dispatcher.pipeline.outcomes import read_outcome_chunks  # heavy: pandas

    return read_outcome_chunks(*_find(campaign, ledger), states, rows)


def _find(campaign: "str | PathLike[str] | Campaign", ledger: "str | PathLike[str] | None") -> "tuple[Campaign, str]":
    from pathlib import Path

    from dispatcher.campaign import load_campaign
    from dispatcher.channels import CHANNELS
    from dispatcher.ledger.locator import locate
    from dispatcher.models import Campaign

    found = campaign if isinstance(campaign, Campaign) else load_campaign(Path(campaign), CHANNELS)
    return found, locate({found.path.parent}, ledger)
