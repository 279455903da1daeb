"""Reports in words, as someone in operations reads them."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatcher.errors import ExitCode
from dispatcher.ledger import AgentRecord, CampaignRecord, Change, Doubt, RowRecord
from dispatcher.models import Notice, Problem, Refusal, State
from dispatcher.text import format_count, format_duration, mask_digits

if TYPE_CHECKING:  # the pipeline is heavy, and `status` does not need it
    from dispatcher.pipeline import CheckReport, Findings, Plan, Summary

PROBLEMS_SHOWN = 20
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_STATE_MEANING = {
    State.PENDING: "wait to be sent",
    State.SENDING: "are being sent, or were when a run died",
    State.ACCEPTED: "accepted by AI Studio",
    State.RETRYABLE: "wait for another try",
    State.FAILED: "refused by AI Studio",
    State.IN_DOUBT: "may or may not have been sent",
    State.REFUSED: "have something wrong in the sheet",
    State.SKIPPED: "left out on purpose",
    State.WITHDRAWN: "waited, then vanished from the sheet",
}


def printable(text: str) -> str:
    """Return ``text`` without what could steer a terminal: names and answers come from outside."""
    return _UNPRINTABLE.sub("", text)


def local_time(moment: str | None) -> str:
    """Return one of the ledger's times as a wall clock here shows it."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else "-"


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


def describe_dry_run(report: "CheckReport", due: int) -> str:
    """Return what `send` would do about the rows that are ready; ``due`` of them."""
    limit = report.campaign.agent.limit
    duration = format_duration(due / limit)
    return f"would send {format_count(due, 'row')}, about {duration} at {limit} a second; nothing was sent"


def describe_plan(plan: "Plan") -> str:
    """Return what is about to happen to one campaign."""
    if not plan.due:
        return f"{plan.campaign}: nothing is due"
    duration = format_duration(plan.seconds_at_limit + plan.warm_up_left_s)
    warm_up = f" with {format_duration(plan.warm_up_left_s)} of warm-up" if plan.warm_up_left_s else ""
    pace = f"agent {plan.agent_id}, {plan.limit} a second"
    return f"{plan.campaign}: {format_count(plan.due, 'row')} due, {pace}, about {duration}{warm_up}"


def ask_to_send(plans: "Sequence[Plan]", people_max: int | None) -> str:
    """Return the question put before a real send on a terminal.

    Agents send side by side, the campaigns of one agent one after the other; ``people_max`` bounds them all.
    """
    due_of: Counter[str] = Counter()
    for plan in plans:
        due_of[plan.scope] += plan.due
    people = min(due_of.total(), people_max or due_of.total())
    due = [plan for plan in plans if plan.due]
    seconds = max(min(due_of[plan.scope], people) / plan.limit + plan.warm_up_left_s for plan in due)
    agents = ", ".join(dict.fromkeys(f"{plan.agent_id} at {plan.limit}/s" for plan in due))
    return f"Send {format_count(people, 'WhatsApp session')} by agent {agents}, about {format_duration(seconds)}?"


def describe_summary(summary: "Summary") -> str:
    """Return how a campaign's run ended."""
    counts = summary.counts
    speed = f"{counts.accepted:,} accepted in {summary.seconds:.1f} s, {counts.throttled:,} refused with 429"
    lines = [f"{summary.campaign}: {speed}, exit code {int(summary.exit_code)}", *_describe_states(summary.states)]
    if summary.note:
        lines.append(f"  stopped: {summary.note}")
    return printable("\n".join(lines))


def suggest_command(summary: "Summary", path: Path, *, sandbox: bool) -> str:
    """Return the command to type after a run, with what it is for."""
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    ending = " --sandbox" if sandbox else ""
    states = summary.states
    if summary.exit_code == ExitCode.SHEET_REFUSED:
        return f"dispatcher check {shown}   (the sheet cannot be trusted, and nothing of it was sent)"
    if states[State.IN_DOUBT]:
        return f"dispatcher resolve {shown}{ending}   (only you can say what became of the rows in doubt)"
    if states[State.PENDING] or states[State.RETRYABLE]:
        return f"dispatcher send {shown}{' --sandbox --keep' if sandbox else ''}   (goes on where this run ended)"
    return f"dispatcher export {shown} outcomes.xlsx{ending}   (your sheet, with what became of every row)"


def _describe_states(states: Mapping[State, int]) -> list[str]:
    return [f"  {count:>7,} {state:<10} {_STATE_MEANING[state]}" for state, count in states.items() if count]


def describe_status(
    campaign: CampaignRecord,
    states: Mapping[State, int],
    run: Mapping[str, Any] | None,
    agent: AgentRecord | None,
) -> Iterator[str]:
    """Yield where a campaign stands and what to do next."""
    yield f"{campaign.name}: {format_count(sum(states.values()), 'row')}, loaded {local_time(campaign.loaded_at)}"
    yield from _describe_states(states)
    if agent is not None and (left_s := warm_up_left(agent)) > 0:
        yield f"  agent {agent.scope} is warming up: sending can begin in {format_duration(left_s)}"
    if run is not None:
        yield f"  last run {describe_run(run)}"
    yield f"  next: {next_step(states)}"


def warm_up_left(agent: AgentRecord) -> float:
    """Return the seconds an agent still has to wait after its limit changed."""
    from dispatcher.limiter import warm_up_left_s  # brings asyncio along

    return 0.0 if agent.elapsed_s is None else warm_up_left_s(warm_up_s=agent.warm_up_s, elapsed_s=agent.elapsed_s)


def describe_agent(agent: AgentRecord) -> Iterator[str]:
    """Yield an agent's limit, since when, when it is or was warm, and what pacing learnt."""
    since = "as for every agent" if agent.changed_at is None else f"since {local_time(agent.changed_at)}"
    yield f"{agent.scope}: {agent.limit} a second, {since}"
    if agent.changed_at is not None:
        yield f"  {_describe_warm_up(agent, agent.changed_at)}"
    if learnt := parse_learnt(agent):
        yield f"  learnt: {_describe_learnt(learnt)}"


def _describe_warm_up(agent: AgentRecord, changed_at: str) -> str:
    if left_s := warm_up_left(agent):  # counted by another clock than the wall's, which may have been stepped
        warm_at = datetime.now().astimezone() + timedelta(seconds=left_s)
        return f"will be warm in {format_duration(left_s)}, at {warm_at:%Y-%m-%d %H:%M:%S}"
    warm_at = datetime.fromisoformat(changed_at) + timedelta(seconds=agent.warm_up_s)
    return f"warm since {warm_at.astimezone():%Y-%m-%d %H:%M:%S}"


def parse_learnt(agent: AgentRecord) -> dict[str, Any] | None:
    """Return what pacing learnt about an agent, None where that is nothing or cannot be read."""
    from dispatcher.limiter import Learnt  # brings asyncio along

    try:
        return Learnt.from_json(json.loads(agent.learnt)).to_json()
    except (ValueError, TypeError, AttributeError):
        return None


def _describe_learnt(learnt: Mapping[str, Any]) -> str:
    """Return how sessions are spread, how late answers are waited for, and how long they take."""
    spread = "evenly spread" if learnt.get("even", True) else "as many as the limit in any second"
    patience_s = learnt.get("patience_s", 2.0)
    patience = f"waits up to {patience_s * 1000:.0f} ms for late answers" if patience_s else "keeps to a beat"
    told = f"{spread}, {patience}, at {learnt.get('limit')} a second"
    if samples := learnt.get("samples"):
        least_ms, typical_ms = learnt["least_s"] * 1000, learnt["typical_s"] * 1000
        told += f"; answers take {typical_ms:.0f} ms, at least {least_ms:.0f} ms ({samples} answers)"
    return told


def describe_run(run: Mapping[str, Any]) -> str:
    """Return a run in one line."""
    began = local_time(run["started_at"])
    if run["ended_at"] is None:
        return f"began {began}, is running as process {run['pid']} on {run['host']}, or died"
    ending = f"exit code {run['exit_code']}" if run["exit_code"] is not None else "died"
    note = f": {run['note']}" if run["exit_code"] is not None and run["note"] else ""
    return printable(f"{began} to {local_time(run['ended_at'])}, {run['accepted']} accepted, {ending}{note}")


def next_step(states: Mapping[State, int]) -> str:
    """Return the command that brings the campaign further."""
    steps = (
        (State.IN_DOUBT, "`dispatcher resolve` lists the rows in doubt; only you can say what became of them"),
        (State.PENDING, "`dispatcher send` sends the waiting rows"),
        (State.RETRYABLE, "`dispatcher send` tries the retryable rows again"),
        (State.FAILED, "`dispatcher export --state failed` shows why, `dispatcher retry` sends them again"),
        (State.REFUSED, "`dispatcher check` says what is wrong; correct the sheet and send again"),
    )
    return next((step for state, step in steps if states.get(state)), "nothing to do")


def describe_row(row: RowRecord, attempts: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> str:
    """Return everything that happened to one person, in the order it happened."""
    where = "" if row.is_in_sheet else " (no longer in the sheet)"
    reason = f": {row.reason}" if row.reason else ""
    lines = [f"row {row.row_number}{where}, {mask_digits(row.to or 'no number')}, {row.state}{reason}"]
    story = [(attempt["started_at"], _describe_attempt(attempt)) for attempt in attempts]
    story += [(event["at"], f"{event['from_state']} -> {event['to_state']}: {event['reason']}") for event in events]
    lines += [f"  {local_time(moment)}  {text}" for moment, text in sorted(story)]
    return printable("\n".join(lines))


def _describe_attempt(attempt: Mapping[str, Any]) -> str:
    if attempt["outcome"] is None:
        return "a request is in the air, or was when a run died"
    session = f", session {attempt['session_id']}" if attempt["session_id"] else ""
    latency = f", {attempt['latency_ms']} ms" if attempt["latency_ms"] else ""
    return f"attempt: {attempt['outcome']}, {attempt['reason']}{latency}{session}"


def describe_doubts(campaign: str, doubts: Sequence[Doubt]) -> Iterator[str]:
    """Yield the rows in doubt with what is known of them."""
    if not doubts:
        yield f"{campaign}: no row is in doubt"
        return
    yield f"{campaign}: {format_count(len(doubts), 'row')} in doubt: a message may or may not have been sent"
    for doubt in doubts:
        number = mask_digits(doubt.to)
        yield printable(f"  {local_time(doubt.attempted_at)}  row {doubt.row_number:<6} {number:<16} {doubt.reason}")
