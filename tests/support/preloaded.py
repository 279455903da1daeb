"""Loaded once into the process that forks the runs of the proof: the program with all its libraries."""

import gc

import phonenumbers

import dispatcher.cli.commands.retry
import dispatcher.cli.commands.send
import dispatcher.cli.live
import dispatcher.loader
import dispatcher.outputs.export
import dispatcher.outputs.problems
import dispatcher.pipeline
import tests.support.child_faults
import tests.support.killable_runs
import tests.support.ledger_check

__all__ = ["dispatcher", "tests"]

phonenumbers.is_valid_number(phonenumbers.parse("+447700900000"))  # a country's rules are loaded at its first number
gc.freeze()
