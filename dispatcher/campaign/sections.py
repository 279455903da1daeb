"""The tables and keys of a campaign file, as pydantic checks them.

Each description completes the sentence "write ..." in an error message.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dispatcher.campaign.urls import find_status_url_trouble, is_loopback_url
from dispatcher.models import LOCALE_PATTERN, parse_duration_s
from dispatcher.placeholders import parse_text


def _pattern(pattern: str, meaning: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"is not {meaning}")
        return value

    return AfterValidator(check)


def _check_text(source: str) -> str:
    return parse_text(source).source


def _check_duration(text: str) -> str:
    parse_duration_s(text)
    return text


def _check_column(source: str) -> str:
    if not parse_text(source).placeholders:
        raise ValueError("names no column, so it is the same for every row")
    return source


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


_SourceText = Annotated[str, AfterValidator(_check_text)]
_Duration = Annotated[str, AfterValidator(_check_duration)]


class _Section(BaseModel):
    """One table of the file: unknown keys are errors, and no value is converted in silence."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AgentSection(_Section):
    """``[agent]``: who sends, and how fast it may."""

    id: Annotated[str, _pattern("[0-9a-fA-F]{24}", "an agent id")] = Field(
        description='the 24 hex digits AI Studio shows for the agent, such as id = "66c0ec5d5cd447cc0bafda3b"'
    )
    region: Literal["eu", "us"] = Field(description='region = "eu" or region = "us", as chosen for the agent')
    sessions_per_second: Literal[1, 3, 5] = Field(
        default=1, description="the limit the vendor approved: 1, 3 or 5 (a whole number without quotes)"
    )
    warm_up: _Duration = Field(default="5m", description='a duration such as "5m", or "0s" to turn it off')
    endpoint: Annotated[str, AfterValidator(_check_endpoint)] | None = Field(
        default=None, description="nothing (leave it out), or a URL on 127.0.0.1"
    )
    limit_scope: Literal["agent", "api_key"] = Field(default="agent", description='"agent" or "api_key"')


class SheetSection(_Section):
    """``[sheet]``: how to read the recipients file."""

    name: str | None = Field(default=None, description="the worksheet's name in quotes")
    header_row: int | None = Field(default=None, ge=1, description="the header's row number as Excel shows it")
    encoding: str | None = Field(default=None, description='an encoding such as "utf-8" or "cp1252"')
    hidden_rows: Literal["error", "skip", "include"] = Field(
        default="error", description='"error", "skip" or "include"'
    )
    duplicates: Literal["first", "error"] = Field(default="first", description='"first" or "error"')
    text_dates: Literal["day_first", "month_first"] | None = Field(
        default=None, description='"day_first" or "month_first": how 03/12/2026 is read'
    )


class RecipientSection(_Section):
    """``[recipient]``: how a row becomes a person to message."""

    to: Annotated[str, AfterValidator(_check_column)] = Field(
        description='the column that holds the number, such as to = "{phone}"'
    )
    written_as: Literal["international", "national"] | None = Field(
        default=None, description='"international", or "national" with default_region'
    )
    default_region: Annotated[str, _pattern("[A-Z]{2}", "a country code")] | None = Field(
        default=None, description='two capital letters such as "GB", together with written_as = "national"'
    )
    key: Annotated[str, AfterValidator(_check_column)] = Field(
        default="{to}", description='columns that identify a message, such as "{to} {today}"'
    )
    skip_if: dict[str, list[str]] = Field(
        default_factory=dict, description='columns with lists of words, such as { opt_out = ["yes", "x"] }'
    )
    suppress: str | None = Field(default=None, description="the path of a file of numbers, in quotes")
    allowed_countries: list[Annotated[str, _pattern("[A-Z]{2}", "a country code")]] = Field(
        default_factory=list, description='a list of country codes such as ["DE", "FR"]'
    )


class TemplateSection(_Section):
    """``[template]``: the approved WhatsApp template and what fills it."""

    namespace: str = Field(min_length=1, description="the namespace shown in the WhatsApp Business Account")
    name: Annotated[str, _pattern("[a-z0-9_]+", "a template name")] = Field(
        description="the approved template's name: lower-case letters, digits and underscores"
    )
    locale: Annotated[str, AfterValidator(_check_locale)] = Field(
        description='a code such as "en" or "en_US", or a column such as "{language}"'
    )
    header: list[_SourceText] = Field(default_factory=list, max_length=1, description="at most one text in a list")
    body: list[_SourceText] = Field(default_factory=list, description="a list of texts, one per placeholder")


_ParameterName = Annotated[str, _pattern("[A-Z0-9_]+", "a parameter name: capitals, digits and _")]


class CampaignFile(_Section):
    """The whole file."""

    name: str = Field(min_length=1, max_length=100, description='the campaign\'s name, such as "reminders"')
    recipients: str = Field(min_length=1, description="the path of the spreadsheet, relative to this file")
    status_url: Annotated[str, AfterValidator(_check_status_url)] = Field(
        description="an https URL of your own with a public host name"
    )
    channel: Literal["whatsapp", "sms"] = Field(default="whatsapp", description='"whatsapp" or "sms"')
    agent: AgentSection = Field(description="an [agent] table with id and region")
    sheet: SheetSection = Field(default_factory=SheetSection, description="a [sheet] table")
    recipient: RecipientSection = Field(description='a [recipient] table with to = "{phone}"')
    template: TemplateSection | None = Field(default=None, description="a [template] table")
    session_parameters: dict[_ParameterName, _SourceText] = Field(
        default_factory=dict, description='names in capitals with texts, such as PATIENT_ID = "{patient_id}"'
    )
