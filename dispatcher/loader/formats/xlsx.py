"""Reads .xlsx and .xlsm, the workbooks of Excel since 2007, through openpyxl."""

from dispatcher.loader.formats.file_start import FileStart
from dispatcher.loader.formats.tables import Table


def claims(file: FileStart) -> bool:
    """Return whether the file is a newer workbook of Excel, whatever it is called."""
    return not file.parts.isdisjoint({"xl/workbook.xml", "[Content_Types].xml"})


def open_tables(file: FileStart, encoding: str | None) -> list[Table]:
    """Return a table for every worksheet, in the workbook's order.

    Raises:
        SheetError: the file is no workbook, or one that could exhaust the machine.
    """
    from dispatcher.loader.formats.xlsx_workbook import open_workbook  # openpyxl costs 0.1 s

    kinds = (".xlsm", ".xlsx") if "xl/vbaProject.bin" in file.parts else (".xlsx", ".xlsm")
    file.check_archive_ending(*kinds)
    return open_workbook(file.path)
