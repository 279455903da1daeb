"""A run in words: what is about to happen, the question before it, and how it ended."""

from collections.abc import Sequence

from dispatcher.cli.next_command import Invocation
from dispatcher.cli.printing import printable
from dispatcher.cli.states import describe_states
from dispatcher.errors import ExitCode
from dispatcher.models import State, most_urgent
from dispatcher.pipeline import Plan, Summary, forecast
from dispatcher.text import format_count, format_duration


def describe_plan(plan: Plan) -> str:
    """Return what is about to happen to one campaign."""
    if not plan.due:
        return f"{plan.campaign}: nothing is due"
    duration = format_duration(plan.seconds_at_limit + plan.warm_up_left_s)
    warm_up = f" with {format_duration(plan.warm_up_left_s)} of warm-up" if plan.warm_up_left_s else ""
    pace = f"agent {plan.agent_id}, {plan.limit} a second"
    return f"{plan.campaign}: {format_count(plan.due, 'row')} due, {pace}, about {duration}{warm_up}"


def ask_to_send(plans: Sequence[Plan], people_max: int | None) -> str:
    """Return the question put before a real send on a terminal."""
    told, due = forecast(plans, people_max), [plan for plan in plans if plan.due]
    agents = ", ".join(dict.fromkeys(f"{plan.agent_id} at {plan.limit}/s" for plan in due))
    nouns = {plan.session for plan in due}
    sessions = format_count(told.people, nouns.pop() if len(nouns) == 1 else "session")
    return f"Send {sessions} by agent {agents}, about {format_duration(told.seconds)}?"


def describe_summary(summary: Summary) -> str:
    """Return how a campaign's run ended."""
    counts = summary.counts
    speed = f"{counts.accepted:,} accepted in {summary.seconds:.1f} s, {counts.throttled:,} refused with 429"
    lines = [f"{summary.campaign}: {speed}, exit code {int(summary.exit_code)}", *describe_states(summary.states)]
    if summary.note:
        lines.append(f"  stopped: {summary.note}")
    return printable("\n".join(lines))


def suggest_command(summary: Summary, invocation: Invocation) -> str:
    """Return the command to paste after a run, with what it is for."""
    if summary.exit_code == ExitCode.SHEET_REFUSED:
        return f"{invocation.spell('check')}   (the sheet cannot be trusted, and nothing of it was sent)"
    match most_urgent(summary.states):
        case State.IN_DOUBT:
            return f"{invocation.spell('resolve')}   (only you can say what became of the rows in doubt)"
        case State.PENDING | State.RETRYABLE if summary.exit_code == ExitCode.STOPPED:
            return f"{invocation.spell('retry')}   (once what stopped the run is put right; takes failed rows along)"
        case State.PENDING | State.RETRYABLE:
            return f"{invocation.spell('send')}   (goes on where this run ended)"
        case _:
            return f"{invocation.spell('export', 'outcomes.xlsx')}   (your sheet, with what became of every row)"
