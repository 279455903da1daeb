"""How the connections of a process are shared out among agents."""

import resource

import pytest

from dispatcher.pipeline.connections import OTHER_FILES, share_connections
from dispatcher.pipeline.dispatch import IN_AIR_MAX

Limits = list[tuple[int, int]]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    """Stand in for what the system allows: the soft limit and the hard one, 1,024 and 4,096 at first."""
    held = [(1024, 4096)]

    def set_limit(_: int, wanted: tuple[int, int]) -> None:
        if wanted[1] == resource.RLIM_INFINITY and wanted[0] > 10240:
            raise ValueError("current limit exceeds maximum limit")
        held[0] = wanted

    monkeypatch.setattr(resource, "getrlimit", lambda _: held[0])
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    return held


@pytest.mark.parametrize(
    ("before", "agents", "share", "after"),
    [
        ((1024, 4096), 0, IN_AIR_MAX, 1024),
        ((1024, 4096), 48, IN_AIR_MAX, 1024),
        ((1024, 4096), 100, IN_AIR_MAX, 2064),
        ((1024, 4096), 400, 10, 4096),
        ((256, 256), 20, 9, 256),
        ((256, 256), 500, 1, 256),
        ((1024, resource.RLIM_INFINITY), 100, IN_AIR_MAX, 2064),
        ((256, resource.RLIM_INFINITY), 600, 1, 256),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), 600, IN_AIR_MAX, resource.RLIM_INFINITY),
    ],
    ids=["none", "enough", "raised", "shared", "as far as it goes", "one each", "unbounded", "refused", "unlimited"],
)
def test_every_agent_gets_its_share(
    limits: Limits, before: tuple[int, int], agents: int, share: int, after: int
) -> None:
    """The limit is raised as far as allowed and needed; where that is too little, all agents get less alike."""
    limits[0] = before

    assert share_connections(agents) == share
    assert limits[0][0] == after
    assert after == resource.RLIM_INFINITY or share == 1 or share * agents + OTHER_FILES <= after
