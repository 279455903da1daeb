"""The API key: read from where operators keep it, refused in every file of the project, never printed."""

from pathlib import Path
from typing import Any

import pytest

from dispatcher.campaign import read_api_key
from dispatcher.errors import CampaignError, UsageError
from tests.support.campaign_files import CANARY, load, problems_of, write_toml


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine the tests run on is looked for in the files."""
    for name in ("DISPATCHER_API_KEY", "DISPATCHER_API_KEY_FILE", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


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
