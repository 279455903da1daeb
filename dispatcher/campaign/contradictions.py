"""What no single key of a campaign file can show: keys that do not fit each other.

Looks at the file as it was read, so that these mistakes are listed together with those of single keys.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from dispatcher.campaign.problems import name_place
from dispatcher.campaign.urls import is_loopback_url

_HEADERS = ("header", "header_image", "header_video", "header_document")
_BUTTON_KEYS = {"url": ("text", "payload"), "quick_reply": ("payload", "text")}


def find_contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield each contradiction as a sentence that says what to write."""
    if content.get("channel", "whatsapp") == "whatsapp" and "template" not in content:
        yield 'template: missing; write a [template] table, or channel = "sms"'
    yield from _find_in_recipient(_table(content, "recipient"))
    yield from _find_in_template(_table(content, "template"))
    status_url = content.get("status_url")
    if isinstance(status_url, str) and is_loopback_url(status_url) and "endpoint" not in _table(content, "agent"):
        yield f'status_url = "{status_url}": cannot be reached from outside; write a public https URL'


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = content.get(name)
    return table if isinstance(table, dict) else {}


def _find_in_recipient(recipient: Mapping[str, Any]) -> Iterator[str]:
    written_as, region = recipient.get("written_as"), recipient.get("default_region")
    if written_as == "national" and region is None:
        yield 'recipient.default_region: missing; national numbers need their country, such as "GB"'
    if written_as == "international" and region is not None:
        yield 'recipient.default_region: only for written_as = "national"; remove it or write that too'


def _find_in_template(template: Mapping[str, Any]) -> Iterator[str]:
    headers = [name for name in _HEADERS if template.get(name)]
    if len(headers) > 1:
        yield f"template: {' and '.join(headers)} exclude each other; a template has one header, keep one of them"
    if "header_document_filename" in template and "header_document" not in template:
        yield "template.header_document_filename: names a document, and there is none; add header_document"
    kinds = {type(template[name]) for name in ("header", "body") if template.get(name)}
    if kinds == {list, dict}:
        yield (
            "template: header and body are a list and a table; a template's placeholders are all numbered (lists)"
            " or all named (tables)"
        )
    buttons = template.get("buttons")
    if isinstance(buttons, list):
        yield from _find_in_buttons([button if isinstance(button, dict) else {} for button in buttons])


def _find_in_buttons(buttons: list[dict[str, Any]]) -> Iterator[str]:
    taken: dict[object, int] = {}
    for position, button in enumerate(buttons):
        place, kind = name_place(("template", "buttons", position)), button.get("type")
        if kind in ("url", "quick_reply"):
            wanted, unwanted = _BUTTON_KEYS[kind]
            if wanted not in button:
                yield f'{place}, {wanted}: missing; a button of type "{kind}" needs it'
            if unwanted in button:
                yield f'{place}, {unwanted}: a button of type "{kind}" has none; remove it'
        index = button.get("index")
        if isinstance(index, int):
            if index in taken:
                wrong = f"item {taken[index]} has it already"
                yield f"{place}, index = {index}: {wrong}; count the template's buttons from 0"
            taken.setdefault(index, position + 1)
