"""The moves a row may make from one state to another; all others are refused by the ledger itself."""

from dispatcher.models import State

ALLOWED_MOVES: dict[State, tuple[State, ...]] = {
    State.PENDING: (State.SENDING, State.REFUSED, State.SKIPPED, State.WITHDRAWN, State.EXPIRED),
    State.RETRYABLE: (State.SENDING, State.REFUSED, State.SKIPPED, State.WITHDRAWN, State.EXPIRED),
    State.SENDING: (State.ACCEPTED, State.RETRYABLE, State.FAILED, State.IN_DOUBT, State.PENDING),
    State.FAILED: (State.PENDING,),
    State.IN_DOUBT: (State.ACCEPTED, State.PENDING, State.FAILED),
    State.REFUSED: (State.PENDING, State.SKIPPED, State.WITHDRAWN),
    State.SKIPPED: (State.PENDING, State.REFUSED, State.WITHDRAWN),
    State.WITHDRAWN: (State.PENDING, State.REFUSED, State.SKIPPED),
    State.ACCEPTED: (),
    State.EXPIRED: (),
}
"""Every move a row may make. A move more or less is a change of the tables, and needs a migration."""
