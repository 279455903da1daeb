"""Reading one campaign file: TOML, checks, and the ``Campaign`` the other rooms know."""

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dispatcher.campaign.api_key import explain, find_secrets, is_secret_name
from dispatcher.campaign.problems import describe
from dispatcher.campaign.sections import AgentSection, CampaignFile, RecipientSection, TemplateSection
from dispatcher.campaign.urls import is_loopback_url
from dispatcher.errors import CampaignError
from dispatcher.models import Agent, Campaign, MessageTemplate, RecipientRules, SheetRules, parse_duration_s
from dispatcher.placeholders import fold, parse_text

_ENDPOINT = "https://studio-api-{region}.ai.vonage.com/messaging/conversation"
"""The vendor's page, "Endpoint (mandatory)"."""


def load_campaign(path: Path) -> Campaign:
    """Read and check a campaign file.

    Raises:
        CampaignError: the file cannot be read or holds mistakes; all of them are listed, each with its
            key and what to write instead.
    """
    content = _read_toml(path)
    problems = list(find_secrets(content))
    try:
        file = CampaignFile.model_validate(content)
    except ValidationError as error:
        problems += [describe(finding) for finding in error.errors() if not is_secret_name(finding["loc"])]
        raise CampaignError(str(path), problems) from None
    problems += _find_contradictions(file)
    if problems:
        raise CampaignError(str(path), problems)
    return _build(path.absolute(), file)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CampaignError(str(path), [f"cannot be read: {explain(error)}"]) from None
    key = os.environ.get("DISPATCHER_API_KEY", "").strip()
    if len(key) >= 8 and key in text:
        raise CampaignError(str(path), ["holds the API key; remove it, it stays in DISPATCHER_API_KEY"])
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CampaignError(str(path), [f"is no valid TOML: {error}"]) from None


def _find_contradictions(file: CampaignFile) -> Iterator[str]:
    """Yield what no single key can show: keys that do not fit each other."""
    if file.channel == "whatsapp" and file.template is None:
        yield 'template: missing; write a [template] table, or channel = "sms"'
    recipient = file.recipient
    if recipient.written_as == "national" and recipient.default_region is None:
        yield 'recipient.default_region: missing; national numbers need their country, such as "GB"'
    if recipient.written_as == "international" and recipient.default_region is not None:
        yield 'recipient.default_region: only for written_as = "national"; remove it or write that too'
    if file.agent.endpoint is None and is_loopback_url(file.status_url):
        yield f"status_url = {file.status_url!r}: cannot be reached from outside; write a public https URL"


def _build(path: Path, file: CampaignFile) -> Campaign:
    folder = path.parent
    return Campaign(
        name=file.name,
        path=path,
        recipients_path=folder / file.recipients,
        status_url=file.status_url,
        channel=file.channel,
        agent=_build_agent(file.agent),
        sheet=SheetRules(**file.sheet.model_dump()),
        recipient=_build_recipient(folder, file.recipient),
        template=_build_template(file.template) if file.channel == "whatsapp" and file.template else None,
        session_parameters=tuple((name, parse_text(text)) for name, text in file.session_parameters.items()),
    )


def _build_agent(section: AgentSection) -> Agent:
    return Agent(
        id=section.id.lower(),
        region=section.region,
        limit=section.sessions_per_second,
        warm_up_s=parse_duration_s(section.warm_up),
        endpoint=section.endpoint or _ENDPOINT.format(region=section.region),
        limit_scope=section.limit_scope,
    )


def _build_recipient(folder: Path, section: RecipientSection) -> RecipientRules:
    return RecipientRules(
        to=parse_text(section.to),
        key=parse_text(section.key),
        # With a region but no word on how numbers are written, what can be read both ways is refused.
        written_as=section.written_as or (None if section.default_region else "international"),
        default_region=section.default_region,
        skip_if={fold(column): tuple(fold(word) for word in words) for column, words in section.skip_if.items()},
        suppress_path=folder / section.suppress if section.suppress else None,
        allowed_countries=tuple(section.allowed_countries),
    )


def _build_template(section: TemplateSection) -> MessageTemplate:
    return MessageTemplate(
        namespace=section.namespace,
        name=section.name,
        locale=parse_text(section.locale),
        header=tuple(parse_text(text) for text in section.header),
        body=tuple(parse_text(text) for text in section.body),
    )
