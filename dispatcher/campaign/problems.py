"""What pydantic found, as sentences that say what to write instead."""

import difflib
import json
import re
from typing import Any

from pydantic import BaseModel

from dispatcher.campaign.sections import SECTIONS, CampaignFile, describe_kind
from dispatcher.channel import Channel

_WANTED = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
}
_ALSO_CALLED = {
    "agent_id": "id",
    "callback_url": "status_url",
    "language": "locale",
    "limit": "sessions_per_second",
    "number": "to",
    "params": "session_parameters",
    "phone": "to",
    "rate": "sessions_per_second",
    "recipients_file": "recipients",
    "webhook": "status_url",
}
"""What people call a key; the key's name is not near enough to be found by its letters."""


def describe(finding: Any, channel: Channel) -> str:
    """Turn one pydantic finding into: key, what is wrong, what to write."""
    names_key = finding["loc"][-1] == "[key]"
    location = tuple(part for part in finding["loc"] if part not in ("[key]", "[list]", "[table]"))
    key = name_place(location)
    if finding["type"] == "extra_forbidden":
        return f"{key}: unknown key{_suggest(location)}"
    advice = _advice(location, channel)
    if finding["type"] == "missing":
        return f"{key}: missing; write {advice}"
    wrong = _say_what_is_wrong(finding)
    shown = "" if names_key else _show(finding["input"])
    return f"{key}{shown}: {wrong}" + ("" if "; " in wrong else f"; write {advice}")


def name_place(location: tuple[int | str, ...]) -> str:
    """Return where in the file something stands: ``template.body, item 2``."""
    place, separator = "", ""
    for part in location:
        if isinstance(part, int):
            place, separator = f"{place}, item {part + 1}", ", "
        else:
            name = part if re.fullmatch(r"[\w-]+", part) else _quote(part)
            place, separator = f"{place}{separator}{name}", "."
    return place


def _show(value: Any) -> str:
    """Return a single value as the file has it; lists and tables are not repeated."""
    if isinstance(value, list | dict):
        return ""
    text = _quote(value) if isinstance(value, str) else str(value)
    return f" = {text.lower() if isinstance(value, bool) else text}"


def _quote(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted if len(quoted) <= 100 else f'{quoted[:96]}..."'


def _say_what_is_wrong(finding: Any) -> str:
    kind, value, context = finding["type"], finding["input"], finding.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in _WANTED:
        return f"is {describe_kind(value)}, not {_WANTED[kind]}"
    if kind == "literal_error":
        is_text = isinstance(value, str)
        return "is none of the choices" if is_text else f"is {describe_kind(value)}, not a text in quotes"
    if kind == "string_too_long":
        return f"is {len(value)} characters long, and {context['max_length']} is the most"
    return _PLAIN.get(kind, "cannot be used").format(**context)


_PLAIN = {
    "string_too_short": "is empty",
    "greater_than_equal": "is less than {ge}",
}


def _section_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    section: type[BaseModel] = CampaignFile
    for part in location[:-1]:
        if isinstance(part, str):
            section = SECTIONS.get(part, section)
    return section


def _advice(location: tuple[int | str, ...], channel: Channel) -> str:
    """Return what the nearest key on the way to ``location`` wants to be written."""
    names = tuple(part for part in location if isinstance(part, str))
    for end in range(len(names), 0, -1):
        if setting := channel.settings.get(".".join(names[:end])):
            return setting.advice
        field = _section_at(names[:end]).model_fields.get(names[end - 1])
        if field and field.description:
            return field.description
    return "something else"


def _suggest(location: tuple[int | str, ...]) -> str:
    known = list(_section_at(location).model_fields)
    name = str(location[-1]).lower()
    called = _ALSO_CALLED.get(name, "")
    places = {f"[{section}]": model.model_fields for section, model in SECTIONS.items() if section != "buttons"}
    places = {"the top of the file, above the first [table]": CampaignFile.model_fields} | places
    elsewhere = [place for place, fields in places.items() if str(location[-1]) in fields]
    if elsewhere:
        return f"; it belongs in {elsewhere[0]}".replace("in the top", "at the top")
    nearest = [called] if called in known else difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    return f"; known here: {', '.join(known)}"
