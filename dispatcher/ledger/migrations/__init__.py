"""How an older ledger becomes one of today: numbered steps, a module each, from one version to the next.

A step says in SQL of its own what changes, and never looks at ``schema``, which goes on changing after it. Views
and rules are none of its business: they are taken away before the first step, and made anew after the last.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from dispatcher.ledger.identity import SCHEMA_VERSION
from dispatcher.ledger.meta import note_version
from dispatcher.ledger.migrations import version_2

STEPS: Mapping[int, Callable[[Connection], None]] = {2: version_2.upgrade}
"""What makes a ledger of each version out of one of the version before."""


def run_steps(connection: Connection, found: int) -> None:
    """Bring the tables of a ledger of version ``found`` to today's, inside a transaction of the caller's."""
    for version in range(found + 1, SCHEMA_VERSION + 1):
        STEPS[version](connection)
    note_version(connection)
