"""The body of a request: the campaign's texts with one recipient's values, in the shape that AI Studio takes. Pure.

Shape and order of the keys are those of the vendor's page "Triggering an outbound WhatsApp virtual agent"; every value
is a string.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from dispatcher.channel import Body
from dispatcher.models import Button, Campaign, Media, MessageTemplate, Recipient, Refusal
from dispatcher.placeholders import Text
from dispatcher.studio.row_texts import RowTexts, RowTroubleError
from dispatcher.studio.template_rules import (
    BODY_MAX_CHARACTERS,
    HEADER_MAX_CHARACTERS,
    find_link_end_trouble,
    find_locale_trouble,
    find_media_trouble,
)


def render_body(campaign: Campaign, recipient: Recipient, today: date) -> Body | Refusal:
    """Return the body for one recipient, or the first thing that is wrong with the row."""
    texts = RowTexts({**recipient.values, "to": recipient.to, "today": today.isoformat()})
    try:
        body = _render_template(campaign.template, texts) if campaign.template else {}
        parameters = [{"name": name, "value": texts.fill(text)} for name, text in campaign.session_parameters]
    except RowTroubleError as trouble:
        return trouble.refuse(campaign, recipient)
    body |= {
        "to": recipient.to,
        "agent_id": campaign.agent.id,
        "channel": campaign.channel,
        "status_url": campaign.status_url,
    }
    if parameters:
        body["session_parameters"] = parameters
    return body


def encode_body(body: Body) -> bytes:
    """Return the bytes that are posted."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _render_template(template: MessageTemplate, texts: RowTexts) -> Body:
    texts.locale = texts.fill(template.locale, find_locale_trouble)
    components = [*_render_components(template, texts)]
    rendered: Body = {"components": components} if components else {}
    return rendered | {"namespace": template.namespace, "template": template.name, "locale": texts.locale}


def _render_components(template: MessageTemplate, texts: RowTexts) -> Iterator[dict[str, Any]]:
    if template.media:
        yield {"type": "header", "parameters": [_render_media(template.media, texts)]}
    if template.header:
        values = [texts.fill_parameter(text, HEADER_MAX_CHARACTERS) for text in template.header]
        yield {"type": "header", "parameters": _name_values(values, template.header_names)}
    if template.body:
        yield {"type": "body", "parameters": _name_values(_fill_body(template.body, texts), template.body_names)}
    for button in template.buttons:
        yield _render_button(button, texts)


def _render_media(media: Media, texts: RowTexts) -> dict[str, Any]:
    shown = {"link": texts.fill_parameter(media.link, find_trouble=find_media_trouble)}
    if media.filename:
        shown["filename"] = texts.fill_parameter(media.filename)
    return {"type": media.kind, media.kind: shown}


def _fill_body(body: Sequence[Text], texts: RowTexts) -> list[str]:
    values = [texts.fill_parameter(text) for text in body]
    if sum(len(value) for value in values) > BODY_MAX_CHARACTERS:
        longest = max(range(len(values)), key=lambda index: len(values[index]))
        reason = f"is the longest of values that are over {BODY_MAX_CHARACTERS:,} characters together; shorten it"
        raise RowTroubleError(body[longest].columns, values[longest], reason)
    return values


def _name_values(values: Sequence[str], names: Sequence[str]) -> list[dict[str, str]]:
    """Return text parameters, with their names where the template's placeholders have names."""
    if not names:
        return [{"type": "text", "text": value} for value in values]
    pairs = zip(names, values, strict=True)
    return [{"type": "text", "parameter_name": name, "text": value} for name, value in pairs]


def _render_button(button: Button, texts: RowTexts) -> dict[str, Any]:
    is_link = button.kind == "url"
    value = texts.fill_parameter(button.text, find_trouble=find_link_end_trouble if is_link else None)
    kind = "text" if is_link else "payload"
    parameters = [{"type": kind, kind: value}]
    return {"type": "button", "sub_type": button.kind, "index": str(button.index), "parameters": parameters}
