"""The ledger's tables, the triggers that refuse forbidden moves, and the views people may open."""

from enum import StrEnum

from sqlalchemy import (
    DDL,
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
    event,
    text,
    true,
)

from dispatcher.models import Outcome, State


class Kind(StrEnum):
    """What a ledger's outcomes are: of real people, or of a rehearsal. Neither is ever used as the other."""

    REAL = "real"
    REHEARSAL = "rehearsal"


SCHEMA_VERSION = 1
"""Rises with every change of the tables; a ledger of a higher version is not touched."""

ALLOWED_MOVES: dict[State, tuple[State, ...]] = {
    State.PENDING: (State.SENDING, State.REFUSED, State.SKIPPED, State.WITHDRAWN),
    State.RETRYABLE: (State.SENDING, State.REFUSED, State.SKIPPED, State.WITHDRAWN),
    State.SENDING: (State.ACCEPTED, State.RETRYABLE, State.FAILED, State.IN_DOUBT, State.PENDING),
    State.FAILED: (State.PENDING,),
    State.IN_DOUBT: (State.ACCEPTED, State.PENDING, State.FAILED),
    State.REFUSED: (State.PENDING, State.SKIPPED, State.WITHDRAWN),
    State.SKIPPED: (State.PENDING, State.REFUSED, State.WITHDRAWN),
    State.WITHDRAWN: (State.PENDING, State.REFUSED, State.SKIPPED),
    State.ACCEPTED: (),
}
"""Every move a row may make. The database refuses all others, whoever asks."""

metadata = MetaData()


def _one_of(column: str, words: type[State] | type[Outcome]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})")


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
        " OR (key IS NOT NULL AND purged_at IS NOT NULL AND state IN ('accepted', 'failed'))"
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


def _forbidden_move() -> str:
    allowed = " OR ".join(
        f"(OLD.state = '{old}' AND NEW.state IN ({', '.join(repr(str(new)) for new in targets)}))"
        for old, targets in ALLOWED_MOVES.items()
        if targets
    )
    return f"NEW.state <> OLD.state AND NOT ({allowed})"


_FORGETS_ONLY = (
    "NEW.reason = '' AND NEW.answer = '' AND NEW.outcome = OLD.outcome AND NEW.ended_at = OLD.ended_at "
    "AND NEW.http_status IS OLD.http_status AND NEW.headers_sent IS OLD.headers_sent "
    "AND NEW.latency_ms IS OLD.latency_ms AND NEW.session_id IS OLD.session_id "
    "AND EXISTS (SELECT 1 FROM recipients WHERE id = OLD.recipient_id AND purged_at IS NOT NULL)"
)

_TRIGGERS = {
    "recipients_moves": f"BEFORE UPDATE OF state ON recipients WHEN {_forbidden_move()}",
    "recipients_identity": (
        "BEFORE UPDATE OF campaign_id, key ON recipients "
        "WHEN NEW.campaign_id <> OLD.campaign_id "
        "OR (NEW.key IS NOT OLD.key AND (NEW.purged_at IS NULL) = (OLD.purged_at IS NULL))"
    ),
    "recipients_kept": "BEFORE DELETE ON recipients WHEN OLD.key IS NOT NULL",
    "attempts_kept": "BEFORE DELETE ON attempts",
    "attempts_closed_once": (
        "BEFORE UPDATE ON attempts WHEN NEW.recipient_id <> OLD.recipient_id OR NEW.run_id <> OLD.run_id "
        "OR NEW.started_at <> OLD.started_at OR (OLD.outcome IS NOT NULL AND NOT (" + _FORGETS_ONLY + "))"
    ),
    "events_kept": "BEFORE DELETE ON events",
    "events_fixed": "BEFORE UPDATE ON events",
}

_VIEWS = {
    "v_recipients": """
        SELECT c.name AS campaign, r.row_number, r.key, r.to_number, r.state, r.reason, r.problem_column,
               r.not_before, r.session_id, r.updated_at, r.in_sheet, r.purged_at, r.cells,
               (SELECT count(*) FROM attempts a WHERE a.recipient_id = r.id) AS attempts
        FROM recipients r JOIN campaigns c ON c.id = r.campaign_id""",
    "v_attempts": """
        SELECT c.name AS campaign, r.row_number, r.key, a.id AS attempt, a.run_id AS run, a.started_at, a.ended_at,
               a.outcome, a.http_status, a.headers_sent, a.latency_ms, a.reason, a.session_id, a.answer
        FROM attempts a JOIN recipients r ON r.id = a.recipient_id JOIN campaigns c ON c.id = r.campaign_id""",
    "v_failed": """
        SELECT campaign, row_number, key, to_number, state, reason, problem_column, updated_at, attempts
        FROM v_recipients WHERE state IN ('failed', 'refused', 'in_doubt')""",
    "v_runs": """
        SELECT c.name AS campaign, runs.id AS run, runs.command, runs.started_at, runs.ended_at, runs.pid, runs.host,
               runs.sent, runs.accepted, runs.throttled, runs.unsent, runs.rejected, runs.in_doubt,
               runs.exit_code, runs.note
        FROM runs JOIN campaigns c ON c.id = runs.campaign_id""",
}

for _name, _rule in _TRIGGERS.items():
    # RAISE exists in SQLite only; PostgreSQL wants a trigger function of the same name.
    _body = f"CREATE TRIGGER {_name} {_rule} BEGIN SELECT RAISE(ABORT, 'refused by {_name}'); END"
    event.listen(metadata, "after_create", DDL(_body).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call] # SQLAlchemy left it untyped
for _name, _query in _VIEWS.items():
    event.listen(metadata, "after_create", DDL(f"CREATE VIEW {_name} AS {_query}"))  # type: ignore[no-untyped-call] # as above
