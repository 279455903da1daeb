"""What the database itself refuses, whoever asks: rules as data, which each engine renders as its triggers.

Conditions are SQL as every engine reads it, over ``OLD`` and ``NEW``, with ``IS DISTINCT FROM`` for values that
may be NULL.
"""

from dataclasses import dataclass
from typing import Literal

from dispatcher.ledger.moves import ALLOWED_MOVES


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of change that is refused, with the words ``refused by <name>``.

    Attributes:
        name: the name of the rule and of the trigger that enforces it.
        table: what it guards.
        on: whether rows are changed or removed.
        columns: a change of one of these; empty for any column.
        when: the condition under which the change is refused; empty for always.
    """

    name: str
    table: str
    on: Literal["UPDATE", "DELETE"]
    columns: tuple[str, ...] = ()
    when: str = ""


def _is_forbidden_move() -> str:
    allowed = " OR ".join(
        f"(OLD.state = '{old}' AND NEW.state IN ({', '.join(repr(str(new)) for new in targets)}))"
        for old, targets in ALLOWED_MOVES.items()
        if targets
    )
    return f"NEW.state <> OLD.state AND NOT ({allowed})"


_FORGETS_ONLY = (
    "NEW.reason = '' AND NEW.answer = '' AND NEW.outcome = OLD.outcome AND NEW.ended_at = OLD.ended_at "
    "AND NEW.http_status IS NOT DISTINCT FROM OLD.http_status "
    "AND NEW.headers_sent IS NOT DISTINCT FROM OLD.headers_sent "
    "AND NEW.latency_ms IS NOT DISTINCT FROM OLD.latency_ms "
    "AND NEW.session_id IS NOT DISTINCT FROM OLD.session_id "
    "AND EXISTS (SELECT 1 FROM recipients WHERE id = OLD.recipient_id AND purged_at IS NOT NULL)"
)
"""An attempt of a purged row loses its texts, and nothing else of it changes."""

RULES = (
    Rule("recipients_moves", "recipients", "UPDATE", columns=("state",), when=_is_forbidden_move()),
    # Whoever is marked, listed, hidden or refused in the present sheet gets no request, whatever the past.
    Rule(
        "recipients_objection",
        "recipients",
        "UPDATE",
        columns=("state",),
        when="NEW.state = 'sending' AND EXISTS (SELECT 1 FROM objections WHERE recipient_id = NEW.id)",
    ),
    Rule(
        "recipients_identity",
        "recipients",
        "UPDATE",
        columns=("campaign_id", "key"),
        # A key changes into its hash when the row is purged, and back when its sheet brings it again.
        when="NEW.campaign_id <> OLD.campaign_id OR (NEW.key IS DISTINCT FROM OLD.key"
        " AND (NEW.purged_at IS NULL) = (OLD.purged_at IS NULL))",
    ),
    Rule("recipients_kept", "recipients", "DELETE", when="OLD.key IS NOT NULL"),
    Rule("attempts_kept", "attempts", "DELETE"),
    Rule(
        "attempts_closed_once",
        "attempts",
        "UPDATE",
        when="NEW.recipient_id <> OLD.recipient_id OR NEW.run_id <> OLD.run_id OR NEW.started_at <> OLD.started_at"
        f" OR (OLD.outcome IS NOT NULL AND NOT ({_FORGETS_ONLY}))",
    ),
    Rule("events_kept", "events", "DELETE"),
    Rule("events_fixed", "events", "UPDATE"),
    Rule("ledger_meta_kept", "ledger_meta", "DELETE"),
    Rule("ledger_meta_kind", "ledger_meta", "UPDATE", columns=("kind",), when="NEW.kind <> OLD.kind"),
)
