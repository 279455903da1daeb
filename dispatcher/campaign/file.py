"""Reading one campaign file: TOML, checks, and the ``Campaign`` the other rooms know."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dispatcher.campaign.api_key import find_secrets, is_secret_name, peek_api_key
from dispatcher.campaign.contradictions import find_contradictions
from dispatcher.campaign.problems import describe
from dispatcher.campaign.sections import AgentSection, CampaignFile, Reading, RecipientSection, TemplateSection
from dispatcher.campaign.toml_text import parse_toml, read_text
from dispatcher.channel import Channel
from dispatcher.errors import CampaignError
from dispatcher.models import Agent, Button, Campaign, Media, MessageTemplate, RecipientRules, SheetRules
from dispatcher.placeholders import Text, fold, parse_text
from dispatcher.text import parse_duration_s


def load_campaign(path: Path, channels: Mapping[str, Channel]) -> Campaign:
    """Read and check a campaign file.

    Args:
        path: the file.
        channels: those a campaign may name, by their names; the first one is for a campaign that names none.

    Raises:
        CampaignError: the file cannot be read or holds mistakes; all of them are listed, each with its
            key and what to write instead.
    """
    text = read_text(path)
    key = peek_api_key(os.environ)
    if len(key) >= 8 and key in text:
        raise CampaignError(
            str(path), ["holds the API key; remove it, and replace the key if others have seen this file"]
        )
    content = parse_toml(path, text)
    channel = _find_channel(content, channels)
    file, problems = _check(content, Reading(channel, channels))
    if file is None or problems:
        raise CampaignError(str(path), problems)
    return _build(path.absolute(), file, channel)


def _find_channel(content: dict[str, Any], channels: Mapping[str, Channel]) -> Channel:
    """Return the channel a file names, or the first one if it names none that there is."""
    name = content.get("channel")
    known = channels.get(name) if isinstance(name, str) else None
    return known or next(iter(channels.values()))


def _check(content: dict[str, Any], reading: Reading) -> tuple[CampaignFile | None, list[str]]:
    """Return the checked file, and everything that is wrong with it."""
    channel = reading.channel
    key_mark = channel.words.key_mark
    problems = list(find_secrets(content, key_mark))
    if not channel.has_template:
        content = {name: value for name, value in content.items() if name != "template"}
    contradictions = list(find_contradictions(content, reading.channels, channel))
    try:
        return CampaignFile.model_validate(content, context=reading), problems + contradictions
    except ValidationError as error:
        findings = (finding for finding in error.errors() if not is_secret_name(finding["loc"], key_mark))
        problems += [describe(finding, channel) for finding in findings]
        return None, problems + contradictions


def _build(path: Path, file: CampaignFile, channel: Channel) -> Campaign:
    folder = path.parent
    return Campaign(
        name=file.name,
        path=path,
        recipients_path=folder / file.recipients,
        status_url=file.status_url,
        channel=channel.name,
        agent=_build_agent(file.agent, channel),
        sheet=SheetRules(**file.sheet.model_dump()),
        recipient=_build_recipient(folder, file.recipient),
        template=_build_template(file.template) if file.template else None,
        session_parameters=tuple((name, parse_text(text)) for name, text in file.session_parameters.items()),
    )


def _build_agent(section: AgentSection, channel: Channel) -> Agent:
    limits = channel.limits
    return Agent(
        id=channel.read_agent_id(section.id),
        region=section.region,
        limit=section.sessions_per_second or limits.first,
        warm_up_s=limits.warm_up_s if section.warm_up is None else parse_duration_s(section.warm_up),
        endpoint=section.endpoint or channel.find_endpoint(section.region),
        limit_scope=section.limit_scope,
    )


def _build_recipient(folder: Path, section: RecipientSection) -> RecipientRules:
    return RecipientRules(
        to=parse_text(section.to),
        key=parse_text(section.key),
        written_as=section.written_as,
        default_region=section.default_region,
        skip_if={fold(column): tuple(fold(word) for word in words) for column, words in section.skip_if.items()},
        suppress_path=folder / section.suppress if section.suppress else None,
        allowed_countries=tuple(section.allowed_countries),
    )


def _build_template(section: TemplateSection) -> MessageTemplate:
    header_names, header = _build_parameters(section.header)
    body_names, body = _build_parameters(section.body)
    return MessageTemplate(
        namespace=section.namespace,
        name=section.name,
        locale=parse_text(section.locale),
        header=header,
        body=body,
        header_names=header_names,
        body_names=body_names,
        media=_build_media(section),
        buttons=tuple(
            Button(button.type, button.index, parse_text(button.text or button.payload or ""))
            for button in section.buttons
        ),
    )


def _build_parameters(texts: list[str] | dict[str, str]) -> tuple[tuple[str, ...], tuple[Text, ...]]:
    """Return the names of a template's parameters, none for a list, and their texts."""
    if isinstance(texts, dict):
        return tuple(texts), tuple(parse_text(text) for text in texts.values())
    return (), tuple(parse_text(text) for text in texts)


def _build_media(section: TemplateSection) -> Media | None:
    if section.header_image:
        return Media("image", parse_text(section.header_image))
    if section.header_video:
        return Media("video", parse_text(section.header_video))
    if section.header_document:
        filename = section.header_document_filename
        return Media("document", parse_text(section.header_document), parse_text(filename) if filename else None)
    return None
