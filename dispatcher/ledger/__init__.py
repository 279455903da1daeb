"""The outcome ledger: every SQL statement of the program, and the only truth about what was sent.

A ledger is known by a ``Locator``. One process at a time owns it (``own``), and inside it one thread writes,
the ``Writer``'s; ``change`` owns it for one transaction; everybody else reads (``open_reader``). What other
rooms may do is a function of this room that takes a connection: ``writer.call(resolve, ...)``,
``count_states(reader, ...)``. What keeps the ledger is behind ``engine``, a folder each in ``engines/``.

The names are in ``face`` and are imported with the first one that is asked for: `status`, which is to answer at
once, goes to ``standing`` without it, for most of this room needs SQLAlchemy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dispatcher.ledger.face import *  # noqa: F403 - it says in ``__all__`` what that is
else:

    def __getattr__(name: str) -> Any:
        return getattr(import_module("dispatcher.ledger.face"), name)
