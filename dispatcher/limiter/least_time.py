"""How long sending takes at least: the hold after a change of the limit, then the sessions at the limit."""


def seconds_at_limit(sessions: int, limit: int) -> float:
    """Return the least time in which so many sessions can start, seconds from 0.

    Args:
        sessions: how many are to start.
        limit: sessions per second, at least 1.
    """
    return sessions / limit


def warm_up_left_s(*, warm_up_s: float, elapsed_s: float | None) -> float:
    """Return how long sending still holds after a change of the limit, seconds from 0 to ``warm_up_s``.

    Args:
        warm_up_s: the whole hold.
        elapsed_s: time since the change, None if there was none; a clock stepped back (below 0) holds no longer
            than the whole.
    """
    return 0.0 if elapsed_s is None else min(warm_up_s, max(0.0, warm_up_s - elapsed_s))
