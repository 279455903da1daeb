"""How many requests agents may have in the air side by side, which the files a process may open bound."""

import contextlib
import resource

from dispatcher.pipeline.dispatch import IN_AIR_MAX

OTHER_FILES = 64
"""What the ledger and the rest of the program keep open, with room to spare."""


def share_connections(agents: int) -> int:
    """Return how many requests each of so many agents may have in the air, from 1 to ``IN_AIR_MAX``.

    Every agent gets the same, and together they fit into what the process may open: else one agent whose requests
    are answered late would take the connections of all others. What the system lets us raise is raised first.
    """
    files_max = _raise_files_max(IN_AIR_MAX * agents + OTHER_FILES)
    return max(1, min(IN_AIR_MAX, (files_max - OTHER_FILES) // max(1, agents)))


def _raise_files_max(wanted: int) -> int:
    """Let the process open ``wanted`` files, or as many as it is allowed to; return how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return max(soft, wanted)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    with contextlib.suppress(ValueError, OSError):  # some systems call it unlimited and refuse all the same
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        return allowed
    return soft
