"""A campaign and a recipient become one request body, checked against the template rules. Pure."""

import json
import re
from datetime import date
from typing import Any

from dispatcher.models import LOCALE_PATTERN, Campaign, MessageTemplate, Recipient, Refusal
from dispatcher.placeholders import Text

HEADER_MAX_CHARACTERS = 60
"""WhatsApp's bound on a header's text parameter."""

BODY_MAX_CHARACTERS = 1024
"""WhatsApp's bound on the body after substitution; its parameters together can never be longer."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class _RowTroubleError(Exception):
    """A value breaks a rule; never leaves this room."""

    def __init__(self, text: Text, value: str, reason: str) -> None:
        self.text, self.value, self.reason = text, value, reason


def render_request(campaign: Campaign, recipient: Recipient, *, today: date) -> dict[str, Any] | Refusal:
    """Return the request body for one recipient, or what is wrong with the row.

    The shape and the order of the keys are those of the vendor's page "Triggering an outbound WhatsApp
    virtual agent"; every value is a string.

    Args:
        campaign: where the texts come from.
        recipient: where the values come from.
        today: what ``{today}`` stands for, as an ISO date.
    """
    values = {**recipient.values, "to": recipient.to, "today": today.isoformat()}
    try:
        body = _render_template(campaign.template, values) if campaign.template else {}
        parameters = [{"name": name, "value": _fill(text, values)} for name, text in campaign.session_parameters]
    except _RowTroubleError as trouble:
        return _refuse(recipient, trouble)
    body |= {
        "to": recipient.to,
        "agent_id": campaign.agent.id,
        "channel": campaign.channel,
        "status_url": campaign.status_url,
    }
    if parameters:
        body["session_parameters"] = parameters
    return body


def encode_request(body: dict[str, Any]) -> bytes:
    """Return the bytes that are posted for a body; ``preview`` prints the same ones."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _render_template(template: MessageTemplate, values: dict[str, str]) -> dict[str, Any]:
    header = [_fill_parameter(text, values, HEADER_MAX_CHARACTERS) for text in template.header]
    body = [_fill_parameter(text, values, BODY_MAX_CHARACTERS) for text in template.body]
    if sum(len(value) for value in body) > BODY_MAX_CHARACTERS:
        longest = max(range(len(body)), key=lambda index: len(body[index]))
        reason = f"the body's values are longer than {BODY_MAX_CHARACTERS} characters together; shorten this one"
        raise _RowTroubleError(template.body[longest], body[longest], reason)
    components = [_component("header", header)] if header else []
    components += [_component("body", body)] if body else []
    rendered: dict[str, Any] = {"components": components} if components else {}
    locale = _fill(template.locale, values)
    if not LOCALE_PATTERN.fullmatch(locale):
        raise _RowTroubleError(template.locale, locale, "is no locale; write one such as en or en_US")
    return rendered | {"namespace": template.namespace, "template": template.name, "locale": locale}


def _component(kind: str, texts: list[str]) -> dict[str, Any]:
    return {"type": kind, "parameters": [{"type": "text", "text": text} for text in texts]}


def _fill(text: Text, values: dict[str, str]) -> str:
    try:
        value = text.fill(values)
    except ValueError as error:
        shown = " ".join(values[placeholder.key] for placeholder in text.placeholders if placeholder.format)
        raise _RowTroubleError(text, shown, str(error)) from None
    if _CONTROL.search(value):
        raise _RowTroubleError(text, value, "holds a control character; type the cell's text again")
    return value


def _fill_parameter(text: Text, values: dict[str, str], max_characters: int) -> str:
    """Fill a template parameter and hold it against WhatsApp's rules for parameter texts."""
    value = _fill(text, values)
    if not value.strip():
        raise _RowTroubleError(text, value, "is empty, and the message needs it; fill in the cell")
    if re.search(r"[\n\r\t]", value):
        raise _RowTroubleError(text, value, "holds a line break or a tab, which WhatsApp refuses; remove it")
    if " " * 5 in value:
        raise _RowTroubleError(text, value, "holds more than 4 spaces in a row, which WhatsApp refuses; remove some")
    if len(value) > max_characters:
        reason = f"is {len(value)} characters long, WhatsApp allows {max_characters}; shorten it"
        raise _RowTroubleError(text, value, reason)
    return value


def _refuse(recipient: Recipient, trouble: _RowTroubleError) -> Refusal:
    columns = ", ".join(placeholder.column for placeholder in trouble.text.placeholders)
    return Refusal(
        row_number=recipient.row_number,
        column=columns,
        value=trouble.value[:100],
        reason=trouble.reason,
        values=recipient.values,
        key=recipient.key,
        to=recipient.to,
        notices=recipient.notices,
    )
