"""What moves on a terminal while a run works: a bar for the rows, one for each agent that warms up."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Bars:
    """Bars by name, on stderr; they vanish when they are cleared."""

    def __init__(self, *, no_color: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True, no_color=no_color or None),
            transient=True,
        )
        self._bars: dict[str, tuple[TaskID, float]] = {}

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(text, markup=False, highlight=False)

    def set(self, name: str, text: str, *, total: int | None = None, completed: int = 0) -> None:
        """Show a bar, or move it; without a total it only shows that something goes on."""
        self._progress.start()
        if name not in self._bars:
            self._bars[name] = self._progress.add_task("", total=None, rate=""), time.monotonic()
        bar, began_s = self._bars[name]
        elapsed_s = time.monotonic() - began_s
        rate = f"{(completed - 1) / elapsed_s:.1f}/s" if total and elapsed_s > 1 else ""
        self._progress.update(bar, description=text, total=total, completed=completed, rate=rate)

    def remove(self, name: str) -> None:
        """Take a bar away, if there is one of that name."""
        if name in self._bars:
            self._progress.remove_task(self._bars.pop(name)[0])

    def clear(self) -> None:
        """Take all bars away and leave the cursor to whoever prints or asks next."""
        for name in tuple(self._bars):
            self.remove(name)
        self._progress.stop()
