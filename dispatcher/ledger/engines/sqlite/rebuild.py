"""A table with other constraints: SQLite cannot change them, so the table is made anew and filled from the old one."""

from collections.abc import Sequence

from sqlalchemy import Connection


def rebuild_table(connection: Connection, name: str, definition: str, indexes: Sequence[str] = ()) -> None:
    """Replace a table by one with the same columns and more; its triggers and indexes go with the old one.

    Args:
        connection: inside a transaction, with ``foreign_keys`` off and ``legacy_alter_table`` on, or what refers to
            the table would be emptied, or follow the old one to its grave.
        name: the table.
        definition: its CREATE TABLE, with ``{name}`` for its name.
        indexes: the statements that create its indexes.

    Source: the procedure of SQLite's page on ALTER TABLE, "making other kinds of table schema changes".
    """
    columns = ", ".join(f'"{row.name}"' for row in connection.exec_driver_sql(f"PRAGMA table_info({name})"))
    connection.exec_driver_sql(definition.format(name=f"new_{name}"))
    connection.exec_driver_sql(f"INSERT INTO new_{name} ({columns}) SELECT {columns} FROM {name}")  # noqa: S608
    connection.exec_driver_sql(f"DROP TABLE {name}")
    connection.exec_driver_sql(f"ALTER TABLE new_{name} RENAME TO {name}")
    for statement in indexes:
        connection.exec_driver_sql(statement)
