"""What people write to say where a ledger is, and which engine that asks for."""

import os
import re
from collections.abc import Collection
from pathlib import Path

from dispatcher.errors import UsageError
from dispatcher.ledger.engine import LedgerEngine
from dispatcher.ledger.engines.sqlite.ledger import SqliteLedger

Locator = str | os.PathLike[str]
"""``ledger.db``, ``/absolute/ledger.db``, or a URL: ``sqlite:///ledger.db``, ``sqlite:////absolute/ledger.db``."""

_URL = re.compile(r"([a-z][a-z0-9+]*)://(.*)", re.IGNORECASE | re.DOTALL)
_NO_FILE = re.compile(r"(sqlite|postgres(ql)?(\+[a-z0-9]+)?):", re.IGNORECASE)
_HOW = "write the path of its file, or sqlite:///ledger.db"


def locate(folders: Collection[Path], named: Locator | None = None, *, is_rehearsal: bool = False) -> str:
    """Return the locator of the ledger of campaigns whose files are in these folders.

    The one that somebody named, then the one in ``DISPATCHER_LEDGER``, then ``ledger.db`` beside the campaign
    file. A rehearsal has a ledger of its own and does not listen to the environment, which names the real one.

    Raises:
        UsageError: the folders are several, and no ledger was named.
    """
    if named is not None:
        return os.fspath(named)
    if not is_rehearsal and (from_environment := os.environ.get("DISPATCHER_LEDGER")):
        return from_environment
    if len(folders) > 1:
        raise UsageError("the campaigns stand in different folders; name their ledger with --ledger")
    (folder,) = folders
    return str(folder / ("ledger.sandbox.db" if is_rehearsal else "ledger.db"))


def find_engine(locator: Locator) -> LedgerEngine:
    """Return the ledger that a locator names; nothing is opened.

    A URL counts its slashes as SQLAlchemy does: what follows the third one is the path.

    Raises:
        UsageError: the locator names none, or one that this version does not know.
    """
    text = os.fspath(locator)
    if url := _URL.fullmatch(text):
        return SqliteLedger(_path_of(url[1], url[2]))
    if not text or _NO_FILE.match(text):
        # As a file's name this would be a new, empty ledger, and everybody would be messaged again.
        raise UsageError(f"{text!r}: this is no ledger; {_HOW}")
    return SqliteLedger(Path(text))


def is_there(locator: Locator) -> bool:
    """Return whether there is a ledger yet.

    Raises:
        UsageError: the locator names none.
    """
    return find_engine(locator).is_there()


def _path_of(scheme: str, rest: str) -> Path:
    """Return the path in a URL; no error repeats more of it than the scheme, for it may hold a password."""
    if scheme.lower() != "sqlite":
        raise UsageError(f"{scheme}://...: this version keeps ledgers in SQLite only; {_HOW}")
    host, slash, path = rest.partition("/")
    if host or not slash or not path:
        raise UsageError(f"sqlite://{rest}: this is no ledger; {_HOW} (three slashes, four before an absolute path)")
    if "?" in path or "#" in path:
        raise UsageError(f"sqlite://{rest}: a ledger takes no options; {_HOW}")
    return Path(path)
