"""The template in a campaign file: parameters, headers and buttons, and what a wrong one is told."""

from pathlib import Path

import pytest

from dispatcher.models import Button, Media
from dispatcher.placeholders import parse_text
from tests.support.campaign_files import CHOICE, load, problems_of, write_toml

PLACEHOLDER_NAME = "is no name of a placeholder; write it as in the template, in small letters, digits and _"


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
