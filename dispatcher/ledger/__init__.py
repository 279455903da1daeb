"""The outcome ledger: every SQL statement of the program, and the only truth about what was sent.

A ledger is known by a ``Locator``. One process at a time owns it (``own``), and inside it one thread writes,
the ``Writer``'s; ``change`` owns it for one transaction; everybody else reads (``open_reader``). What other
rooms may do is a function of this room that takes a connection: ``writer.call(resolve, ...)``,
``count_states(reader, ...)``. What keeps the ledger is behind ``engine``, a folder each in ``engines/``.
"""

from sqlalchemy import Connection

from dispatcher.ledger.access import change, is_part_of, is_there, open_reader, own, purge
from dispatcher.ledger.agents import (
    AgentRecord,
    find_agent,
    find_limit,
    keep_learnt,
    list_agents,
    note_limit,
    seconds_since_last_attempt,
    set_limit,
)
from dispatcher.ledger.decisions import Doubt, count_failed, list_in_doubt, resolve, retry, sweep_dead_run
from dispatcher.ledger.load import BATCH, Change, LoadReport, SheetLoad, classify_changes
from dispatcher.ledger.locator import Locator
from dispatcher.ledger.queue import (
    DueRow,
    find_due,
    find_floor,
    find_retryable,
    read_row,
    refuse_row,
    withdraw_vanished,
)
from dispatcher.ledger.reading import (
    CampaignRecord,
    RowRecord,
    count_open_problems,
    count_states,
    find_campaign,
    find_rows,
    last_run,
    list_campaigns,
    read_attempts,
    read_events,
    read_rows,
)
from dispatcher.ledger.runs import RunCounts, begin_run, end_run
from dispatcher.ledger.schema import Kind
from dispatcher.ledger.times import utc_text
from dispatcher.ledger.writer import Writer

__all__ = [
    "BATCH",
    "AgentRecord",
    "CampaignRecord",
    "Change",
    "Connection",
    "Doubt",
    "DueRow",
    "Kind",
    "LoadReport",
    "Locator",
    "RowRecord",
    "RunCounts",
    "SheetLoad",
    "Writer",
    "begin_run",
    "change",
    "classify_changes",
    "count_failed",
    "count_open_problems",
    "count_states",
    "end_run",
    "find_agent",
    "find_campaign",
    "find_due",
    "find_floor",
    "find_limit",
    "find_retryable",
    "find_rows",
    "is_part_of",
    "is_there",
    "keep_learnt",
    "last_run",
    "list_agents",
    "list_campaigns",
    "list_in_doubt",
    "note_limit",
    "open_reader",
    "own",
    "purge",
    "read_attempts",
    "read_events",
    "read_row",
    "read_rows",
    "refuse_row",
    "resolve",
    "retry",
    "seconds_since_last_attempt",
    "set_limit",
    "sweep_dead_run",
    "utc_text",
    "withdraw_vanished",
]
