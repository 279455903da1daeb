"""The tables and keys of a campaign file, as pydantic checks them.

Each description completes the sentence "write ..." in an error message. What a check objects to goes on
where the value ends; with a semicolon in it, it says itself what to write.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from dispatcher.campaign.texts import (
    check_encoding,
    check_identity,
    check_link,
    check_number_column,
    check_skip_columns,
    check_text,
)
from dispatcher.campaign.urls import find_status_url_trouble, is_loopback_url
from dispatcher.placeholders import parse_text
from dispatcher.studio.template_rules import BODY_MAX_CHARACTERS, HEADER_MAX_CHARACTERS, LOCALE_PATTERN
from dispatcher.text import parse_duration_s

WARM_UP_MAX_S = 24 * 3600
"""The vendor speaks of about five minutes; a hold of days would be a slip of the pen."""


def _pattern(pattern: str, meaning: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"is no {meaning}")
        return value

    return AfterValidator(check)


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


def _check_locale(source: str) -> str:
    if not parse_text(source).placeholders and not LOCALE_PATTERN.fullmatch(source):
        raise ValueError("is no locale")
    return source


def _check_endpoint(url: str) -> str:
    if not is_loopback_url(url):
        raise ValueError("is not on this machine, and the region decides where to send")
    return url


def _check_status_url(url: str) -> str:
    if trouble := find_status_url_trouble(url):
        raise ValueError(trouble)
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
_SourceText = Annotated[str, AfterValidator(check_text())]
_Parameter = Annotated[str, AfterValidator(check_text(BODY_MAX_CHARACTERS))]
_HeaderParameter = Annotated[str, AfterValidator(check_text(HEADER_MAX_CHARACTERS))]
_Link = Annotated[str, AfterValidator(check_link)]
_Country = Annotated[str, AfterValidator(_check_country)]
_AS_IN_TEMPLATE = "name of a placeholder; write it as in the template, in small letters, digits and _"
_PlaceholderName = Annotated[str, _pattern("[a-z_][a-z0-9_]*", _AS_IN_TEMPLATE)]
_ParameterName = Annotated[str, _pattern("[A-Z0-9_]+", "parameter name")]
_ListOrTable = Discriminator(lambda value: "[table]" if isinstance(value, dict) else "[list]")


class _Section(BaseModel):
    """One table of the file: unknown keys are errors, and no value is converted in silence."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AgentSection(_Section):
    """``[agent]``: who sends, and how fast it may."""

    id: Annotated[str, _pattern("[0-9a-fA-F]{24}", "agent id")] = Field(
        description='the 24 hex digits AI Studio shows for the agent, such as id = "66c0ec5d5cd447cc0bafda3b"'
    )
    region: Literal["eu", "us"] = Field(description='region = "eu" or region = "us", as chosen for the agent')
    sessions_per_second: Annotated[Literal[1, 3, 5], BeforeValidator(_check_whole_number)] = Field(
        default=1, description="the limit the vendor approved: 1, 3 or 5 (a whole number without quotes)"
    )
    warm_up: Annotated[str, AfterValidator(_check_duration)] = Field(
        default="5m", description='a duration such as "5m", or "0s" to turn it off'
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

    type: Literal["url", "quick_reply"] = Field(description='type = "url" or type = "quick_reply"')
    index: Annotated[int, BeforeValidator(_check_whole_number)] = Field(
        ge=0, le=9, description="the button's place in the template: index = 0 for the first, at most 9"
    )
    text: _Parameter | None = Field(
        default=None, description='what the button\'s link ends with, such as text = "{booking}"'
    )
    payload: _Parameter | None = Field(
        default=None, description='what the agent gets when it is tapped, such as payload = "confirm {booking}"'
    )


class TemplateSection(_Section):
    """``[template]``: the approved WhatsApp template and what fills it."""

    namespace: Annotated[str, _pattern(r"\S+", "namespace")] = Field(
        description="the namespace shown in the WhatsApp Business Account"
    )
    name: Annotated[str, _pattern("[a-z0-9_]+", "template name")] = Field(
        description="the approved template's name: lower-case letters, digits and underscores"
    )
    locale: Annotated[str, AfterValidator(_check_locale)] = Field(
        description='a code such as "en" or "en_US", or a column such as "{language}"'
    )
    header: Annotated[
        Annotated[list[_HeaderParameter], Field(max_length=1), Tag("[list]")]
        | Annotated[dict[_PlaceholderName, _HeaderParameter], Field(max_length=1), Tag("[table]")],
        _ListOrTable,
    ] = Field(default_factory=list, description='at most one text, as in header = ["{clinic}"]')
    header_image: _Link | None = Field(default=None, description="the https link of a picture anybody can open")
    header_video: _Link | None = Field(default=None, description="the https link of a film anybody can open")
    header_document: _Link | None = Field(default=None, description="the https link of a document anybody can open")
    header_document_filename: _Parameter | None = Field(
        default=None, description='the name the document has on the phone, such as "Invoice {number}.pdf"'
    )
    body: Annotated[
        Annotated[list[_Parameter], Tag("[list]")] | Annotated[dict[_PlaceholderName, _Parameter], Tag("[table]")],
        _ListOrTable,
    ] = Field(
        default_factory=list,
        description='a list, as in ["{first name}"], or, for named placeholders, { first_name = "{first name}" }',
    )
    buttons: list[ButtonSection] = Field(
        default_factory=list, description="a [[template.buttons]] table for each button with a value"
    )


class CampaignFile(_Section):
    """The whole file."""

    name: Annotated[str, Field(max_length=100), AfterValidator(_check_line)] = Field(
        description='the campaign\'s name, such as "reminders"'
    )
    recipients: _Line = Field(description="the path of the spreadsheet, relative to this file")
    status_url: Annotated[str, AfterValidator(_check_status_url)] = Field(
        description="an https URL of your own with a public host name"
    )
    channel: Literal["whatsapp", "sms"] = Field(default="whatsapp", description='"whatsapp" or "sms"')
    agent: AgentSection = Field(description="an [agent] table with id and region")
    sheet: SheetSection = Field(default_factory=SheetSection, description="a [sheet] table")
    recipient: RecipientSection = Field(description='a [recipient] table with to = "{phone}"')
    template: TemplateSection | None = Field(default=None, description="a [template] table")
    session_parameters: dict[_ParameterName, _SourceText] = Field(
        default_factory=dict,
        description='names of capitals, digits and _ with texts, such as PATIENT_ID = "{patient_id}"',
    )


SECTIONS: dict[str, type[BaseModel]] = {
    "agent": AgentSection,
    "sheet": SheetSection,
    "recipient": RecipientSection,
    "template": TemplateSection,
    "buttons": ButtonSection,
}
"""The tables of the file by the last part of their name."""
