"""A first campaign file for a sheet: everything that can be seen in the sheet, the rest marked as to be filled in."""

import json
import os
import re
from pathlib import Path

from dispatcher.errors import UsageError


def draft_campaign(sheet_path: Path, out: Path) -> None:
    """Write a commented campaign file for a sheet; ``check`` on it says what is still to be filled in.

    Raises:
        SheetError: the sheet cannot be read, or holds no phone numbers.
        UsageError: ``out`` exists, or cannot be written.
    """
    from dispatcher.loader import look_at  # heavy: only who reads a sheet pays for it

    look = look_at(sheet_path)
    name = re.sub(r"[^a-z0-9]+", "-", sheet_path.stem.lower()).strip("-") or "campaign"
    sheet = ["", "[sheet]", f"name = {_quote(look.sheet_name)}"] if look.sheet_name else []
    lines = [
        f"# Drafted from {sheet_path.name}. Fill in what is empty; `dispatcher check` says what is missing.",
        f"name = {_quote(name)}",
        f"recipients = {_quote(_relative(sheet_path, out))}   # relative to this file",
        'status_url = ""   # an https URL of your own that receives the message statuses',
        "",
        "[agent]",
        'id = ""                   # the 24 hex digits AI Studio shows for the agent',
        'region = "eu"             # eu | us',
        "sessions_per_second = 1   # the limit the vendor approved: 1, 3 or 5",
        *sheet,
        "",
        "[recipient]",
        f"to = {_quote(_placeholder(look.number_column))}",
        'key = "{to}"              # one message per number, ever; "{to} {today}" makes it nightly',
        "",
        "[template]",
        'namespace = ""            # as shown in the WhatsApp Business Account',
        'name = ""                 # the approved template\'s name',
        'locale = "en"',
        f"# The columns of the sheet (header in row {look.header_row}), to be put in the template's order:",
        f"#   {', '.join(_column(column, column in look.date_columns) for column in look.columns)}",
        "body = []",
    ]
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    except FileExistsError:
        raise UsageError(f"{out}: exists already and is left as it is; name another file") from None
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None


def _relative(sheet_path: Path, out: Path) -> str:
    return os.path.relpath(sheet_path.resolve(), out.resolve().parent)


def _column(label: str, is_date: bool) -> str:
    return _quote(_placeholder(label, ":%-d %B" if is_date else ""))


def _placeholder(label: str, form: str = "") -> str:
    return "{" + " ".join(label.split()) + form + "}"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
