"""A check in words: what would happen to every row, and what is wrong with which."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dispatcher.cli.printing import printable
from dispatcher.ledger import Change
from dispatcher.models import Notice, Problem, Refusal, State
from dispatcher.text import format_count, format_duration

if TYPE_CHECKING:  # the pipeline is heavy
    from dispatcher.pipeline import CheckReport, Findings

PROBLEMS_SHOWN = 20


def describe_problem(problem: Refusal | Notice) -> str:
    """Return one line: where, what is there, what to do; then what else is wrong in the row."""
    place = f"row {problem.row_number}" if problem.row_number else "file"
    others = problem.others if isinstance(problem, Refusal) else ()
    told = [place + _describe_cell(problem), *(f"also{_describe_cell(other)}" for other in others)]
    return printable("; ".join(told))


def _describe_cell(problem: Refusal | Notice | Problem) -> str:
    column = f", column {problem.column}" if problem.column else ""
    value = f": {problem.value!r}" if problem.value else ":"
    return f"{column}{value} {problem.reason}"


def describe_check(report: "CheckReport") -> Iterator[str]:
    """Yield what would happen to every row of a sheet."""
    sheet = f', sheet "{report.sheet_name}"' if report.sheet_name else ""
    yield printable(f"{report.campaign.name}: {report.path.name}{sheet}, {format_count(report.rows, 'row')}")
    duration = format_duration(report.seconds_at_limit)
    yield f"  {report.ready:>7,} ready to send, {duration} at {report.campaign.agent.limit} a second"
    yield from (f"  {report.states[state]:>7,} {said}" for state, said in _NOT_READY.items() if report.states[state])
    yield f"  {report.refused.count:>7,} refused"
    yield f"  {report.skipped.count:>7,} skipped"
    for title, findings in (("refused", report.refused), ("skipped", report.skipped), ("to know", report.notices)):
        yield from _describe_findings(title, findings)
    changes = [f"{count:,} {change}{_CHANGE_ADVICE.get(change, '')}" for change, count in report.changes.items()]
    changes += [f"{report.withdrawn:,} gone from the sheet"] if report.withdrawn else []
    if changes:
        yield f"against the ledger: {', '.join(changes)}"


_NOT_READY = {State.ACCEPTED: "already sent", State.FAILED: "failed before", State.IN_DOUBT: "in doubt"}
_CHANGE_ADVICE = {Change.FAILED: " (`retry` sends them)", Change.IN_DOUBT: " (`resolve` decides)"}


def _describe_findings(title: str, findings: "Findings") -> Iterator[str]:
    if not findings.count:
        return
    yield f"{title}:"
    shown = findings.kept[:PROBLEMS_SHOWN]
    yield from (f"  {describe_problem(problem)}" for problem in shown)
    if findings.count > len(shown):
        yield f"  ... and {findings.count - len(shown):,} more (--json shows all)"
