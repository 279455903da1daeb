"""Campaign files: what a right one becomes, and what a wrong one is told, sentence by sentence."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.campaign import load_campaign, read_api_key
from dispatcher.errors import CampaignError, ExitCode, UsageError
from dispatcher.models import Agent, Button, Campaign, Media, RecipientRules, SheetRules
from dispatcher.placeholders import parse_text

CANARY = "vgai-3f9a-canary"

GOOD: dict[str, dict[str, str]] = {
    "": {
        "name": '"reminders"',
        "recipients": '"people.csv"',
        "status_url": '"https://hooks.example.com/whatsapp"',
    },
    "agent": {"id": '"66C0ec5d5cd447cc0bafda3b"', "region": '"eu"'},
    "recipient": {"to": '"{phone}"'},
    "template": {
        "namespace": '"0f5f"',
        "name": '"appointment_reminder"',
        "locale": '"en"',
        "body": '["{first name}"]',
    },
}


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine the tests run on is looked for in the files."""
    for name in ("DISPATCHER_API_KEY", "DISPATCHER_API_KEY_FILE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def write_toml(**changes: str | None) -> str:
    """Return the good file; ``agent__id='"x"'`` sets a key of a table, None removes one, ``sheet__name`` adds."""
    tables = {name: dict(keys) for name, keys in GOOD.items()}
    for place, value in changes.items():
        section, _, key = place.rpartition("__")
        tables.setdefault(section, {})[key] = value or ""
    lines = []
    for section, keys in tables.items():
        lines += [f"[{section}]"] if section else []
        lines += [f"{key} = {value}" for key, value in keys.items() if value]
    return "\n".join(lines) + "\n"


def load(folder: Path, text: str | None = None, **changes: str | None) -> Campaign:
    """Load a file with ``text``, or the good file with ``changes``."""
    path = folder / "campaign.toml"
    path.write_text(write_toml(**changes) if text is None else text, encoding="utf-8")
    return load_campaign(path)


def problems_of(folder: Path, text: str | None = None, **changes: str | None) -> list[str]:
    """Return what is wrong with such a file."""
    with pytest.raises(CampaignError) as caught:
        load(folder, text, **changes)
    return caught.value.problems


def test_least_file_has_careful_defaults(tmp_path: Path) -> None:
    """What is not said is the careful choice: one a second, five minutes, one message per number, no guessing."""
    campaign = load(tmp_path)

    endpoint = "https://studio-api-eu.ai.vonage.com/messaging/conversation"
    assert campaign.agent == Agent("66c0ec5d5cd447cc0bafda3b", "eu", 1, 300.0, endpoint, "agent")
    assert campaign.sheet == SheetRules()
    assert campaign.recipient == RecipientRules(parse_text("{phone}"), parse_text("{to}"), "international")
    assert (campaign.name, campaign.channel, campaign.session_parameters) == ("reminders", "whatsapp", ())
    assert campaign.template is not None
    assert (campaign.template.namespace, campaign.template.name) == ("0f5f", "appointment_reminder")
    assert (campaign.template.locale, campaign.template.body) == (parse_text("en"), (parse_text("{first name}"),))
    assert (campaign.template.header, campaign.template.media, campaign.template.buttons) == ((), None, ())


def test_every_key_reaches_the_campaign(tmp_path: Path) -> None:
    """Nothing that is written is lost on the way."""
    campaign = load(
        tmp_path,
        agent__region='"us"',
        agent__sessions_per_second="5",
        agent__warm_up='"1h30m"',
        agent__limit_scope='"api_key"',
        sheet__name='"October"',
        sheet__header_row="3",
        sheet__encoding='"cp1252"',
        sheet__hidden_rows='"skip"',
        sheet__duplicates='"error"',
        sheet__text_dates='"day_first"',
        recipient__written_as='"national"',
        recipient__default_region='"GB"',
        recipient__key='"{To} {today}"',
        recipient__skip_if='{ "Opt  out" = ["Yes", " X "] }',
        recipient__suppress='"out.csv"',
        recipient__allowed_countries='["GB", "IE"]',
        template__header='["{clinic}"]',
        session_parameters__PATIENT_ID='"{patient id}"',
    )

    endpoint = "https://studio-api-us.ai.vonage.com/messaging/conversation"
    assert campaign.agent == Agent("66c0ec5d5cd447cc0bafda3b", "us", 5, 5400.0, endpoint, "api_key")
    assert campaign.sheet == SheetRules("October", 3, "cp1252", "skip", "error", "day_first")
    assert campaign.recipient == RecipientRules(
        to=parse_text("{phone}"),
        key=parse_text("{To} {today}"),
        written_as="national",
        default_region="GB",
        skip_if={"opt out": ("yes", "x")},
        suppress_path=tmp_path / "out.csv",
        allowed_countries=("GB", "IE"),
    )
    assert campaign.template is not None
    assert campaign.template.header == (parse_text("{clinic}"),)
    assert campaign.session_parameters == (("PATIENT_ID", parse_text("{patient id}")),)


def test_region_without_a_word_on_how_numbers_are_written_refuses_to_guess(tmp_path: Path) -> None:
    """With a default region alone, what can be read both ways is left open for the loader to refuse."""
    assert load(tmp_path, recipient__default_region='"GB"').recipient.written_as is None


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The campaign can be started from any folder; absolute paths stay as they are."""
    inner = tmp_path / "campaigns"
    inner.mkdir()
    (inner / "a.toml").write_text(write_toml(recipients='"../people.xlsx"', recipient__suppress='"/srv/out.csv"'))
    monkeypatch.chdir(tmp_path)

    campaign = load_campaign(Path("campaigns/a.toml"))

    assert campaign.path == inner / "a.toml"
    assert campaign.recipients_path == inner / "../people.xlsx"
    assert campaign.recipient.suppress_path == Path("/srv/out.csv")


def test_mark_of_windows_editors_is_taken_off(tmp_path: Path) -> None:
    """A file saved as "UTF-8 with BOM" and with Windows line ends is read like any other."""
    path = tmp_path / "campaign.toml"
    path.write_bytes(b"\xef\xbb\xbf" + write_toml().replace("\n", "\r\n").encode())

    assert load_campaign(path).name == "reminders"


CHOICE = "is none of the choices"
LIMIT = "write the limit the vendor approved: 1, 3 or 5 (a whole number without quotes)"
REGION = 'write region = "eu" or region = "us", as chosen for the agent'
BODY = 'write a list, as in ["{first name}"], or, for named placeholders, { first_name = "{first name}" }'
PARAMETERS = 'write names of capitals, digits and _ with texts, such as PATIENT_ID = "{patient_id}"'
STATUS_URL = "write an https URL of your own with a public host name"
WARM_UP = 'write a duration such as "5m", or "0s" to turn it off'
KEY = 'write columns that identify a message, such as "{to} {today}"'
NAME = 'write the campaign\'s name, such as "reminders"'
TO = 'write the column that holds the number, such as to = "{phone}"'
COUNTRIES = 'write a list of country codes such as ["DE", "FR"]'
SKIP_IF = 'write columns with lists of words, such as { opt_out = ["yes", "x"] }'
ID = 'write the 24 hex digits AI Studio shows for the agent, such as id = "66c0ec5d5cd447cc0bafda3b"'
ENDPOINT = "write nothing (leave it out), or a URL on 127.0.0.1"
LOCALE = 'write a code such as "en" or "en_US", or a column such as "{language}"'
TEMPLATE_NAME = "write the approved template's name: lower-case letters, digits and underscores"
NAMESPACE = "write the namespace shown in the WhatsApp Business Account"
CONTROLS = "begins or ends with a space, or holds a line break or another control character"
PLACEHOLDER_NAME = "is no name of a placeholder; write it as in the template, in small letters, digits and _"

MISTAKES: list[tuple[str, str | None, str]] = [
    ("name", None, f"name: missing; {NAME}"),
    ("name", "5", f"name = 5: is a whole number, not a text in quotes; {NAME}"),
    ("name", '""', f'name = "": is empty; {NAME}'),
    ("name", '" a"', f'name = " a": {CONTROLS}; {NAME}'),
    ("name", r'"a\nb"', rf'name = "a\nb": {CONTROLS}; {NAME}'),
    (
        "name",
        f'"{"x" * 101}"',
        f'name = "{"x" * 95}...": is 101 characters long, and 100 is the most; {NAME}',
    ),
    ("recipients", None, "recipients: missing; write the path of the spreadsheet, relative to this file"),
    ("recipients", '""', 'recipients = "": is empty; write the path of the spreadsheet, relative to this file'),
    ("channel", '"sns"', f'channel = "sns": {CHOICE}; write "whatsapp" or "sms"'),
    ("status_url", None, f"status_url: missing; {STATUS_URL}"),
    ("agent__id", None, f"agent.id: missing; {ID}"),
    ("agent__id", '"66c0"', f'agent.id = "66c0": is no agent id; {ID}'),
    ("agent__region", None, f"agent.region: missing; {REGION}"),
    ("agent__region", '"uk"', f'agent.region = "uk": {CHOICE}; {REGION}'),
    ("agent__region", "1", f"agent.region = 1: is a whole number, not a text in quotes; {REGION}"),
    ("agent__sessions_per_second", "2", f"agent.sessions_per_second = 2: {CHOICE}; {LIMIT}"),
    (
        "agent__sessions_per_second",
        '"5"',
        f'agent.sessions_per_second = "5": is a text, not a whole number; {LIMIT}',
    ),
    (
        "agent__sessions_per_second",
        "true",
        f"agent.sessions_per_second = true: is true or false, not a whole number; {LIMIT}",
    ),
    (
        "agent__sessions_per_second",
        "1.0",
        f"agent.sessions_per_second = 1.0: is a number with a point, not a whole number; {LIMIT}",
    ),
    ("agent__warm_up", '"5 minutes"', f'agent.warm_up = "5 minutes": is no duration; {WARM_UP}'),
    ("agent__warm_up", "5", f"agent.warm_up = 5: is a whole number, not a text in quotes; {WARM_UP}"),
    ("agent__warm_up", '"25h"', f'agent.warm_up = "25h": is longer than a day; {WARM_UP}'),
    (
        "agent__endpoint",
        '"https://studio.example.com"',
        (
            'agent.endpoint = "https://studio.example.com": is not on this machine,'
            f" and the region decides where to send; {ENDPOINT}"
        ),
    ),
    ("agent__limit_scope", '"key"', f'agent.limit_scope = "key": {CHOICE}; write "agent" or "api_key"'),
    ("agent__sesions_per_second", "5", "agent.sesions_per_second: unknown key; did you mean sessions_per_second?"),
    ("agent__limit", "5", "agent.limit: unknown key; did you mean sessions_per_second?"),
    (
        "agent__colour",
        "5",
        ("agent.colour: unknown key; known here: id, region, sessions_per_second, warm_up, endpoint, limit_scope"),
    ),
    (
        "template__status_url",
        '"x"',
        "template.status_url: unknown key; it belongs at the top of the file, above the first [table]",
    ),
    ("sheet__locale", '"en"', "sheet.locale: unknown key; it belongs in [template]"),
    ("chanel", '"sms"', "chanel: unknown key; did you mean channel?"),
    ("templates__a", "1", "templates: unknown key; did you mean template?"),
    ("sheet__name", '""', 'sheet.name = "": is empty; write the worksheet\'s name in quotes'),
    (
        "sheet__header_row",
        "0",
        "sheet.header_row = 0: is less than 1; write the header's row number as Excel shows it",
    ),
    (
        "sheet__header_row",
        "true",
        (
            "sheet.header_row = true: is true or false, not a whole number;"
            " write the header's row number as Excel shows it"
        ),
    ),
    (
        "sheet__encoding",
        '"utf-9"',
        'sheet.encoding = "utf-9": is no encoding of texts; write an encoding such as "utf-8" or "cp1252"',
    ),
    (
        "sheet__encoding",
        '"base64"',
        'sheet.encoding = "base64": is no encoding of texts; write an encoding such as "utf-8" or "cp1252"',
    ),
    ("sheet__hidden_rows", '"no"', f'sheet.hidden_rows = "no": {CHOICE}; write "error", "skip" or "include"'),
    ("sheet__duplicates", '"last"', f'sheet.duplicates = "last": {CHOICE}; write "first" or "error"'),
    (
        "sheet__text_dates",
        "2026-12-03",
        (
            "sheet.text_dates = 2026-12-03: is a date or time, not a text in quotes;"
            ' write "day_first" or "month_first": how 03/12/2026 is read'
        ),
    ),
    (
        "recipient__to",
        '"phone"',
        f'recipient.to = "phone": names no column, so every row would have the same number; {TO}',
    ),
    ("recipient__to", '"{phone:%d}"', f'recipient.to = "{{phone:%d}}": shows the number as a date; {TO}'),
    (
        "recipient__to",
        '"{phone"',
        'recipient.to = "{phone": holds a single {; write {column} for a value, {{ for the brace itself',
    ),
    (
        "recipient__key",
        '"all"',
        f'recipient.key = "all": names no column, so only the first row would be sent; {KEY}',
    ),
    (
        "recipient__key",
        '"{Today}"',
        f'recipient.key = "{{Today}}": names no column, so only the first row would be sent; {KEY}',
    ),
    (
        "recipient__written_as",
        '"local"',
        f'recipient.written_as = "local": {CHOICE}; write "international", or "national" with default_region',
    ),
    (
        "recipient__written_as",
        '"national"',
        'recipient.default_region: missing; national numbers need their country, such as "GB"',
    ),
    (
        "recipient__default_region",
        '"gb"',
        (
            'recipient.default_region = "gb": is no country code;'
            ' write two capital letters such as "GB", together with written_as = "national"'
        ),
    ),
    (
        "recipient__default_region",
        '"UK"',
        'recipient.default_region = "UK": is no country code; write "GB" for the United Kingdom',
    ),
    ("recipient__skip_if", '{ out = "yes" }', f'recipient.skip_if.out = "yes": is a text, not a list; {SKIP_IF}'),
    (
        "recipient__skip_if",
        "{ out = [] }",
        'recipient.skip_if: has no word, or an empty one, for "out"; write the words that leave a row out',
    ),
    (
        "recipient__skip_if",
        '{ out = ["x", " "] }',
        'recipient.skip_if: has no word, or an empty one, for "out"; write the words that leave a row out',
    ),
    (
        "recipient__skip_if",
        '{ "{out}" = ["x"] }',
        'recipient.skip_if: names the column "{out}"; write its header, without braces',
    ),
    (
        "recipient__skip_if",
        '{ "opt out" = ["x"], "Opt  Out" = ["y"] }',
        'recipient.skip_if: names the column "Opt  Out" twice; write all its words in one list',
    ),
    (
        "recipient__suppress",
        '""',
        'recipient.suppress = "": is empty; write the path of a file of numbers, in quotes',
    ),
    (
        "recipient__allowed_countries",
        '["DE", "Germany"]',
        f'recipient.allowed_countries, item 2 = "Germany": is no country code; {COUNTRIES}',
    ),
    ("template__namespace", '""', f'template.namespace = "": is no namespace; {NAMESPACE}'),
    ("template__namespace", '"a b"', f'template.namespace = "a b": is no namespace; {NAMESPACE}'),
    ("template__name", '"Reminder"', f'template.name = "Reminder": is no template name; {TEMPLATE_NAME}'),
    ("template__locale", '"en-US"', f'template.locale = "en-US": is no locale; {LOCALE}'),
    ("template__locale", None, f"template.locale: missing; {LOCALE}"),
    ("template__language", '"en"', "template.language: unknown key; did you mean locale?"),
    (
        "template__header",
        '["a", "b"]',
        'template.header: holds 2 texts, and 1 is the most; write at most one text, as in header = ["{clinic}"]',
    ),
    (
        "template__header",
        f'["{"x" * 61}"]',
        f'template.header, item 1 = "{"x" * 61}": is 61 characters long, and WhatsApp allows 60; shorten it',
    ),
    ("template__body", '"{name}"', f'template.body = "{{name}}": is a text, not a list; {BODY}'),
    ("template__body", '["{a}", 5]', f"template.body, item 2 = 5: is a whole number, not a text in quotes; {BODY}"),
    (
        "template__body",
        '["{a}", ""]',
        'template.body, item 2 = "": is empty, and the message needs it; fill it in',
    ),
    (
        "template__body",
        r'["{a}\n{b}"]',
        (r'template.body, item 1 = "{a}\n{b}": holds a line break or a tab, which WhatsApp refuses; remove it'),
    ),
    (
        "template__body",
        '["{a}     {b}"]',
        (
            'template.body, item 1 = "{a}     {b}":'
            " holds more than 4 spaces in a row, which WhatsApp refuses; remove some"
        ),
    ),
    (
        "template__body",
        '["{a:%x}"]',
        (
            'template.body, item 1 = "{a:%x}": holds %x, which is no date directive;'
            " write for example %d %B %Y, %H:%M, or %% for a per cent sign"
        ),
    ),
    ("session_parameters__patient_id", '"x"', f"session_parameters.patient_id: is no parameter name; {PARAMETERS}"),
    (
        "session_parameters__ID",
        "5",
        f"session_parameters.ID = 5: is a whole number, not a text in quotes; {PARAMETERS}",
    ),
    (
        "session_parameters__ID",
        r'"a\u0007"',
        r'session_parameters.ID = "a\u0007": holds a control character; remove it',
    ),
]


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    MISTAKES,
    ids=[f"{place}={str(value)[:20]}" for place, value, _ in MISTAKES],
)
def test_mistake_is_named_with_its_key_and_the_remedy(
    tmp_path: Path, place: str, value: str | None, sentence: str
) -> None:
    """Each mistake is one sentence: the key, the value as the file has it, what is wrong, what to write."""
    assert problems_of(tmp_path, **{place: value}) == [sentence]


def test_missing_tables_are_named(tmp_path: Path) -> None:
    """An empty file is told everything it needs, and nothing twice."""
    assert problems_of(tmp_path, "") == [
        f"name: missing; {NAME}",
        "recipients: missing; write the path of the spreadsheet, relative to this file",
        f"status_url: missing; {STATUS_URL}",
        "agent: missing; write an [agent] table with id and region",
        'recipient: missing; write a [recipient] table with to = "{phone}"',
        'template: missing; write a [template] table, or channel = "sms"',
    ]


def test_all_findings_are_listed_at_once(tmp_path: Path) -> None:
    """Mistakes of single keys, keys that contradict each other and secrets come in one list."""
    problems = problems_of(
        tmp_path,
        status_url='"http://127.0.0.1/status"',
        agent__region='"uk"',
        agent__api_key=f'"{CANARY}"',
        recipient__written_as='"international"',
        recipient__default_region='"GB"',
        template__header='["{clinic}"]',
        template__header_image='"{picture}"',
        template__bdy='["{a}"]',
    )

    assert problems == [
        "agent.api_key: a secret does not belong in this file; remove the line and set DISPATCHER_API_KEY",
        f'agent.region = "uk": {CHOICE}; {REGION}',
        "template.bdy: unknown key; did you mean body?",
        'recipient.default_region: only for written_as = "national"; remove it or write that too',
        "template: header and header_image exclude each other; a template has one header, keep one of them",
        'status_url = "http://127.0.0.1/status": cannot be reached from outside; write a public https URL',
    ]


def test_error_shows_file_and_count_and_ends_with_the_exit_code_for_usage(tmp_path: Path) -> None:
    """What the command line prints names the file first and then each finding on its line."""
    with pytest.raises(CampaignError) as caught:
        load(tmp_path, agent__region='"uk"')

    assert str(caught.value) == (
        f'{tmp_path / "campaign.toml"}: 1 problem(s)\n  agent.region = "uk": {CHOICE}; {REGION}'
    )
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.parametrize(
    "text",
    ["agent = 5", "[[agent]]\nregion = 'eu'", "agent = ['eu']", "agent = 2026-12-03"],
    ids=["number", "array of tables", "list", "date"],
)
def test_table_that_is_none_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    """A table written as something else is named by what it is; what it holds is not repeated."""
    shown = {"agent = 5": " = 5: is a whole number", "agent = 2026-12-03": " = 2026-12-03: is a date or time"}

    problems = problems_of(tmp_path, text)

    sentence = f"agent{shown.get(text, ': is a list')}, not a table; write an [agent] table with id and region"
    assert sentence in problems


@pytest.mark.parametrize(
    ("url", "trouble"),
    [
        ("http://hooks.example.com/", "does not begin with https://"),
        ("hooks.example.com", "does not begin with https://"),
        ("ftp://hooks.example.com/", "does not begin with https://"),
        ("", "does not begin with https://"),
        ("https://hooks.example.com/a b", "holds a space or a control character"),
        (" https://hooks.example.com/", "holds a space or a control character"),
        (r"https://hooks.example.com/\u0000", "holds a space or a control character"),
        ("https://me:pw@hooks.example.com/", "holds a user name or a password"),
        ("https://[::1", "is no URL"),
        ("https://hooks.example.com:99999/", "is no URL"),
        ("https:///path", "cannot be reached from outside"),
        ("https://intranet/", "cannot be reached from outside"),
        ("https://10.0.0.8/", "cannot be reached from outside"),
        ("https://192.168.1.5:8443/", "cannot be reached from outside"),
        ("https://169.254.169.254/", "cannot be reached from outside"),
        ("https://0.0.0.0/", "cannot be reached from outside"),
        ("https://[fd00::1]/", "cannot be reached from outside"),
        ("https://[::ffff:10.0.0.1]/", "cannot be reached from outside"),
        ("https://224.0.0.1/", "cannot be reached from outside"),
        ("https://127.1/", "cannot be reached from outside"),
        ("https://printer.local/", "cannot be reached from outside"),
        ("https://status.internal/", "cannot be reached from outside"),
        ("https://localhost./", "cannot be reached from outside"),
        ("https://exa$mple.com/", "cannot be reached from outside"),
        ("https://a..example.com/", "cannot be reached from outside"),
        ("https://api.nexmo.com/x", "is the vendor's own host, which sends every status back to itself without end"),
        (
            "https://studio-api-eu.ai.VONAGE.com./x",
            "is the vendor's own host, which sends every status back to itself without end",
        ),
        ("https://vonage.com", "is the vendor's own host, which sends every status back to itself without end"),
    ],
)
def test_status_url_must_be_public_https_and_ones_own(tmp_path: Path, url: str, trouble: str) -> None:
    """Statuses are personal data and must arrive: https, a host that can be reached, never the vendor's."""
    assert problems_of(tmp_path, status_url=f'"{url}"') == [f'status_url = "{url}": {trouble}; {STATUS_URL}']


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/whatsapp?team=1#x",
        "https://hooks.example.com:8443",
        "https://93.184.216.34/",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/",
        "https://webhook.site/2f1c",
        "https://notvonage.com/",
        "https://bücher.example.com/",
    ],
)
def test_public_status_url_is_kept_as_it_stands(tmp_path: Path, url: str) -> None:
    """A right URL is passed on letter by letter."""
    assert load(tmp_path, status_url=f'"{url}"').status_url == url


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/status", "http://localhost/s", "https://[::1]:9000/"])
def test_status_url_on_this_machine_needs_an_endpoint_on_it(tmp_path: Path, url: str) -> None:
    """A rehearsal may listen on this machine; the vendor could never reach it there."""
    rehearsal = load(tmp_path, status_url=f'"{url}"', agent__endpoint='"http://127.0.0.1:8900/x"')

    assert (rehearsal.status_url, rehearsal.agent.endpoint) == (url, "http://127.0.0.1:8900/x")
    assert problems_of(tmp_path, status_url=f'"{url}"') == [
        f'status_url = "{url}": cannot be reached from outside; write a public https URL'
    ]


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1.example.com/", "http://me@127.0.0.1/", "ftp://127.0.0.1/", "127.0.0.1:80", "http://[::1"],
)
def test_endpoint_is_on_this_machine_or_nowhere(tmp_path: Path, endpoint: str) -> None:
    """No campaign file can send the key and the numbers to another host than the vendor's."""
    wrong = "is not on this machine, and the region decides where to send"

    assert problems_of(tmp_path, agent__endpoint=f'"{endpoint}"') == [
        f'agent.endpoint = "{endpoint}": {wrong}; {ENDPOINT}'
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f'api_key = "{CANARY}"\n', "api_key"),
        (f'X-Vgai-Key = "{CANARY}"\n', "X-Vgai-Key"),
        (f'auth = {{ token = "{CANARY}" }}\n', "auth.token"),
        (f'name = "x"\n[agent]\nAPI_KEY = "{CANARY}"\n', "agent.API_KEY"),
        (f'[[agent]]\npassword = "{CANARY}"\n', "agent.password"),
        (f'secrets = ["{CANARY}"]\n', "secrets"),
        (f'[secret]\nvalue = "{CANARY}"\n', "secret"),
        (f'[[template.buttons]]\ntoken = "{CANARY}"\n', "template.buttons.token"),
    ],
)
def test_secret_is_refused_without_being_printed(tmp_path: Path, text: str, place: str) -> None:
    """A line named like a secret is told to go, and its value is in no message."""
    with pytest.raises(CampaignError) as caught:
        load(tmp_path, text)

    sentence = f"{place}: a secret does not belong in this file; remove the line and set DISPATCHER_API_KEY"
    assert [problem for problem in caught.value.problems if "secret does" in problem] == [sentence]
    assert CANARY not in str(caught.value)


def test_names_people_choose_are_no_secrets(tmp_path: Path) -> None:
    """A parameter, a column or a placeholder may be called a token; the key of a row is called key."""
    campaign = load(
        tmp_path,
        recipient__key='"{token}"',
        recipient__skip_if='{ "password sent" = ["yes"] }',
        template__body='{ token = "{token}" }',
        session_parameters__API_TOKEN='"{token}"',  # noqa: S106 - a column's name
    )

    assert [name for name, _ in campaign.session_parameters] == ["API_TOKEN"]


@pytest.mark.parametrize("source", ["DISPATCHER_API_KEY", "DISPATCHER_API_KEY_FILE", "CREDENTIALS_DIRECTORY"])
def test_key_itself_is_found_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """The key of this environment in the file, even in a comment, stops everything, and is not printed."""
    (tmp_path / "api_key").write_text(f"{CANARY}\n")
    values = {"DISPATCHER_API_KEY": CANARY, "DISPATCHER_API_KEY_FILE": str(tmp_path / "api_key")}
    monkeypatch.setenv(source, values.get(source, str(tmp_path)))

    problems = problems_of(tmp_path, f"{write_toml()}# {CANARY}\n")

    assert problems == ["holds the API key; remove it, and replace the key if others have seen this file"]


def test_key_that_cannot_be_read_does_not_hinder_a_look_at_the_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` needs no key: a key file that is not there is trouble for `send` alone."""
    monkeypatch.setenv("DISPATCHER_API_KEY_FILE", str(tmp_path / "nowhere"))

    assert load(tmp_path).name == "reminders"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('name = "a"\nname = "b"\n', "line 2, column 11: the same key stands there twice; delete one"),
        (
            "[agent]\n[sheet]\n[agent]\n",
            "line 3, column 7: the same [table] stands there twice; put its keys together",
        ),
        ("a = {b=1, b=2}\n", "line 1, column 14: the same key stands there twice; delete one"),
        (
            'recipients = "C:\\people.csv"\n',
            "line 1, column 19: a backslash in double quotes; write a path in 'single quotes' or with /",
        ),
        (
            'recipients = "C:\\Users\\a.csv"\n',
            "line 1, column 19: a backslash in double quotes; write a path in 'single quotes' or with /",
        ),
        (
            "region = eu\n",
            'line 1, column 10: a value that is no TOML; write texts in straight quotes, as in region = "eu"',
        ),
        (
            "region = \N{LEFT DOUBLE QUOTATION MARK}eu\N{RIGHT DOUBLE QUOTATION MARK}\n",
            'line 1, column 10: a value that is no TOML; write texts in straight quotes, as in region = "eu"',
        ),
        ("region: eu\n", "line 1, column 7: a line without =; write key = value, and a comment after #"),
        ("// a note\n", "line 1, column 1: a line that is no TOML; write key = value, [table], or a comment after #"),
        ('region = "eu\n', "line 1, column 13: a text without its closing quote; add it"),
        ('body = ["{a}"\n[x]\n', "line 2, column 1: a list without its closing ]; add it"),
        ("[agent\n", "line 1, column 7: no valid TOML (Expected ']' at the end of a table declaration)"),
        (f"a = {'[' * 5000}\n", "holds lists or tables nested without end; remove them"),
        (f"a = {'9' * 5000}\n", "a number with thousands of digits; correct it"),
    ],
    ids=lambda value: value[:20],
)
def test_mistake_in_toml_says_where_and_what_to_write(tmp_path: Path, text: str, problem: str) -> None:
    """What people write who never heard of TOML is told its place and the remedy."""
    assert problems_of(tmp_path, text) == [problem]


def test_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """Missing, a folder, or saved in another encoding: each in plain words."""
    latin = tmp_path / "latin.toml"
    latin.write_bytes('name = "Böhm"'.encode("cp1252"))

    assert _why(tmp_path / "nowhere.toml") == ["cannot be read: No such file or directory"]
    assert _why(tmp_path) == ["cannot be read: Is a directory"]
    assert _why(latin) == ["cannot be read: it is no UTF-8 text; save it as UTF-8"]


def _why(path: Path) -> list[str]:
    with pytest.raises(CampaignError) as caught:
        load_campaign(path)
    return caught.value.problems


@settings(deadline=None)  # files on a busy disk
@given(text=st.text() | st.text(alphabet='[]{}=".,#\n ab5'))
def test_no_text_makes_a_traceback(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever stands in the file, the answer is a campaign or a list of problems."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")

    with pytest.raises(CampaignError) as caught:
        load_campaign(path)
    assert caught.value.problems


_VALUES = st.recursive(
    st.sampled_from(['""', '"{a}"', '"{"', "5", "-1", "1.5", "true", "2026-12-03", '"https://x.example.com"', '"url"']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(st.sampled_from(["a", "type", "index", "text", "key"]), inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{key} = {value}" for key, value in table.items()) + "}"
        )
    ),
    max_leaves=6,
)
_PLACES = st.sampled_from(
    [f"{section}__{key}" if section else key for section, keys in GOOD.items() for key in keys]
    + ["template__header", "template__buttons", "template__header_document", "recipient__skip_if", "channel"]
    + ["template__header_document_filename", "sheet__header_row", "agent__warm_up", "session_parameters__A"]
)


@settings(deadline=None)  # files on a busy disk
@given(changes=st.dictionaries(_PLACES, _VALUES, min_size=1, max_size=4))
def test_no_value_makes_a_traceback(tmp_path_factory: pytest.TempPathFactory, changes: dict[str, str]) -> None:
    """Whatever a key is set to, the answer is a campaign or sentences that each name a remedy."""
    try:
        load(tmp_path_factory.getbasetemp(), **changes)
    except CampaignError as error:
        for problem in error.problems:
            assert "cannot be used" not in problem
            assert "; " in problem


def test_named_parameters_keep_their_names_and_order(tmp_path: Path) -> None:
    """A table in place of a list is for templates with named placeholders."""
    template = load(
        tmp_path,
        template__header='{ clinic = "{clinic}" }',
        template__body='{ first_name = "{first name}", day = "{date:%d %B}" }',
    ).template

    assert template is not None
    assert (template.header_names, template.header) == (("clinic",), (parse_text("{clinic}"),))
    assert template.body_names == ("first_name", "day")
    assert template.body == (parse_text("{first name}"), parse_text("{date:%d %B}"))


@pytest.mark.parametrize(
    ("keys", "media"),
    [
        ({"template__header_image": '"{picture}"'}, Media("image", parse_text("{picture}"))),
        (
            {"template__header_video": '"https://cdn.example.com/{film}.mp4"'},
            Media("video", parse_text("https://cdn.example.com/{film}.mp4")),
        ),
        ({"template__header_document": '"{pdf}"'}, Media("document", parse_text("{pdf}"))),
        (
            {"template__header_document": '"{pdf}"', "template__header_document_filename": '"Invoice {no}.pdf"'},
            Media("document", parse_text("{pdf}"), parse_text("Invoice {no}.pdf")),
        ),
    ],
    ids=["image", "video", "document", "document with a name"],
)
def test_media_header_is_read(tmp_path: Path, keys: dict[str, str], media: Media) -> None:
    """A template's header may be a file behind a link."""
    template = load(tmp_path, **keys).template

    assert template is not None
    assert template.media == media


def test_buttons_are_read_in_their_order(tmp_path: Path) -> None:
    """Each [[template.buttons]] table is one button of the template."""
    template = load(tmp_path, write_toml() + BUTTONS).template

    assert template is not None
    assert template.buttons == (
        Button("url", 0, parse_text("{booking}")),
        Button("quick_reply", 2, parse_text("confirm {booking}")),
    )


BUTTONS = """
[[template.buttons]]
type = "url"
index = 0
text = "{booking}"
[[template.buttons]]
type = "quick_reply"
index = 2
payload = "confirm {booking}"
"""


def test_texts_of_the_message_are_all_that_need_columns(tmp_path: Path) -> None:
    """The loader learns of every column a request uses, wherever in the template it stands."""
    text = write_toml(
        template__locale='"{language}"',
        template__header_document='"{pdf}"',
        template__header_document_filename='"{no}.pdf"',
        template__body='{ a = "{first name}" }',
    )

    texts = load(tmp_path, f"{text}{BUTTONS}[session_parameters]\nID = '{{patient}}'\n").message_texts

    assert [text.source for text in texts] == [
        "{language}",
        "{pdf}",
        "{no}.pdf",
        "{first name}",
        "{booking}",
        "confirm {booking}",
        "{patient}",
    ]


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        (
            {"template__header": '["{a}"]', "template__header_video": '"{b}"', "template__header_document": '"{c}"'},
            [
                (
                    "template: header and header_video and header_document exclude each other;"
                    " a template has one header, keep one of them"
                )
            ],
        ),
        (
            {"template__header_document_filename": '"{a}"'},
            ["template.header_document_filename: names a document, and there is none; add header_document"],
        ),
        (
            {"template__header": '["{a}"]', "template__body": '{ a = "{b}" }'},
            [
                (
                    "template: header and body are a list and a table;"
                    " a template's placeholders are all numbered (lists) or all named (tables)"
                )
            ],
        ),
        (
            {"template__header": '{ a = "{a}", b = "{b}" }', "template__body": "[]"},
            [
                (
                    "template.header: holds 2 texts, and 1 is the most;"
                    ' write at most one text, as in header = ["{clinic}"]'
                )
            ],
        ),
        ({"template__body": '{ First = "{a}" }'}, [f"template.body.First: {PLACEHOLDER_NAME}"]),
        (
            {"template__header_image": '"http://cdn.example.com/a.png"'},
            [
                (
                    'template.header_image = "http://cdn.example.com/a.png": does not begin with https://;'
                    " write the https link of a picture anybody can open"
                )
            ],
        ),
        (
            {"template__header_video": '"https://10.0.0.1/a.mp4"'},
            [
                (
                    'template.header_video = "https://10.0.0.1/a.mp4": cannot be reached from outside;'
                    " write the https link of a film anybody can open"
                )
            ],
        ),
        (
            {"template__header_document": '"https://cdn.example.com/a b.pdf"'},
            [
                (
                    'template.header_document = "https://cdn.example.com/a b.pdf": holds a space or a control'
                    " character; write the https link of a document anybody can open"
                )
            ],
        ),
        ({"template__header_imagee": '"{a}"'}, ["template.header_imagee: unknown key; did you mean header_image?"]),
        (
            {"template__buttons": '{ type = "url" }'},
            [
                (
                    "template.buttons: is a table, not a list;"
                    " write a [[template.buttons]] table for each button with a value"
                )
            ],
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_mistake_in_a_template_is_named(tmp_path: Path, changes: dict[str, str], problems: list[str]) -> None:
    """Headers, names and links that no template could take are told what to write."""
    assert problems_of(tmp_path, **changes) == problems


INDEX = "write the button's place in the template: index = 0 for the first, at most 9"


@pytest.mark.parametrize(
    ("buttons", "problems"),
    [
        (
            ['type = "call"\nindex = 0'],
            [f'item 1, type = "call": {CHOICE}; write type = "url" or type = "quick_reply"'],
        ),
        (['type = "url"\ntext = "{a}"'], [f"item 1, index: missing; {INDEX}"]),
        (
            ['type = "url"\ntext = "{a}"\nindex = "0"'],
            [f'item 1, index = "0": is a text, not a whole number; {INDEX}'],
        ),
        (['type = "url"\ntext = "{a}"\nindex = 10'], [f"item 1, index = 10: is more than 9; {INDEX}"]),
        (
            ['type = "url"\nindex = 0\ntxet = "{a}"'],
            [
                "item 1, txet: unknown key; did you mean text?",
                'item 1, text: missing; a button of type "url" needs it',
            ],
        ),
        (
            ['type = "url"\nindex = 0\ntext = "{a}"\npayload = "x"'],
            ['item 1, payload: a button of type "url" has none; remove it'],
        ),
        (
            ['type = "quick_reply"\nindex = 0\ntext = "{a}"'],
            [
                'item 1, payload: missing; a button of type "quick_reply" needs it',
                'item 1, text: a button of type "quick_reply" has none; remove it',
            ],
        ),
        (
            ['type = "url"\nindex = 1\ntext = "{a}"', 'type = "quick_reply"\nindex = 1\npayload = "{b}"'],
            ["item 2, index = 1: item 1 has it already; count the template's buttons from 0"],
        ),
        (
            ['type = "url"\nindex = 0\ntext = ""'],
            ['item 1, text = "": is empty, and the message needs it; fill it in'],
        ),
    ],
    ids=lambda value: str(value[0])[:40].replace("\n", " "),
)
def test_mistake_in_a_button_is_named(tmp_path: Path, buttons: list[str], problems: list[str]) -> None:
    """Each button needs its place and what its kind takes, and no more."""
    tables = "".join(f"[[template.buttons]]\n{button}\n" for button in buttons)

    assert problems_of(tmp_path, write_toml() + tables) == [f"template.buttons, {problem}" for problem in problems]


def test_sms_drops_the_template(tmp_path: Path) -> None:
    """A text message has no template; one that stands in the file, right or wrong, is ignored."""
    with_template = load(tmp_path, channel='"sms"', template__name='"WRONG"', template__nonsense="5")
    without = load(tmp_path, write_toml(channel='"sms"').partition("[template]")[0])

    assert (with_template.channel, with_template.template) == ("sms", None)
    assert (without.channel, without.template) == ("sms", None)


@pytest.mark.parametrize("content", [CANARY, f"{CANARY}\n", f"  {CANARY}\r\n", f"\ufeff{CANARY}"])
def test_key_is_read_from_each_place_operators_keep_it(tmp_path: Path, content: str) -> None:
    """Environment, a named file, or systemd's credentials; white space around the key is no part of it."""
    (tmp_path / "api_key").write_text(content, encoding="utf-8")

    assert read_api_key({"DISPATCHER_API_KEY": content.removeprefix("\ufeff")}) == CANARY
    assert read_api_key({"DISPATCHER_API_KEY_FILE": str(tmp_path / "api_key")}) == CANARY
    assert read_api_key({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == CANARY


def test_first_place_that_is_set_wins(tmp_path: Path) -> None:
    """The order is fixed, and a variable that is set to nothing counts as not set."""
    (tmp_path / "api_key").write_text("from-credentials")
    (tmp_path / "key").write_text("from-file")
    places = {"CREDENTIALS_DIRECTORY": str(tmp_path), "DISPATCHER_API_KEY_FILE": str(tmp_path / "key")}

    assert read_api_key(places | {"DISPATCHER_API_KEY": "from-environment"}) == "from-environment"
    assert read_api_key(places | {"DISPATCHER_API_KEY": " "}) == "from-file"
    assert read_api_key(places | {"DISPATCHER_API_KEY_FILE": ""}) == "from-credentials"


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "café-key", "tab\tkey", "bell\x07"])
def test_key_that_could_not_be_a_header_is_refused_without_being_printed(tmp_path: Path, key: str) -> None:
    """A key copied badly is said so with its place."""
    path = tmp_path / "key"
    path.write_text(key, encoding="utf-8")
    wrong = "holds a space, a line break or a letter no key has; copy it again"

    assert _key_error(DISPATCHER_API_KEY=key) == f"the API key in DISPATCHER_API_KEY {wrong}"
    assert _key_error(DISPATCHER_API_KEY_FILE=str(path)) == f"the API key in {path} {wrong}"


def test_key_that_cannot_be_found_says_where_to_put_it(tmp_path: Path) -> None:
    """No key, no file, an empty file, a folder, no text: each says what to do."""
    empty, latin = tmp_path / "empty", tmp_path / "latin"
    empty.write_text("\n")
    latin.write_bytes(b"\xff\xfe")
    missing = "no API key: set DISPATCHER_API_KEY, or DISPATCHER_API_KEY_FILE to the path of a file that holds it"

    assert _key_error() == missing
    assert _key_error(DISPATCHER_API_KEY="") == missing
    assert _key_error(DISPATCHER_API_KEY_FILE=str(empty)) == (
        f"the API key file {empty} is empty; write the key into it"
    )
    assert _key_error(DISPATCHER_API_KEY_FILE=str(tmp_path)) == (
        f"the API key file {tmp_path} cannot be read: Is a directory"
    )
    assert _key_error(CREDENTIALS_DIRECTORY=str(tmp_path)) == (
        f"the API key file {tmp_path / 'api_key'} cannot be read: No such file or directory"
    )
    assert _key_error(DISPATCHER_API_KEY_FILE=str(latin)) == (
        f"the API key file {latin} cannot be read: it is no UTF-8 text; save it as UTF-8"
    )


def _key_error(**environment: Any) -> str:
    with pytest.raises(UsageError) as caught:
        read_api_key(environment)
    return str(caught.value)
