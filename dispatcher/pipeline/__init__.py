"""Send everything due: the story of a row, told once.

    file --loader--> Recipient | Refusal --ledger--> pending
    ledger --> request --> limiter --> [intent committed] --> channel --> Outcome --> [outcome committed]

``load`` tells the first line; ``dispatch`` takes the rows of the second, and ``deliver`` tells it. ``send`` puts them
together under the lock, by way of ``agent`` for everything that shares a limit; ``summaries`` says how it ended.
First run, resume and the nightly run are the same call: load (skipped when neither file nor campaign
changed), then dispatch what is due.
"""

from dispatcher.pipeline.check import CheckReport, Findings, check_sheet
from dispatcher.pipeline.control import StopSwitch
from dispatcher.pipeline.dry_run import WouldSend, dry_run
from dispatcher.pipeline.first_campaign import draft_campaign
from dispatcher.pipeline.forecast import Forecast, forecast
from dispatcher.pipeline.outcomes import export_outcomes
from dispatcher.pipeline.preview import preview_requests
from dispatcher.pipeline.progress import Loaded, Loading, Plan, Progress, RowDone, Summary, WarmUp, Warned
from dispatcher.pipeline.send import send
from dispatcher.pipeline.send_options import SendOptions

__all__ = [
    "CheckReport",
    "Findings",
    "Forecast",
    "Loaded",
    "Loading",
    "Plan",
    "Progress",
    "RowDone",
    "SendOptions",
    "StopSwitch",
    "Summary",
    "WarmUp",
    "Warned",
    "WouldSend",
    "check_sheet",
    "draft_campaign",
    "dry_run",
    "export_outcomes",
    "forecast",
    "preview_requests",
    "send",
]
