"""What a campaign file may say about AI Studio, key by key and key against key.

Source: the vendor's page "Triggering an outbound WhatsApp virtual agent", unless a line says otherwise.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from dispatcher.channel import Limits, Setting
from dispatcher.placeholders import parse_text
from dispatcher.studio.template_rules import (
    BODY_MAX_CHARACTERS,
    HEADER_MAX_CHARACTERS,
    find_parameter_trouble,
    is_locale,
)
from dispatcher.urls import find_link_trouble, is_loopback_url

ENDPOINTS = {region: f"https://studio-api-{region}.ai.vonage.com/messaging/conversation" for region in ("eu", "us")}
"""Where requests go, by the region of the agent."""

LIMITS = Limits(granted=(1, 3, 5), warm_up_s=300.0)
"""One session a second, "until more is asked for"; once a raised limit is confirmed and the agents are published, "wait
for about 5 minutes"."""

_AGENT_ID = re.compile("[0-9a-fA-F]{24}")  # as AI Studio shows them; not documented
_VENDOR_DOMAINS = ("vonage.com", "nexmo.com", "vonage.net")
_HEADERS = ("header", "header_image", "header_video", "header_document")
_BUTTON_KEYS = {"url": ("text", "payload"), "quick_reply": ("payload", "text")}
_LAST_BUTTON = 9


def read_agent_id(text: str) -> str:
    """Return an agent's id in small letters, or an empty text if it is none."""
    return text.lower() if _AGENT_ID.fullmatch(text) else ""


def find_status_url_trouble(url: str) -> str:
    """Return what is wrong with a status URL, or an empty text.

    A URL on this machine is right only beside an endpoint on it, which this key alone cannot show.

    Source: the vendor's page asks for a URL of one's own and warns of endless loops on its own hosts.
    """
    trouble = find_link_trouble(url)
    if trouble in ("does not begin with https://", "cannot be reached from outside") and is_loopback_url(url):
        return ""
    if trouble:
        return trouble
    host = (urlsplit(url).hostname or "").rstrip(".")
    if any(host == domain or host.endswith(f".{domain}") for domain in _VENDOR_DOMAINS):
        return "is the vendor's own host, which sends every status back to itself without end"
    return ""


def _must_match(pattern: str | re.Pattern[str], meaning: str) -> Callable[[str], str]:
    return lambda text: "" if re.fullmatch(pattern, text) else f"is no {meaning}"


def _must_be_one_of(choices: Collection[object]) -> Callable[[object], str]:
    return lambda value: "" if value in choices else "is none of the choices"


def _find_in_parameter(max_characters: int) -> Callable[[str], str]:
    """Return a check of what a text holds beside its columns: the same for every row, it must not break a rule."""

    def find(source: str) -> str:
        constant = "".join(part if isinstance(part, str) else "x" for part in parse_text(source).parts)
        return find_parameter_trouble(constant, max_characters)

    return find


def _find_in_link(source: str) -> str:
    """Say what no row could make right; a link with a column in it is checked for each row."""
    is_same = not parse_text(source).placeholders
    return _find_in_body(source) or (find_link_trouble(source) if is_same else "")


def _find_in_locale(source: str) -> str:
    return "" if parse_text(source).placeholders or is_locale(source) else "is no locale"


def _find_in_index(index: int) -> str:
    if index < 0:
        return "is less than 0"
    return f"is more than {_LAST_BUTTON}" if index > _LAST_BUTTON else ""


_find_in_body = _find_in_parameter(BODY_MAX_CHARACTERS)
_find_in_name = _must_match(
    "[a-z_][a-z0-9_]*", "name of a placeholder; write it as in the template, in small letters, digits and _"
)

SETTINGS: Mapping[str, Setting] = {
    "status_url": Setting("an https URL of your own with a public host name", find_status_url_trouble),
    "agent.id": Setting(
        'the 24 hex digits AI Studio shows for the agent, such as id = "66c0ec5d5cd447cc0bafda3b"',
        _must_match(_AGENT_ID, "agent id"),
    ),
    "agent.region": Setting('region = "eu" or region = "us", as chosen for the agent', _must_be_one_of(ENDPOINTS)),
    "agent.sessions_per_second": Setting(
        "the limit the vendor approved: 1, 3 or 5 (a whole number without quotes)", _must_be_one_of(LIMITS.granted)
    ),
    "template.namespace": Setting(
        "the namespace shown in the WhatsApp Business Account", _must_match(r"\S+", "namespace")
    ),
    "template.name": Setting(
        "the approved template's name: lower-case letters, digits and underscores",
        _must_match("[a-z0-9_]+", "template name"),
    ),
    "template.locale": Setting('a code such as "en" or "en_US", or a column such as "{language}"', _find_in_locale),
    "template.header": Setting(
        'at most one text, as in header = ["{clinic}"]', _find_in_parameter(HEADER_MAX_CHARACTERS), _find_in_name
    ),
    "template.header_image": Setting("the https link of a picture anybody can open", _find_in_link),
    "template.header_video": Setting("the https link of a film anybody can open", _find_in_link),
    "template.header_document": Setting("the https link of a document anybody can open", _find_in_link),
    "template.header_document_filename": Setting(
        'the name the document has on the phone, such as "Invoice {number}.pdf"', _find_in_body
    ),
    "template.body": Setting(
        'a list, as in ["{first name}"], or, for named placeholders, { first_name = "{first name}" }',
        _find_in_body,
        _find_in_name,
    ),
    "template.buttons.type": Setting('type = "url" or type = "quick_reply"', _must_be_one_of(_BUTTON_KEYS)),
    "template.buttons.index": Setting(
        f"the button's place in the template: index = 0 for the first, at most {_LAST_BUTTON}", _find_in_index
    ),
    "template.buttons.text": Setting('what the button\'s link ends with, such as text = "{booking}"', _find_in_body),
    "template.buttons.payload": Setting(
        'what the agent gets when it is tapped, such as payload = "confirm {booking}"', _find_in_body
    ),
    "session_parameters": Setting(
        'names of capitals, digits and _ with texts, such as PATIENT_ID = "{patient_id}"',
        find_name_trouble=_must_match("[A-Z0-9_]+", "parameter name"),
    ),
}
"""What each key may be. The names of session parameters are those AI Studio takes for its own."""


def find_contradictions(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield each contradiction of a file as it was read, as a sentence that says what to write."""
    yield from _find_in_template(_table(content, "template"))
    status_url = content.get("status_url")
    if isinstance(status_url, str) and is_loopback_url(status_url) and "endpoint" not in _table(content, "agent"):
        yield f'status_url = "{status_url}": cannot be reached from outside; write a public https URL'


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = content.get(name)
    return table if isinstance(table, dict) else {}


def _find_in_template(template: Mapping[str, Any]) -> Iterator[str]:
    header = template.get("header")
    if isinstance(header, list | dict) and len(header) > 1:
        advice = SETTINGS["template.header"].advice
        yield f"template.header: holds {len(header)} texts, and 1 is the most; write {advice}"
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
    for number, button in enumerate(buttons, start=1):
        place, kind = f"template.buttons, item {number}", button.get("type")
        if isinstance(kind, str) and kind in _BUTTON_KEYS:
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
            taken.setdefault(index, number)
