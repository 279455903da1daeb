"""Loaded once into the process that forks the runs of the proof: the program with all its libraries."""

import dispatcher.cli
import dispatcher.export
import dispatcher.loader
import dispatcher.pipeline
import tests.checker
import tests.drive
import tests.twists

__all__ = ["dispatcher", "tests"]
