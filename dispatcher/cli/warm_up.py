"""What is left of an agent's warm-up."""

from dispatcher.ledger import AgentRecord


def warm_up_left(agent: AgentRecord) -> float:
    """Return the seconds an agent still has to wait after its limit changed."""
    from dispatcher.limiter import warm_up_left_s  # brings asyncio along

    return 0.0 if agent.elapsed_s is None else warm_up_left_s(warm_up_s=agent.warm_up_s, elapsed_s=agent.elapsed_s)
