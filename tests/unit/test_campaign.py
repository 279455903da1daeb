"""Campaign files: what a right one becomes, and what a wrong one is told, sentence by sentence."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.campaign import load_campaign
from dispatcher.campaign.sections import CHANNEL_KEYS
from dispatcher.channel import Channel
from dispatcher.channels import CHANNELS
from dispatcher.errors import CampaignError, ExitCode
from dispatcher.models import Agent, RecipientRules, SheetRules
from dispatcher.placeholders import parse_text
from tests.support.campaign_files import CANARY, CHOICE, GOOD, load, problems_of, write_toml


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine the tests run on is looked for in the files."""
    for name in ("DISPATCHER_API_KEY", "DISPATCHER_API_KEY_FILE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def test_least_file_has_careful_defaults(tmp_path: Path) -> None:
    """What is not said is the careful choice: one a second, five minutes, one message per number, no guessing."""
    campaign = load(tmp_path)

    endpoint = "https://studio-api-eu.ai.vonage.com/messaging/conversation"
    assert campaign.agent == Agent("66c0ec5d5cd447cc0bafda3b", "eu", 1, 300.0, endpoint, "agent")
    assert campaign.sheet == SheetRules()
    assert campaign.recipient == RecipientRules(parse_text("{phone}"), parse_text("{to}"), None)
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

    campaign = load_campaign(Path("campaigns/a.toml"), CHANNELS)

    assert campaign.path == inner / "a.toml"
    assert campaign.recipients_path == inner / "../people.xlsx"
    assert campaign.recipient.suppress_path == Path("/srv/out.csv")


def test_mark_of_windows_editors_is_taken_off(tmp_path: Path) -> None:
    """A file saved as "UTF-8 with BOM" and with Windows line ends is read like any other."""
    path = tmp_path / "campaign.toml"
    path.write_bytes(b"\xef\xbb\xbf" + write_toml().replace("\n", "\r\n").encode())

    assert load_campaign(path, CHANNELS).name == "reminders"


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

    assert str(caught.value) == (f'{tmp_path / "campaign.toml"}: 1 problem\n  agent.region = "uk": {CHOICE}; {REGION}')
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
        (f"a = {'[' * 5000}\n", "holds lists or tables nested without end; remove them"),
        (f"a = {'9' * 5000}\n", "a number with thousands of digits; correct it"),
    ],
    ids=lambda value: value[:20],
)
def test_mistake_in_toml_says_where_and_what_to_write(tmp_path: Path, text: str, problem: str) -> None:
    """What people write who never heard of TOML is told its place and the remedy."""
    assert problems_of(tmp_path, text) == [problem]


def test_a_rare_mistake_in_toml_says_where_and_what_the_parser_says(tmp_path: Path) -> None:
    """For what people hardly ever do there are no words of our own; the parser's differ with the version of Python."""
    (problem,) = problems_of(tmp_path, "[agent\n")

    assert re.fullmatch(r"line 1, column 7: no valid TOML \(.+\)", problem)


def test_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """Missing, a folder, or saved in another encoding: each in plain words."""
    latin = tmp_path / "latin.toml"
    latin.write_bytes('name = "Böhm"'.encode("cp1252"))

    assert _why(tmp_path / "nowhere.toml") == ["cannot be read: No such file or directory"]
    assert _why(tmp_path) == ["cannot be read: Is a directory"]
    assert _why(latin) == ["cannot be read: it is no UTF-8 text; save it as UTF-8"]


def _why(path: Path) -> list[str]:
    with pytest.raises(CampaignError) as caught:
        load_campaign(path, CHANNELS)
    return caught.value.problems


@settings(deadline=None)  # files on a busy disk
@given(text=st.text() | st.text(alphabet='[]{}=".,#\n ab5'))
def test_no_text_makes_a_traceback(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever stands in the file, the answer is a campaign or a list of problems."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")

    with pytest.raises(CampaignError) as caught:
        load_campaign(path, CHANNELS)
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


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
def test_a_channel_speaks_of_every_key_that_is_a_channels(channel: Channel) -> None:
    """No key is left without a check, or without advice what to write."""
    silent = [key for key in CHANNEL_KEYS if key not in channel.settings]

    assert silent == []
    assert all(setting.advice for setting in channel.settings.values())
