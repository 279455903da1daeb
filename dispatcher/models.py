"""The words of the program as frozen records and enums; every room speaks in these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from dispatcher.placeholders import Text


class State(StrEnum):
    """Where a row stands in the ledger.

    ``pending``: waits to be sent. In: load, ``retry``, a person. Out: ``sending``.
    ``sending``: the intent is on disk and a request may be in the air. Never left by age.
    ``accepted``: the vendor took it. Final; nothing leaves it.
    ``retryable``: throttled, or no byte left; waits until its ``not_before``.
    ``failed``: definitely refused. Out: only ``retry``.
    ``in_doubt``: a request may have arrived. Out: only a person, or proof.
    ``refused``: something is wrong with the row. ``skipped``: left out on purpose.
    ``withdrawn``: waited, then vanished from the sheet. ``expired``: waited until its time had passed. Final.
    """

    PENDING = "pending"
    SENDING = "sending"
    ACCEPTED = "accepted"
    RETRYABLE = "retryable"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    REFUSED = "refused"
    SKIPPED = "skipped"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """How one attempt ended."""

    ACCEPTED = "accepted"
    THROTTLED = "throttled"
    UNSENT = "unsent"
    REJECTED = "rejected"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What is known about one attempt once it is over.

    Attributes:
        outcome: how it ended.
        reason: one line for people; holds no secret and no full phone number.
        http_status: the status line's number, None when there was none.
        headers_sent: whether a byte of the request may have left this machine.
        session_id: the vendor's id of the started session, if the answer gave one.
        retry_after_s: how long the answer asked us to wait, from 0.
        answer: the beginning of the answer's body, at most 4 KiB, for ``show``.
        stop: why the whole run must stop, or None. With ``rejected`` it concerns the key or the account, not the row.
    """

    outcome: Outcome
    reason: str
    http_status: int | None = None
    headers_sent: bool = False
    session_id: str | None = None
    retry_after_s: float | None = None
    answer: str = ""
    stop: str | None = None
    latency_ms: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know about the sheet that stops nothing.

    ``row_number`` is None when it concerns the whole file; ``value`` is masked where it is a number.
    """

    reason: str
    row_number: int | None = None
    column: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A row that can be sent.

    Attributes:
        row_number: as Excel shows it, from 1.
        to: E.164 digits without ``+``, 7 to 15 of them.
        key: identity within the campaign.
        values: every cell of the row as text by folded column label, in the sheet's order.
        notices: what a person should know about this row.
    """

    row_number: int
    to: str
    key: str
    values: Mapping[str, str]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One more thing that is wrong with a row; the fields are those of ``Refusal``."""

    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that is not sent: ``refused`` (something is wrong with it) or ``skipped`` (on purpose).

    Attributes:
        row_number: as Excel shows it, from 1.
        column: the column that is to blame, as the sheet labels it; empty for the whole row.
        value: the offending value as it stands, masked where it is a number.
        reason: what is wrong and what to do.
        values: every cell of the row as text by folded column label, in the sheet's order.
        state: ``State.REFUSED`` or ``State.SKIPPED``.
        key: identity within the campaign where it could be computed and no other row owns it.
        to: the number where it could be read.
        others: what else is wrong with the row, so that it can be corrected at one go.
    """

    row_number: int
    column: str
    value: str
    reason: str
    values: Mapping[str, str]
    state: State = State.REFUSED
    key: str | None = None
    to: str | None = None
    notices: tuple[Notice, ...] = ()
    others: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Agent:
    """The virtual agent of a campaign and the rate it is approved for.

    Attributes:
        region: where it lives, as its channel calls it.
        limit: sessions per second approved.
        warm_up_s: hold after the limit changed, seconds, 0 turns it off.
        endpoint: the URL each request is posted to.
        limit_scope: whether the limit is counted per agent or for all agents of the API key.
    """

    id: str
    region: str
    limit: int
    warm_up_s: float
    endpoint: str
    limit_scope: Literal["agent", "api_key"] = "agent"


@dataclass(frozen=True, slots=True)
class SheetRules:
    """How the recipients file is to be read; None means: find out, and refuse when in doubt.

    ``text_dates`` says how 03/12/2026 is read where it stands as text in a column formatted as a date.
    """

    name: str | None = None
    header_row: int | None = None
    encoding: str | None = None
    hidden_rows: Literal["error", "skip", "include"] = "error"
    duplicates: Literal["first", "error"] = "first"
    text_dates: Literal["day_first", "month_first"] | None = None


@dataclass(frozen=True, slots=True)
class RecipientRules:
    """How a row becomes a recipient.

    Attributes:
        written_as: whether digits are read with their country code or as national numbers. None, where the
            campaign file does not say: with a default region those that can be read both ways are refused,
            without one all are read with their country code.
        default_region: ISO 3166 letters of the country national numbers belong to.
        skip_if: folded column name to the folded words that mean "do not message this row".
        suppress_path: file of numbers never to be messaged, or None.
        allowed_countries: ISO 3166 letters; empty allows every country.
    """

    to: Text
    key: Text
    written_as: Literal["international", "national"] | None = "international"
    default_region: str | None = None
    skip_if: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    suppress_path: Path | None = None
    allowed_countries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Media:
    """The file a template's header shows; ``filename`` is what a document is called on the phone."""

    kind: Literal["image", "video", "document"]
    link: Text
    filename: Text | None = None


@dataclass(frozen=True, slots=True)
class Button:
    """A template's button with a value: the end of its URL, or the payload of a quick reply.

    ``index`` counts the template's buttons from 0.
    """

    kind: str
    index: int
    text: Text


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """The approved template and what fills its placeholders, in order.

    ``header_names`` and ``body_names`` go with ``header`` and ``body``, and are empty for a template with
    numbered placeholders. A template has a text header, ``media``, or neither.
    """

    namespace: str
    name: str
    locale: Text
    header: tuple[Text, ...] = ()
    body: tuple[Text, ...] = ()
    header_names: tuple[str, ...] = ()
    body_names: tuple[str, ...] = ()
    media: Media | None = None
    buttons: tuple[Button, ...] = ()

    @property
    def parameters(self) -> tuple[Text, ...]:
        """Every text that fills the template; none of them may end up empty."""
        media = () if self.media is None else (self.media.link, self.media.filename)
        texts = (*self.header, *media, *self.body, *(button.text for button in self.buttons))
        return tuple(text for text in texts if text is not None)


@dataclass(frozen=True, slots=True)
class Campaign:
    """One checked campaign file; ``template`` is None exactly when its channel has none."""

    name: str
    path: Path
    recipients_path: Path
    status_url: str
    channel: str
    agent: Agent
    recipient: RecipientRules
    sheet: SheetRules = SheetRules()
    template: MessageTemplate | None = None
    session_parameters: tuple[tuple[str, Text], ...] = ()

    @property
    def message_texts(self) -> tuple[Text, ...]:
        """Every text with placeholders that goes into a request."""
        parameters = tuple(text for _, text in self.session_parameters)
        if self.template is None:
            return parameters
        return (self.template.locale, *self.template.parameters, *parameters)


def state_after(result: AttemptResult) -> State:
    """Return where a row stands after an attempt.

    A refusal that stops the run concerns the key or the account, not the row: it stays ``pending``.
    """
    if result.outcome is Outcome.REJECTED and result.stop:
        return State.PENDING
    return _STATE_AFTER[result.outcome]


_STATE_AFTER = {
    Outcome.ACCEPTED: State.ACCEPTED,
    Outcome.THROTTLED: State.RETRYABLE,
    Outcome.UNSENT: State.RETRYABLE,
    Outcome.REJECTED: State.FAILED,
    Outcome.IN_DOUBT: State.IN_DOUBT,
}


def most_urgent(states: Mapping[State, int]) -> State | None:
    """Return the state whose rows are to be settled first, None when no row waits for anybody.

    Doubts come first, for nothing but a person moves them; then what a send settles by itself, then what somebody has
    to correct before.
    """
    return next((state for state in _BY_URGENCY if states.get(state)), None)


_BY_URGENCY = (State.IN_DOUBT, State.PENDING, State.RETRYABLE, State.FAILED, State.REFUSED)
