"""The main job through the command line, against a loopback server, with the real ledger."""

import json
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import API_KEY, Desk, people
from tests.support.fast_clock import SPEED
from tests.support.killable_runs import PATIENCE_S, wait_until
from tests.support.loopback_server import Answer, Loopback, Received, sliding_window


def answer_by_number(answers: dict[str, Answer]) -> Any:
    """Return a script that answers by the end of the number, with 200 where nothing is said."""

    def decide(body: dict[str, Any], earlier: list[Received]) -> Answer:
        return next((answer for ending, answer in answers.items() if body["to"].endswith(ending)), Answer())

    return decide


@pytest.mark.usefixtures("fast")
def test_300_rows_reach_the_server_once_each(desk: Desk) -> None:
    """300 rows at limit 5: each accepted once, bodies as previewed; a second send posts nothing."""
    desk.write_sheet(people(300))
    with Loopback(speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        previewed = desk.run("preview", desk.campaign).out.splitlines()

        first = desk.run("send", "--json", desk.campaign)
        second = desk.run("send", "--json", desk.campaign)

    assert (first.code, second.code) == (0, 0)
    assert sorted(one.raw.decode() for one in server.received) == sorted(previewed)
    assert len(server.accepted) == 300
    assert first.json["states"]["accepted"] == 300
    assert (first.json["accepted"], second.json["sent"]) == (300, 0)


def test_preview_is_what_is_posted_for_each_row(desk: Desk) -> None:
    """`preview --json` carries the very body that `send` posts."""
    desk.write_sheet(people(3))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        previewed = desk.run("preview", "--json", desk.campaign).json["requests"]

        desk.run("send", desk.campaign)

    assert [request["row"] for request in previewed] == [2, 3, 4]
    assert [json.loads(request.raw) for request in server.received] == [request["body"] for request in previewed]


@pytest.mark.usefixtures("fast")
def test_a_storm_of_429_loses_nothing(desk: Desk) -> None:
    """Two of three requests refused at random times: every row is accepted exactly once in the end."""
    desk.write_sheet(people(40))

    def decide(body: dict[str, Any], earlier: list[Received]) -> Answer:
        tries = sum(one.to == body["to"] for one in earlier)
        return Answer() if tries == 2 or (len(earlier) % 5 == 0) else Answer(429, "not json {")

    with Loopback(decide, speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", "--json", desk.campaign)

    assert ran.code == 0
    assert set(server.accepted.values()) == {1}
    assert ran.json["states"]["accepted"] == 40
    assert ran.json["throttled"] == len(server.received) - 40


STATE_AFTER = {
    200: "accepted", 201: "accepted", 204: "accepted",
    400: "failed", 404: "failed", 405: "failed", 410: "failed", 411: "failed", 413: "failed", 414: "failed",
    415: "failed", 422: "failed", 431: "failed",
    408: "in_doubt", 409: "in_doubt", 423: "in_doubt", 500: "in_doubt", 502: "in_doubt", 503: "in_doubt",
    0: "in_doubt",
}  # fmt: skip


@pytest.mark.usefixtures("fast")
def test_each_answer_ends_in_its_state(desk: Desk) -> None:
    """Every class of answer leaves the row where the design says; no row is sent twice."""
    desk.write_sheet([(f"+1202555{1000 + status}", "Ana") for status in STATE_AFTER])
    answers = {f"{1000 + status}": Answer(status, "") for status in STATE_AFTER}
    with Loopback(answer_by_number(answers), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", desk.campaign)

    assert ran.code == 6
    assert list(desk.states().values()) == list(STATE_AFTER.values())
    assert len(server.received) == len(STATE_AFTER)


@pytest.mark.parametrize("status", [401, 402, 403])
@pytest.mark.usefixtures("fast")
def test_a_refused_key_stops_the_run_and_leaves_the_row(desk: Desk, status: int) -> None:
    """401, 402 and 403 concern the account: the run stops with 7 and every row stays pending."""
    desk.write_sheet(people(20))
    with Loopback(lambda body, earlier: Answer(status, '{"message": "Unauthorized"}'), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", desk.campaign)

    assert ran.code == 7
    assert set(desk.states().values()) == {"pending"}
    assert len(server.received) <= 5
    assert f"HTTP {status}" in ran.out


@pytest.mark.usefixtures("fast")
def test_a_redirect_is_never_followed_and_stops_the_run(desk: Desk) -> None:
    """307 would post the body twice: it is in doubt, the run stops, the target sees nothing."""
    desk.write_sheet(people(3))
    elsewhere = {"Location": "/elsewhere"}
    with Loopback(lambda body, earlier: Answer(307, "", elsewhere), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", desk.campaign)

    assert ran.code == 7
    assert "in_doubt" in desk.states().values()
    assert len(server.received) == sum(state == "in_doubt" for state in desk.states().values())


@pytest.mark.usefixtures("fast")
def test_ten_429_in_a_row_stop_the_run(desk: Desk) -> None:
    """Exit 7 after ten refusals in a row, with what to check; no row is lost."""
    desk.write_sheet(people(30))
    with Loopback(lambda body, earlier: Answer(429), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", desk.campaign)

    assert ran.code == 7
    assert 10 <= len(server.received) <= 15
    assert set(desk.states().values()) <= {"pending", "retryable"}
    assert "10 requests in a row were refused with 429. Check the agent's approved limit" in ran.out


@pytest.mark.usefixtures("fast")
def test_exit_5_when_a_row_stays_retryable(desk: Desk) -> None:
    """A row refused with 429 again and again, among others that go through, is left for a later run."""
    desk.write_sheet(people(60))
    with Loopback(answer_by_number({"1005": Answer(429)}), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", "--json", desk.campaign)

    assert ran.code == 5
    assert ran.json["states"]["retryable"] == 1
    assert ran.json["states"]["accepted"] == 59
    assert set(server.accepted.values()) == {1}


@pytest.mark.usefixtures("fast")
def test_retry_after_is_a_floor(desk: Desk) -> None:
    """A 429 that asks for 30 seconds is not answered with another request before they are over."""
    desk.write_sheet(people(1))

    def decide(body: dict[str, Any], earlier: list[Received]) -> Answer:
        return Answer() if earlier else Answer(429, "", {"Retry-After": "30"})

    with Loopback(decide, speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", desk.campaign)

    assert ran.code == 0
    assert server.received[1].at_s - server.received[0].at_s >= 30
    assert desk.attempts(2) == ["throttled", "accepted"]


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("command", ["send", "retry"])
def test_a_pause_outlives_the_row_that_was_told_it(desk: Desk, command: str) -> None:
    """The row leaves the sheet, or is put back by hand; the agent's others still wait for the rest of the pause."""
    desk.write_sheet(people(3))
    pause = Answer(429, "", {"Retry-After": "100"})
    with Loopback(lambda body, earlier: Answer() if earlier else pause, speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        assert desk.run("send", "--max-duration", "5s", desk.campaign).code == 10
        told = server.received[0].to
        if command == "send":
            desk.write_sheet([row for row in people(3) if not row[0].endswith(told)])

        assert desk.run(command, desk.campaign).code == 0

    first, second, *_ = server.received
    assert second.at_s - first.at_s > 80


@pytest.mark.usefixtures("fast")
def test_retry_after_is_a_floor_for_the_next_run_too(desk: Desk) -> None:
    """A run that ends before a Retry-After is over does not free the agent's other rows, nor its other campaigns."""
    desk.write_sheet(people(4))

    def decide(body: dict[str, Any], earlier: list[Received]) -> Answer:
        return Answer() if earlier else Answer(429, "", {"Retry-After": "100"})

    with Loopback(decide, speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        assert desk.run("send", "--max-duration", "50s", desk.campaign).code == 10
        (refused,) = server.received
        other = desk.folder / "other.toml"
        other.write_text(desk.campaign.read_text().replace('name = "reminders"', 'name = "other"', 1))

        ran = desk.run("send", other)

    assert ran.code == 0
    # The ledger notes the moment by the wall's clock, of which little passes here.
    assert server.received[1].at_s - refused.at_s >= 90


@pytest.mark.usefixtures("fast")
def test_a_refused_row_goes_to_the_front(desk: Desk) -> None:
    """The request that follows a 429 is for the very row that was refused, whoever waited for the slot."""
    desk.write_sheet(people(4))

    def decide(body: dict[str, Any], earlier: list[Received]) -> Answer:
        return Answer(429) if len(earlier) == 1 else Answer()

    with Loopback(decide, speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", desk.campaign)

    assert ran.code == 0
    assert [request.to[-1] for request in server.received] == ["0", "1", "1", "2", "3"]


@pytest.mark.usefixtures("fast")
def test_an_unreachable_api_leaves_rows_retryable(desk: Desk) -> None:
    """Nothing listens: no byte left, the rows wait, exit 5 for a few rows and 7 once ten failed in a row."""
    desk.write_sheet(people(2))
    desk.write_campaign("http://127.0.0.1:9/messaging/conversation")

    few = desk.run("send", desk.campaign)
    desk.write_sheet(people(30))
    many = desk.run("send", desk.campaign)

    assert (few.code, many.code) == (5, 7)
    assert set(desk.states().values()) <= {"pending", "retryable"}
    assert "10 requests in a row could not leave this machine" in many.out


def test_exit_2_for_a_wrong_campaign_file(desk: Desk) -> None:
    """A mistake in the campaign file is said in full, and nothing is sent."""
    desk.write_campaign(None, sessions_per_second="sessions_per_second = 4")

    ran = desk.run("send", desk.campaign)

    assert ran.code == 2
    assert "agent.sessions_per_second = 4: is none of the choices; write the limit the vendor approved" in ran.err


def test_exit_2_without_a_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real send needs a key from the environment."""
    monkeypatch.delenv("DISPATCHER_API_KEY")
    desk.write_sheet(people(1))
    desk.write_campaign(None)

    ran = desk.run("send", desk.campaign)

    assert (ran.code, ran.err.startswith("dispatcher: no API key: set DISPATCHER_API_KEY")) == (2, True)


def test_exit_3_for_a_sheet_without_the_column(desk: Desk) -> None:
    """A sheet that cannot be trusted is refused whole; nothing is sent."""
    desk.write_sheet([("+12025550100", "Ana")], header=("Telephone", "First name"))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", desk.campaign)

    assert ran.code == 3
    assert "phone" in ran.err
    assert "Telephone" in ran.err
    assert not server.received


def test_exit_4_for_a_file_that_is_no_ledger(desk: Desk) -> None:
    """A file that is something else is left alone."""
    desk.write_sheet(people(1))
    desk.ledger.write_text("these are not the rows you are looking for" * 100)
    with Loopback() as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", desk.campaign)

    assert ran.code == 4
    assert not server.received


@pytest.mark.usefixtures("fast")
def test_exit_6_when_a_row_of_the_sheet_is_refused(desk: Desk) -> None:
    """One bad row does not stop the others, and is not forgotten."""
    desk.write_sheet([*people(40), ("not a number", "Zoe")])
    with Loopback(speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", "--json", desk.campaign)

    assert ran.code == 6
    assert len(server.accepted) == 40
    assert ran.json["states"]["refused"] == 1
    assert sum(ran.json["states"].values()) == 41


@pytest.mark.usefixtures("fast")
def test_exit_10_when_the_time_is_up(desk: Desk) -> None:
    """--max-duration ends the run between rows; the next run sends the rest."""
    desk.write_sheet(people(60))
    with Loopback(speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        first = desk.run("send", "--json", "--max-duration", "4s", desk.campaign)
        second = desk.run("send", "--json", desk.campaign)

    assert (first.code, second.code) == (10, 0)
    assert 0 < first.json["states"]["accepted"] < 60
    assert set(server.accepted.values()) == {1}
    assert len(server.accepted) == 60


def test_exit_11_while_another_run_holds_the_lock(desk: Desk) -> None:
    """The second run says who holds the lock and sends nothing."""
    desk.write_sheet(people(3))
    is_held = True
    with Loopback(lambda body, earlier: Answer(is_held=lambda: is_held)) as server:
        desk.write_campaign(server.endpoint)
        first = desk.start("send", desk.campaign)
        wait_until(lambda: len(server.received) > 0, "the first run sends")

        second = desk.run("send", desk.campaign)

        is_held = False
        first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 0
    assert second.code == 11
    assert f"process {first.pid} on " in second.err
    assert set(server.accepted.values()) == {1}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_exit_130_and_no_row_in_sending_after_a_signal(desk: Desk, number: signal.Signals) -> None:
    """The first signal finishes what is in the air; the next run sends the rest."""
    desk.write_sheet(people(20))
    with Loopback(lambda body, earlier: Answer(delay_s=0.3)) as server:
        desk.write_campaign(server.endpoint)
        process = desk.start("send", "--json", desk.campaign)
        wait_until(lambda: len(server.received) >= 2, "two requests")

        process.send_signal(number)
        out, _ = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["exit_code"] == 130
    assert set(desk.states().values()) == {"accepted", "pending"}
    assert sum(state == "accepted" for state in desk.states().values()) == len(server.accepted)


def test_a_second_signal_stops_now_and_leaves_doubt_not_sending(desk: Desk) -> None:
    """A request without an answer is in doubt when the run is stopped for good."""
    desk.write_sheet(people(20))
    with Loopback(lambda body, earlier: Answer(delay_s=60)) as server:
        desk.write_campaign(server.endpoint)
        process = desk.start("send", desk.campaign)
        wait_until(lambda: len(server.received) >= 2, "two requests")

        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 130
    assert set(desk.states().values()) == {"in_doubt", "pending"}
    assert sum(state == "in_doubt" for state in desk.states().values()) >= len(server.received)


def test_a_killed_run_leaves_doubt_and_never_a_second_message(desk: Desk) -> None:
    """SIGKILL between intent and answer: the row becomes in_doubt and is not sent again."""
    desk.write_sheet(people(1))
    with Loopback(lambda body, earlier: Answer(delay_s=30)) as server:
        desk.write_campaign(server.endpoint)
        process = desk.start("send", desk.campaign)
        wait_until(lambda: len(server.received) == 1, "the request")
        process.kill()
        process.communicate()
        assert desk.states() == {2: "sending"}

        ran = desk.run("send", desk.campaign)

        assert ran.code == 6
        assert desk.states() == {2: "in_doubt"}
        assert len(server.received) == 1
    assert "in doubt now: 1 row it was sending" in ran.err


@pytest.mark.usefixtures("fast")
def test_the_warm_up_holds_a_changed_limit_and_outlives_a_restart(desk: Desk) -> None:
    """A limit other than the known one holds sending; a second process does not start the clock anew."""
    desk.write_sheet(people(3))
    with Loopback(speed=SPEED) as server:
        desk.write_campaign(server.endpoint, warm_up='warm_up = "40s"')
        stopped = desk.run("send", "--json", "--max-duration", "10s", desk.campaign)
        assert (stopped.code, len(server.received)) == (10, 0)

        held = [json.loads(line) for line in desk.run("send", "--json", desk.campaign).out.splitlines()]

    left = [event["left_s"] for event in held if event.get("phase") == "warm_up"]
    assert 0 < left[0] < 40
    assert len(server.accepted) == 3


def test_a_warm_up_holds_nobody_when_nothing_is_due(desk: Desk) -> None:
    """The new limit is noted, so that its clock runs, and the run is over at once."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        assert desk.run("send", desk.campaign).code == 0
        changes = {"sessions_per_second": "sessions_per_second = 3", "warm_up": 'warm_up = "1h"'}
        desk.write_campaign(server.endpoint, **changes)

        ran = desk.run("send", "--json", "--max-duration", "1s", desk.campaign)

    (agent,) = desk.run("limit", "--json", "--ledger", desk.ledger).json["agents"]
    assert ran.code == 0
    assert (agent["sessions_per_second"], round(agent["warm_up_left_s"], -2)) == (3, 3600)


def test_no_warm_up_sends_at_once(desk: Desk) -> None:
    """--no-warm-up and a limit of 1 for an agent never seen do not wait."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint, warm_up='warm_up = "1h"')
        assert desk.run("send", "--no-warm-up", desk.campaign).code == 0

    assert len(server.accepted) == 1


@pytest.mark.usefixtures("fast")
def test_limit_sends_to_so_many_people_only(desk: Desk) -> None:
    """--limit N is for a careful start; the rest stays pending."""
    desk.write_sheet(people(9))
    with Loopback(speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", "--limit", "4", "--json", desk.campaign)

    assert ran.code == 0
    assert (len(server.accepted), ran.json["states"]["pending"]) == (4, 5)


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("count", [1, 2])
def test_limit_bounds_all_agents_together(desk: Desk, count: int) -> None:
    """Three agents that begin at the same moment share the few people they may message."""
    desk.write_sheet(people(9))
    with Loopback(speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        text = desk.campaign.read_text()
        paths = [desk.campaign, desk.folder / "second.toml", desk.folder / "third.toml"]
        for number, path in enumerate(paths):
            path.write_text(text.replace("reminders", f"r{number}", 1).replace("66c0ec5d", f"66c0ec5{number}", 1))

        ran = desk.run("send", "--limit", str(count), *paths)

    assert (ran.code, len(server.received)) == (0, count)


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize(
    "learnt", ["{", "[]", '{"limit": 5, "samples": 3, "least_s": null}', '{"limit": 5, "not_before": 7}']
)
def test_what_was_learnt_and_cannot_be_read_is_as_good_as_nothing(desk: Desk, learnt: str) -> None:
    """Neither `send` nor `limit` stumbles over it."""
    desk.write_sheet(people(2))
    with Loopback(speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        assert desk.run("send", "--limit", "1", desk.campaign).code == 0
        with sqlite3.connect(desk.ledger) as connection:
            connection.execute("UPDATE agents SET learnt = ?", [learnt])
        connection.close()

        assert desk.run("limit", "--ledger", desk.ledger).code == 0
        assert desk.run("send", desk.campaign).code == 0

    assert len(server.accepted) == 2


@pytest.mark.usefixtures("fast")
@pytest.mark.parametrize("limit", [1, 2])
def test_limit_bounds_rows_of_an_earlier_run_too(desk: Desk, limit: int) -> None:
    """Rows that an earlier run left retryable are people as well; one that is tried again counts once."""
    desk.write_sheet(people(3))  # so few that each has its three tries before ten in a row stop the run
    desk.write_campaign("http://127.0.0.1:9/messaging/conversation")
    assert desk.run("send", desk.campaign).code == 5
    assert set(desk.states().values()) == {"retryable"}
    refused: list[str] = []

    def refuse_each_once(body: dict[str, Any], earlier: list[Received]) -> Answer:
        if body["to"] in refused:
            return Answer()
        refused.append(body["to"])
        return Answer(429)

    with Loopback(refuse_each_once, speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", "--limit", str(limit), "--json", desk.campaign)

    assert (len(server.accepted), len(refused), len(server.received)) == (limit, limit, 2 * limit)
    assert ran.json["states"]["retryable"] == 3 - limit


@pytest.mark.usefixtures("fast")
def test_retry_puts_back_no_more_than_it_may_send(desk: Desk) -> None:
    """`retry --limit 1` is a careful start as well: a later `send` finds the others as they were."""
    desk.write_sheet(people(4))
    with Loopback(lambda body, earlier: Answer(400 if len(earlier) < 4 else 200), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        assert desk.run("send", desk.campaign).code == 6

        desk.run("retry", "--limit", "1", desk.campaign)
        desk.run("send", desk.campaign)

    assert (len(server.received), len(server.accepted)) == (5, 1)
    assert sorted(desk.states().values()) == ["accepted", "failed", "failed", "failed"]


def test_dry_run_opens_no_connection_and_writes_no_ledger(desk: Desk) -> None:
    """-n says what would happen, and that is all it does."""
    desk.write_sheet(people(4))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("send", "-n", desk.campaign)

    assert (ran.code, server.received, desk.ledger.exists()) == (0, [], False)
    assert "4 ready to send, 1 s at 5 a second" in ran.out


@pytest.mark.usefixtures("fast")
def test_retry_sends_failed_rows_again(desk: Desk) -> None:
    """A row refused for good is sent again only when a person asks by name."""
    desk.write_sheet(people(4))
    refusing = True

    def decide(body: dict[str, Any], earlier: list[Received]) -> Answer:
        return (
            Answer(400, '{"message": ["body.to is wrong"]}') if refusing and body["to"].endswith("1002") else Answer()
        )

    with Loopback(decide, speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        assert desk.run("send", desk.campaign).code == 6
        assert desk.run("send", desk.campaign).code == 6
        assert len(server.received) == 4
        refusing = False

        ran = desk.run("retry", desk.campaign)

    assert ran.code == 0
    assert set(server.accepted.values()) == {1}
    assert desk.attempts(4) == ["rejected", "accepted"]


@pytest.mark.usefixtures("fast")
def test_resolve_decides_what_the_program_cannot_know(desk: Desk) -> None:
    """Rows in doubt are listed, never sent by themselves, and move only as a person says."""
    desk.write_sheet(people(3))
    broken = True
    with Loopback(lambda body, earlier: Answer(500 if broken else 200), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)
        assert desk.run("send", desk.campaign).code == 6
        listed = desk.run("resolve", desk.campaign)
        assert "3 rows in doubt" in listed.out
        broken = False

        assert desk.run("resolve", desk.campaign, "--row", "2", "--as", "accepted").code == 0
        assert desk.run("resolve", desk.campaign, "--row", "3", "--as", "failed").code == 0
        refused = desk.run("resolve", desk.campaign, "--as", "pending")
        agreed = desk.run("resolve", desk.campaign, "--as", "pending", "--yes")
        assert desk.run("send", desk.campaign).code == 6

        assert desk.run("retry", desk.campaign).code == 0

    assert (refused.code, agreed.code) == (2, 0)
    assert "Up to 1 people may get a second message." in agreed.err
    assert desk.states() == {2: "accepted", 3: "accepted", 4: "accepted"}
    assert len(server.received) == 5


@pytest.mark.usefixtures("fast")
def test_a_silent_api_holds_few_rows_in_the_air(desk: Desk) -> None:
    """What a crash can put in doubt is bounded: twenty requests an agent, whatever the API does."""
    desk.write_sheet(people(40))
    with Loopback(lambda body, earlier: Answer(delay_s=55), speed=SPEED) as server:
        desk.write_campaign(server.endpoint)

        desk.run("send", desk.campaign)

    began_s = server.received[0].at_s
    assert len(server.received) == 40
    assert sum(request.at_s < began_s + 55 for request in server.received) <= 20


@pytest.mark.usefixtures("fast")
def test_a_few_unanswered_requests_do_not_stop_an_agent(desk: Desk) -> None:
    """At one session a second, four requests without an answer leave the pace of the others alone."""
    desk.write_sheet(people(20))
    silent = Answer(is_held=lambda: len(server.received) < 20)
    with Loopback(answer_by_number({f"100{number}": silent for number in range(4)}), speed=SPEED) as server:
        desk.write_campaign(server.endpoint, sessions_per_second="sessions_per_second = 1")

        ran = desk.run("send", desk.campaign)

    # Had the four held up the others, they would have been given up after a minute.
    assert (ran.code, len(server.accepted)) == (0, 20)


def test_quiet_prints_nothing_when_all_is_well(desk: Desk) -> None:
    """Cron mails whatever is printed: a good night is a silent night."""
    desk.write_sheet(people(2))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)

        ran = desk.run("-q", "send", desk.campaign)

    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_the_key_and_full_numbers_are_in_no_output(desk: Desk) -> None:
    """The key never shows; numbers are masked in everything `send`, `status` and `check` print."""
    desk.write_sheet(people(2))
    with Loopback(lambda body, earlier: Answer(400, f'{{"message": "{body["to"]} with {API_KEY}"}}')) as server:
        desk.write_campaign(server.endpoint)

        printed = [
            desk.run("check", "--json", desk.campaign),
            desk.run("-v", "send", "--json", desk.campaign),
            desk.run("status", desk.campaign),
            desk.run("resolve", desk.campaign),
        ]

    for ran in printed:
        assert API_KEY not in ran.out + ran.err
        assert "12025551000" not in ran.out + ran.err


def test_a_sandbox_send_needs_no_key_and_keeps_away_from_the_real_ledger(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rehearsal has a ledger of its own, started afresh each time."""
    monkeypatch.delenv("DISPATCHER_API_KEY")
    desk.write_sheet(people(3))
    desk.write_campaign(None, warm_up='warm_up = "1h"')

    first = desk.run("send", "--sandbox", desk.campaign)
    second = desk.run("send", "--sandbox", "--json", desk.campaign)
    kept = desk.run("send", "--sandbox", "--keep", "--json", desk.campaign)

    assert (first.code, second.code, kept.code) == (0, 0, 0)
    assert (second.json["sent"], kept.json["sent"]) == (3, 0)
    assert not desk.ledger.exists()
    assert (desk.folder / "ledger.sandbox.db").exists()


def test_a_real_ledger_is_never_used_for_a_rehearsal(desk: Desk) -> None:
    """`--sandbox --ledger real.db` is refused; the real outcomes stay."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        desk.run("send", desk.campaign)

    ran = desk.run("send", "--sandbox", "--ledger", desk.ledger, desk.campaign)

    assert ran.code == 4
    assert "this ledger holds real outcomes; choose another file for the rehearsal" in ran.err
    assert desk.states() == {2: "accepted"}


def test_two_campaigns_of_one_agent_share_its_limit(desk: Desk) -> None:
    """Campaign files side by side: one limiter per agent, a summary for each campaign."""
    desk.write_sheet(people(4))
    with Loopback(sliding_window(5)) as server:
        desk.write_campaign(server.endpoint)
        other = desk.folder / "other.toml"
        other.write_text(desk.campaign.read_text().replace('name = "reminders"', 'name = "other"', 1))

        ran = desk.run("send", "--json", desk.campaign, other)

    summaries = [json.loads(line) for line in ran.out.splitlines() if '"summary"' in line]
    assert ran.code == 0
    assert {summary["campaign"]: summary["sent"] for summary in summaries} == {"reminders": 4, "other": 4}
    assert [request.answered for request in server.received] == [200] * 8


@pytest.mark.parametrize(
    ("line", "other_line", "difference"),
    [
        ('region = "eu"', 'region = "eu"\nlimit_scope = "api_key"', "agent.limit_scope (agent and api_key)"),
        ("sessions_per_second = 5", "sessions_per_second = 3", "agent.sessions_per_second (5 and 3)"),
        ('warm_up = "0s"', 'warm_up = "5m"', "agent.warm_up (0.0 and 300.0)"),
    ],
    ids=["scope", "limit", "warm-up"],
)
def test_an_agent_has_one_limit_in_all_campaigns(desk: Desk, line: str, other_line: str, difference: str) -> None:
    """Exit 2 naming both files: two limiters for one agent would send twice as fast as it is approved for."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        other = desk.folder / "other.toml"
        text = desk.campaign.read_text().replace('name = "reminders"', 'name = "other"', 1)
        other.write_text(text.replace(line, other_line))
        if "limit_scope" in other_line:  # the key's limit holds for every agent
            other.write_text(other.read_text().replace("66c0ec5d", "66c0ec5e"))

        ran = desk.run("send", desk.campaign, other)

    assert (ran.code, server.received) == (2, [])
    assert f"{desk.campaign} and {other} share a limit and differ in {difference}; write the same in both" in ran.err


def test_files_of_the_ledger_are_private(desk: Desk) -> None:
    """Only the owner can read numbers and names."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        desk.run("send", desk.campaign)

    assert {path.stat().st_mode & 0o777 for path in Path(desk.folder).glob("ledger.db*")} == {0o600}
