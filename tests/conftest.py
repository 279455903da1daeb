"""Fixtures that several test modules use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.command_line import API_KEY, Desk
from tests.support.fast_clock import SPEED, fast_asyncio

# A busy machine may take its time for an example, or for finding one.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Return a folder to work in, with the API key set as an operator would."""
    monkeypatch.setenv("DISPATCHER_API_KEY", API_KEY)
    monkeypatch.delenv("DISPATCHER_LEDGER", raising=False)
    return Desk(tmp_path, capsys)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the program's clock run faster than the wall's."""
    with fast_asyncio(monkeypatch, SPEED):
        yield
