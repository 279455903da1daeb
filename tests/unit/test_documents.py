"""The documents keep pace with the program: what they name is there, and they stay short."""

import importlib
import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_NAMES = sorted(set(re.findall(r"`(dispatcher(?:\.\w+)+)`", (_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))))


def _resolve(name: str) -> object:
    """Import as much of a dotted name as is a module, and take the rest from it."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", _NAMES)
def test_contributing_names_what_is_there(name: str) -> None:
    """The way of row 17 leads through functions that exist."""
    assert _resolve(name) is not None


def test_contributing_tells_the_way_of_a_row() -> None:
    """It is told by names, from the command to the outcome on disk."""
    assert len(_NAMES) > 20


def test_the_readme_is_short() -> None:
    """It is read in a few minutes."""
    assert len((_ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "campaigns/README.md", "tests/benchmarks/README.md"]
)
def test_links_lead_somewhere(document: str) -> None:
    """A link to a file of the project finds it."""
    path = _ROOT / document
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8"))

    assert [link for link in links if not (path.parent / link).exists()] == []


def test_paths_in_contributing_exist() -> None:
    """A file or folder named there is there, seen from the project or from the package."""
    named = re.findall(r"`([\w./]+/[\w.]*)`", (_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))

    assert [path for path in named if not ((_ROOT / path).exists() or (_ROOT / "dispatcher" / path).exists())] == []
