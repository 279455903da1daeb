"""A campaign and a recipient become one request body, checked against the template rules. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from dispatcher.models import Button, Campaign, Media, MessageTemplate, Recipient, Refusal
from dispatcher.placeholders import Text, UnfitValueError, close_gaps, fold
from dispatcher.studio.template_rules import (
    BODY_MAX_CHARACTERS,
    HEADER_MAX_CHARACTERS,
    LOCALE_PATTERN,
    find_parameter_trouble,
)
from dispatcher.text import mask_digits, mask_phone_numbers
from dispatcher.urls import find_link_trouble

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class _RowTroubleError(Exception):
    """A value breaks a rule; never leaves this room."""

    def __init__(self, columns: Sequence[str], value: str, reason: str) -> None:
        self.columns, self.value, self.reason = columns, value, reason


class _Filler:
    """Fills texts with the values of one row, in the language of its message."""

    def __init__(self, values: Mapping[str, str], locale: str = "en") -> None:
        self._values, self.locale = values, locale

    def fill(self, text: Text) -> str:
        """Return the text with the row's values."""
        try:
            value = text.fill(self._values, self.locale)
        except UnfitValueError as error:
            raise _RowTroubleError([error.placeholder.column], error.value, str(error)) from None
        if _CONTROL.search(value):
            raise _blame(text, value, "holds a control character; type the cell's text again")
        return value

    def fill_parameter(self, text: Text, max_characters: int = BODY_MAX_CHARACTERS) -> str:
        """Fill a template parameter and hold it against WhatsApp's rules for parameter texts."""
        value = self.fill(text)
        if len(text.parts) > 1:
            value = close_gaps(value)
        if trouble := find_parameter_trouble(value, max_characters):
            raise _blame(text, value, trouble)
        return value


def _blame(text: Text, value: str, reason: str) -> _RowTroubleError:
    return _RowTroubleError([placeholder.column for placeholder in text.placeholders], value, reason)


def render_request(campaign: Campaign, recipient: Recipient, *, today: date) -> dict[str, Any] | Refusal:
    """Return the request body for one recipient, or what is wrong with the row.

    The shape and the order of the keys are those of the vendor's page "Triggering an outbound WhatsApp
    virtual agent"; every value is a string.

    Args:
        campaign: where the texts come from.
        recipient: where the values come from.
        today: what ``{today}`` stands for, as an ISO date.
    """
    filler = _Filler({**recipient.values, "to": recipient.to, "today": today.isoformat()})
    try:
        body = _render_template(campaign.template, filler) if campaign.template else {}
        parameters = [{"name": name, "value": filler.fill(text)} for name, text in campaign.session_parameters]
    except _RowTroubleError as trouble:
        return _refuse(campaign, recipient, trouble)
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


def _render_template(template: MessageTemplate, filler: _Filler) -> dict[str, Any]:
    filler.locale = _render_locale(template.locale, filler)
    components = [*_render_components(template, filler)]
    rendered: dict[str, Any] = {"components": components} if components else {}
    return rendered | {"namespace": template.namespace, "template": template.name, "locale": filler.locale}


def _render_locale(text: Text, filler: _Filler) -> str:
    locale = filler.fill(text)
    if not LOCALE_PATTERN.fullmatch(locale):
        language, _, country = locale.strip().replace("-", "_").partition("_")
        nearest = "_".join(filter(None, [language.lower(), country.upper()]))
        example = nearest if LOCALE_PATTERN.fullmatch(nearest) else "one such as en or en_US"
        raise _blame(text, locale, f"is no locale of WhatsApp; write {example}")
    return locale


def _render_components(template: MessageTemplate, filler: _Filler) -> Iterator[dict[str, Any]]:
    if template.media:
        yield {"type": "header", "parameters": [_render_media(template.media, filler)]}
    if template.header:
        values = [filler.fill_parameter(text, HEADER_MAX_CHARACTERS) for text in template.header]
        yield {"type": "header", "parameters": _text_parameters(values, template.header_names)}
    if template.body:
        yield {"type": "body", "parameters": _text_parameters(_fill_body(template, filler), template.body_names)}
    for button in template.buttons:
        yield _render_button(button, filler)


def _fill_body(template: MessageTemplate, filler: _Filler) -> list[str]:
    values = [filler.fill_parameter(text) for text in template.body]
    if sum(len(value) for value in values) > BODY_MAX_CHARACTERS:
        longest = max(range(len(values)), key=lambda index: len(values[index]))
        reason = f"is the longest of values that are over {BODY_MAX_CHARACTERS:,} characters together; shorten it"
        raise _blame(template.body[longest], values[longest], reason)
    return values


def _text_parameters(values: Sequence[str], names: Sequence[str]) -> list[dict[str, str]]:
    if not names:
        return [{"type": "text", "text": value} for value in values]
    pairs = zip(names, values, strict=True)
    return [{"type": "text", "parameter_name": name, "text": value} for name, value in pairs]


def _render_media(media: Media, filler: _Filler) -> dict[str, Any]:
    link = filler.fill_parameter(media.link)
    if trouble := find_link_trouble(link):
        raise _blame(media.link, link, f"{trouble}; write the https link of a file that anybody can open")
    shown = {"link": link}
    if media.filename:
        shown["filename"] = filler.fill_parameter(media.filename)
    return {"type": media.kind, media.kind: shown}


def _render_button(button: Button, filler: _Filler) -> dict[str, Any]:
    value = filler.fill_parameter(button.text)
    if button.kind == "url" and " " in value:
        raise _blame(button.text, value, "holds a space, and it is the end of a button's link; remove it")
    kind = "text" if button.kind == "url" else "payload"
    parameters = [{"type": kind, kind: value}]
    return {"type": "button", "sub_type": button.kind, "index": str(button.index), "parameters": parameters}


def _refuse(campaign: Campaign, recipient: Recipient, trouble: _RowTroubleError) -> Refusal:
    numbers = {"to", *(placeholder.key for placeholder in campaign.recipient.to.placeholders)}
    mask = mask_phone_numbers if numbers.isdisjoint(map(fold, trouble.columns)) else mask_digits
    return Refusal(
        row_number=recipient.row_number,
        column=", ".join(dict.fromkeys(trouble.columns)),
        value=mask(trouble.value)[:100],
        reason=trouble.reason,
        values=recipient.values,
        key=recipient.key,
        to=recipient.to,
        notices=recipient.notices,
    )
