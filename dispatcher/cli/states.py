"""The states of rows in words."""

from collections.abc import Mapping

from dispatcher.models import State

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
    State.EXPIRED: "waited until their time had passed",
}


def describe_states(states: Mapping[State, int]) -> list[str]:
    """Return one line for each state that has rows."""
    return [f"  {count:>7,} {state:<10} {_STATE_MEANING[state]}" for state, count in states.items() if count]
