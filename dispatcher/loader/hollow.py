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

_PROGRAM_WORDS = frozenset({"null", "(null)", "none", "nan", "<na>", "undefined"})
_PEOPLES_WORDS = frozenset({"n/a", "-", "--", "\N{EN DASH}", "\N{EM DASH}"})
# Blanks of Braille and of Korean: letters to Unicode, nothing to people.
_BLANK_LETTERS = "\u2800\u3164\uffa0\u115f\u1160\u034f"


def is_invisible(text: str) -> bool:
    """Return whether nobody sees anything of a text."""
    return all(
        character.isspace() or character in _BLANK_LETTERS or unicodedata.category(character) == "Cf"
        for character in text
    )


def is_program_word(value: str) -> bool:
    """Return whether a program wrote the value where it had none: ``nan``, ``None``, ``null`` and the like."""
    return value == "NaT" or value.casefold() in _PROGRAM_WORDS  # Nat is a name


def stands_for_nothing(value: str) -> bool:
    """Return whether a program, or a person with ``-`` or ``n/a``, says that there is no value."""
    return is_program_word(value) or value.casefold() in _PEOPLES_WORDS
