"""Put failed rows back and send what is due."""

from pathlib import Path
from typing import Any

import click

from dispatcher.cli.campaigns import open_campaign
from dispatcher.cli.options import campaign_argument
from dispatcher.cli.sending import make_options, run_send, send_options
from dispatcher.cli.settings import Settings, shared_options
from dispatcher.errors import UsageError
from dispatcher.models import Outcome


@click.command()
@campaign_argument
@click.option("--only", default="throttled,unsent,rejected", help="Outcomes to try again, with commas between.")
@send_options
@shared_options
@click.pass_obj
def retry(settings: Settings, /, campaign_path: Path, only: str, yes: bool, **typed: Any) -> int:
    """Put failed rows back and send what is due."""
    outcomes = _parse_outcomes(only)
    options = make_options(settings, (open_campaign(campaign_path),), typed, command="retry", retry_outcomes=outcomes)
    return run_send(settings, options, yes=yes)


def _parse_outcomes(only: str) -> tuple[Outcome, ...]:
    known = (Outcome.THROTTLED, Outcome.UNSENT, Outcome.REJECTED)
    chosen = [word.strip() for word in only.split(",") if word.strip()]
    if Outcome.IN_DOUBT in chosen:
        raise UsageError("--only in_doubt: a row in doubt may have been sent; decide with `dispatcher resolve`")
    unknown = [word for word in chosen if word not in known]
    if unknown or not chosen:
        raise UsageError(f"--only {only}: choose from {', '.join(known)}")
    return tuple(Outcome(word) for word in chosen)
