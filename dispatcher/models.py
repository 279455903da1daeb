"""The words of the program as frozen records and enums; every room speaks in these."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from dispatcher.placeholders import Text

LOCALE_PATTERN = re.compile(r"[a-z]{2,3}(_[A-Z]{2})?")
"""WhatsApp's locale codes, case-sensitive: ``en`` and ``en_US`` are different templates."""

HEADER_MAX_CHARACTERS = 60
"""WhatsApp's bound on a header's text parameter."""

BODY_MAX_CHARACTERS = 1024
"""WhatsApp's bound on the body after substitution; its parameters together can never be longer."""

STATE_COLUMN, REASON_COLUMN = "state", "reason"
"""The columns of an export that tell what became of a row; a sheet that is read may be an export."""

OUTCOME_COLUMNS = (STATE_COLUMN, REASON_COLUMN, "last attempt", "session id", "attempts", "sheet row")
"""What an export adds to the right of the sheet's own columns."""

ADVICE_COLUMN = "what to do"
"""The column of a list of problems that says what is wrong with a row."""

HIDDEN_REASON = "hidden by a filter in Excel or by hand"
"""Why a hidden row is skipped. In an export the row is hidden no more, and these words alone say that it was."""


class State(StrEnum):
    """Where a row stands in the ledger.

    ``pending``: waits to be sent. In: load, ``retry``, a person. Out: ``sending``.
    ``sending``: the intent is on disk and a request may be in the air. Never left by age.
    ``accepted``: AI Studio answered 2xx. Final; nothing leaves it.
    ``retryable``: refused with 429, or no byte left; waits until its ``not_before``.
    ``failed``: definitely refused. Out: only ``retry``.
    ``in_doubt``: a request may have arrived. Out: only a person, or proof.
    ``refused``: something is wrong with the row. ``skipped``: left out on purpose.
    ``withdrawn``: waited, then vanished from the sheet.
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


class Verdict(StrEnum):
    """How one attempt ended."""

    ACCEPTED = "accepted"
    THROTTLED = "throttled"
    UNSENT = "unsent"
    REJECTED = "rejected"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known about one attempt once it is over.

    Attributes:
        verdict: how it ended.
        reason: one line for people; holds no secret and no full phone number.
        http_status: the status line's number, None when there was none.
        headers_sent: whether a byte of the request may have left this machine.
        session_id: AI Studio's id of the started session, if the answer gave one.
        retry_after_s: how long the answer asked us to wait, 0 to 300.
        answer: the beginning of the answer's body, at most 4 KiB, for ``show``.
        stop: why the whole run must stop, or None. With a 401, 402 or 403 the row is untouched.
    """

    verdict: Verdict
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
        limit: sessions per second approved: 1, 3 or 5.
        warm_up_s: hold after the limit changed, seconds, 0 turns it off.
        endpoint: the URL each request is posted to.
        limit_scope: whether the limit is counted per agent or for all agents of the API key.
    """

    id: str
    region: Literal["eu", "us"]
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

    kind: Literal["url", "quick_reply"]
    index: int
    text: Text


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """The approved WhatsApp template and what fills its placeholders, in order.

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
    """One checked campaign file; ``template`` is None exactly when the channel is ``sms``."""

    name: str
    path: Path
    recipients_path: Path
    status_url: str
    agent: Agent
    recipient: RecipientRules
    sheet: SheetRules = SheetRules()
    channel: Literal["whatsapp", "sms"] = "whatsapp"
    template: MessageTemplate | None = None
    session_parameters: tuple[tuple[str, Text], ...] = ()

    @property
    def message_texts(self) -> tuple[Text, ...]:
        """Every text with placeholders that goes into a request."""
        parameters = tuple(text for _, text in self.session_parameters)
        if self.template is None:
            return parameters
        return (self.template.locale, *self.template.parameters, *parameters)


def mask_digits(text: str) -> str:
    """Return ``text`` with all but the first two and the last three of its digits hidden.

    Texts with fewer than seven digits hold no phone number and stay as they are.
    """
    digit_positions = [index for index, character in enumerate(text) if character.isdigit()]
    if len(digit_positions) < 7:
        return text
    hidden = set(digit_positions[2:-3])
    return "".join("*" if index in hidden else character for index, character in enumerate(text))


def mask_phone_numbers(text: str) -> str:
    """Return ``text`` with what looks like an international number masked; ids and dates stay readable.

    That is a ``+`` (an Asian keyboard has a wide one) and at least seven digits, with what people put between
    them: ``+44 (0)7700 900-123``.
    """
    return _INTERNATIONAL.sub(lambda number: mask_digits(number[0]), text)


_INTERNATIONAL = re.compile(r"[+\uff0b]\(?\d(?:[\s().\-/\u2010-\u2014]{0,3}\d){6,}")


def tidy_parameter(text: str) -> str:
    """Return a filled text as it goes into a message: what a blank cell leaves behind are no spaces.

    Spaces at both ends go, and of several in a row one stays.
    """
    text = text.strip(" ")
    return _SPACES.sub(" ", text) if "  " in text else text


_SPACES = re.compile("  +")


def find_parameter_trouble(text: str, max_characters: int) -> str:
    """Return which of WhatsApp's rules a template parameter breaks, and what to do; empty for none.

    Source: "Localizable parameters ... cannot have new-line/tab characters or more than 4 consecutive
    spaces" (the vendor's answer), and WhatsApp's bounds on header and body.
    """
    if not text.strip():
        return "is empty, and the message needs it; fill it in"
    if _LINE_BREAK.search(text):
        return "holds a line break or a tab, which WhatsApp refuses; remove it"
    if " " * 5 in text:
        return "holds more than 4 spaces in a row, which WhatsApp refuses; remove some"
    if len(text) > max_characters:
        return f"is {len(text):,} characters long, and WhatsApp allows {max_characters:,}; shorten it"
    return ""


_LINE_BREAK = re.compile("[\n\r\t\x85\u2028\u2029]")


def find_link_trouble(url: str) -> str:
    """Return why the vendor could not open ``url``, or an empty text for a public https URL."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "is no URL"
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return "holds a space or a control character"
    if not url.startswith("https://"):
        return "does not begin with https://"
    if "@" in parts.netloc:
        return "holds a user name or a password"
    return "" if _is_public_host(host) else "cannot be reached from outside"


def _is_public_host(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        is_name = len(labels) > 1 and all(re.fullmatch(r"[\w-]+", label) for label in labels)
        return is_name and not labels[-1][0].isdigit() and labels[-1] not in _PRIVATE_DOMAINS
    return address.is_global and not address.is_multicast


_PRIVATE_DOMAINS = frozenset(
    {"corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost", "private", "test"}
)


def parse_duration_s(text: str) -> float:
    """Return the seconds a duration such as ``90s``, ``5m``, ``1h30m`` or ``90d`` stands for.

    Raises:
        ValueError: the text is no duration.
    """
    match = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", text.strip())
    if not match or not any(match.groups()):
        raise ValueError(f"{text!r} is no duration")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return days * 86400 + hours * 3600 + minutes * 60 + seconds


def format_duration(seconds: float) -> str:
    """Return a duration as people read it: ``8 s``, ``4 min 20 s``, ``2 h 5 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def format_count(count: int, noun: str) -> str:
    """Return a count as people read it: ``1 row``, ``1,200 rows``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def state_after(outcome: Outcome) -> State:
    """Return where a row stands after an attempt.

    A refusal that stops the run (401, 402, 403) concerns the key or the account, not the row: it stays
    ``pending``.
    """
    if outcome.verdict is Verdict.REJECTED and outcome.stop:
        return State.PENDING
    return _STATE_AFTER[outcome.verdict]


_STATE_AFTER = {
    Verdict.ACCEPTED: State.ACCEPTED,
    Verdict.THROTTLED: State.RETRYABLE,
    Verdict.UNSENT: State.RETRYABLE,
    Verdict.REJECTED: State.FAILED,
    Verdict.IN_DOUBT: State.IN_DOUBT,
}
