"""The ledger's rules as triggers of SQLite, and whether they are all in place."""

from pathlib import Path

from sqlalchemy import Connection

from dispatcher.errors import LedgerError
from dispatcher.ledger.rules import RULES, Rule


def render(rule: Rule) -> str:
    """Return the statement that creates a rule's trigger; it is compared later, so it never depends on a library."""
    of = f" OF {', '.join(rule.columns)}" if rule.columns else ""
    # Only newer versions of SQLite know IS DISTINCT FROM; its own word for that is IS NOT.
    condition = rule.when.replace("IS NOT DISTINCT FROM", "IS").replace("IS DISTINCT FROM", "IS NOT")
    when = f" WHEN {condition}" if condition else ""
    return (
        f"CREATE TRIGGER {rule.name} BEFORE {rule.on}{of} ON {rule.table}{when}"
        f" BEGIN SELECT RAISE(ABORT, 'refused by {rule.name}'); END"
    )


def create_triggers(connection: Connection) -> None:
    """Put every rule to work."""
    for rule in RULES:
        connection.exec_driver_sql(render(rule))


def read_triggers(connection: Connection) -> dict[str, str]:
    """Return the statements of all triggers in the ledger by their names."""
    found = connection.connection.cursor().execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    return dict(found.fetchall())


def verify_triggers(path: Path, connection: Connection) -> None:
    """Refuse a ledger without one of its rules: what the program gets wrong would then stay.

    Raises:
        LedgerError: a trigger is missing, or is another one.
    """
    found = read_triggers(connection)
    if lacking := [rule.name for rule in RULES if found.get(rule.name) != render(rule)]:
        raise LedgerError(
            f"{path}: something else changed this ledger: its rules lack {', '.join(lacking)}; nothing was sent."
            " Put back a copy made with `VACUUM INTO`"
        )
