"""What a person or a program sees while a run sends: a bar, plain lines, or JSON lines."""

import json
import sys
import time
from typing import Any, Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from dispatcher.cli.settings import Settings
from dispatcher.cli.words import describe_plan, describe_summary, printable, suggest_command
from dispatcher.models import State
from dispatcher.pipeline import Event, Loaded, Loading, Plan, RowDone, SendOrder, Summary, WarmUp, Warned

_LOG_EVERY_S = 60


class View(Protocol):
    """Watches a run."""

    def show(self, event: Event) -> None:
        """Show one event; must not block."""

    def close(self) -> None:
        """Leave the screen tidy."""


def choose_view(settings: Settings, order: SendOrder) -> View:
    """Return what fits the output: JSON lines, a bar on a terminal, lines elsewhere."""
    if settings.json:
        return JsonView()
    return TextView(settings, order)


class JsonView:
    """One JSON object a line on stdout."""

    def show(self, event: Event) -> None:
        """Print the event."""
        click.echo(json.dumps({"v": 1, **_as_json(event)}, ensure_ascii=False))

    def close(self) -> None:
        """Nothing to tidy."""


def _as_json(event: Event) -> dict[str, Any]:
    match event:
        case Loading(campaign, rows):
            return {"type": "progress", "phase": "loading", "campaign": campaign, "rows": rows}
        case Loaded():
            counts = {"new": event.new, "corrected": event.corrected, "withdrawn": event.withdrawn}
            return {"type": "progress", "phase": "loaded", "campaign": event.campaign, **counts}
        case Plan():
            plan = {"due": event.due, "limit": event.limit, "seconds_at_limit": event.seconds_at_limit}
            return {"type": "progress", "phase": "planned", "campaign": event.campaign, **plan}
        case WarmUp(agent, limit, left_s):
            left = {"limit": limit, "left_s": round(left_s, 1)}
            return {"type": "progress", "phase": "warm_up", "agent": agent, **left}
        case RowDone(campaign, row_number, to, state, outcome):
            answer = {"outcome": outcome.verdict, "http_status": outcome.http_status, "reason": outcome.reason}
            row = {"row": row_number, "to": to, "state": state, "latency_ms": outcome.latency_ms}
            return {"type": "row", "campaign": campaign, **row, **answer}
        case Warned(text):
            return {"type": "warning", "message": text}
        case Summary():
            return _summary_as_json(event)


def _summary_as_json(summary: Summary) -> dict[str, Any]:
    counts = summary.counts
    return {
        "type": "summary",
        "campaign": summary.campaign,
        "exit_code": int(summary.exit_code),
        "states": dict(summary.states),
        "sent": counts.sent,
        "throttled": counts.throttled,
        "unsent": counts.unsent,
        "accepted": counts.accepted,
        "rejected": counts.rejected,
        "in_doubt": counts.in_doubt,
        "seconds": round(summary.seconds, 3),
        "note": summary.note,
    }


class TextView:
    """Words for people: the result on stdout, everything else on stderr."""

    def __init__(self, settings: Settings, order: SendOrder) -> None:
        self._settings = settings
        self._order = order
        self._summaries: list[Summary] = []
        self._held_back: list[str] = []
        self._last_line_s = time.monotonic()
        self._due = self._done = 0
        self._task: TaskID | None = None
        self._progress = self._make_progress()

    def _make_progress(self) -> Progress | None:
        if self._settings.quiet or not sys.stderr.isatty():
            return None
        console = Console(stderr=True, no_color=self._settings.no_color or None)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
        )
        return Progress(*columns, console=console, transient=True)

    def show(self, event: Event) -> None:
        """Show the event in words, in the bar, or keep it for the end."""
        match event:
            case Loading(campaign, rows):
                self._set_bar(f"{campaign}: reading", total=None, completed=rows)
            case Plan():
                self._due += event.due
                self._say(describe_plan(event))
            case WarmUp(agent, _, left_s):
                self._tell_warm_up(agent, left_s)
            case RowDone():
                self._tell_row(event)
            case Warned(text):
                self._say(f"warning: {text}", is_urgent=True)
            case Summary():
                self._summaries.append(event)
            case Loaded():
                self._tell_loaded(event)

    def close(self) -> None:
        """Remove the bar and print the result."""
        if self._progress is not None:
            self._progress.stop()
        is_well = all(summary.exit_code == 0 for summary in self._summaries)
        if self._settings.quiet and is_well:
            return
        for line in self._held_back:
            click.echo(line, err=True)
        paths = {campaign.name: campaign.path for campaign in self._order.campaigns}
        for summary in self._summaries:
            click.echo(describe_summary(summary))
            click.echo(f"next: {suggest_command(summary, paths[summary.campaign], sandbox=self._order.sandbox)}")

    def _say(self, text: str, *, is_urgent: bool = False) -> None:
        if self._settings.quiet:
            if is_urgent:
                self._held_back.append(printable(text))
        elif self._progress is not None:
            self._progress.console.print(printable(text), markup=False, highlight=False)
        else:
            click.echo(printable(text), err=True)

    def _tell_loaded(self, event: Loaded) -> None:
        if self._settings.verbose and event.is_unchanged:
            self._say(f"{event.campaign}: sheet and campaign file are unchanged")
        if event.withdrawn:
            self._say(f"{event.campaign}: {event.withdrawn} waiting row(s) are gone from the sheet: withdrawn")

    def _tell_warm_up(self, agent: str, left_s: float) -> None:
        text = f"agent {agent}: warming up, sending starts in {left_s:.0f} s"
        if self._progress is not None:
            self._set_bar(text, total=None)
        elif self._task is None:
            self._task = TaskID(0)  # without a terminal one line is enough
            self._say(text)

    def _tell_row(self, event: RowDone) -> None:
        self._done += event.state not in (State.RETRYABLE, State.PENDING)
        if self._settings.verbose or event.state in (State.FAILED, State.IN_DOUBT):
            self._say(f"{event.campaign}: row {event.row_number}, {event.to}: {event.state}, {event.outcome.reason}")
        self._set_bar(f"{event.campaign}: sending", total=self._due, completed=self._done)
        if self._progress is None and time.monotonic() - self._last_line_s > _LOG_EVERY_S:
            self._last_line_s = time.monotonic()
            self._say(f"{event.campaign}: {self._done} of {self._due} done")

    def _set_bar(self, text: str, *, total: int | None, completed: int = 0) -> None:
        if self._progress is None:
            return
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task(text, total=total, rate="")
        elapsed_s = self._progress.tasks[0].elapsed or 0
        rate = f"{(completed - 1) / elapsed_s:.1f}/s" if total and elapsed_s > 1 else ""
        if total and self._progress.tasks[0].total is None:
            self._progress.reset(self._task, total=total)
        self._progress.update(self._task, description=text, total=total, completed=completed, rate=rate)
