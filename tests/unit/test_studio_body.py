"""Request bodies: what is sent for a recipient, and which values are held back with which words."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.models import (
    Agent,
    Button,
    Campaign,
    Media,
    MessageTemplate,
    Notice,
    Recipient,
    RecipientRules,
    Refusal,
    State,
)
from dispatcher.placeholders import fold, parse_text
from dispatcher.sandbox.checks import find_faults
from dispatcher.studio.body import encode_body, render_body

TODAY = date(2026, 11, 22)
TO = "12025550123"


def make_campaign(
    *, locale: str = "en", to: str = "{phone}", parameters: Mapping[str, str] | None = None, **template: Any
) -> Campaign:
    """Return a campaign; texts of the template are given as they stand in the file."""
    header, body = (tuple(parse_text(text) for text in template.pop(name, ())) for name in ("header", "body"))
    return Campaign(
        name="reminders",
        path=Path("reminders.toml"),
        recipients_path=Path("people.csv"),
        status_url="https://hooks.example.com/whatsapp",
        channel="whatsapp",
        agent=Agent("66c0ec5d5cd447cc0bafda3b", "eu", 1, 0.0, "http://127.0.0.1:8900/"),
        recipient=RecipientRules(parse_text(to), parse_text("{to}")),
        template=MessageTemplate("0f5f", "reminder", parse_text(locale), header, body, **template),
        session_parameters=tuple((name, parse_text(text)) for name, text in (parameters or {}).items()),
    )


def make_recipient(**values: str) -> Recipient:
    """Return row 7 with these cells, by header."""
    cells = {fold(name.replace("_", " ")): value for name, value in values.items()}
    return Recipient(7, TO, TO, {"phone": f"+{TO}"} | cells, (Notice("a note", 7),))


def render(campaign: Campaign, **values: str) -> dict[str, Any]:
    """Return the body for a row with these cells."""
    body = render_body(campaign, make_recipient(**values), TODAY)
    assert isinstance(body, dict), body.reason
    return body


def refuse(campaign: Campaign, **values: str) -> tuple[str, str, str]:
    """Return column, value and reason of the refusal of a row with these cells."""
    refusal = render_body(campaign, make_recipient(**values), TODAY)
    assert isinstance(refusal, Refusal)
    return refusal.column, refusal.value, refusal.reason


def components_of(campaign: Campaign, **values: str) -> list[Any]:
    """Return the template's components as they are sent."""
    components: list[Any] = render(campaign, **values)["components"]
    return components


def test_body_is_that_of_the_vendors_page() -> None:
    """The keys, their order and their shapes are the documented ones, letter by letter and in UTF-8."""
    campaign = make_campaign(header=["{clinic}"], body=["{first name}"], parameters={"PATIENT_ID": "{id}"})

    body = render(campaign, clinic="PARAM1_VALUE", first_name="Zoë", id="P7")

    assert encode_body(body).decode() == (
        '{"components":[{"type":"header","parameters":[{"type":"text","text":"PARAM1_VALUE"}]},'
        '{"type":"body","parameters":[{"type":"text","text":"Zoë"}]}],'
        '"namespace":"0f5f","template":"reminder","locale":"en",'
        f'"to":"{TO}","agent_id":"66c0ec5d5cd447cc0bafda3b","channel":"whatsapp",'
        '"status_url":"https://hooks.example.com/whatsapp",'
        '"session_parameters":[{"name":"PATIENT_ID","value":"P7"}]}'
    )


def test_what_is_empty_is_left_out() -> None:
    """A template without placeholders has no components, a campaign without parameters no list of them."""
    assert list(render(make_campaign())) == [
        "namespace",
        "template",
        "locale",
        "to",
        "agent_id",
        "channel",
        "status_url",
    ]


def test_sms_has_no_key_of_the_template() -> None:
    """A text message is number, agent, channel, status URL and parameters, nothing else."""
    campaign = replace(make_campaign(parameters={"DAY": "{day:%-d %B}"}), channel="sms", template=None)

    body = render(campaign, day="2026-12-03")

    assert body == {
        "to": TO,
        "agent_id": "66c0ec5d5cd447cc0bafda3b",
        "channel": "sms",
        "status_url": "https://hooks.example.com/whatsapp",
        "session_parameters": [{"name": "DAY", "value": "3 December"}],
    }
    assert find_faults(body) == []


def test_built_in_values_go_before_columns_of_their_name() -> None:
    """{to} is the number as it is dialled and {today} the date of the run, whatever the sheet calls its columns."""
    campaign = make_campaign(body=["{to} {today} {today:%A}"])

    (body,) = components_of(campaign, to="somebody", today="never")

    assert body["parameters"] == [{"type": "text", "text": f"{TO} 2026-11-22 Sunday"}]


@pytest.mark.parametrize(
    "value",
    [
        "{name}",
        "{{name}}",
        "%s %(a)s %d",
        "=HYPERLINK(0)",
        "@SUM(A1)",
        "+1",
        "-1",
        '"quoted", \\back\\slash',
        "{0.__class__}",
        "${HOME} `id`",
        "é 中文 👋🏽 \u202eabc",
        "0012",
        "true",
        "<b>&amp;</b>",
    ],
)
def test_value_is_sent_as_the_text_it_is(value: str) -> None:
    """Nothing in a cell is evaluated, expanded, shortened or turned into another type."""
    campaign = make_campaign(body=["{name}"], parameters={"NAME": "{name}"})

    body = json.loads(encode_body(render(campaign, name=value)))

    assert body["components"][0]["parameters"] == [{"type": "text", "text": value}]
    assert body["session_parameters"] == [{"name": "NAME", "value": value}]


NEEDED = "is empty, and the message needs it; fill it in"
LINE_BREAK = "holds a line break or a tab, which WhatsApp refuses; remove it"
SPACES = "holds more than 4 spaces in a row, which WhatsApp refuses; remove some"
CONTROL = "holds a control character; type the cell's text again"
TOO_LONG = "is 1,025 characters long, and WhatsApp allows 1,024; shorten it"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", NEEDED),
        ("   ", NEEDED),
        ("\N{NO-BREAK SPACE}", NEEDED),
        ("a\nb", LINE_BREAK),
        ("a\r\nb", LINE_BREAK),
        ("a\tb", LINE_BREAK),
        ("a\N{LINE SEPARATOR}b", LINE_BREAK),
        ("a     b", SPACES),
        ("a\x00b", CONTROL),
        ("a\x1bb", CONTROL),
        ("a\ud800b", CONTROL),
        ("x" * 1025, TOO_LONG),
    ],
    ids=ascii,
)
def test_value_that_breaks_a_rule_refuses_the_row(value: str, reason: str) -> None:
    """Each rule for template parameters has its own words; the row is held back with column and value."""
    assert refuse(make_campaign(body=["{First Name}"]), first_name=value) == ("First Name", value[:100], reason)


@pytest.mark.parametrize("value", ["a    b", " a ", "x" * 1024, "\N{WAVING HAND SIGN}" * 1024, "a\N{NO-BREAK SPACE}b"])
def test_value_within_the_rules_is_sent_unchanged(value: str) -> None:
    """The rules refuse what WhatsApp refuses and nothing more."""
    (body,) = components_of(make_campaign(body=["{name}"]), name=value)

    assert body["parameters"][0]["text"] == value


def test_header_takes_60_characters() -> None:
    """The header's bound is its own."""
    campaign = make_campaign(header=["{clinic}"])

    assert components_of(campaign, clinic="x" * 60)[0]["parameters"][0]["text"] == "x" * 60
    assert refuse(campaign, clinic="x" * 61) == (
        "clinic",
        "x" * 61,
        "is 61 characters long, and WhatsApp allows 60; shorten it",
    )


def test_body_takes_1024_characters_together() -> None:
    """The values together cannot be longer than the body they stand in; the longest one is to blame."""
    campaign = make_campaign(body=["{a}", "{b}", "{c}"])

    assert components_of(campaign, a="x" * 300, b="y" * 424, c="z" * 300)
    assert refuse(campaign, a="x" * 300, b="y" * 425, c="z" * 300) == (
        "b",
        "y" * 100,
        "is the longest of values that are over 1,024 characters together; shorten it",
    )


def test_literal_text_counts_and_every_column_of_a_text_is_named() -> None:
    """A rule is broken by the whole text, so all its columns are named, each once."""
    campaign = make_campaign(header=["Dear {first} {last} {first}"])

    assert refuse(campaign, first="x" * 30, last="") == (
        "first, last",
        "Dear " + "x" * 30 + " " + "x" * 30,
        "is 66 characters long, and WhatsApp allows 60; shorten it",
    )


@pytest.mark.parametrize(
    ("text", "name", "sent"),
    [
        ("Hi {name}", "", "Hi"),
        ("{name} and friends", "", "and friends"),
        ("Hi {name} and {name} too", "", "Hi and too"),
        ("Hi {name}", "Ana", "Hi Ana"),
    ],
)
def test_a_blank_value_leaves_no_spaces_behind(text: str, name: str, sent: str) -> None:
    """What goes out reads as if somebody had written it without the value."""
    (component,) = components_of(make_campaign(body=[text]), name=name)

    assert component["parameters"] == [{"type": "text", "text": sent}]


def test_session_parameters_may_be_empty_and_hold_line_breaks() -> None:
    """They go to the agent, not into a template: only control characters are held back."""
    campaign = make_campaign(parameters={"A": "{a}", "B": "{b}"})

    assert render(campaign, a="", b="1\n2\t3     4")["session_parameters"] == [
        {"name": "A", "value": ""},
        {"name": "B", "value": "1\n2\t3     4"},
    ]
    assert refuse(campaign, a="", b="\x07") == ("b", "\x07", CONTROL)


def test_refusal_keeps_the_row() -> None:
    """A row that is held back stays itself: number, key, cells and notices."""
    recipient = make_recipient(name="")

    refusal = render_body(make_campaign(body=["{Name}"]), recipient, TODAY)

    assert refusal == Refusal(
        7, "Name", "", NEEDED, recipient.values, State.REFUSED, key=TO, to=TO, notices=(Notice("a note", 7),)
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x +12025550178 y", "x +12******178 y"),
        ("+44 (0)7700 900-123", "+44 (*)**** ***-123"),
        ("+(1) 202.555.0178", "+(1) 2**.***.*178"),
        ("\uff0b49/1512 345678", "\uff0b49/**** ***678"),
        ("https://x.example/?p=+12025550178&q=+491512345678", "https://x.example/?p=+12******178&q=+49*******678"),
        ("491512345678, +123456, 2026-12-03, +12025550178", "491512345678, +123456, 2026-12-03, +12******178"),
        ("2026-12-03T09:30:00+02:00, +12025550178", "2026-12-03T09:30:00+02:00, +12******178"),
    ],
)
def test_a_number_in_any_refused_value_is_masked(value: str, shown: str) -> None:
    """Whatever column it stands in, an international number is not given away; ids and dates are shown."""
    campaign = make_campaign(body=["{code}"])

    assert refuse(campaign, code=f"{value}\n")[:2] == ("code", f"{shown}\n")


@pytest.mark.parametrize("text", ["Call {Phone}\n", "Call {to}\n"])
def test_number_in_a_refused_text_is_masked(text: str) -> None:
    """Where the number is part of the value, the refusal does not give it away."""
    column, value, reason = refuse(make_campaign(body=[text]))

    assert (column, value.replace("+", ""), reason) == (text[6:-2], "Call 12******123\n", LINE_BREAK)


@pytest.mark.parametrize("locale", ["en", "en_US", "de", "fil", "pt_BR"])
def test_locale_may_come_from_a_column(locale: str) -> None:
    """Each person gets the template's version in their language."""
    assert render(make_campaign(locale="{language}"), language=locale)["locale"] == locale


@pytest.mark.parametrize(
    ("locale", "example"),
    [
        ("en-US", "en_US"),
        ("EN", "en"),
        ("de_de", "de_DE"),
        (" en", "en"),
        ("", "one such as en or en_US"),
        ("German", "one such as en or en_US"),
        ("zh_Hans_CN", "one such as en or en_US"),
    ],
)
def test_text_that_is_no_locale_refuses_the_row(locale: str, example: str) -> None:
    """A wrong code would be another template, or none; the nearest right one is offered."""
    assert refuse(make_campaign(locale="{Language}"), language=locale) == (
        "Language",
        locale,
        f"is no locale of WhatsApp; write {example}",
    )


def test_dates_are_in_the_language_of_the_message() -> None:
    """Month and day names follow the locale of the row, in the template and in the parameters."""
    campaign = make_campaign(
        locale="{language}", body=["{date:%A, %-d. %B}", "{date:%d.%m.%Y}"], parameters={"DAY": "{date:%a %b}"}
    )

    german, english = (render(campaign, language=locale, date="2026-12-03") for locale in ("de", "en_GB"))

    assert [value["text"] for value in german["components"][0]["parameters"]] == [
        "Donnerstag, 3. Dezember",
        "03.12.2026",
    ]
    assert german["session_parameters"] == [{"name": "DAY", "value": "Do Dez"}]
    assert english["components"][0]["parameters"][0]["text"] == "Thursday, 3. December"


def test_cell_that_is_no_date_is_blamed_alone() -> None:
    """Where one of several columns cannot be shown as asked, only that one is named."""
    campaign = make_campaign(body=["{name}, {date:%d %B} at {Time:%H:%M}"])

    assert refuse(campaign, name="Ana", date="2026-12-03", time="noon") == (
        "Time",
        "noon",
        "is no date or time that can be read; write it as 2026-12-31 or 14:30",
    )


def test_language_without_known_names_refuses_the_row() -> None:
    """Nobody gets a month's name in a language that is not theirs."""
    column, value, reason = refuse(make_campaign(locale="xx", body=["{date:%B}"]), date="2026-12-03")

    assert (column, value) == ("date", "2026-12-03")
    assert reason.startswith("cannot be written out: the month and day names of the locale xx are not known;")


def test_named_parameters_carry_their_names() -> None:
    """A template with named placeholders is told which value is which."""
    campaign = make_campaign(
        header=["{clinic}"], header_names=("clinic",), body=["{first}", "{last}"], body_names=("first", "last")
    )

    assert components_of(campaign, clinic="North", first="Ana", last="Diaz") == [
        {"type": "header", "parameters": [{"type": "text", "parameter_name": "clinic", "text": "North"}]},
        {
            "type": "body",
            "parameters": [
                {"type": "text", "parameter_name": "first", "text": "Ana"},
                {"type": "text", "parameter_name": "last", "text": "Diaz"},
            ],
        },
    ]


@pytest.mark.parametrize("kind", ["image", "video", "document"])
def test_media_header_is_a_link(kind: Any) -> None:
    """Image, video and document share one shape."""
    campaign = make_campaign(media=Media(kind, parse_text("https://cdn.example.com/{file}")))

    link = {"link": "https://cdn.example.com/a%20b.bin?x={y}"}
    assert components_of(campaign, file="a%20b.bin?x={y}") == [
        {"type": "header", "parameters": [{"type": kind, kind: link}]}
    ]


def test_document_may_have_a_name() -> None:
    """What the person sees as the file's name goes with the link."""
    campaign = make_campaign(media=Media("document", parse_text("{pdf}"), parse_text("Invoice {no}.pdf")))

    assert components_of(campaign, pdf="https://cdn.example.com/1.pdf", no="17")[0]["parameters"] == [
        {"type": "document", "document": {"link": "https://cdn.example.com/1.pdf", "filename": "Invoice 17.pdf"}}
    ]


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("", NEEDED),
        ("N/A", "does not begin with https://"),
        ("http://cdn.example.com/a.pdf", "does not begin with https://"),
        ("https://cdn.example.com/a b.pdf", "holds a space or a control character"),
        ("https://cdn.example.com/a.pdf ", "holds a space or a control character"),
        ("https://me:pw@cdn.example.com/a.pdf", "holds a user name or a password"),
        ("https://fileserver/a.pdf", "cannot be reached from outside"),
        ("https://192.168.0.4/a.pdf", "cannot be reached from outside"),
        ("https://127.0.0.1/a.pdf", "cannot be reached from outside"),
        ("https://[::1", "is no URL"),
    ],
)
def test_link_the_vendor_could_not_open_refuses_the_row(link: str, reason: str) -> None:
    """A media link must be public https once the row's values are in it."""
    campaign = make_campaign(media=Media("document", parse_text("{PDF}")))
    advice = "" if reason == NEEDED else "; write the https link of a file that anybody can open"

    assert refuse(campaign, pdf=link) == ("PDF", link, f"{reason}{advice}")


def test_document_without_its_name_refuses_the_row() -> None:
    """An empty file name is a hole in the message like any other."""
    campaign = make_campaign(media=Media("document", parse_text("{pdf}"), parse_text("{name}")))

    assert refuse(campaign, pdf="https://cdn.example.com/1.pdf", name="") == ("name", "", NEEDED)


def test_buttons_come_last_in_their_shapes() -> None:
    """A link's end is a text, a quick reply's value a payload; the index is a string."""
    buttons = (Button("url", 0, parse_text("{code}")), Button("quick_reply", 2, parse_text("confirm {code}")))
    campaign = make_campaign(body=["{code}"], buttons=buttons)

    assert components_of(campaign, code="A-17")[1:] == [
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "A-17"}]},
        {
            "type": "button",
            "sub_type": "quick_reply",
            "index": "2",
            "parameters": [{"type": "payload", "payload": "confirm A-17"}],
        },
    ]


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("url", "", NEEDED),
        ("url", "a b", "holds a space, and it is the end of a button's link; remove it"),
        ("url", "a\nb", LINE_BREAK),
        ("quick_reply", "", NEEDED),
        ("quick_reply", "x" * 1025, TOO_LONG),
    ],
)
def test_button_value_that_breaks_a_rule_refuses_the_row(kind: Any, value: str, reason: str) -> None:
    """A button that leads nowhere is not sent."""
    campaign = make_campaign(buttons=(Button(kind, 0, parse_text("{Code}")),))

    assert refuse(campaign, code=value) == ("Code", value[:100], reason)


_TEXTS = st.text(max_size=40)
_SOURCES = st.sampled_from(["{a}", "{b}", "Dear {a}, {b}", "{a}{b}", "{{{a}}}", "100%"])


@given(a=_TEXTS, b=_TEXTS, sources=st.lists(_SOURCES, max_size=4), header=st.lists(_SOURCES, max_size=1))
def test_body_keeps_the_rules_and_the_values(a: str, b: str, sources: list[str], header: list[str]) -> None:
    """A body that is made breaks no rule of a strict API and carries every value unchanged; else the row is refused."""
    buttons = (Button("url", 0, parse_text("{a}")), Button("quick_reply", 1, parse_text("{b}")))
    campaign = make_campaign(header=header, body=sources, buttons=buttons, parameters={"A": "{a}", "B": "{b}"})

    body = render_body(campaign, make_recipient(a=a, b=b), TODAY)

    if isinstance(body, Refusal):
        assert set(body.column.split(", ")) <= {"a", "b"}
        assert "; " in body.reason
        return
    assert find_faults(body) == []
    assert json.loads(encode_body(body)) == body
    assert body["session_parameters"] == [{"name": "A", "value": a}, {"name": "B", "value": b}]
    sent = [parameter["text"] for part in body["components"][:-2] for parameter in part["parameters"]]
    filled = [text.replace("{{", "{").replace("}}", "}") for text in [*header, *sources]]
    assert sent == [_fill_once(text, a, b) for text in filled]


def _fill_once(text: str, a: str, b: str) -> str:
    """Put the values in by cutting the text, so that a value is never looked at; a text around them has no gaps."""
    before_b = [piece.split("{a}") for piece in text.split("{b}")]
    filled = b.join(a.join(pieces) for pieces in before_b)
    return filled if text in ("{a}", "{b}") else " ".join(filter(None, filled.split(" ")))
