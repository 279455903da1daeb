"""Labels of columns side by side, each of them once."""

from collections.abc import Sequence

from dispatcher.placeholders import fold


def number_labels(labels: Sequence[str]) -> list[str]:
    """Keep the outcome columns apart from the sheet's own ones, however these are written: ``State`` is ``state``.

    A later one is numbered: ``state (2)``. Who reads the table again knows it by that.
    """
    names: list[str] = []
    taken: set[str] = set()
    for label in labels:
        name, count = label, 2
        while fold(name) in taken:
            name, count = f"{label} ({count})", count + 1
        taken.add(fold(name))
        names.append(name)
    return names
