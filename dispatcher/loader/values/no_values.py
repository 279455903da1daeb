"""Tells texts that only look like values: failed formulas, words for nothing, marks nobody sees."""

import unicodedata

_NAMED_ERRORS = (
    "#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!",
    "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#PYTHON!", "#GETTING_DATA",
    "#NV", "#BEZUG!", "#WERT!", "#ZAHL!", "#VALEUR!", "#NOM?", "#NOMBRE!", "#NUL!", "#VALORE!", "#RIF!", "#NOME?",
    "#¡VALOR!", "#¡REF!", "#¡NUM!", "#¡DIV/0!", "#¿NOMBRE?", "#VALOR!",
)  # fmt: skip
_NARROW_COLUMNS = ("#" * width for width in range(3, 256))  # Excel's widest column is 255 characters wide
_LIBREOFFICE = (f"Err:{number}" for number in range(500, 600))
ERRORS = frozenset([*_NAMED_ERRORS, *_NARROW_COLUMNS, *_LIBREOFFICE])
"""How a failed formula, or a number in a narrow column, looks once the sheet was saved as CSV."""

_WORDS = ("null", "(null)", "none", "nan", "<na>", "undefined")
PROGRAM_WORDS = frozenset(
    [*_WORDS, *map(str.upper, _WORDS), *map(str.capitalize, _WORDS), "NaN", "NaT"]  # Nat is a name
)
"""What programs write where they have no value."""

EMPTY_WORDS = PROGRAM_WORDS | {"n/a", "N/A", "N/a", "n/A", "-", "--", "\N{EN DASH}", "\N{EM DASH}"}
"""What programs or people write where they have no value."""

# Blanks of Braille and of Korean: letters to Unicode, nothing to people.
_BLANK_LETTERS = "\u2800\u3164\uffa0\u115f\u1160\u034f"


def is_invisible(text: str) -> bool:
    """Return whether nobody sees anything of a text."""
    return all(
        character.isspace() or character in _BLANK_LETTERS or unicodedata.category(character) == "Cf"
        for character in text
    )
