"""What other rooms may ask of the ledger: the names of this package, see there."""

from sqlalchemy import Connection

from dispatcher.ledger.access import change, is_part_of, list_copies, open_reader, own, purge
from dispatcher.ledger.agent_record import AgentRecord
from dispatcher.ledger.agents import (
    find_agent,
    find_limit,
    keep_learnt,
    list_agents,
    note_limit,
    seconds_since_last_attempt,
    set_limit,
)
from dispatcher.ledger.comparison import Change, SheetComparison, SheetDifference
from dispatcher.ledger.decisions import Doubt, count_failed, list_in_doubt, resolve, retry, sweep_dead_run
from dispatcher.ledger.identity import Kind
from dispatcher.ledger.load import LoadReport, SheetLoad
from dispatcher.ledger.locator import Locator, is_there
from dispatcher.ledger.objections import count_objected
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
    RowRecord,
    count_open_problems,
    count_states,
    find_campaign,
    find_rows,
    read_attempts,
    read_events,
    read_rows,
)
from dispatcher.ledger.runs import RunCounts, begin_run, end_run
from dispatcher.ledger.standing import CampaignRecord, Standing, read_standings
from dispatcher.ledger.times import utc_text
from dispatcher.ledger.writer import Writer

__all__ = [
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
    "SheetComparison",
    "SheetDifference",
    "SheetLoad",
    "Standing",
    "Writer",
    "begin_run",
    "change",
    "count_failed",
    "count_objected",
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
    "list_agents",
    "list_copies",
    "list_in_doubt",
    "note_limit",
    "open_reader",
    "own",
    "purge",
    "read_attempts",
    "read_events",
    "read_row",
    "read_rows",
    "read_standings",
    "refuse_row",
    "resolve",
    "retry",
    "seconds_since_last_attempt",
    "set_limit",
    "sweep_dead_run",
    "utc_text",
    "withdraw_vanished",
]
