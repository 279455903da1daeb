"""The tables and keys of a campaign file, as pydantic checks them; what is a vendor's, its channel says.

Each description completes the sentence "write ..." in an error message. What a check objects to goes on
where the value ends; with a semicolon in it, it says itself what to write. Both come from the campaign's channel
where ``CHANNEL_KEYS`` lists a key.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
)

from dispatcher.campaign.texts import (
    check_encoding,
    check_identity,
    check_number_column,
    check_placeholders,
    check_skip_columns,
    check_text,
)
from dispatcher.channel import Channel, Setting
from dispatcher.text import parse_duration_s
from dispatcher.urls import is_loopback_url

CHANNEL_KEYS: list[str] = []
"""The keys of which the channel says what they may be; the sections below enter theirs."""

WARM_UP_MAX_S = 24 * 3600
"""Vendors speak of minutes; a hold of days would be a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file is read with: the channel it names, and all there are."""

    channel: Channel
    channels: Mapping[str, Channel]


def _reading(info: ValidationInfo) -> Reading:
    assert isinstance(info.context, Reading), "a campaign file is read with its channel"  # noqa: S101
    return info.context


def _by_channel(key: str) -> AfterValidator:
    """Return a check that asks the channel about the value of a key."""
    return _ask(key, lambda setting: setting.find_trouble)


def _name_by_channel(key: str) -> AfterValidator:
    """Return a check that asks the channel about a name in the table of a key."""
    return _ask(key, lambda setting: setting.find_name_trouble)


def _ask(key: str, rule_of: Callable[[Setting], Callable[[Any], str]]) -> AfterValidator:
    if key not in CHANNEL_KEYS:
        CHANNEL_KEYS.append(key)

    def check(value: Any, info: ValidationInfo) -> Any:
        if trouble := rule_of(_reading(info).channel.settings[key])(value):
            raise ValueError(trouble)
        return value

    return AfterValidator(check)


def _check_channel(name: Any, info: ValidationInfo) -> Any:
    channels = _reading(info).channels
    wrong = "is none of the choices" if isinstance(name, str) else f"is {describe_kind(name)}, not a text in quotes"
    if not isinstance(name, str) or name not in channels:
        choices = " or ".join(f'"{known}"' for known in channels)
        raise ValueError(f"{wrong}; write {choices}")
    return name


def _check_country(code: str) -> str:
    if code == "UK":
        raise ValueError('is no country code; write "GB" for the United Kingdom')
    if not re.fullmatch("[A-Z]{2}", code):
        raise ValueError("is no country code")
    return code


def _check_duration(text: str) -> str:
    try:
        seconds = parse_duration_s(text)
    except ValueError:
        raise ValueError("is no duration") from None
    if seconds > WARM_UP_MAX_S:
        raise ValueError("is longer than a day")
    return text


def _check_endpoint(url: str) -> str:
    if not is_loopback_url(url):
        raise ValueError("is not on this machine, and the region decides where to send")
    return url


def _check_whole_number(value: Any) -> Any:
    """Refuse what Python takes for a number: ``true`` is 1, and 1.0 is 1."""
    if isinstance(value, bool | float):
        raise ValueError(f"is {describe_kind(value)}, not a whole number")
    return value


def _check_line(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    if text != text.strip() or not text.isprintable():
        raise ValueError("begins or ends with a space, or holds a line break or another control character")
    return text


def describe_kind(value: Any) -> str:
    """Return what a value is, in the words of somebody who writes TOML."""
    return next((words for kind, words in _KINDS.items() if isinstance(value, kind)), "a date or time")


_KINDS = {
    bool: "true or false",  # before int, which it is for Python
    str: "a text",
    int: "a whole number",
    float: "a number with a point",
    list: "a list",
    dict: "a table",
}

_Line = Annotated[str, AfterValidator(_check_line)]
_Country = Annotated[str, AfterValidator(_check_country)]
_SourceText = Annotated[str, AfterValidator(check_text)]
_ListOrTable = Discriminator(lambda value: "[table]" if isinstance(value, dict) else "[list]")


class _Section(BaseModel):
    """One table of the file: unknown keys are errors, and no value is converted in silence."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AgentSection(_Section):
    """``[agent]``: who sends, and how fast it may."""

    id: Annotated[str, _by_channel("agent.id")]
    region: Annotated[str, _by_channel("agent.region")]
    sessions_per_second: (
        Annotated[int, BeforeValidator(_check_whole_number), _by_channel("agent.sessions_per_second")] | None
    ) = None
    warm_up: Annotated[str, AfterValidator(_check_duration)] | None = Field(
        default=None, description='a duration such as "5m", or "0s" to turn it off'
    )
    endpoint: Annotated[str, AfterValidator(_check_endpoint)] | None = Field(
        default=None, description="nothing (leave it out), or a URL on 127.0.0.1"
    )
    limit_scope: Literal["agent", "api_key"] = Field(default="agent", description='"agent" or "api_key"')


class SheetSection(_Section):
    """``[sheet]``: how to read the recipients file."""

    name: str | None = Field(default=None, min_length=1, description="the worksheet's name in quotes")
    header_row: int | None = Field(default=None, ge=1, description="the header's row number as Excel shows it")
    encoding: Annotated[str, AfterValidator(check_encoding)] | None = Field(
        default=None, description='an encoding such as "utf-8" or "cp1252"'
    )
    hidden_rows: Literal["error", "skip", "include"] = Field(
        default="error", description='"error", "skip" or "include"'
    )
    duplicates: Literal["first", "error"] = Field(default="first", description='"first" or "error"')
    text_dates: Literal["day_first", "month_first"] | None = Field(
        default=None, description='"day_first" or "month_first": how 03/12/2026 is read'
    )


class RecipientSection(_Section):
    """``[recipient]``: how a row becomes a person to message."""

    to: Annotated[str, AfterValidator(check_number_column)] = Field(
        description='the column that holds the number, such as to = "{phone}"'
    )
    written_as: Literal["international", "national"] | None = Field(
        default=None, description='"international", or "national" with default_region'
    )
    default_region: _Country | None = Field(
        default=None, description='two capital letters such as "GB", together with written_as = "national"'
    )
    key: Annotated[str, AfterValidator(check_identity)] = Field(
        default="{to}", description='columns that identify a message, such as "{to} {today}"'
    )
    skip_if: Annotated[dict[str, list[str]], AfterValidator(check_skip_columns)] = Field(
        default_factory=dict, description='columns with lists of words, such as { opt_out = ["yes", "x"] }'
    )
    suppress: _Line | None = Field(default=None, description="the path of a file of numbers, in quotes")
    allowed_countries: list[_Country] = Field(
        default_factory=list, description='a list of country codes such as ["DE", "FR"]'
    )


class ButtonSection(_Section):
    """``[[template.buttons]]``: what a button of the template gets."""

    type: Annotated[str, _by_channel("template.buttons.type")]
    index: Annotated[int, BeforeValidator(_check_whole_number), _by_channel("template.buttons.index")]
    text: Annotated[_SourceText, _by_channel("template.buttons.text")] | None = None
    payload: Annotated[_SourceText, _by_channel("template.buttons.payload")] | None = None


_HeaderText = Annotated[_SourceText, _by_channel("template.header")]
_HeaderName = Annotated[str, _name_by_channel("template.header")]
_BodyText = Annotated[_SourceText, _by_channel("template.body")]
_BodyName = Annotated[str, _name_by_channel("template.body")]


class TemplateSection(_Section):
    """``[template]``: the approved template and what fills it."""

    namespace: Annotated[str, _by_channel("template.namespace")]
    name: Annotated[str, _by_channel("template.name")]
    locale: Annotated[str, AfterValidator(check_placeholders), _by_channel("template.locale")]
    header: Annotated[
        Annotated[list[_HeaderText], Tag("[list]")] | Annotated[dict[_HeaderName, _HeaderText], Tag("[table]")],
        _ListOrTable,
    ] = Field(default_factory=list)
    header_image: Annotated[_SourceText, _by_channel("template.header_image")] | None = None
    header_video: Annotated[_SourceText, _by_channel("template.header_video")] | None = None
    header_document: Annotated[_SourceText, _by_channel("template.header_document")] | None = None
    header_document_filename: Annotated[_SourceText, _by_channel("template.header_document_filename")] | None = None
    body: Annotated[
        Annotated[list[_BodyText], Tag("[list]")] | Annotated[dict[_BodyName, _BodyText], Tag("[table]")],
        _ListOrTable,
    ] = Field(default_factory=list)
    buttons: list[ButtonSection] = Field(
        default_factory=list, description="a [[template.buttons]] table for each button with a value"
    )


class CampaignFile(_Section):
    """The whole file."""

    name: Annotated[str, Field(max_length=100), AfterValidator(_check_line)] = Field(
        description='the campaign\'s name, such as "reminders"'
    )
    recipients: _Line = Field(description="the path of the spreadsheet, relative to this file")
    status_url: Annotated[str, _by_channel("status_url")]
    channel: Annotated[str, BeforeValidator(_check_channel)] | None = None
    agent: AgentSection = Field(description="an [agent] table with id and region")
    sheet: SheetSection = Field(default_factory=SheetSection, description="a [sheet] table")
    recipient: RecipientSection = Field(description='a [recipient] table with to = "{phone}"')
    template: TemplateSection | None = Field(default=None, description="a [template] table")
    session_parameters: dict[Annotated[str, _name_by_channel("session_parameters")], _SourceText] = Field(
        default_factory=dict
    )


SECTIONS: dict[str, type[BaseModel]] = {
    "agent": AgentSection,
    "sheet": SheetSection,
    "recipient": RecipientSection,
    "template": TemplateSection,
    "buttons": ButtonSection,
}
"""The tables of the file by the last part of their name."""
