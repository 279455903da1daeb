"""What short campaigns cost: the time they take against the ideal, and their refusals, from a cold start.

``python -m tests.benchmarks.short_campaigns`` prints a table in Markdown. The ideal is the first call, the
rest 1/R apart, and one usual round trip. ``--simulate`` or ``--real`` asks for one of the two.
"""

import argparse
import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import product

from dispatcher.limiter.pacer import Pacer
from dispatcher.studio import WHATSAPP
from tests.benchmarks.drive import drive_dispatcher, fetch_tally, open_target, strict_server
from tests.benchmarks.simulate import simulate
from tests.benchmarks.strict_server import COUNTINGS, LATENCIES

ROWS = (20, 100, 500)
LIMITS = (1, 5)


@dataclass(frozen=True)
class Campaign:
    """One short campaign against one way of counting."""

    rows: int
    limit: int
    counting: str
    latency: str

    @property
    def ideal_s(self) -> float:
        """From the first start to the last arrival, seconds."""
        return (self.rows - 1) / self.limit


@dataclass(frozen=True)
class Result:
    """From the first to the last accepted arrival, seconds, and how many calls were refused."""

    took_s: float
    refused: int


def simulate_campaign(campaign: Campaign, seed: int) -> Result:
    """Run it in virtual time."""
    counting, latency = COUNTINGS[campaign.counting](campaign.limit), LATENCIES[campaign.latency]
    pacer = Pacer(campaign.limit, 0.0, granted=WHATSAPP.limits.granted)
    tally = simulate(pacer, counting, latency, rows=campaign.rows, seed=seed, seconds=3_600, phase_s=(seed * 0.618) % 1)
    return Result(tally.accepted_at_s[-1] - tally.accepted_at_s[0], len(tally.refused_at_s))


async def run_campaign(address: str, campaign: Campaign) -> Result:
    """Run it over real sockets."""
    path = f"/{campaign.counting}/{campaign.limit}/{campaign.latency}/{campaign.rows}-rows"
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(open_target(address, path))
        await drive_dispatcher(target, campaign.limit, time.monotonic() + 3_600, campaign.rows)
        tally = await fetch_tally(target, 0.0)
    return Result(tally.accepted_at_s[-1] - tally.accepted_at_s[0], len(tally.refused_at_s))


async def run_campaigns(campaigns: list[Campaign]) -> list[Result]:
    """Run all of them side by side over real sockets."""
    async with strict_server() as address:
        return await asyncio.gather(*(run_campaign(address, campaign) for campaign in campaigns))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--simulate", action="store_true", help="only simulated campaigns")
    parser.add_argument("--real", action="store_true", help="only real ones, about ten minutes")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--seed", type=int, default=1, help="of the simulation")
    arguments = parser.parse_args()
    campaigns = [Campaign(*values) for values in product(arguments.rows, LIMITS, COUNTINGS, LATENCIES)]
    results: dict[str, list[Result]] = {}
    if not arguments.real:
        results["simulated"] = [simulate_campaign(campaign, arguments.seed) for campaign in campaigns]
    if not arguments.simulate:
        results["real"] = asyncio.run(run_campaigns(campaigns))
    print("| latency | R | rows | counted | ideal s |", *(f" {word}: over ideal, refused |" for word in results))
    print("|---|---|---|---|---|" + "---|" * len(results))
    for number, campaign in sorted(enumerate(campaigns), key=lambda pair: (pair[1].latency, pair[1].limit)):
        shares = [
            f"{100 * (of[number].took_s / campaign.ideal_s - 1):+.1f} %, {of[number].refused} |"
            for of in results.values()
        ]
        facts = (
            campaign.latency,
            campaign.limit,
            campaign.rows,
            campaign.counting,
            f"{campaign.ideal_s:.1f}",
        )
        print("|", *(f"{fact} |" for fact in facts), *shares)


if __name__ == "__main__":
    main()
