"""What pydantic found, as sentences that say what to write instead."""

import difflib
from typing import Any

from pydantic import BaseModel

from dispatcher.campaign.sections import AgentSection, CampaignFile, RecipientSection, SheetSection, TemplateSection


def describe(finding: Any) -> str:
    """Turn one pydantic finding into: key, what is wrong, what to write."""
    location = tuple(part for part in finding["loc"] if part != "[key]")
    key = ".".join(str(part) for part in location)
    if finding["type"] == "extra_forbidden":
        return f"{key}: unknown key{_suggest(location)}"
    advice = _advice(location)
    if finding["type"] == "missing":
        return f"{key}: missing; write {advice}"
    wrong = str(finding["ctx"]["error"]) if finding["type"] == "value_error" else "cannot be used"
    return f"{key} = {finding['input']!r}: {wrong}; write {advice}"


def _section_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    section: type[BaseModel] = CampaignFile
    for part in location[:-1]:
        inner = _SECTIONS.get(str(part))
        if inner is None:
            break
        section = inner
    return section


_SECTIONS: dict[str, type[BaseModel]] = {
    "agent": AgentSection,
    "sheet": SheetSection,
    "recipient": RecipientSection,
    "template": TemplateSection,
}


def _advice(location: tuple[int | str, ...]) -> str:
    names = [str(part) for part in location if isinstance(part, str)]
    fields = _section_at((*names[:1], "")).model_fields if names[0] in _SECTIONS and len(names) > 1 else {}
    field = fields.get(names[1]) if fields else CampaignFile.model_fields.get(names[0])
    return (field.description if field else None) or "something else"


def _suggest(location: tuple[int | str, ...]) -> str:
    known = list(_section_at(location).model_fields)
    name = str(location[-1])
    nearest = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    elsewhere = [f"[{section}]" for section, model in _SECTIONS.items() if name in model.model_fields]
    return f"; it belongs in {elsewhere[0]}" if elsewhere else f"; known here: {', '.join(known)}"
