"""Spells the command to type next so that it can be pasted: it means the same campaign, ledger and sheet as before."""

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a command was told, and its successor must be told again.

    Attributes:
        campaign_path: the campaign file.
        ledger: the locator of the ledger it used.
        recipients: the sheet that was read instead of the campaign's own, if one was.
        sandbox: whether it was a rehearsal.
    """

    campaign_path: Path
    ledger: str
    recipients: Path | None = None
    sandbox: bool = False

    def spell(self, command: str, *arguments: str) -> str:
        """Return ``dispatcher COMMAND CAMPAIGN ARGUMENTS`` with the options that make it mean the same.

        Without them a command would look into another ledger, find nobody messaged, and message everybody again.
        """
        words = ["dispatcher", command, str(_shorten(self.campaign_path))]
        if self.recipients is not None and command == "check":
            words.append(str(_shorten(self.recipients)))
        words += arguments
        if self.recipients is not None and command in ("send", "retry"):
            words += ["--recipients", str(_shorten(self.recipients))]
        if self.ledger != str(self.campaign_path.parent / ("ledger.sandbox.db" if self.sandbox else "ledger.db")):
            words += ["--ledger", self.ledger]
        if self.sandbox:
            words.append("--sandbox")
            words += ["--keep"] if command == "send" else []  # else the rehearsal would begin anew
        return shlex.join(words)


def _shorten(path: Path) -> Path:
    """Return a path as people would type it where they are."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
