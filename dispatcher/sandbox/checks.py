"""What a strict API would say about a request body; one line for each fault, in the API's tone."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

_VENDOR_DOMAINS = ("vonage.com", "nexmo.com")
_MEDIA = ("image", "video", "document")
_WHATSAPP_ONLY = ("namespace", "template", "locale")
_OPTIONAL = ("components", "session_parameters")


def is_loopback(host: str | None) -> bool:
    """Return whether ``host`` names this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def find_faults(body: dict[str, Any]) -> list[str]:
    """Return everything that is wrong with a request body; an empty list lets it pass."""
    channel = body.get("channel")
    if channel not in ("whatsapp", "sms"):
        return ["channel must be one of the following values: whatsapp, sms"]
    mandatory = [name for name in _FIELDS if channel == "whatsapp" or name not in _WHATSAPP_ONLY]
    optional = _OPTIONAL if channel == "whatsapp" else ("session_parameters",)
    faults = [f"property {name} should not exist" for name in body if name not in {*mandatory, *optional}]
    for name in mandatory:
        is_right, wanted = _FIELDS[name]
        value = body.get(name)
        if not isinstance(value, str) or not is_right(value):
            faults.append(f"{name} must be {wanted}")
    if channel == "whatsapp" and "components" in body:
        faults += _component_faults(body["components"])
    if "session_parameters" in body:
        faults += _session_parameter_faults(body["session_parameters"])
    return faults


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _is_status_url(value: str) -> bool:
    try:
        url = urlsplit(value)
        host = url.hostname or ""
    except ValueError:
        return False
    if not host or url.username or host.endswith(_VENDOR_DOMAINS):
        return False
    return url.scheme == "https" or (url.scheme == "http" and is_loopback(host))


_FIELDS: dict[str, tuple[Callable[[str], bool], str]] = {
    "agent_id": (_matches(r"[0-9a-f]{24}"), "24 hexadecimal digits"),
    "channel": (_matches(r"whatsapp|sms"), "whatsapp or sms"),
    "locale": (_matches(r"[a-z]{2,3}(_[A-Z]{2})?"), "a locale such as en or en_US"),
    "namespace": (_matches(r"\S+"), "a non-empty string"),
    "status_url": (_is_status_url, "an https URL address that is not Vonage's own"),
    "template": (_matches(r"[a-z0-9_]+"), "lower-case letters, digits and underscores"),
    "to": (_matches(r"[1-9][0-9]{6,14}"), "a string of 7 to 15 digits without +"),
}


def _component_faults(components: object) -> Iterator[str]:
    if not isinstance(components, list):
        yield "components must be an array"
        return
    for index, component in enumerate(components):
        place = f"components.{index}"
        kind = component.get("type") if isinstance(component, dict) else None
        if kind not in ("header", "body", "button"):
            yield f"{place}.type must be one of the following values: header, body, button"
            continue
        parameters = component.get("parameters")
        if not isinstance(parameters, list) or not parameters:
            yield f"{place}.parameters must be a non-empty array"
            continue
        if kind == "header" and len(parameters) > 1:
            yield f"{place}.parameters must hold one header parameter"
        if kind == "button" and not _is_button(component):
            yield f"{place} must have sub_type url or quick_reply and an index string"
        for number, parameter in enumerate(parameters):
            yield from _parameter_faults(f"{place}.parameters.{number}", kind, parameter)


def _is_button(component: dict[str, Any]) -> bool:
    index = component.get("index")
    is_index = isinstance(index, str) and re.fullmatch("[0-9]", index) is not None
    return is_index and component.get("sub_type") in ("url", "quick_reply")


def _parameter_faults(place: str, kind: str, parameter: object) -> Iterator[str]:
    form = parameter.get("type") if isinstance(parameter, dict) else None
    if not isinstance(parameter, dict) or not isinstance(form, str):
        yield f"{place}.type must be a string"
    elif form == "text" or (form == "payload" and kind == "button"):
        yield from _text_faults(f"{place}.{form}", parameter.get(form), 60 if kind == "header" else 1024)
    elif form in _MEDIA and kind == "header":
        media = parameter.get(form)
        link = media.get("link") if isinstance(media, dict) else None
        if not isinstance(link, str) or not link.startswith("https://"):
            yield f"{place}.{form}.link must be an https URL address"
    else:
        yield f"{place}.type {form} is not allowed in a {kind}"


def _text_faults(place: str, text: object, longest: int) -> Iterator[str]:
    """Yield what breaks WhatsApp's rules for a template parameter."""
    if not isinstance(text, str) or not text.strip():
        yield f"{place} should not be empty"
        return
    if len(text) > longest:
        yield f"{place} must be shorter than or equal to {longest} characters"
    if re.search(r"[\n\r\t]| {5}", text):
        yield f"{place} cannot have new-line/tab characters or more than 4 consecutive spaces"


def _session_parameter_faults(parameters: object) -> Iterator[str]:
    if not isinstance(parameters, list):
        yield "session_parameters must be an array"
        return
    for index, parameter in enumerate(parameters):
        place = f"session_parameters.{index}"
        if not isinstance(parameter, dict) or set(parameter) != {"name", "value"}:
            yield f"{place} must have a name and a value"
            continue
        if not isinstance(parameter["name"], str) or not re.fullmatch("[A-Z0-9_]+", parameter["name"]):
            yield f"{place}.name must be capitals, digits and underscores"
        if not isinstance(parameter["value"], str):
            yield f"{place}.value must be a string"
