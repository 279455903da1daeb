"""Tests that drive the command line as a person or cron does, against a real server and a real ledger."""
