"""A campaign file (TOML) becomes a checked ``Campaign``, or a list of everything that is wrong with it."""

import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dispatcher.errors import CampaignError, UsageError
from dispatcher.models import (
    LOCALE_PATTERN,
    Agent,
    Campaign,
    MessageTemplate,
    RecipientRules,
    SheetRules,
    parse_duration_s,
)
from dispatcher.placeholders import fold, parse_text

_ENDPOINT = "https://studio-api-{region}.ai.vonage.com/messaging/conversation"
_VENDOR_DOMAINS = ("vonage.com", "nexmo.com", "vonage.net")
_SECRET_NAME = re.compile(r"(api|vgai).*key|secret|password|token", re.IGNORECASE)


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
    if trouble := _status_url_trouble(url):
        raise ValueError(trouble)
    return url


_SourceText = Annotated[str, AfterValidator(_check_text)]
_Duration = Annotated[str, AfterValidator(_check_duration)]


class _Section(BaseModel):
    """One table of the file: unknown keys are errors, and no value is converted in silence."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# Each description completes the sentence "write ..." in an error message.


class _AgentSection(_Section):
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


class _SheetSection(_Section):
    name: str | None = Field(default=None, description="the worksheet's name in quotes")
    header_row: int | None = Field(default=None, ge=1, description="the header's row number as Excel shows it")
    encoding: str | None = Field(default=None, description='an encoding such as "utf-8" or "cp1252"')
    hidden_rows: Literal["error", "skip", "include"] = Field(
        default="error", description='"error", "skip" or "include"'
    )
    duplicates: Literal["first", "error"] = Field(default="first", description='"first" or "error"')


class _RecipientSection(_Section):
    to: Annotated[str, AfterValidator(_check_column)] = Field(
        description='the column that holds the number, such as to = "{phone}"'
    )
    written_as: Literal["international", "national"] = Field(
        default="international", description='"international", or "national" with default_region'
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


class _TemplateSection(_Section):
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


class _File(_Section):
    name: str = Field(min_length=1, max_length=100, description='the campaign\'s name, such as "reminders"')
    recipients: str = Field(min_length=1, description="the path of the spreadsheet, relative to this file")
    status_url: Annotated[str, AfterValidator(_check_status_url)] = Field(
        description="an https URL of your own with a public host name"
    )
    channel: Literal["whatsapp", "sms"] = Field(default="whatsapp", description='"whatsapp" or "sms"')
    agent: _AgentSection = Field(description="an [agent] table with id and region")
    sheet: _SheetSection = Field(default_factory=_SheetSection, description="a [sheet] table")
    recipient: _RecipientSection = Field(description='a [recipient] table with to = "{phone}"')
    template: _TemplateSection | None = Field(default=None, description="a [template] table")
    session_parameters: dict[_ParameterName, _SourceText] = Field(
        default_factory=dict, description='names in capitals with texts, such as PATIENT_ID = "{patient_id}"'
    )


def load_campaign(path: Path) -> Campaign:
    """Read and check a campaign file.

    Raises:
        CampaignError: the file cannot be read or holds mistakes; all of them are listed, each with its
            key and what to write instead.
    """
    content = _read_toml(path)
    problems = list(_find_secrets(content))
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        problems += [_describe(finding) for finding in error.errors() if not _is_secret(finding["loc"])]
        raise CampaignError(str(path), problems) from None
    problems += _find_contradictions(file)
    if problems:
        raise CampaignError(str(path), problems)
    return _build(path.absolute(), file)


def read_api_key(environment: Mapping[str, str]) -> str:
    """Return the API key from where operators keep it, never from a file of the project.

    The first of ``DISPATCHER_API_KEY``, the file named by ``DISPATCHER_API_KEY_FILE``, and
    ``$CREDENTIALS_DIRECTORY/api_key`` (systemd's LoadCredential) wins.

    Raises:
        UsageError: there is none, it cannot be read, or it could not be a header's value.
    """
    source, key = _find_api_key(environment)
    if not key:
        raise UsageError(
            "no API key: set DISPATCHER_API_KEY, or DISPATCHER_API_KEY_FILE to the path of a file that holds it"
        )
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise UsageError(f"the API key in {source} holds a space, a line break or a letter no key has; copy it again")
    return key


def _find_api_key(environment: Mapping[str, str]) -> tuple[str, str]:
    if "DISPATCHER_API_KEY" in environment:
        return "DISPATCHER_API_KEY", environment["DISPATCHER_API_KEY"].strip()
    if "DISPATCHER_API_KEY_FILE" in environment:
        key_path = Path(environment["DISPATCHER_API_KEY_FILE"])
    elif "CREDENTIALS_DIRECTORY" in environment:
        key_path = Path(environment["CREDENTIALS_DIRECTORY"]) / "api_key"
    else:
        return "", ""
    try:
        return str(key_path), key_path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the API key file {key_path} cannot be read: {_reason(error)}") from None


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is no UTF-8 text"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CampaignError(str(path), [f"cannot be read: {_reason(error)}"]) from None
    key = os.environ.get("DISPATCHER_API_KEY", "").strip()
    if len(key) >= 8 and key in text:
        raise CampaignError(str(path), ["holds the API key; remove it, it stays in DISPATCHER_API_KEY"])
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CampaignError(str(path), [f"is no valid TOML: {error}"]) from None


def _is_secret(location: tuple[int | str, ...]) -> bool:
    is_parameter = location[0] == "session_parameters"
    return not is_parameter and location[-1] != "key" and bool(_SECRET_NAME.search(str(location[-1])))


def _find_secrets(content: Mapping[str, Any], place: tuple[str, ...] = ()) -> Iterator[str]:
    for name, value in content.items():
        location = (*place, name)
        if _is_secret(location):
            key = ".".join(location)
            yield f"{key}: a key does not belong in this file; remove the line and set DISPATCHER_API_KEY"
        elif isinstance(value, dict):
            yield from _find_secrets(value, location)


def _describe(finding: Any) -> str:
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
    section: type[BaseModel] = _File
    for part in location[:-1]:
        inner = _SECTIONS.get(str(part))
        if inner is None:
            break
        section = inner
    return section


_SECTIONS: dict[str, type[BaseModel]] = {
    "agent": _AgentSection,
    "sheet": _SheetSection,
    "recipient": _RecipientSection,
    "template": _TemplateSection,
}


def _advice(location: tuple[int | str, ...]) -> str:
    names = [str(part) for part in location if isinstance(part, str)]
    fields = _section_at((*names[:1], "")).model_fields if names[0] in _SECTIONS and len(names) > 1 else {}
    field = fields.get(names[1]) if fields else _File.model_fields.get(names[0])
    return (field.description if field else None) or "something else"


def _suggest(location: tuple[int | str, ...]) -> str:
    known = list(_section_at(location).model_fields)
    name = str(location[-1])
    nearest = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    if nearest:
        return f"; did you mean {nearest[0]}?"
    elsewhere = [f"[{section}]" for section, model in _SECTIONS.items() if name in model.model_fields]
    return f"; it belongs in {elsewhere[0]}" if elsewhere else f"; known here: {', '.join(known)}"


def _find_contradictions(file: _File) -> Iterator[str]:
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


def is_loopback_url(url: str) -> bool:
    """Return whether ``url`` is an http(s) URL that can only reach this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "@" not in parts.netloc and _is_loopback_host(host)


def _is_loopback_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _status_url_trouble(url: str) -> str:
    """Return what is wrong with a status URL, or an empty text.

    Source: the vendor's page asks for a URL of one's own and warns of endless loops on its own hosts.
    """
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "is no URL"
    if re.search(r"[\s\x00-\x1f\x7f]", url) or "@" in parts.netloc:
        return "holds a space, a control character or a user name"
    if is_loopback_url(url):  # right only beside a loopback endpoint, which no single key can show
        return ""
    if parts.scheme != "https":
        return "is not https"
    if any(host == domain or host.endswith(f".{domain}") for domain in _VENDOR_DOMAINS):
        return "is the vendor's own host, which loops without end"
    if not _is_public_host(host):
        return "cannot be reached from outside"
    return ""


def _is_public_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        labels = host.split(".")
        return len(labels) > 1 and all(labels) and labels[-1] not in ("local", "localhost", "internal", "lan", "test")


def _build(path: Path, file: _File) -> Campaign:
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


def _build_agent(section: _AgentSection) -> Agent:
    return Agent(
        id=section.id.lower(),
        region=section.region,
        limit=section.sessions_per_second,
        warm_up_s=parse_duration_s(section.warm_up),
        endpoint=section.endpoint or _ENDPOINT.format(region=section.region),
        limit_scope=section.limit_scope,
    )


def _build_recipient(folder: Path, section: _RecipientSection) -> RecipientRules:
    return RecipientRules(
        to=parse_text(section.to),
        key=parse_text(section.key),
        written_as=section.written_as,
        default_region=section.default_region,
        skip_if={fold(column): tuple(fold(word) for word in words) for column, words in section.skip_if.items()},
        suppress_path=folder / section.suppress if section.suppress else None,
        allowed_countries=tuple(section.allowed_countries),
    )


def _build_template(section: _TemplateSection) -> MessageTemplate:
    return MessageTemplate(
        namespace=section.namespace,
        name=section.name,
        locale=parse_text(section.locale),
        header=tuple(parse_text(text) for text in section.header),
        body=tuple(parse_text(text) for text in section.body),
    )
