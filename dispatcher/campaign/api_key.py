"""The API key: found where operators keep it, never in a file of the project."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dispatcher.errors import UsageError


def read_api_key(environment: Mapping[str, str]) -> str:
    """Return the API key from where operators keep it, never from a file of the project.

    The first of ``DISPATCHER_API_KEY``, the file named by ``DISPATCHER_API_KEY_FILE``, and
    ``$CREDENTIALS_DIRECTORY/api_key`` (systemd's LoadCredential) that is set and not blank wins.

    Raises:
        UsageError: there is none, it cannot be read, or it could not be a header's value.
    """
    source, key = _find_api_key(environment)
    if not source:
        raise UsageError(
            "no API key: set DISPATCHER_API_KEY, or DISPATCHER_API_KEY_FILE to the path of a file that holds it"
        )
    if not key:
        raise UsageError(f"the API key file {source} is empty; write the key into it")
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise UsageError(f"the API key in {source} holds a space, a line break or a letter no key has; copy it again")
    return key


def peek_api_key(environment: Mapping[str, str]) -> str:
    """Return the API key as far as it can be found without complaint, to see whether it stands elsewhere."""
    try:
        return _find_api_key(environment)[1]
    except UsageError:
        return ""


def _find_api_key(environment: Mapping[str, str]) -> tuple[str, str]:
    """Return where the key is and what it is; nowhere and nothing when no variable is set."""
    if key := environment.get("DISPATCHER_API_KEY", "").strip():
        return "DISPATCHER_API_KEY", key
    if file := environment.get("DISPATCHER_API_KEY_FILE", "").strip():
        key_path = Path(file)
    elif directory := environment.get("CREDENTIALS_DIRECTORY", "").strip():
        key_path = Path(directory) / "api_key"
    else:
        return "", ""
    try:
        return str(key_path), key_path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the API key file {key_path} cannot be read: {explain(error)}") from None


def is_secret_name(location: tuple[int | str, ...], key_mark: str) -> bool:
    """Return whether a key of the file is named like a secret.

    Names that people choose themselves, such as columns, are none.

    Args:
        location: its path of names.
        key_mark: what the vendor puts before "key" in the name of its API key.
    """
    names = tuple(part for part in location if isinstance(part, str) and not part.startswith("["))
    is_chosen = any(names[: len(table)] == table and len(names) > len(table) for table in _CHOSEN_NAMES)
    if not names or is_chosen or names[-1] == "key":
        return False
    return bool(re.search(rf"(api|{re.escape(key_mark)}).*key|secret|password|token", names[-1], re.IGNORECASE))


_CHOSEN_NAMES = (("session_parameters",), ("recipient", "skip_if"), ("template", "header"), ("template", "body"))


def find_secrets(content: Mapping[str, Any], key_mark: str, place: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a problem for each key of the file that is named like a secret, without its value."""
    for name, value in content.items():
        location = (*place, name)
        if is_secret_name(location, key_mark):
            key = ".".join(location)
            yield f"{key}: a secret does not belong in this file; remove the line and set DISPATCHER_API_KEY"
            continue
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from find_secrets(inner, key_mark, location)


def explain(error: OSError | UnicodeDecodeError) -> str:
    """Return why a text file could not be read, and what to do where that is not plain."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "it is no UTF-8 text; save it as UTF-8"
