"""Makes sure that a CSV file is text, and in which encoding, before its rows are read.

An encoding is never guessed: names go into messages, and every guess puts rubbish into some of them.
"""

import codecs
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from dispatcher.errors import SheetError

_BLOCK_BYTES = 1 << 20
_MAX_LINE_CHARACTERS = 1 << 20
_SHOWN_WORDS = 3
_CANDIDATES = {"cp1252": "Western", "cp1250": "Central European", "cp1254": "Turkish"}


def find_encoding(path: Path, stated: str | None) -> str:
    """Return the encoding to read ``path`` with, after one look through the whole file.

    Args:
        path: the file.
        stated: what the campaign file says; None allows UTF-8, and UTF-16 or UTF-32 with a byte order mark.

    Raises:
        SheetError: the file is no text in that encoding or surely in another one, or holds NUL characters.
    """
    named = _find_byte_order_mark(path)
    encoding = (named or "utf-8-sig") if stated is None else _normalise(path, stated)
    if not encoding.startswith("utf"):
        _refuse_unicode(path, stated or encoding, named)
    try:
        _check_text(path, _decode_blocks(path, encoding))
    except UnicodeError:
        raise _explain_encoding(path, encoding, stated) from None
    return encoding


def _normalise(path: Path, stated: str) -> str:
    try:
        b"".decode(stated)
        name = codecs.lookup(stated).name
    except (LookupError, UnicodeError):
        raise SheetError(f'{path.name}: there is no encoding called "{stated}"; try "cp1252"') from None
    return "utf-8-sig" if name == "utf-8" else name


def _find_byte_order_mark(path: Path) -> str:
    """Return the encoding that the first bytes name, or ``""``."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else ""


def _refuse_unicode(path: Path, stated: str, named: str) -> None:
    """Refuse a file that is in Unicode although the campaign says otherwise: José would be greeted as JosÃ©.

    Letters of a single-byte encoding practically never happen to be whole UTF-8 sequences, all of them.
    """
    found = (named or "utf-8").removesuffix("-sig").upper()
    is_single_byte = len(bytes(range(128, 256)).decode(stated, "replace")) == 128
    if named or (is_single_byte and _is_utf_8(path)):
        raise SheetError(
            f'{path.name}: is written in {found}, not in "{stated}" as [sheet] encoding of the campaign file says;'
            " remove that line"
        )


def _is_utf_8(path: Path) -> bool:
    """Return whether a file has letters beyond ASCII, and all of them are UTF-8."""
    is_ascii = True
    try:
        for block in _decode_blocks(path, "utf-8"):
            is_ascii = is_ascii and block.isascii()
    except UnicodeError:
        return False
    return not is_ascii


def _decode_blocks(path: Path, encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _check_text(path: Path, blocks: Iterable[str]) -> None:
    """Refuse NUL characters, which break every reader, and a line that would fill the memory."""
    line_number, line_length, reason = 1, 0, ""
    for block in blocks:
        nul = block.find("\x00")
        line_number += block.count("\n", 0, nul if nul >= 0 else len(block))
        last_break = max(block.rfind("\n"), block.rfind("\r"))
        line_length = line_length + len(block) if last_break < 0 else len(block) - last_break - 1
        if nul >= 0:
            reason = "holds a NUL character, so this is no CSV file or a damaged one"
        elif line_length > _MAX_LINE_CHARACTERS:
            reason = "is longer than a million characters, so this is no CSV file"
        if reason:
            raise SheetError(f"{path.name}, line {line_number}: {reason}; save it again from Excel as CSV UTF-8")


def _explain_encoding(path: Path, encoding: str, stated: str | None) -> SheetError:
    """Say where the file is not in ``encoding``, and how its doubtful words would read in others."""
    if stated is None and encoding in ("utf-16", "utf-32"):
        return SheetError(
            f"{path.name}: begins as {encoding.upper()} but is damaged, perhaps only half copied;"
            " save it again from Excel as CSV UTF-8"
        )
    line_number, doubtful = _find_undecodable(path, encoding)
    where = f"{path.name}, line {line_number}"
    if stated is not None:
        return SheetError(
            f'{where}: is not written in "{stated}", as [sheet] encoding of the campaign file says;'
            " correct or remove that line"
        )
    words = list(islice(dict.fromkeys(doubtful), _SHOWN_WORDS))
    readings = [
        f"{name} ({people}): {', '.join(word.decode(name, 'replace') for word in words)}"
        for name, people in _CANDIDATES.items()
    ]
    return SheetError(
        f"{where}: is not UTF-8. The doubtful words would read in {'; in '.join(readings)}."
        ' Save the file as "CSV UTF-8", or name the encoding that reads right in the campaign file:'
        ' [sheet] encoding = "cp1252"'
    )


def _find_undecodable(path: Path, encoding: str) -> tuple[int, list[bytes]]:
    """Return the first line that is not in ``encoding``, and words with doubtful letters from there on."""
    words: list[bytes] = []
    first = 1
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(_BLOCK_BYTES), b""), start=1):
            found = _find_doubtful_words(line, encoding)
            first = first if words or not found else number
            words += found
            if len(words) > 100:
                break
    return first, words


def _find_doubtful_words(line: bytes, encoding: str) -> list[bytes]:
    try:
        line.decode(encoding)
    except UnicodeError:
        cells = line.replace(b";", b",").replace(b"\t", b",").split(b",")
        return [cell.strip(b' "\r\n')[:60] for cell in cells if not cell.isascii()]
    return []
