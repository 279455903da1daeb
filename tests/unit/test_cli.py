"""The command line's own manners: plain words, private output, one error boundary."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import click
import pytest

from dispatcher.cli.commands.limit import describe_agent
from dispatcher.cli.live import TextView
from dispatcher.cli.printing import JsonList, print_json
from dispatcher.cli.run_report import ask_to_send, describe_plan
from dispatcher.cli.settings import Settings
from dispatcher.ledger import AgentRecord, own
from dispatcher.models import AttemptResult, Outcome, State
from dispatcher.pipeline import Plan, RowDone, SendOptions, WarmUp, check_sheet
from tests.support.command_line import API_KEY, REPOSITORY, Desk, people
from tests.support.loopback_server import Answer, Loopback
from tests.support.sheets import TODAY, make_campaign, write_csv, write_xlsx

SENT = {"pending", "sending", "accepted", "retryable", "failed", "in_doubt"}
SHAPES = SENT | {"refused", "skipped", "withdrawn", "expired"}


def test_every_command_of_the_design_exists(desk: Desk) -> None:
    """The names people and scripts rely on."""
    ran = desk.run("--help")

    for command in ("check", "preview", "send", "retry", "status", "show", "resolve", "export", "sandbox"):
        assert f"\n  {command} " in ran.out


@pytest.mark.parametrize(
    "words", [["--json", "status"], ["status", "--json"]], ids=["before the command", "after the command"]
)
def test_global_options_stand_anywhere(desk: Desk, words: list[str]) -> None:
    """`--json` and the others work before and after the command."""
    desk.write_sheet(people(1))
    desk.write_campaign(None)
    desk.run("send", "--sandbox", desk.campaign)

    shown = desk.run(*words, "--ledger", desk.folder / "ledger.sandbox.db").json

    (campaign,) = shown["campaigns"]
    assert (shown["v"], campaign["name"], campaign["total"]) == (1, "reminders", 1)
    assert set(campaign["states"]) == SHAPES


def test_check_has_the_fixed_shape(desk: Desk) -> None:
    """What outside programs read from `check --json`."""
    desk.write_sheet([*people(38), ("letters", "Zoe"), people(1)[0]])
    desk.write_campaign(None)

    ran = desk.run("check", "--json", desk.campaign)

    checked = ran.json
    assert ran.code == 6
    assert (checked["v"], checked["campaign"], checked["rows"], checked["ready"]) == (1, "reminders", 40, 38)
    assert checked["file"].endswith("people.csv")
    assert checked["seconds_at_limit"] == 38 / 5
    (refused,), (skipped,) = checked["refused"], checked["skipped"]
    assert (refused["row"], refused["column"], refused["value"]) == (40, "Phone", "letters")
    assert skipped["row"] == 41
    assert set(refused) == set(skipped) == {"row", "column", "value", "reason"}


def test_check_calls_ready_only_what_a_send_would_send(desk: Desk) -> None:
    """What failed waits for `retry`, what is in doubt for a person: both are told apart from what was sent."""
    answers = {"2": Answer(400), "3": Answer(500)}
    desk.write_sheet(people(5))
    with Loopback(lambda body, earlier: answers.get(body["to"][-1], Answer())) as server:
        desk.write_campaign(server.endpoint)
        assert desk.run("send", desk.campaign).code == 6
    desk.write_sheet(people(6))

    checked = desk.run("check", "--json", desk.campaign).json
    said = desk.run("check", desk.campaign).out

    assert (checked["rows"], checked["ready"], checked["seconds_at_limit"]) == (6, 1, 0.2)
    assert "        1 ready to send" in said
    assert "        3 already sent\n        1 failed before\n        1 in doubt\n" in said
    assert "1 failed before (`retry` sends them), 1 in doubt (`resolve` decides)" in said


def test_check_shows_the_first_problems_and_counts_the_others(desk: Desk) -> None:
    """A screen holds 20 of each kind; JSON and `--problems` have them all."""
    desk.write_sheet([(f"letters {index}", "Zoe") for index in range(25)])
    desk.write_campaign(None)

    said = desk.run("check", desk.campaign).out
    checked = desk.run("check", "--json", "--problems", desk.folder / "problems.csv", desk.campaign).json

    assert said.count("  row ") == 20
    assert "  row 21, column Phone: 'letters 19' the number holds letters: write the number in digits\n" in said
    assert "  ... and 5 more (--json shows all)\n" in said
    assert len(checked["refused"]) == 25
    assert len((desk.folder / "problems.csv").read_text().splitlines()) == 26


def test_check_says_which_sheet_of_a_workbook_it_read(desk: Desk) -> None:
    """A workbook has several sheets, and a row number alone does not say where; a CSV has none."""
    workbook = write_xlsx(desk.folder, [("Phone", "First name"), *people(1)], "people.xlsx")
    desk.write_sheet(people(1))
    desk.write_campaign(None)

    said = desk.run("check", desk.campaign, workbook).out
    sheets = [desk.run("check", "--json", desk.campaign, *file).json["sheet"] for file in ([workbook], [])]

    assert said.startswith('reminders: people.xlsx, sheet "Sheet", 1 row\n')
    assert sheets == ["Sheet", None]


def test_check_keeps_the_first_problems_only(tmp_path: Path) -> None:
    """A large sheet with the wrong column must not fill the memory; whoever wants all is told each as it comes."""
    campaign = make_campaign(write_csv(tmp_path, "phone,name\n" + "letters,Zoe\n" * 50))
    told: list[tuple[str, int | None]] = []

    report = check_sheet(
        campaign,
        campaign.recipients_path,
        locator=None,
        today=TODAY,
        kept_max=3,
        on_found=lambda kind, problem: told.append((kind, problem.row_number)),
    )

    assert (report.rows, report.refused.count) == (50, 50)
    assert [(kept.row_number, kept.value) for kept in report.refused.kept] == [(row, "letters") for row in (2, 3, 4)]
    assert told == [("refused", row) for row in range(2, 52)]


def test_letters_that_the_output_cannot_show_end_nothing(desk: Desk) -> None:
    """A pipe in Latin-1 shows ? for them; whoever reads it gets JSON all the same."""
    desk.write_sheet([["+12025550100", "\u0416\u0438\u0432\u0430"]])
    desk.write_campaign(None)
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "DISPATCHER_API_KEY": API_KEY}

    ran = subprocess.run(
        [sys.executable, "-m", "dispatcher", "preview", "--json", str(desk.campaign)],
        capture_output=True,
        cwd=REPOSITORY,
        env=environment,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, b"")
    assert "????" in json.dumps(json.loads(ran.stdout))


def test_a_list_longer_than_memory_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes through a file on the disk and comes out as one JSON object."""
    with click.Context(click.Command("check")):
        found = JsonList()
        for number in range(3):
            found.append({"value": "\u00e9" * 2_000_000, "row": number})

        print_json(before=1, found=found, after=[])

    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["v", "before", "found", "after"]
    assert [(len(item["value"]), item["row"]) for item in printed["found"]] == [(2_000_000, row) for row in range(3)]


def test_show_tells_the_story_by_row_and_by_number(desk: Desk) -> None:
    """One person, named either way; the fixed shape in JSON."""
    desk.write_sheet(people(2))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        desk.run("send", desk.campaign)

    by_row = desk.run("show", "--json", desk.campaign, "3").json
    by_number = desk.run("show", "--json", desk.campaign, "+1 202 555 1001").json
    in_words = desk.run("show", desk.campaign, "3").out

    assert by_row == by_number
    assert (by_row["v"], by_row["row"], by_row["key"], by_row["to"]) == (1, 3, "12025551001", "12025551001")
    assert (by_row["state"], by_row["reason"]) == ("accepted", "HTTP 200")
    (attempt,) = by_row["attempts"]
    assert (attempt["outcome"], attempt["http_status"]) == ("accepted", 200)
    assert {"started_at", "latency_ms"} <= set(attempt)
    assert in_words.startswith("row 3, 12******001, accepted: HTTP 200\n")


def test_show_tells_of_every_row_of_a_number(desk: Desk) -> None:
    """One person may stand in several rows: the present sheet's first, the others beside it in the same shape."""
    phone = people(1)[0][0]
    desk.write_sheet([(phone, "Ana", "A"), (phone, "Ana", "B")], header=("Phone", "First name", "Ref"))
    with Loopback() as server:
        desk.write_campaign(server.endpoint, to='to = "{phone}"\nkey = "{to} {ref}"')
        desk.run("send", desk.campaign)

    shown = desk.run("show", "--json", desk.campaign, phone).json

    (other,) = shown.pop("others")
    assert (shown.pop("v"), shown["row"], other["row"]) == (1, 2, 3)
    assert set(other) == set(shown)
    assert [attempt["outcome"] for attempt in other["attempts"]] == ["accepted"]


def test_show_says_when_there_is_no_such_row(desk: Desk) -> None:
    """A row that was never loaded is a usage error with the row in it."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        desk.run("send", desk.campaign)

    ran = desk.run("show", desk.campaign, "99")

    assert (ran.code, ran.err) == (2, "dispatcher: reminders: the ledger has no row for 99\n")


def test_status_before_any_send_says_what_to_do(desk: Desk) -> None:
    """No ledger yet is exit 4 and a sentence."""
    desk.write_campaign(None)

    ran = desk.run("status", desk.campaign)

    assert ran.code == 4
    assert ran.err == f"dispatcher: {desk.ledger}: there is no ledger yet; `dispatcher send` creates it\n"


def test_an_unknown_option_is_usage(desk: Desk) -> None:
    """Exit 2, and where to read more."""
    ran = desk.run("send", "--limt", "3", desk.campaign)

    assert ran.code == 2
    assert "--limt" in ran.err
    assert ran.err.endswith("Try: dispatcher send --help\n")


def test_an_error_in_json_is_one_object(desk: Desk) -> None:
    """A program that reads JSON reads the error too."""
    ran = desk.run("send", "--json", desk.folder / "nowhere.toml")

    assert ran.json == {
        "v": 1,
        "type": "error",
        "exit_code": 2,
        "message": f"{desk.folder / 'nowhere.toml'}: 1 problem\n  cannot be read: No such file or directory",
    }


def test_a_broken_pipe_is_no_error(desk: Desk) -> None:
    """`dispatcher preview ... | head -1` ends quietly."""
    desk.write_sheet(people(2000))
    desk.write_campaign(None)
    process = desk.start("preview", desk.campaign)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()

    assert process.wait(30) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


def test_names_cannot_steer_the_terminal(desk: Desk) -> None:
    """Control characters in cells and answers are not printed."""
    desk.write_sheet([(f"x\x1b[31m{index}", "Ana") for index in range(3)])
    desk.write_campaign(None)

    ran = desk.run("check", desk.campaign)

    assert "\x1b" not in ran.out + ran.err


def test_problems_go_to_a_file_in_the_users_own_columns(desk: Desk) -> None:
    """`check --problems` writes the rows that cannot be sent with what to do about each."""
    desk.write_sheet([*people(2), ("letters", "Zoe"), people(1)[0]])
    desk.write_campaign(None)

    ran = desk.run("check", "--problems", desk.folder / "problems.csv", desk.campaign)

    lines = (desk.folder / "problems.csv").read_text(encoding="utf-8-sig").splitlines()
    assert ran.code == 3
    assert lines[0] == "Phone,First name,problem in,what to do,sheet row"
    assert lines[1].startswith("letters,Zoe,Phone,")
    assert lines[1].endswith(",4")
    assert lines[2].startswith('"=""+12025551000""",Name 0,Phone,')
    assert lines[2].endswith(",5")


def test_a_sheet_with_many_refused_rows_is_in_question(desk: Desk) -> None:
    """More than 5 % refused looks like the wrong column: nothing is sent unless a person accepts it."""
    desk.write_sheet([*people(18), ("letters", "Zoe"), ("more letters", "Zed")])
    with Loopback() as server:
        desk.write_campaign(server.endpoint)

        stopped = desk.run("send", desk.campaign)
        assert not server.received
        accepted = desk.run("send", "--accept-refused", desk.campaign)

    assert (stopped.code, accepted.code) == (3, 6)
    assert "2 of 20 rows are refused, more than 5%" in stopped.err
    assert len(server.accepted) == 18


def test_a_dry_run_refuses_what_a_send_refuses(desk: Desk) -> None:
    """A sheet in question is exit 3, unless accepted now or when it was loaded; contradictions are exit 2."""
    desk.write_sheet([*people(18), ("letters", "Zoe"), ("more letters", "Zed")])
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        doubted = desk.run("send", "-n", desk.campaign)
        accepted = desk.run("send", "-n", "--accept-refused", desk.campaign)
        desk.run("send", "--accept-refused", desk.campaign)
        loaded = desk.run("send", "-n", desk.campaign)
    twice = desk.run("send", "-n", desk.campaign, desk.campaign)

    assert [ran.code for ran in (doubted, accepted, loaded, twice)] == [3, 0, 0, 2]
    assert "2 of 20 rows are refused, more than 5%" in doubted.err
    assert accepted.out.endswith("would send 18 rows, about 4 s at 5 a second; nothing was sent\n")
    assert loaded.out.endswith("would send 0 rows, about 0 s at 5 a second; nothing was sent\n")


def test_a_dry_run_goes_on_after_a_sheet_it_refuses(desk: Desk) -> None:
    """Of several campaigns one is in question: the others are told all the same, within one limit; exit 3."""
    desk.write_sheet(people(3))
    text = desk.write_campaign(None).read_text()
    (desk.folder / "second.toml").write_text(text.replace('"reminders"', '"second"'))
    (desk.folder / "third.toml").write_text(text.replace('"reminders"', '"third"').replace("people.csv", "none.csv"))
    paths = [desk.campaign, desk.folder / "second.toml", desk.folder / "third.toml"]

    ran = desk.run("send", "-n", "--json", "--limit", "4", *paths)

    told = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 3
    assert [line["type"] for line in told] == ["summary", "summary", "warning"]
    assert [line["ready"] for line in told[:2]] == [3, 1]
    assert "none.csv" in told[2]["message"]


def test_a_dry_run_ends_with_the_summary_of_a_run(desk: Desk) -> None:
    """The same keys as `send --json`, every state with what the run would begin with, within --limit."""
    desk.write_sheet([*people(30), (people(1)[0][0], "again")])
    desk.write_campaign(None)

    summary = desk.run("send", "-n", "--json", "--limit", "10", desk.campaign).json

    seconds = summary.pop("seconds")
    assert seconds >= 0
    assert summary == {
        "v": 1,
        "type": "summary",
        "campaign": "reminders",
        "exit_code": 0,
        "states": dict.fromkeys(SHAPES, 0) | {"pending": 30, "skipped": 1},
        "sent": 0,
        "throttled": 0,
        "dry_run": True,
        "ready": 10,
        "seconds_at_limit": 2.0,
    }


def test_a_dry_run_of_a_rehearsal_knows_which_ledger_it_would_have(desk: Desk) -> None:
    """`--sandbox` starts afresh, so all would be sent again; with `--keep` nobody would."""
    desk.write_sheet(people(2))
    desk.write_campaign(None)
    desk.run("send", "--sandbox", desk.campaign)

    fresh = desk.run("send", "-n", "--json", "--sandbox", desk.campaign).json
    kept = desk.run("send", "-n", "--json", "--sandbox", "--keep", desk.campaign).json

    assert (fresh["ready"], kept["ready"]) == (2, 0)


def test_limit_shows_and_records_an_agents_limit(desk: Desk) -> None:
    """A change can be recorded as of an earlier moment, so that nobody waits twice."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint, sessions_per_second="sessions_per_second = 1")
        desk.run("send", desk.campaign)
    agent = "66c0ec5d5cd447cc0bafda3b"

    shown = desk.run("limit", "--json", "--ledger", desk.ledger).json["agents"]
    recorded = desk.run("limit", "--json", "--ledger", desk.ledger, agent, "5", "--at", "2026-01-05 10:00").json
    ahead = desk.run("limit", "--ledger", desk.ledger, agent, "5", "--at", "2999-01-01 10:00")

    assert [(one["agent"], one["sessions_per_second"], one["changed_at"]) for one in shown] == [(agent, 1, None)]
    assert recorded["agents"][0]["sessions_per_second"] == 5
    assert recorded["agents"][0]["warm_up_left_s"] == 0
    assert ahead.code == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nosuch", "5"], "'nosuch' is no agent: write its id of 24 letters and digits, or api_key:... as listed"),
        (["--at", "2026-01-05 10:00"], "--at goes with an agent and a number: the limit that was changed then"),
        (
            ["66c0ec5d5cd447cc0bafda3c"],
            "no agent 66c0ec5d5cd447cc0bafda3c; `dispatcher limit` lists",
        ),
    ],
    ids=["no agent", "no number", "unknown"],
)
def test_limit_takes_no_nonsense(desk: Desk, words: list[str], message: str) -> None:
    """A slip of the finger makes no agent, and what would be ignored is refused."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        desk.run("send", desk.campaign)

    ran = desk.run("limit", "--ledger", desk.ledger, *words)

    assert ran.code == 2
    assert message in ran.err
    assert len(desk.run("limit", "--json", "--ledger", desk.ledger).json["agents"]) == 1


def test_an_agent_in_words() -> None:
    """When it will be warm is told by what is left, whatever clock noted the change; and what pacing does there."""
    learnt = '{"limit": 5, "least_s": 0.08, "typical_s": 0.1, "samples": 900, "even": false, "patience_s": 0.005}'
    record = AgentRecord("a1", 5, "1970-01-01T00:00:00.000Z", 200.0, 300.0, learnt)

    first, warm, pace = describe_agent(record)

    soon = re.fullmatch(r"  will be warm in 1 min 40 s, at (.*)", warm)
    assert first.startswith("a1: 5 a second, since ")
    assert soon is not None
    assert abs((datetime.fromisoformat(soon[1]).astimezone() - datetime.now(UTC)).total_seconds() - 100) < 60
    assert pace == (
        "  learnt: as many as the limit in any second, waits up to 5 ms for late answers, at 5 a second;"
        " answers take 100 ms, at least 80 ms (900 answers)"
    )


def test_a_limit_counted_by_key_is_found_by_its_agent(desk: Desk) -> None:
    """`status` and `limit AGENT` show the warm-up of the key by which an agent's limit is counted."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint, warm_up='warm_up = "1h"\nlimit_scope = "api_key"')
        assert desk.run("send", "--max-duration", "0.1s", desk.campaign).code == 10

    (campaign,) = desk.run("status", "--json", desk.campaign).json["campaigns"]
    (agent,) = desk.run("limit", "--json", "--ledger", desk.ledger, "66c0ec5d5cd447cc0bafda3b").json["agents"]

    assert campaign["warm_up_left_s"] > 3500
    assert agent["agent"].startswith("api_key:")
    assert agent["warm_up_left_s"] > 3500


def test_status_of_a_rehearsal_without_a_campaign(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """--sandbox means the rehearsal's ledger here as well, whatever the environment names."""
    desk.write_sheet(people(2))
    desk.write_campaign(None)
    desk.run("send", "--sandbox", desk.campaign)
    monkeypatch.chdir(desk.folder)
    monkeypatch.setenv("DISPATCHER_LEDGER", str(desk.ledger))

    shown = desk.run("status", "--sandbox")

    assert shown.code == 0
    assert shown.out.startswith("reminders: 2 rows, loaded ")


def test_status_of_a_ledger_without_campaigns_says_so(desk: Desk) -> None:
    """Nothing at all would look like a failure."""
    with own(desk.ledger):
        pass

    shown = desk.run("status", "--ledger", desk.ledger)

    assert (shown.code, shown.out) == (0, f"{desk.ledger}: there is no campaign yet; `dispatcher send` loads one\n")


def plan(due: int, *, campaign: str = "a", scope: str = "a1", limit: int = 1, warm_up_left_s: float = 0) -> Plan:
    """Return a plan of one campaign."""
    return Plan(campaign, scope, scope, limit, due, due / limit, warm_up_left_s, session="WhatsApp session", in_doubt=0)


@pytest.mark.parametrize(
    ("plans", "people_max", "question"),
    [
        ([plan(60)], None, "Send 60 WhatsApp sessions by agent a1 at 1/s, about 1 min?"),
        ([plan(60), plan(60)], None, "Send 120 WhatsApp sessions by agent a1 at 1/s, about 2 min?"),
        (
            [plan(60), plan(500, scope="a2", limit=5)],
            None,
            "Send 560 WhatsApp sessions by agent a1 at 1/s, a2 at 5/s, about 1 min 40 s?",
        ),
        ([plan(10), plan(10)], 10, "Send 10 WhatsApp sessions by agent a1 at 1/s, about 10 s?"),
        ([plan(3), plan(0, scope="a2")], 10, "Send 3 WhatsApp sessions by agent a1 at 1/s, about 3 s?"),
        ([plan(20, warm_up_left_s=300)], None, "Send 20 WhatsApp sessions by agent a1 at 1/s, about 5 min 20 s?"),
        (
            [plan(20), plan(0, scope="a2", warm_up_left_s=300)],
            None,
            "Send 20 WhatsApp sessions by agent a1 at 1/s, about 20 s?",
        ),
    ],
    ids=["one", "one after the other", "side by side", "at most", "fewer", "warm-up", "warm-up of nobody"],
)
def test_the_question_counts_people_and_time(plans: list[Plan], people_max: int | None, question: str) -> None:
    """Campaigns of one agent add up, agents run side by side, --limit bounds them all, a warm-up comes first."""
    assert ask_to_send(plans, people_max) == question


def test_the_plan_says_how_much_of_it_is_warm_up() -> None:
    """Who reads the plan of a campaign knows why five seconds' worth of rows take five minutes."""
    told = describe_plan(plan(5, warm_up_left_s=300))

    assert told == "a: 5 rows due, agent a1, 1 a second, about 5 min 5 s with 5 min of warm-up"


def test_each_warming_agent_gets_its_line(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal one line for each agent is enough."""
    order = SendOptions((), desk.ledger, "key", date(2026, 11, 22))
    view = TextView(Settings(), order)

    for left_s in (60.0, 59.0):
        view.show(WarmUp("a1", 5, left_s))
        view.show(WarmUp("a2", 3, left_s))

    assert capsys.readouterr().err.splitlines() == [
        "agent a1: warming up, sending starts in 60 s",
        "agent a2: warming up, sending starts in 60 s",
    ]


def test_bars_do_not_fight(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal an agent that warms up has a bar of its own beside that of the rows, and loses it once warm."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    view = TextView(Settings(), SendOptions((), desk.ledger, "key", date(2026, 11, 22)))
    assert view._bars is not None

    view.show(plan(2))
    view.show(WarmUp("a2", 5, 60.0))
    view.show(RowDone("a", 2, "12*", State.ACCEPTED, AttemptResult(Outcome.ACCEPTED, "HTTP 200", 200)))
    view.show(WarmUp("a2", 5, 59.0))
    shown = [(bar.description, bar.total, bar.completed) for bar in view._bars._progress.tasks]
    view.show(WarmUp("a2", 5, 0.0))
    left = [bar.description for bar in view._bars._progress.tasks]
    view.close()

    assert shown == [("agent a2: warming up, sending starts in 59 s", None, 0), ("a: sending", 2, 1)]
    assert left == ["a: sending"]


def test_the_sandbox_command_answers(desk: Desk, tmp_path: Path) -> None:
    """The stand-in on a port: a campaign pointed at it is served, the journal says what it saw."""
    desk.write_sheet(people(2))
    journal = tmp_path / "journal.jsonl"
    process = desk.start("sandbox", "--json", "--port", "0", "--limit", "5", "--journal", journal)
    assert process.stdout is not None
    try:
        desk.write_campaign(json.loads(process.stdout.readline())["endpoint"])

        ran = desk.run("send", desk.campaign)
    finally:
        process.send_signal(2)
        process.communicate(timeout=30)

    assert ran.code == 0
    assert [json.loads(line)["verdict"] for line in journal.read_text().splitlines()] == ["accepted", "accepted"]


def test_purge_removes_people_and_keeps_the_promise(desk: Desk) -> None:
    """After a purge nothing of a person is left, and the same sheet messages nobody again."""
    desk.write_sheet(people(3))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        desk.run("send", desk.campaign)

        kept = desk.run("purge", "--older-than", "90d", desk.campaign)
        purged = desk.run("purge", "--older-than", "0s", desk.campaign)
        again = desk.run("send", "--json", desk.campaign)

    assert (kept.out[:6], purged.out[:6]) == ("0 rows", "3 rows")
    assert b"12025551001" not in desk.ledger.read_bytes()
    assert (again.code, again.json["sent"]) == (0, 0)


def test_the_key_can_come_from_a_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """DISPATCHER_API_KEY_FILE for cron."""
    monkeypatch.delenv("DISPATCHER_API_KEY")
    key_path = desk.folder / "key"
    key_path.write_text(f"{API_KEY}\n")
    monkeypatch.setenv("DISPATCHER_API_KEY_FILE", os.fspath(key_path))
    desk.write_sheet(people(1))
    with Loopback(lambda body, earlier: Answer()) as server:
        desk.write_campaign(server.endpoint)

        assert desk.run("send", desk.campaign).code == 0
