"""Keeps the garbage collector out of the two places where a program of many rows lives."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

COLLECT_AFTER = 50_000
"""So many new objects, some megabytes, before the garbage collector looks for rings among them."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let the garbage collector look seldom, and never at what is there already, which is there to stay.

    Rows, requests and answers hold no rings, and looking through the same objects again takes some of the time of
    sending at full speed and of reading a large workbook.
    """
    threshold = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *threshold[1:])
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
