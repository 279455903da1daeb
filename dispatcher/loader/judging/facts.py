"""What is known of a sheet while its rows are judged, the same for each of them."""

from collections.abc import Iterable
from datetime import date

from dispatcher.channel import Channel
from dispatcher.loader.formats.tables import Table
from dispatcher.loader.header import BUILT_IN, Header
from dispatcher.loader.judging.first_rows import FirstRows
from dispatcher.loader.judging.row_reader import ReadRow, RowReader
from dispatcher.models import Campaign, Refusal, State
from dispatcher.placeholders import Placeholder, Text


class SheetFacts:
    """The sheet, its campaign, and who must not be messaged.

    Args:
        campaign: what is sent to whom.
        channel: who carries the messages, and has rules of its own for them.
        table: the sheet.
        header: the row that names its columns.
        today: what ``{today}`` stands for.
        suppressed: the numbers never to be messaged.
        opted_out: the numbers of those who opted out, with the rows that say so.

    Attributes:
        reader: reads the rows.
        to_column: the first folded column the number is made of.
        parameters: the columns that fill a parameter of the template by themselves, folded as all columns here.
        filled: the columns that fill the template.
        beside: the columns that are sent beside the template.
        has_merged_cells: whether a blank cell may be covered by a merged one.
        leaves_people_out: whether there are numbers never to be messaged, or of those who opted out.
        longer: the texts of the template that are more than one value, with their columns.
        sendable: the keys of the rows that can be sent, so far, with their rows.
    """

    def __init__(
        self,
        campaign: Campaign,
        channel: Channel,
        *,
        table: Table,
        header: Header,
        today: date,
        suppressed: FirstRows,
        opted_out: FirstRows,
    ) -> None:
        self.campaign, self.channel, self.today = campaign, channel, today
        self.suppressed, self.opted_out, self.sendable = suppressed, opted_out, FirstRows()
        self.reader = RowReader(campaign, table, header, today)
        self.to_column = next(iter(self.reader.to_columns), "")
        texts = () if campaign.template is None else campaign.template.parameters
        self.filled = list(_columns_in(texts))
        self.parameters = list(_columns_in(text for text in texts if _is_whole_parameter(text)))
        longer = (text for text in texts if text.placeholders and not _is_whole_parameter(text))
        self.longer = [(text, list(_columns_in([text]))) for text in longer]
        self.beside = [key for key in _columns_in(campaign.message_texts) if key not in self.filled]
        self._table, self._keys = table, header.keys
        self.has_merged_cells = bool(table.scan().merged)
        self.leaves_people_out = bool(len(suppressed) or len(opted_out))

    def refuse(self, row: ReadRow, key: str, reason: str, state: State = State.REFUSED) -> Refusal:
        """Return a row as refused or skipped; ``key`` is the folded column to blame, empty for the whole row."""
        return Refusal(
            row.row.number,
            self.reader.label(key),
            self.reader.show(row, key),
            reason,
            row.values,
            state,
            to=row.to or None,
            notices=tuple(row.notices),
        )

    def hint_merged(self, row: ReadRow, key: str) -> str:
        """Say that a blank cell is covered by a merged one; only the first cell of a range has the value."""
        if not self.has_merged_cells or key not in self._keys or row.values[key]:
            return ""
        cell = self._table.scan().merged_with(row.row.number, self._keys.index(key))
        return f" (it is merged with {cell}: unmerge the cells)" if cell else ""


def _columns_in(texts: Iterable[Text]) -> dict[str, None]:
    """Return the folded columns the texts use, each once and in order, built-in names left out."""
    keys = (placeholder.key for text in texts for placeholder in text.placeholders)
    return dict.fromkeys(key for key in keys if key not in BUILT_IN)


def _is_whole_parameter(text: Text) -> bool:
    return len(text.parts) == 1 and isinstance(text.parts[0], Placeholder)
