"""Reads how the cells of a workbook show their numbers.

Nothing else of its styles matters here. openpyxl reads all of them, and gives up at a colour or a pattern that
some program has written wrong.
"""

import zipfile

from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.xml.constants import ARC_STYLE, SHEET_MAIN_NS
from openpyxl.xml.functions import fromstring

_NUMBER_FORMAT = f".//{{{SHEET_MAIN_NS}}}numFmts/{{{SHEET_MAIN_NS}}}numFmt"
_CELL_STYLE = f"./{{{SHEET_MAIN_NS}}}cellXfs/{{{SHEET_MAIN_NS}}}xf"
# What no file defines: ECMA-376, 18.8.30. In East Asia these are dates and times; how they look does not matter here.
_EAST_ASIAN = dict.fromkeys([*range(27, 37), *range(50, 59)], "yyyy-mm-dd") | {32: "h:mm", 33: "h:mm:ss"}


def read_number_formats(archive: zipfile.ZipFile) -> list[str]:
    """Return the number format of every cell style, such as ``#,##0.00``, in the order cells refer to them."""
    if ARC_STYLE not in archive.namelist():
        return []
    styles = fromstring(archive.read(ARC_STYLE))
    formats = _EAST_ASIAN | BUILTIN_FORMATS
    for found in styles.iterfind(_NUMBER_FORMAT):
        formats[int(found.attrib["numFmtId"])] = found.attrib["formatCode"]
    return [formats.get(int(style.get("numFmtId", "0")), "General") for style in styles.iterfind(_CELL_STYLE)]
