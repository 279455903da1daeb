"""The list of mutants keeps pace with the program: each still applies, and names tests that exist."""

import re
from pathlib import Path

import pytest

from tests.proof.mutants import MUTANTS, Mutant

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_applies_and_names_its_tests(mutant: Mutant) -> None:
    """Its text stands exactly once where it says, and every test it names is there."""
    source = (_ROOT / "dispatcher" / mutant.file).read_text(encoding="utf-8")

    assert source.count(mutant.old) == 1
    assert mutant.old != mutant.new
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert re.search(rf"^def {name}\(", (_ROOT / "tests" / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_mutants_have_names_of_their_own() -> None:
    """A word on the command line chooses one of them."""
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
