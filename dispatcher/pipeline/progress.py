"""What a run tells the one who watches it; the command line turns these into words, bars and JSON."""

from dataclasses import dataclass

from dispatcher.errors import ExitCode
from dispatcher.ledger import RunCounts
from dispatcher.models import AttemptResult, State


@dataclass(frozen=True, slots=True)
class Loading:
    """A sheet is being read; ``rows`` so far."""

    campaign: str
    rows: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A sheet is in the ledger; ``is_unchanged`` when there was nothing to read again."""

    campaign: str
    is_unchanged: bool
    new: int = 0
    corrected: int = 0
    withdrawn: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is about to happen for one campaign.

    Attributes:
        scope: what shares the limit, an agent's id or what stands for an API key.
        due: rows that wait to be sent.
        limit: sessions per second.
        seconds_at_limit: the least time the due rows take.
        warm_up_left_s: how long sending holds first, because the limit changed a short while ago.
        session: what each row gets, such as ``WhatsApp session``.
        in_doubt: rows a person should resolve; they are not sent.
    """

    campaign: str
    scope: str
    agent_id: str
    limit: int
    due: int
    seconds_at_limit: float
    warm_up_left_s: float
    session: str
    in_doubt: int


@dataclass(frozen=True, slots=True)
class WarmUp:
    """The agent's limit changed a short while ago; nothing is sent for ``left_s`` more seconds."""

    agent_id: str
    limit: int
    left_s: float


@dataclass(frozen=True, slots=True)
class RowDone:
    """One attempt is over; ``to`` is masked."""

    campaign: str
    row_number: int
    to: str
    state: State
    result: AttemptResult


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know; ``agent_id`` where it concerns one agent."""

    text: str
    agent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """How one campaign of a run ended."""

    campaign: str
    exit_code: ExitCode
    states: dict[State, int]
    counts: RunCounts
    seconds: float
    note: str


Progress = Loading | Loaded | Plan | WarmUp | RowDone | Warned | Summary
