"""The texts of a message filled with the values of one row, each held against its rule."""

import re
from collections.abc import Callable, Mapping, Sequence

from dispatcher.models import Campaign, Recipient, Refusal
from dispatcher.placeholders import Text, UnfitValueError, close_gaps, fold
from dispatcher.studio.template_rules import BODY_MAX_CHARACTERS, find_parameter_trouble
from dispatcher.text import mask_digits, mask_phone_numbers

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_VALUE_CHARACTERS_SHOWN = 100


class RowTroubleError(Exception):
    """A value breaks a rule; becomes a refusal before it leaves this room."""

    def __init__(self, columns: Sequence[str], value: str, reason: str) -> None:
        self.columns, self.value, self.reason = columns, value, reason

    def refuse(self, campaign: Campaign, recipient: Recipient) -> Refusal:
        """Return the row as refused; a number in the value is masked."""
        numbers = {"to", *(placeholder.key for placeholder in campaign.recipient.to.placeholders)}
        mask = mask_phone_numbers if numbers.isdisjoint(map(fold, self.columns)) else mask_digits
        return Refusal(
            row_number=recipient.row_number,
            column=", ".join(dict.fromkeys(self.columns)),
            value=mask(self.value)[:_VALUE_CHARACTERS_SHOWN],
            reason=self.reason,
            values=recipient.values,
            key=recipient.key,
            to=recipient.to,
            notices=recipient.notices,
        )


class RowTexts:
    """Fills texts with the values of one row.

    Attributes:
        locale: the language of month and day names, that of the message once it is known.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values, self.locale = values, "en"

    def fill(self, text: Text, find_trouble: Callable[[str], str] | None = None) -> str:
        """Return the text with the row's values.

        Raises:
            RowTroubleError: a value is not what its placeholder needs, or the filled text breaks the rule given.
        """
        try:
            value = text.fill(self._values, self.locale)
        except UnfitValueError as error:
            raise RowTroubleError([error.placeholder.column], error.value, str(error)) from None
        if _CONTROL.search(value):
            raise RowTroubleError(text.columns, value, "holds a control character; type the cell's text again")
        if find_trouble and (trouble := find_trouble(value)):
            raise RowTroubleError(text.columns, value, trouble)
        return value

    def fill_parameter(
        self,
        text: Text,
        max_characters: int = BODY_MAX_CHARACTERS,
        *,
        find_trouble: Callable[[str], str] | None = None,
    ) -> str:
        """Return what fills a placeholder of the template.

        Raises:
            RowTroubleError: as ``fill`` does; the rules for parameters come first.
        """
        value = self.fill(text)
        if len(text.parts) > 1:
            value = close_gaps(value)
        trouble = find_parameter_trouble(value, max_characters) or (find_trouble(value) if find_trouble else "")
        if trouble:
            raise RowTroubleError(text.columns, value, trouble)
        return value
