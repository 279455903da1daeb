"""The API key: found where operators keep it, never in a file of the project."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dispatcher.errors import UsageError

_SECRET_NAME = re.compile(r"(api|vgai).*key|secret|password|token", re.IGNORECASE)


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
        raise UsageError(f"the API key file {key_path} cannot be read: {explain(error)}") from None


def is_secret_name(location: tuple[int | str, ...]) -> bool:
    """Return whether a key of the file is named like a secret; ``location`` is its path of names."""
    is_parameter = location[0] == "session_parameters"
    return not is_parameter and location[-1] != "key" and bool(_SECRET_NAME.search(str(location[-1])))


def find_secrets(content: Mapping[str, Any], place: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a problem for each key of the file that is named like a secret, without its value."""
    for name, value in content.items():
        location = (*place, name)
        if is_secret_name(location):
            key = ".".join(location)
            yield f"{key}: a key does not belong in this file; remove the line and set DISPATCHER_API_KEY"
        elif isinstance(value, dict):
            yield from find_secrets(value, location)


def explain(error: OSError | UnicodeDecodeError) -> str:
    """Return why a text file could not be read."""
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is no UTF-8 text"
