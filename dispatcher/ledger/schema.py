"""The ledger's tables, the same on every engine."""

from enum import StrEnum

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
    true,
)

from dispatcher.ledger.identity import Kind
from dispatcher.models import Outcome, State

metadata = MetaData()


def _one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})")


ledger_meta = Table(
    "ledger_meta",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("kind", Text, _one_of("kind", Kind), nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("program_version", Text, nullable=False),
    Column("created_at", String(24), nullable=False),
)

# Times are UTC texts of one width (2026-11-22T09:30:00.000Z): they sort as they read, in every engine.

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("agent_id", Text, nullable=False),
    Column("sheet_path", Text, nullable=False, server_default=""),
    Column("columns", Text, nullable=False, server_default="[]"),
    Column("fingerprint", Text, nullable=False, server_default=""),
    Column("today", String(10), nullable=False, server_default=""),
    Column("loaded_at", String(24)),
)

recipients = Table(
    "recipients",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False),
    Column("row_number", Integer, CheckConstraint("row_number >= 1"), nullable=False),
    Column("key", Text),
    Column("to_number", Text, CheckConstraint("length(to_number) BETWEEN 7 AND 15")),
    Column("state", Text, _one_of("state", State), nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("problem_column", Text, nullable=False, server_default=""),
    Column("cells", Text, nullable=False),
    Column("not_before", String(24)),
    Column("session_id", Text),
    Column("in_sheet", Boolean, nullable=False, server_default=true()),
    Column("updated_at", String(24), nullable=False),
    Column("digest", String(32), nullable=False),
    Column("purged_at", String(24)),
    Column("to_hash", Text),
    UniqueConstraint("campaign_id", "key"),
    CheckConstraint(
        "(key IS NOT NULL AND to_number IS NOT NULL) OR state IN ('refused', 'skipped', 'withdrawn')"
        " OR (key IS NOT NULL AND purged_at IS NOT NULL AND state IN ('accepted', 'failed', 'expired'))"
    ),
    Index("recipients_due", "campaign_id", "state", "row_number"),
    Index("recipients_number", "campaign_id", "to_number"),
    # The condition as each engine's queries put it, or the index is not used; in_sheet so that it is preferred.
    Index(
        "recipients_gone",
        "campaign_id",
        "in_sheet",
        "state",
        sqlite_where=text("in_sheet = 0"),
        postgresql_where=text("NOT in_sheet"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("recipient_id", ForeignKey("recipients.id"), nullable=False, index=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("started_at", String(24), nullable=False),
    Column("ended_at", String(24)),
    Column("outcome", Text, _one_of("outcome", Outcome)),
    Column("http_status", Integer),
    Column("headers_sent", Boolean),
    Column("latency_ms", Integer),
    Column("reason", Text, nullable=False, server_default=""),
    Column("session_id", Text),
    Column("answer", Text, nullable=False, server_default=""),
    CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)"),
)

hash_keys = Table("hash_keys", metadata, Column("secret", String(64), primary_key=True))

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("campaign_id", ForeignKey("campaigns.id"), nullable=False, index=True),
    Column("command", Text, nullable=False),
    Column("started_at", String(24), nullable=False),
    Column("ended_at", String(24)),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("sent", Integer, nullable=False, server_default="0"),
    Column("accepted", Integer, nullable=False, server_default="0"),
    Column("throttled", Integer, nullable=False, server_default="0"),
    Column("unsent", Integer, nullable=False, server_default="0"),
    Column("rejected", Integer, nullable=False, server_default="0"),
    Column("in_doubt", Integer, nullable=False, server_default="0"),
    Column("exit_code", Integer),
    Column("note", Text, nullable=False, server_default=""),
)

agents = Table(
    "agents",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("sessions_per_second", Integer, CheckConstraint("sessions_per_second > 0"), nullable=False),
    Column("changed_at", String(24)),
    Column("boot_id", Text, nullable=False, server_default=""),
    Column("boot_clock_s", Float, nullable=False, server_default="0"),
    Column("warm_up_s", Float, nullable=False, server_default="300"),
    Column("learnt", Text, nullable=False, server_default=""),
)

objections = Table(
    "objections",
    metadata,
    # A table of its own, for few rows have one: those that keep their story while the present sheet says no to them.
    Column("recipient_id", ForeignKey("recipients.id"), primary_key=True),
    Column("reason", Text, nullable=False),
)

events_table = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("recipient_id", ForeignKey("recipients.id"), nullable=False, index=True),
    Column("at", String(24), nullable=False),
    Column("who", Text, nullable=False),
    Column("from_state", Text, nullable=False),
    Column("to_state", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
