"""What every format says of a file that cannot be read: damaged, protected, or more than a sheet can hold."""

import struct
import xml.etree.ElementTree as ET
import zipfile
import zlib
from pathlib import Path
from xml.parsers import expat

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]  # ships no types

from dispatcher.errors import SheetError

# What openpyxl and the libraries below it raise when they meet a file nobody's Excel has written.
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error, DefusedXmlException, ET.ParseError, expat.ExpatError, OSError,
    EOFError, MemoryError, NotImplementedError, ValueError, TypeError, LookupError, AttributeError,
    ArithmeticError, RuntimeError, AssertionError,
)  # fmt: skip

PROTECTED = "is protected by a password; save it without one and try again"


class ExcessError(RuntimeError):
    """A workbook holds more than a sheet of recipients can; the text says what, without the file's name."""


def explain_unreadable(path: Path, error: BaseException) -> SheetError:
    """Return what to tell a person about a workbook that cannot be parsed."""
    if isinstance(error, SheetError):
        return error
    if isinstance(error, ExcessError):
        return explain_excess(path.name, str(error))
    if isinstance(error, DefusedXmlException) or isinstance(error.__cause__, DefusedXmlException):
        return SheetError(f"{path.name}: contains XML entities, which no spreadsheet program writes; it is not read")
    return explain_damage(path, type(error).__name__)


def explain_damage(path: Path, error_name: str) -> SheetError:
    """Return what to tell a person about a workbook that is damaged; what went wrong is for whoever they ask."""
    return SheetError(
        f"{path.name}: is damaged or not a workbook ({error_name});"
        " open it in Excel or LibreOffice, save it as .xlsx and try again"
    )


def explain_excess(name: str, reason: str) -> SheetError:
    """Return what to tell a person about a workbook that holds more than a sheet of recipients can."""
    return SheetError(f"{name}: {reason}; copy the rows into a new workbook or save them as CSV UTF-8")
