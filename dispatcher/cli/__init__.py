"""The command line: commands, output, signals, exit codes; no logic."""

from dispatcher.cli.app import main

__all__ = ["main"]
