"""Several campaigns and agents in one run: side by side, each to its own end."""

import asyncio
import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dispatcher.limiter.limiter import Limiter
from dispatcher.pipeline.agent import AgentRun
from tests.support.command_line import Desk, Ran, people
from tests.support.fast_clock import SPEED
from tests.support.loopback_server import Answer, Loopback, Received, sliding_window

OTHER_AGENT = "66c0ec5d5cd447cc0bafda3c"


def write_other(desk: Desk, name: str = "other", agent: str = OTHER_AGENT, **changes: str) -> Path:
    """Write a second campaign beside the desk's own, which must be there, for another agent."""
    path = desk.folder / f"{name}.toml"
    text = desk.campaign.read_text().replace('name = "reminders"', f'name = "{name}"', 1)
    text = text.replace("66c0ec5d5cd447cc0bafda3b", agent)
    for old, new in changes.items():
        text = "\n".join(new if line.startswith(f"{old} = ") else line for line in text.splitlines())
    path.write_text(text)
    return path


def summaries(ran: Ran) -> list[dict[str, Any]]:
    """Return the summary lines in the order in which they were printed."""
    return [line for line in map(json.loads, ran.out.splitlines()) if line["type"] == "summary"]


def change_ledger(desk: Desk, statement: str, *parameters: str) -> None:
    """Write to the ledger between two runs."""
    with closing(sqlite3.connect(desk.ledger)) as connection, connection:
        connection.execute(statement, parameters)


def read_ledger(desk: Desk, query: str) -> list[tuple[Any, ...]]:
    """Ask the ledger as any SQLite tool would."""
    with closing(sqlite3.connect(desk.ledger)) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("learnt", ["not json", "[1]", "7", '{"even": 1}'])
def test_what_was_learnt_and_cannot_be_read_is_learnt_again(desk: Desk, learnt: str) -> None:
    """A damaged note about pacing is no reason not to send."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        assert desk.run("send", desk.campaign).code == 0
        change_ledger(desk, "UPDATE agents SET learnt = ?", learnt)
        desk.write_sheet(people(2))

        ran = desk.run("send", desk.campaign)

    assert (ran.code, len(server.accepted)) == (0, 2)


@pytest.mark.usefixtures("fast")
def test_what_was_learnt_is_kept_while_a_run_goes_on(desk: Desk) -> None:
    """A run that is killed after minutes has not learnt in vain; to state the same limit again forgets nothing."""
    desk.write_sheet(people(65))
    kept: list[str] = []

    def look(body: dict[str, Any], earlier: list[Received]) -> Answer:
        kept.extend(learnt for (learnt,) in read_ledger(desk, "SELECT learnt FROM agents"))
        return Answer()

    with Loopback(look, speed=SPEED) as server:
        desk.write_campaign(server.endpoint, sessions_per_second="sessions_per_second = 1")
        assert desk.run("send", desk.campaign).code == 0
    learnt = [json.loads(text)["samples"] for text in kept if text]
    same = desk.run("limit", "--json", "--ledger", desk.ledger, "66c0ec5d5cd447cc0bafda3b", "1").json["agents"]
    other = desk.run("limit", "--json", "--ledger", desk.ledger, "66c0ec5d5cd447cc0bafda3b", "3").json["agents"]

    assert kept[0] == ""
    assert learnt[-1] > 20
    assert same[0]["learnt"]["samples"] > 20
    assert other[0]["learnt"] is None


@pytest.mark.usefixtures("fast")
def test_a_limit_that_is_not_active_yet_is_told_with_its_agent(desk: Desk) -> None:
    """Said once when less is accepted, and once when the approved limit is accepted again."""
    desk.write_sheet(people(400))
    window = sliding_window(5)

    def decide(body: dict[str, Any], earlier: list[Received]) -> Answer:
        now_s = asyncio.get_running_loop().time()
        if earlier and now_s - earlier[0].at_s < 30 and now_s - earlier[-1].at_s < 0.95:
            return Answer(429)
        return window(body, earlier)

    with Loopback(decide, speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", "--json", desk.campaign)

    warnings = [line for line in map(json.loads, ran.out.splitlines()) if line["type"] == "warning"]
    assert ran.code == 0
    assert {line["agent"] for line in warnings} == {"66c0ec5d5cd447cc0bafda3b"}
    assert warnings[0]["message"].startswith("agent 66c0ec5d5cd447cc0bafda3b: refused as if the limit were ")
    texts = [line["message"] for line in warnings]
    assert texts.count("agent 66c0ec5d5cd447cc0bafda3b: 5 a second are accepted again") == 1
    assert len(set(texts)) == len(texts)


@pytest.mark.usefixtures("fast")
def test_an_agent_that_fails_lets_the_others_land(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the program in one agent stops the run; what is in the air lands, and every run is accounted for."""
    desk.write_sheet(people(30))
    make_limiter = AgentRun._make_limiter

    is_in_the_air = threading.Event()

    def answer_late(body: dict[str, Any], earlier: list[Received]) -> Answer:
        is_in_the_air.set()
        return Answer(delay_s=20)

    with Loopback(answer_late, speed=SPEED) as server:

        async def fail_in_time(run: AgentRun, idle_s: float | None) -> Limiter:
            if run.scope != OTHER_AGENT:
                return await make_limiter(run, idle_s)
            await asyncio.to_thread(is_in_the_air.wait, 20)
            raise ZeroDivisionError

        monkeypatch.setattr(AgentRun, "_make_limiter", fail_in_time)
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", "--json", desk.campaign, write_other(desk))

    assert (ran.code, ran.json["message"]) == (1, "unexpected: ZeroDivisionError (-v shows where)")
    assert sorted(summary["campaign"] for summary in summaries(ran)) == ["other", "reminders"]
    assert {summary["exit_code"] for summary in summaries(ran)} == {1}
    counted = dict(read_ledger(desk, "SELECT state, count(*) FROM v_recipients GROUP BY state"))
    assert counted == {"accepted": len(server.accepted), "pending": 60 - len(server.accepted)}
    ended = read_ledger(desk, "SELECT exit_code, note FROM v_runs WHERE ended_at IS NOT NULL")
    assert ended == [(1, "unexpected: ZeroDivisionError")] * 2


@pytest.mark.usefixtures("fast")
def test_each_agent_is_accounted_for_when_it_is_done(desk: Desk) -> None:
    """A campaign's time is its own, and the last line carries the exit code of the whole."""
    desk.write_sheet(people(2))

    with Loopback(lambda body, earlier: Answer(400 if body["to"].endswith("0") else 200), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        late = write_other(desk, recipients='recipients = "many.csv"')
        rows = "".join(f"{phone},{name}\n" for phone, name in people(100, 1) if not phone.endswith("0"))
        (desk.folder / "many.csv").write_text(f"Phone,First name\n{rows}", encoding="utf-8")

        ran = desk.run("send", "--json", desk.campaign, late)

    first, last = summaries(ran)
    assert (first["campaign"], first["exit_code"], first["sent"]) == ("other", 0, 90)
    assert (last["campaign"], last["exit_code"], last["sent"]) == ("reminders", 6, 2)
    assert last["seconds"] < first["seconds"] / 2
    assert ran.code == 6
    ((early_at, late_at),) = read_ledger(desk, "SELECT min(ended_at), max(ended_at) FROM v_runs")
    assert early_at < late_at


def test_a_refused_sheet_among_others_has_its_summary(desk: Desk) -> None:
    """Exit 3 for the campaign whose sheet cannot be trusted, while the other one is sent; 3 for the whole."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        refused = write_other(desk, recipients='recipients = "nowhere.csv"')

        ran = desk.run("send", "--json", refused, desk.campaign)
        in_words = desk.run("send", refused, desk.campaign)

    fine, wrong = summaries(ran)
    assert (fine["campaign"], fine["exit_code"], fine["sent"]) == ("reminders", 0, 1)
    assert (wrong["campaign"], wrong["exit_code"], wrong["sent"]) == ("other", 3, 0)
    assert "nowhere.csv" in wrong["note"]
    assert set(wrong["states"].values()) == {0}
    assert (ran.code, in_words.code) == (3, 3)
    assert f"next: dispatcher check {refused}" in in_words.out
