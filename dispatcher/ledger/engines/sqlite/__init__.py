"""A ledger as one SQLite file: how it is opened, locked, guarded against loss, and kept small."""
