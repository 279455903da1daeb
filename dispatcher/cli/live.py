"""What a person or a program sees while a run sends: a bar, plain lines, or JSON lines."""

import json
import sys
import time
from typing import Any, Protocol

import click

from dispatcher.cli.bars import Bars
from dispatcher.cli.next_command import Invocation
from dispatcher.cli.printing import printable
from dispatcher.cli.run_report import describe_plan, describe_summary, suggest_command
from dispatcher.cli.settings import Settings
from dispatcher.models import State
from dispatcher.pipeline import Loaded, Loading, Plan, Progress, RowDone, SendOptions, Summary, WarmUp, Warned
from dispatcher.text import format_count

_LOG_EVERY_S = 60


class View(Protocol):
    """Watches a run."""

    def show(self, event: Progress) -> None:
        """Show one event; must not block."""

    def clear(self) -> None:
        """Take away whatever moves, so that somebody can be asked."""

    def close(self) -> None:
        """Leave the screen tidy."""


def choose_view(settings: Settings, options: SendOptions) -> View:
    """Return what fits the output: JSON lines, a bar on a terminal, lines elsewhere."""
    if settings.json:
        return JsonView()
    return TextView(settings, options)


class JsonView:
    """One JSON object a line on stdout."""

    def show(self, event: Progress) -> None:
        """Print the event."""
        click.echo(json.dumps({"v": 1, **_as_json(event)}, ensure_ascii=False))

    def clear(self) -> None:
        """Nothing moves."""

    def close(self) -> None:
        """Nothing to tidy."""


def _as_json(event: Progress) -> dict[str, Any]:
    match event:
        case Loading(campaign, rows):
            return {"type": "progress", "phase": "loading", "campaign": campaign, "rows": rows}
        case Loaded():
            counts = {"new": event.new, "corrected": event.corrected, "withdrawn": event.withdrawn}
            return {"type": "progress", "phase": "loaded", "campaign": event.campaign, **counts}
        case Plan():
            plan = {"due": event.due, "limit": event.limit, "seconds_at_limit": event.seconds_at_limit}
            left = {"warm_up_left_s": round(event.warm_up_left_s, 1)}
            return {"type": "progress", "phase": "planned", "campaign": event.campaign, **plan, **left}
        case WarmUp(agent, limit, left_s):
            left = {"limit": limit, "left_s": round(left_s, 1)}
            return {"type": "progress", "phase": "warm_up", "agent": agent, **left}
        case RowDone(campaign, row_number, to, state, result):
            answer = {"outcome": result.outcome, "http_status": result.http_status, "reason": result.reason}
            row = {"row": row_number, "to": to, "state": state, "latency_ms": result.latency_ms}
            return {"type": "row", "campaign": campaign, **row, **answer}
        case Warned(text, agent):
            return {"type": "warning", "message": text, "agent": agent}
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

    def __init__(self, settings: Settings, options: SendOptions) -> None:
        self._settings = settings
        self._options = options
        self._summaries: list[Summary] = []
        self._held_back: list[str] = []
        self._last_line_s = time.monotonic()
        self._due = self._done = 0
        self._warming: set[str] = set()
        has_bars = sys.stderr.isatty() and not settings.quiet
        self._bars = Bars(no_color=settings.no_color) if has_bars else None

    def show(self, event: Progress) -> None:
        """Show the event in words, in the bar, or keep it for the end."""
        match event:
            case Loading(campaign, rows):
                if self._bars is not None:
                    self._bars.set("rows", f"{campaign}: reading", completed=rows)
            case Plan():
                self._due = min(self._due + event.due, self._options.people_max or sys.maxsize)
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

    def clear(self) -> None:
        """Remove the bars."""
        if self._bars is not None:
            self._bars.clear()

    def close(self) -> None:
        """Remove the bars and print the result."""
        self.clear()
        is_well = all(summary.exit_code == 0 for summary in self._summaries)
        if self._settings.quiet and is_well:
            return
        for line in self._held_back:
            click.echo(line, err=True)
        options = self._options
        paths = {campaign.name: campaign.path for campaign in options.campaigns}
        for summary in self._summaries:
            click.echo(describe_summary(summary))
            invocation = Invocation(
                paths[summary.campaign], str(options.locator), options.recipients_path, options.sandbox
            )
            click.echo(f"next: {printable(suggest_command(summary, invocation))}")

    def _say(self, text: str, *, is_urgent: bool = False) -> None:
        if self._settings.quiet:
            if is_urgent:
                self._held_back.append(printable(text))
        elif self._bars is not None:
            self._bars.say(printable(text))
        else:
            click.echo(printable(text), err=True)

    def _tell_loaded(self, event: Loaded) -> None:
        if self._bars is not None:
            self._bars.remove("rows")
        if self._settings.verbose and event.is_unchanged:
            self._say(f"{event.campaign}: sheet and campaign file are unchanged")
        if event.withdrawn:
            self._say(f"{event.campaign}: {format_count(event.withdrawn, 'row')} waited and left the sheet: withdrawn")

    def _tell_warm_up(self, agent: str, left_s: float) -> None:
        text = f"agent {agent}: warming up, sending starts in {left_s:.0f} s"
        if self._bars is not None and left_s > 0:
            self._bars.set(agent, text)
        elif self._bars is not None:
            self._bars.remove(agent)
        elif agent not in self._warming:
            self._warming.add(agent)  # without a terminal one line is enough
            self._say(text)

    def _tell_row(self, event: RowDone) -> None:
        self._done += event.state not in (State.RETRYABLE, State.PENDING)
        if self._settings.verbose or event.state in (State.FAILED, State.IN_DOUBT):
            self._say(f"{event.campaign}: row {event.row_number}, {event.to}: {event.state}, {event.result.reason}")
        if self._bars is not None:
            self._bars.set("rows", f"{event.campaign}: sending", total=self._due, completed=self._done)
        elif time.monotonic() - self._last_line_s > _LOG_EVERY_S:
            self._last_line_s = time.monotonic()
            self._say(f"{event.campaign}: {self._done} of {self._due} done")
