"""Deliberate faults in a copy of the program, each of which some test must catch.

``python -m tests.proof.mutants`` applies one after the other, runs the tests named with it, and prints a table;
``python -m tests.proof.mutants WORD...`` only those whose name holds a word. The exit code is 0 when all are caught.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_COPIED = ("dispatcher", "tests", "campaigns", "pyproject.toml", "sample_recipients.csv")
_LIMIT_S = 120


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault.

    Attributes:
        name: what is wrong with the program then.
        file: where, below ``dispatcher/``.
        old: the text that stands there exactly once.
        new: what stands there instead.
        tests: the tests that must catch it, as pytest takes them, below ``tests/``.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


_INTENT = """\
        attempt_id = await self._record_intent(queue, row, slot)
"""
_HOLD_BACK = """\
        if not await self._limiter.start(slot) or self._is_aborted:
            await self._hold_back(queue, row, slot, attempt_id)
            return None
"""
_REQUEST = """\
        result = await self._send(queue.campaign, body)
"""
_FLOW = "flow/test_send.py::"
_WRITER = "unit/test_ledger_writer.py::"
_LOAD = "unit/test_ledger_load.py::"
_UPGRADE = "unit/test_ledger_upgrade.py::"
_DAMAGE = "proof/test_damage.py::"
_POWER = "proof/test_power.py::"
_KILLED = _FLOW + "test_a_killed_run_leaves_doubt_and_never_a_second_message"
_STRANGER = "proof/test_order.py::test_a_stranger_reads_the_intent_before_the_first_byte_leaves"

MUTANTS = (
    Mutant(
        "no intent",
        "pipeline/deliver.py",
        _INTENT,
        "        attempt_id = row.id\n",
        (_KILLED, _STRANGER),
    ),
    Mutant(
        "intent after the request",
        "pipeline/deliver.py",
        _INTENT + _HOLD_BACK + _REQUEST,
        "        await self._limiter.start(slot)\n" + _REQUEST + _INTENT,
        (_KILLED, _STRANGER),
    ),
    Mutant(
        "a request leaves in a pause",
        "pipeline/deliver.py",
        _HOLD_BACK,
        "        await self._limiter.start(slot)\n",
        ("proof/test_signals.py::test_asked_twice_while_an_intent_is_written",),
    ),
    Mutant(
        "intent not awaited",
        "pipeline/deliver.py",
        "            return await written(queue.writer.intend(row.id, queue.run_id))\n",
        "            queue.writer.intend(row.id, queue.run_id)\n            return row.id\n",
        (_STRANGER,),
    ),
    Mutant(
        "synchronous OFF",
        "ledger/engines/sqlite/connection.py",
        '"synchronous": 2',
        '"synchronous": 0',
        (
            _POWER + "test_a_power_loss_breaks_no_promise",
            "unit/test_ledger_file.py::test_the_settings_are_those_that_lose_nothing",
        ),
    ),
    Mutant(
        "synchronous NORMAL",
        "ledger/engines/sqlite/connection.py",
        '"synchronous": 2',
        '"synchronous": 1',
        (_POWER + "test_a_power_loss_breaks_no_promise",),
    ),
    Mutant(
        "sweep back to pending",
        "ledger/decisions.py",
        "_move(connection, left, State.IN_DOUBT, SWEEP_REASON",
        "_move(connection, left, State.PENDING, SWEEP_REASON",
        (_WRITER + "test_the_sweep_of_a_dead_run_can_be_repeated", _KILLED),
    ),
    Mutant(
        "no sweep",
        "pipeline/send.py",
        "swept = await written(self._writer.call(ledger.sweep_dead_run))",
        "swept = 0",
        (_KILLED,),
    ),
    Mutant(
        "redirects on",
        "studio/client.py",
        "allow_redirects=False",
        "allow_redirects=True",
        ("unit/test_studio_faults.py::test_a_redirect_is_never_followed",),
    ),
    Mutant(
        "retry on connection reset",
        "studio/client.py",
        "    if flight.headers_sent:\n",
        "    if flight.headers_sent and not isinstance(flight.error, aiohttp.ClientOSError):\n",
        (
            "unit/test_studio_faults.py::test_a_request_reset_after_any_number_of_bytes_is_never_unsent",
            _FLOW + "test_each_answer_ends_in_its_state",
        ),
    ),
    Mutant(
        "5xx retried",
        "studio/outcomes.py",
        "    if status == 429:\n",
        "    if status == 429 or status >= 500:\n",
        ("unit/test_studio.py::test_each_status_has_its_outcome", _FLOW + "test_each_answer_ends_in_its_state"),
    ),
    Mutant(
        "409 definite",
        "studio/outcomes.py",
        "405, 410,",
        "405, 409, 410,",
        ("unit/test_studio.py::test_each_status_has_its_outcome",),
    ),
    Mutant(
        "headers-sent flag never set",
        "studio/client.py",
        "context.trace_request_ctx.headers_sent = True",
        "context.trace_request_ctx.headers_sent = False",
        ("unit/test_studio_faults.py::test_a_delivered_request_without_a_status_line_is_in_doubt",),
    ),
    Mutant(
        "outcome from the answer's body",
        "studio/client.py",
        "        outcome, stop = classify_status(status)\n",
        "        outcome, stop = classify_status(status if flight.body.startswith(b'{') else 500)\n",
        ("unit/test_studio_faults.py::test_no_body_changes_an_accepted_request",),
    ),
    Mutant(
        "wall clock in pacing",
        "limiter/limiter.py",
        "            return self._pacer.take(max(ready_s, self._loop.time()), self._loop.time())",
        "            return self._pacer.take(__import__('time').time())",
        ("unit/test_limiter.py::test_keeps_the_rate_without_a_burst",),
    ),
    Mutant(
        "lock not held",
        "ledger/engines/sqlite/lock.py",
        "        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "        pass\n",
        (
            "unit/test_ledger_lock.py::test_the_second_process_learns_who_holds_the_lock",
            _FLOW + "test_exit_11_while_another_run_holds_the_lock",
        ),
    ),
    Mutant(
        "lock beside the symlink",
        "ledger/engines/sqlite/location.py",
        "real_path = ledger_path.resolve()",
        "real_path = ledger_path.absolute()",
        ("unit/test_ledger_file.py::test_a_symlink_leads_to_the_same_lock",),
    ),
    Mutant(
        "key without campaign",
        "ledger/comparison.py",
        "select(recipients).where(recipients.c.campaign_id == campaign_id, recipients.c.key.in_(keys))",
        "select(recipients).where(recipients.c.key.in_(keys))",
        (_LOAD + "test_a_key_belongs_to_its_campaign",),
    ),
    Mutant(
        "key unique across campaigns",
        "ledger/schema.py",
        'UniqueConstraint("campaign_id", "key")',
        'UniqueConstraint("key")',
        (_LOAD + "test_a_key_belongs_to_its_campaign",),
    ),
    Mutant(
        "keys not unique",
        "ledger/schema.py",
        '    UniqueConstraint("campaign_id", "key"),\n',
        "",
        ("unit/test_ledger_rules.py::test_history_and_identity_cannot_be_rewritten",),
    ),
    Mutant(
        "digest unchecked",
        "ledger/queue.py",
        "    verify_digest(row)\n",
        "",
        (_LOAD + "test_a_damaged_row_is_never_due",),
    ),
    Mutant(
        "digest without the number",
        "ledger/digests.py",
        "\\x1f{to or ''}",
        "",
        (_LOAD + "test_the_digest_tells_its_parts_apart", _LOAD + "test_a_damaged_row_is_never_due"),
    ),
    Mutant(
        "withdrawn rows stay due",
        "ledger/queue.py",
        "            not_(recipients.c.in_sheet),\n",
        "            recipients.c.in_sheet.is_(None),\n",
        (_LOAD + "test_what_vanished_is_withdrawn_if_it_waited",),
    ),
    Mutant(
        "a changed value sends again",
        "ledger/load.py",
        "_SENT = (State.SENDING, State.ACCEPTED, State.IN_DOUBT)",
        "_SENT = (State.SENDING, State.ACCEPTED)",
        (_LOAD + "test_a_row_that_was_sent_keeps_what_it_was_sent_with",),
    ),
    Mutant(
        "foreign keys off",
        "ledger/engines/sqlite/connection.py",
        '"foreign_keys": 1',
        '"foreign_keys": 0',
        ("unit/test_ledger_rules.py::test_foreign_keys_hold_in_the_writer",),
    ),
    Mutant(
        "no trigger on moves",
        "ledger/rules.py",
        "when=_is_forbidden_move())",
        'when=f"1 = 0 AND {_is_forbidden_move()}")',
        ("unit/test_ledger_rules.py::test_a_forbidden_move_is_refused",),
    ),
    Mutant(
        "accepted may be left",
        "ledger/moves.py",
        "    State.ACCEPTED: (),\n",
        "    State.ACCEPTED: (State.PENDING,),\n",
        ("unit/test_ledger_rules.py::test_the_moves_are_those_of_the_design",),
    ),
    Mutant(
        "an old ledger is used as it is",
        "ledger/engines/sqlite/store.py",
        "    if version == SCHEMA_VERSION:\n",
        "    if version <= SCHEMA_VERSION:\n",
        (_UPGRADE + "test_an_upgrade_keeps_everything",),
    ),
    Mutant(
        "an upgrade in two transactions",
        "ledger/engines/sqlite/upgrade.py",
        "        run_steps(connection, found)\n",
        """\
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        run_steps(connection, found)
""",
        ("proof/test_upgrade.py::test_a_disk_that_refuses_leaves_the_old_ledger_usable",),
    ),
    Mutant(
        "a copy of another ledger is overwritten",
        "ledger/engines/sqlite/upgrade.py",
        "        if not copy.exists():\n",
        "        if copy.name:\n",
        (_UPGRADE + "test_another_copy_is_never_overwritten",),
    ),
    Mutant(
        "an upgrade loses a constraint",
        "ledger/migrations/version_2.py",
        "    row_number INTEGER NOT NULL CHECK (row_number >= 1),\n",
        "    row_number INTEGER NOT NULL,\n",
        (_UPGRADE + "test_an_upgraded_ledger_is_like_a_new_one",),
    ),
    Mutant(
        "an engine comes up without its triggers",
        "ledger/engines/sqlite/opening.py",
        "        create_triggers(connection)\n",
        "",
        ("unit/test_ledger_rules.py::test_every_rule_is_at_work",),
    ),
    Mutant(
        "a lost trigger goes unnoticed",
        "ledger/engines/sqlite/store.py",
        "                verify_triggers(self._path, connection)\n",
        "",
        ("unit/test_ledger_rules.py::test_a_ledger_that_lost_a_rule_is_refused",),
    ),
    Mutant(
        "attempts can be deleted",
        "ledger/rules.py",
        '    Rule("attempts_kept", "attempts", "DELETE"),\n',
        "",
        ("unit/test_ledger_rules.py::test_history_and_identity_cannot_be_rewritten",),
    ),
    Mutant(
        "futures done before the commit",
        "ledger/engines/sqlite/store.py",
        """\
                with connection.begin():
                    return work(connection)
""",
        """\
                if connection.in_transaction():
                    connection.commit()
                connection.begin()
                return work(connection)
""",
        (_WRITER + "test_a_done_future_is_a_commit_others_can_see",),
    ),
    Mutant(
        "a row gets an intent whatever its state",
        "ledger/queue.py",
        """\
        recipients.c.id == bindparam("row_id"),
        or_(recipients.c.state == State.PENDING, recipients.c.state == State.RETRYABLE),
""",
        """\
        recipients.c.id == bindparam("row_id"),
""",
        (_WRITER + "test_a_row_that_does_not_wait_gets_no_intent",),
    ),
    Mutant(
        "a refused outcome is dropped",
        "ledger/writer.py",
        "            elif isinstance(group[0], Conclusion) and isinstance(error, LedgerError):",
        "            elif isinstance(group[0], Conclusion) and isinstance(error, ZeroDivisionError):",
        (
            _WRITER + "test_a_refused_outcome_is_tried_until_it_is_written",
            _POWER + "test_a_refused_operation_makes_no_duplicate_and_loses_no_outcome",
        ),
    ),
    Mutant(
        "the spill is not replayed",
        "ledger/engines/sqlite/store.py",
        "                replay_conclusions(connection, self._spill.read())\n",
        "",
        (_WRITER + "test_an_outcome_that_cannot_be_written_is_spilled_and_found_by_the_next_run",),
    ),
    Mutant(
        "intents while an outcome waits",
        "ledger/writer.py",
        "        if trouble := self._trouble:\n",
        "        if (trouble := self._trouble) and isinstance(trouble, ZeroDivisionError):\n",
        (_WRITER + "test_no_intent_is_taken_while_an_outcome_waits",),
    ),
    Mutant(
        "a swapped ledger goes unnoticed",
        "ledger/engines/sqlite/store.py",
        "        if not is_intact:\n",
        "        if not is_intact and self._seal is None:\n",
        ("unit/test_ledger_file.py::test_a_ledger_meddled_with_during_a_run_takes_no_more_intents",),
    ),
    Mutant(
        "a lost wal goes unnoticed",
        "ledger/engines/sqlite/watermark.py",
        "        if attempt_id < known:\n",
        "        if attempt_id < 0:\n",
        (_DAMAGE + "test_a_lost_wal_is_noticed",),
    ),
    Mutant(
        "indexes unchecked before a load",
        "ledger/load.py",
        "        check_before_load(connection)\n",
        "        pass\n",
        (_DAMAGE + "test_a_flipped_bit_in_a_state_a_number_or_a_key_is_found",),
    ),
    Mutant(
        "numbers unmasked in answers",
        "ledger/queue.py",
        '    return re.sub(r"\\d{7,}", lambda number: mask_digits(number[0]), text)\n',
        "    return text\n",
        (_WRITER + "test_no_full_number_stays_in_an_answer",),
    ),
    Mutant(
        "a purge forgets who was messaged",
        "ledger/comparison.py",
        "        keys |= {hashed(key): key for key in tuple(keys)}\n",
        "        pass\n",
        ("unit/test_ledger_purge.py::test_the_promise_outlives_the_purge",),
    ),
    Mutant(
        "agents spend one budget twice",
        "pipeline/queue.py",
        "if not self._fresh or self.budget.is_spent:",
        "if not self._fresh:",
        (_FLOW + "test_limit_bounds_all_agents_together",),
    ),
    Mutant(
        "the sheet's no is not written down",
        "ledger/load.py",
        "    write_objections(connection, find_objections(connection, fresh.keys()), fresh)\n",
        "",
        ("flow/test_present_sheet.py::test_who_says_no_by_now_gets_nothing",),
    ),
    Mutant(
        "retry takes rows in doubt",
        "ledger/decisions.py",
        "failed = tried.where(recipients.c.state == State.FAILED)",
        "failed = tried.where(recipients.c.state.in_((State.FAILED, State.IN_DOUBT)))",
        (_WRITER + "test_retry_puts_back_what_was_asked_for",),
    ),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one mutant; ``caught_by`` names the tests that failed, and is empty when it survived."""

    mutant: Mutant
    caught_by: tuple[str, ...]
    seconds: float


def try_mutant(mutant: Mutant) -> Trial:
    """Apply a mutant to a copy of the program and run its tests there."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root = _copy_program(Path(folder))
        path = root / "dispatcher" / mutant.file
        source = path.read_text(encoding="utf-8")
        if source.count(mutant.old) != 1:
            raise SystemExit(f"{mutant.name}: {mutant.file} holds its text {source.count(mutant.old)} times, not once")
        path.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
        caught_by = _failures(root, mutant.tests)
    return Trial(mutant, caught_by, time.monotonic() - began_s)


def _copy_program(folder: Path) -> Path:
    for name in _COPIED:
        source = _ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "ledger*.db*"))
        else:
            shutil.copy(source, folder)
    return folder


def _failures(root: Path, tests: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the tests that fail; a run without end counts as a failure."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--maxfail=3", "--tb=no"]
    command += [f"tests/{test}" for test in tests]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=_LIMIT_S)
    except subprocess.TimeoutExpired:
        return (f"no end within {_LIMIT_S} s",)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(tests)}: the tests did not run\n{done.stdout}{done.stderr}")
    found = re.findall(r"^(?:FAILED|ERROR) \S*::(\w+)", done.stdout, re.MULTILINE)
    return tuple(dict.fromkeys(found))


def main(words: Sequence[str]) -> int:
    """Try all mutants, or those whose name holds one of the words; print the table."""
    chosen = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        tests = sorted({test for mutant in chosen for test in mutant.tests})
        if broken := _failures(_copy_program(Path(folder)), tests):
            print(f"these tests fail without any mutant: {', '.join(broken)}")
            return 2
    print("| mutant | caught by | s |\n|---|---|---:|")
    caught = 0
    for mutant in chosen:
        trial = try_mutant(mutant)
        caught += bool(trial.caught_by)
        print(f"| {mutant.name} | {', '.join(trial.caught_by) or 'NOBODY'} | {trial.seconds:.0f} |", flush=True)
    print(f"\n{caught} of {len(chosen)} caught")
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
