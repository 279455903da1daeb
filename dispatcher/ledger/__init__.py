"""The outcome ledger: every SQL statement of the program, and the only truth about what was sent.

One SQLite file. One process writes, holding ``RunLock``; inside it one thread writes, the ``Writer``'s;
everybody else opens the file read-only with ``open_reader`` and never checkpoints. What other rooms
may do is a function of this room that takes a connection: ``writer.call(load_sheet, ...)``,
``count_states(reader, ...)``.
"""

from sqlalchemy import Connection

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
from dispatcher.ledger.file import open_reader, remove_sandbox_ledger, utc_text
from dispatcher.ledger.load import Change, LoadReport, classify_changes, is_loaded, load_sheet
from dispatcher.ledger.lock import RunLock
from dispatcher.ledger.purge import purge
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
from dispatcher.ledger.writer import Writer

__all__ = [
    "AgentRecord",
    "CampaignRecord",
    "Change",
    "Connection",
    "Doubt",
    "DueRow",
    "LoadReport",
    "RowRecord",
    "RunCounts",
    "RunLock",
    "Writer",
    "begin_run",
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
    "is_loaded",
    "keep_learnt",
    "last_run",
    "list_agents",
    "list_campaigns",
    "list_in_doubt",
    "load_sheet",
    "note_limit",
    "open_reader",
    "purge",
    "read_attempts",
    "read_events",
    "read_row",
    "read_rows",
    "refuse_row",
    "remove_sandbox_ledger",
    "resolve",
    "retry",
    "seconds_since_last_attempt",
    "set_limit",
    "sweep_dead_run",
    "utc_text",
    "withdraw_vanished",
]
