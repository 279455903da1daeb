"""A first campaign file for a sheet: everything that can be seen in the sheet, the rest marked as to be filled in."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dispatcher.channels import DEFAULT
from dispatcher.errors import UsageError

if TYPE_CHECKING:
    from dispatcher.loader import SheetSurvey

_OPT_OUT_WORDS = ["yes", "y", "x", "true", "1"]


def draft_campaign(sheet_path: Path, out: Path) -> str:
    """Write a commented campaign file for a sheet; ``check`` on it says what is still to be filled in.

    Returns:
        A sentence about a choice that was made, or an empty one.

    Raises:
        SheetError: the sheet cannot be read, or holds no phone numbers.
        UsageError: ``out`` exists, or cannot be written.
    """
    from dispatcher.loader import survey_sheet  # heavy: only who reads a sheet pays for it

    survey = survey_sheet(sheet_path)
    lines = [*_draft_top(sheet_path, out), *_draft_sheet(survey), *_draft_recipient(survey), *_draft_template(survey)]
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    except FileExistsError:
        raise UsageError(f"{out}: exists already and is left as it is; name another file") from None
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None
    return _describe_choice(survey)


def _draft_top(sheet_path: Path, out: Path) -> Iterator[str]:
    name = re.sub(r"[^a-z0-9]+", "-", sheet_path.stem.lower()).strip("-") or "campaign"
    relative = os.path.relpath(sheet_path.resolve(), out.resolve().parent)
    yield f"# Drafted from {_quote(sheet_path.name)}. Fill in what is empty; `dispatcher check` says what is missing."
    yield f"name = {_quote(name)}"
    yield f"recipients = {_quote(relative)}   # relative to this file"
    yield 'status_url = ""   # an https URL of your own that receives the message statuses'
    yield ""
    yield DEFAULT.words.agent_draft


def _draft_sheet(survey: "SheetSurvey") -> Iterator[str]:
    if not survey.sheet_name:
        return
    yield ""
    yield "[sheet]"
    choice = _describe_choice(survey)
    yield f"name = {_quote(survey.sheet_name)}" + (f"   # {choice}" if choice else "")


def _describe_choice(survey: "SheetSurvey") -> str:
    if not survey.other_sheets:
        return ""
    others = ", ".join(map(_quote, survey.other_sheets))
    return f"the sheet {_quote(survey.sheet_name or '')} was chosen; there are phone numbers in {others} as well"


def _draft_recipient(survey: "SheetSurvey") -> Iterator[str]:
    yield ""
    yield "[recipient]"
    if _can_be_named(survey.number_column):
        yield f"to = {_quote(_placeholder(survey.number_column))}"
    else:
        yield f'to = ""                    # rename the column {_quote(survey.number_column)}: no : and no braces'
    if survey.other_number_columns:
        others = ", ".join(map(_quote, survey.other_number_columns))
        yield f"# There are phone numbers in these columns as well: {others}"
    if survey.is_national:
        yield 'written_as = "national"    # without the country code; else "international"'
        yield 'default_region = ""        # fill in: the country of the numbers, such as "GB"'
    else:
        yield 'written_as = "international"   # with the country code; "national" needs a default_region'
    yield 'key = "{to}"               # one message per number, ever; "{to} {today}" makes it nightly'
    words = json.dumps(_OPT_OUT_WORDS)
    rules = [f"{_quote(column)} = {words}" for column in survey.opt_out_columns if _can_be_named(column)]
    if rules:
        yield f"skip_if = {{ {', '.join(rules)} }}   # these words leave a row out: are they those of the sheet?"


def _draft_template(survey: "SheetSurvey") -> Iterator[str]:
    yield ""
    yield DEFAULT.words.template_draft.replace("{columns}", "\n".join(_list_columns(survey)))


def _list_columns(survey: "SheetSurvey") -> Iterator[str]:
    usable = [label for label in survey.columns if _can_be_named(label)]
    unusable = [_quote(label) for label in survey.columns if not _can_be_named(label)]
    yield f"# The columns of the sheet (header in row {survey.header_row}), to be put in the template's order:"
    yield f"#   {', '.join(_column(label, label in survey.date_columns) for label in usable)}"
    if unusable:
        yield f"# To use these as well, rename them, for a placeholder holds no : and no braces: {', '.join(unusable)}"


def _can_be_named(label: str) -> bool:
    """Return whether a placeholder can name a column; one with a colon or a brace in its header cannot be."""
    return not any(character in label for character in ":{}")


def _column(label: str, is_date: bool) -> str:
    return _quote(_placeholder(label, ":%-d %B" if is_date else ""))


def _placeholder(label: str, form: str = "") -> str:
    return "{" + " ".join(label.split()) + form + "}"


def _quote(text: str) -> str:
    """Return a text as TOML writes it, which is as JSON does but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
