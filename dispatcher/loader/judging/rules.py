"""The rules a row is held against, in the order in which the reasons count.

A rule is handed the row as it was read and the facts of its sheet, and returns a refusal or None; it may add notices
to the row. The first refusal counts: so a row is skipped as a duplicate only of one that can be sent, and what is
wrong with number, key and cells is named together. To add a rule, write it here and give it its place in ``RULES``.
"""

from collections.abc import Callable
from dataclasses import replace

from dispatcher.added_columns import HIDDEN_REASON
from dispatcher.loader.judging.facts import SheetFacts
from dispatcher.loader.judging.row_reader import ReadRow
from dispatcher.loader.values.no_values import EMPTY_WORDS, PROGRAM_WORDS
from dispatcher.models import Problem, Refusal, State
from dispatcher.placeholders import Text, fold

Rule = Callable[[ReadRow, SheetFacts], Refusal | None]


def refuse_broken_row(row: ReadRow, facts: SheetFacts) -> Refusal | None:
    """Refuse a row whose cells may have moved to other columns."""
    return facts.refuse(row, "", row.shape_fault) if row.shape_fault else None


def skip_opt_out(row: ReadRow, facts: SheetFacts) -> Refusal | None:
    """Skip a person who opted out; refuse the row if nobody can say who that is, for other rows may be theirs."""
    for key, words in facts.campaign.recipient.skip_if.items():
        if not row.values[key] or fold(row.values[key]) not in words:
            continue
        label = facts.reader.label(key)
        if facts.reader.find_person(row):
            return facts.refuse(row, key, f'left out because "{label}" says so', State.SKIPPED)
        ((column, reason),) = _find_number_problem(row, facts).items()
        return facts.refuse(row, column, f'{reason}; "{label}" leaves a person out, and nobody can say whom')
    return None


def skip_hidden_row(row: ReadRow, facts: SheetFacts) -> Refusal | None:
    """Skip a row that Excel hides, if the campaign file says so."""
    is_left_out = row.row.hidden and facts.campaign.sheet.hidden_rows == "skip"
    return facts.refuse(row, "", HIDDEN_REASON, State.SKIPPED) if is_left_out else None


def refuse_unclear_opt_out(row: ReadRow, facts: SheetFacts) -> Refusal | None:
    """Refuse a row of which nobody knows whether the person opted out."""
    for key in facts.campaign.recipient.skip_if:
        if key in row.faults:
            return facts.refuse(row, key, f"the cell {row.faults[key]}")
        if facts.has_merged_cells and (hint := facts.hint_merged(row, key)):
            return facts.refuse(row, key, f"the cell is blank, and it may leave the person out{hint}")
    return None


def skip_suppressed(row: ReadRow, facts: SheetFacts) -> Refusal | None:
    """Skip a number that is never to be messaged, or whose owner opted out in another row."""
    if not facts.leaves_people_out:
        return None
    if facts.suppressed.find(row.to):
        return facts.refuse(row, facts.to_column, "on the list of numbers never to be messaged", State.SKIPPED)
    other = facts.opted_out.find(row.to)
    return facts.refuse(row, facts.to_column, f"opted out in row {other}", State.SKIPPED) if other else None


def refuse_problems(row: ReadRow, facts: SheetFacts) -> Refusal | None:
    """Refuse a row for what is wrong with its number, its key and the cells in use, and name it all."""
    problems = {} if row.to else _find_number_problem(row, facts)
    for key, fault in row.faults.items():
        problems.setdefault(key, f"the cell {fault}")
    if row.to and not row.key:
        problems = _find_key_problem(row, facts) | problems
    _find_missing_values(row, facts, problems)
    if not problems:
        return None
    (first, reason), *others = problems.items()
    named = (Problem(facts.reader.label(key), facts.reader.show(row, key), why) for key, why in others)
    return replace(facts.refuse(row, first, reason), others=tuple(named))


def point_out_blanks(row: ReadRow, facts: SheetFacts) -> Refusal | None:
    """Point out "n/a" in what goes to the agent, and what a message lacks without a blank cell; refuse nothing."""
    for key in facts.beside:
        if row.values[key] in EMPTY_WORDS:
            row.notices.append(facts.reader.make_notice(row, key, "stands for an empty cell, and is sent as it is"))
    for text, columns in facts.longer:
        blank = [key for key in columns if not row.values[key]]
        if blank:
            _point_out_blanks_of(row, facts, text, blank)
    return None


def refuse_message(row: ReadRow, facts: SheetFacts) -> Refusal | None:
    """Refuse a row whose message the channel would refuse: the rules of its template, among others."""
    refusal = facts.channel.find_trouble(facts.campaign, row.as_recipient(), facts.today)
    return refusal and replace(refusal, column=_label_as_sheet(refusal.column, facts), key=None, to=row.to)


def skip_duplicate(row: ReadRow, facts: SheetFacts) -> Refusal | None:
    """Skip or refuse a row with the key of an earlier one that can be sent."""
    earlier = facts.sendable.add(row.key, row.row.number)
    if earlier is None:
        return None
    what = "number" if row.key == row.to else "key"
    key = next(iter(facts.reader.key_columns), facts.to_column)
    if facts.campaign.sheet.duplicates == "error":
        return facts.refuse(row, key, f"the same {what} as in row {earlier}: delete one")
    reason = f"the same {what} as in row {earlier}, which is the one that is sent"
    return facts.refuse(row, key, reason, State.SKIPPED)


RULES: tuple[Rule, ...] = (
    refuse_broken_row,
    skip_opt_out,
    skip_hidden_row,
    refuse_unclear_opt_out,
    skip_suppressed,
    refuse_problems,
    point_out_blanks,
    refuse_message,
    skip_duplicate,
)
"""All rules, in the order in which their reasons count. Whoever opted out or is hidden is skipped whatever else is
wrong; only a row that nothing is wrong with can make a later one its duplicate."""


def _find_number_problem(row: ReadRow, facts: SheetFacts) -> dict[str, str]:
    """Return why there is no number, by the column to blame; empty when there is one."""
    for key in facts.reader.to_columns:
        if key in row.faults:
            return {key: f"the cell {row.faults[key]}"}
    if not row.to_reason:
        return {}
    blank = (key for key in facts.reader.to_columns if not row.values[key])
    key = next(blank, facts.to_column)
    return {key: row.to_reason + facts.hint_merged(row, key)}


def _find_key_problem(row: ReadRow, facts: SheetFacts) -> dict[str, str]:
    key = row.key_column or next(iter(facts.reader.key_columns), facts.to_column)
    return {key: f"the cell is empty, and the key needs it: fill it in{facts.hint_merged(row, key)}"}


def _find_missing_values(row: ReadRow, facts: SheetFacts, problems: dict[str, str]) -> None:
    """Add what the message lacks to the problems, unless something else is wrong with the cell."""
    for key in facts.parameters:
        if not row.values[key]:
            reason = f"the cell is empty, and the message needs it: fill it in{facts.hint_merged(row, key)}"
            problems.setdefault(key, reason)
    for key in facts.filled:
        if row.values[key] in EMPTY_WORDS:
            problems.setdefault(key, "the cell stands for an empty one, and the message needs it: fill in the value")
    for key in facts.beside:
        if row.values[key] in PROGRAM_WORDS:
            problems.setdefault(key, "the cell holds a program's word for nothing: fill in the value or empty the cell")


def _point_out_blanks_of(row: ReadRow, facts: SheetFacts, text: Text, blank: list[str]) -> None:
    """Show what a text comes to without the values of blank cells."""
    sent = facts.reader.render(row, text)
    reason = f'is blank, and the message says "{sent}" without it' if sent else "is blank"
    row.notices.extend(facts.reader.make_notice(row, key, f"the cell {reason}") for key in blank)


def _label_as_sheet(columns: str, facts: SheetFacts) -> str:
    """Return the columns that the channel blames, as the campaign file spells them, by their labels in the sheet."""
    whole = facts.reader.label(fold(columns))
    return whole or ", ".join(facts.reader.label(fold(name)) or name for name in columns.split(", "))
