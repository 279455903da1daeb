"""Reads a CSV file or a workbook into ``Recipient`` or ``Refusal``, one per row, in file order."""

from dispatcher.loader.sheet import Sheet, read_recipients
from dispatcher.loader.survey import SheetSurvey, survey_sheet

__all__ = ["Sheet", "SheetSurvey", "read_recipients", "survey_sheet"]
