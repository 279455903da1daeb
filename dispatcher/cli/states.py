"""The states of rows in words."""

from collections.abc import Mapping

from dispatcher.channels import DEFAULT
from dispatcher.models import State

_MEANING = {
    State.PENDING: "wait to be sent",
    State.SENDING: "are being sent, or were when a run died",
    State.ACCEPTED: f"accepted by {DEFAULT.words.vendor}",
    State.RETRYABLE: "wait for another try",
    State.FAILED: f"refused by {DEFAULT.words.vendor}",
    State.IN_DOUBT: "may or may not have been sent",
    State.REFUSED: "have something wrong in the sheet",
    State.SKIPPED: "left out on purpose",
    State.WITHDRAWN: "waited, then vanished from the sheet",
    State.EXPIRED: "waited until their time had passed",
}


def describe_states(states: Mapping[State, int]) -> list[str]:
    """Return one line for each state that has rows."""
    return [f"  {count:>7,} {state:<10} {_MEANING[state]}" for state, count in states.items() if count]
