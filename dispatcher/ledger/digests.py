"""What stands for a row's content: the check sum that finds damage, the keyed hash that outlives a purge."""

import hashlib
import hmac
import secrets
from collections.abc import Callable

from sqlalchemy import Connection, Row, insert, select

from dispatcher.errors import LedgerError
from dispatcher.ledger.schema import hash_keys


def digest(campaign_id: int, key: str | None, to: str | None, cells: str) -> str:
    """Return the check sum that shows a damaged number, key or cell before it is sent.

    SQLite notices few flipped bits by itself: most fall into the text of a cell.
    """
    parts = f"{campaign_id}\x1f{key or ''}\x1f{to or ''}\x1f{cells}"
    return hashlib.blake2b(parts.encode(), digest_size=16).hexdigest()


def verify_digest(row: Row[tuple[object, ...]]) -> None:
    """Raise LedgerError when a row read from the ledger does not match its digest."""
    if row.digest != digest(row.campaign_id, row.key, row.to_number, row.cells):
        raise LedgerError(f"row {row.row_number} in the ledger is damaged (its digest differs); nothing of it was sent")


def make_hash_key(connection: Connection) -> None:
    """Make the key of the hashes, unless this ledger has one."""
    if connection.execute(select(hash_keys.c.secret)).first() is None:
        connection.execute(insert(hash_keys).values(secret=secrets.token_hex(32)))


def read_hasher(connection: Connection) -> Callable[[str], str] | None:
    """Return the function that hashes keys and numbers, None when nothing was ever purged here."""
    secret = connection.execute(select(hash_keys.c.secret)).scalar()
    if secret is None:
        return None
    return lambda text: "purged:" + hmac.digest(bytes.fromhex(secret), text.encode(), "sha256").hex()[:32]
