"""Version 2: a row that says what the ledger is, the state ``expired``, and what the sheet holds against a row.

Version 1 was kept by SQLite only, so that this step speaks SQLite.
"""

from sqlalchemy import Connection

from dispatcher.ledger.engines.sqlite.rebuild import rebuild_table

_META = """
CREATE TABLE ledger_meta (
    id INTEGER NOT NULL CHECK (id = 1),
    kind TEXT NOT NULL CHECK (kind IN ('real', 'rehearsal')),
    schema_version INTEGER NOT NULL,
    program_version TEXT NOT NULL,
    created_at VARCHAR(24) NOT NULL,
    PRIMARY KEY (id)
)"""

_KIND = "CASE application_id WHEN 0x44535053 THEN 'rehearsal' ELSE 'real' END"

# When a ledger of version 1 was made is written nowhere; it was not later than its first run.
_DESCRIBE = f"""
INSERT INTO ledger_meta (id, kind, schema_version, program_version, created_at)
SELECT 1, {_KIND}, 2, '', coalesce((SELECT min(started_at) FROM runs), strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
FROM pragma_application_id"""  # noqa: S608 - text of this module

_RECIPIENTS = """
CREATE TABLE {name} (
    id INTEGER NOT NULL,
    campaign_id INTEGER NOT NULL,
    row_number INTEGER NOT NULL CHECK (row_number >= 1),
    "key" TEXT,
    to_number TEXT CHECK (length(to_number) BETWEEN 7 AND 15),
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'accepted', 'retryable', 'failed', 'in_doubt',
        'refused', 'skipped', 'withdrawn', 'expired')),
    reason TEXT DEFAULT '' NOT NULL,
    problem_column TEXT DEFAULT '' NOT NULL,
    cells TEXT NOT NULL,
    not_before VARCHAR(24),
    session_id TEXT,
    in_sheet BOOLEAN DEFAULT 1 NOT NULL,
    updated_at VARCHAR(24) NOT NULL,
    digest VARCHAR(32) NOT NULL,
    purged_at VARCHAR(24),
    to_hash TEXT,
    PRIMARY KEY (id),
    UNIQUE (campaign_id, "key"),
    CHECK ((key IS NOT NULL AND to_number IS NOT NULL) OR state IN ('refused', 'skipped', 'withdrawn')
        OR (key IS NOT NULL AND purged_at IS NOT NULL AND state IN ('accepted', 'failed', 'expired'))),
    FOREIGN KEY(campaign_id) REFERENCES campaigns (id)
)"""

_OBJECTIONS = """
CREATE TABLE objections (
    recipient_id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (recipient_id),
    FOREIGN KEY(recipient_id) REFERENCES recipients (id)
)"""

_INDEXES = (
    "CREATE INDEX recipients_due ON recipients (campaign_id, state, row_number)",
    "CREATE INDEX recipients_number ON recipients (campaign_id, to_number)",
    "CREATE INDEX recipients_gone ON recipients (campaign_id, in_sheet, state) WHERE in_sheet = 0",
)


def upgrade(connection: Connection) -> None:
    """Make version 2 out of version 1."""
    connection.exec_driver_sql(_META)
    connection.exec_driver_sql(_DESCRIBE)
    rebuild_table(connection, "recipients", _RECIPIENTS, _INDEXES)
    connection.exec_driver_sql(_OBJECTIONS)
    # The next run looks at every row again, and learns of which failed ones the sheet says no by now.
    connection.exec_driver_sql("UPDATE campaigns SET fingerprint = ''")
