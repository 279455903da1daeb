"""The questions before a send, on a terminal of their own: readable, and left at once."""

import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from openpyxl import Workbook

from tests.support.command_line import API_KEY, Desk, people
from tests.support.loopback_server import Answer, Loopback

SOON_S = 20.0
"""Asked for an answer, the program would wait without end; a busy machine takes its time to end a process."""

_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A program on a terminal: what it shows, and what is typed."""

    pid: int
    descriptor: int
    raw: str = ""

    @property
    def shown(self) -> str:
        """What a person reads, without what moves the cursor."""
        return _STEERING.sub("", self.raw).replace("\r\n", "\n")

    def read_until(self, text: str, within_s: float = 20.0) -> None:
        """Read on until the program has shown a text."""
        until_s = time.monotonic() + within_s
        while text not in self.shown:
            assert time.monotonic() < until_s, f"not shown: {text!r}\n{self.raw!r}"
            self._read_more(0.1)

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self.descriptor, text.encode())

    def end(self, within_s: float = 20.0) -> int:
        """Wait for the program's end; return its exit code."""
        until_s = time.monotonic() + within_s
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._read_more(0)
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < until_s, f"still running\n{self.raw!r}"
            self._read_more(0.05)

    def _read_more(self, within_s: float) -> None:
        if select.select([self.descriptor], [], [], within_s)[0]:
            try:
                self.raw += os.read(self.descriptor, 65536).decode(errors="replace")
            except OSError:  # nothing is left to read once the other side is closed
                return


@contextmanager
def terminal(*words: object) -> Iterator[Terminal]:
    """Start the program on a terminal of its own, and end it if the test has not."""
    environment = {**os.environ, "DISPATCHER_API_KEY": API_KEY, "TERM": "xterm", "COLUMNS": "120"}
    pid, descriptor = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "dispatcher", *map(str, words)], environment)  # noqa: S606
    started = Terminal(pid, descriptor)
    try:
        yield started
    finally:
        os.close(descriptor)
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # it has ended and was waited for


def by_signal(number: signal.Signals) -> Callable[[Terminal], None]:
    """Return what sends the program a signal."""
    return lambda one: os.kill(one.pid, number)


LEAVES = [
    pytest.param(lambda one: one.type("\x03"), id="Ctrl-C"),
    pytest.param(lambda one: one.type("\x04"), id="Ctrl-D"),
    pytest.param(by_signal(signal.SIGTERM), id="TERM"),
    pytest.param(by_signal(signal.SIGHUP), id="HUP"),
]


def test_the_question_stands_still_and_no_means_no(desk: Desk) -> None:
    """No bar moves over the question; the answer n ends with 130 and says that nothing was sent."""
    desk.write_sheet(people(3))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        with terminal("send", desk.campaign) as screen:
            screen.read_until("Send 3 WhatsApp sessions")
            screen.read_until("[y/N]: ")
            asked = len(screen.raw)
            assert screen.raw.count("\x1b[?25l") == screen.raw.count("\x1b[?25h"), "the cursor is hidden"
            time.sleep(0.5)  # several refreshes of a bar that is alive
            screen._read_more(0)
            assert len(screen.raw) == asked
            screen.type("n\n")

            assert screen.end(SOON_S) == 130

    assert "dispatcher: nothing was sent\n" in screen.shown
    assert server.received == []
    assert set(desk.states().values()) == {"pending"}


def test_no_leaves_failed_rows_as_they_are(desk: Desk) -> None:
    """`retry` counts them in its question, and puts nothing back that a later `send` would send."""
    desk.write_sheet(people(3))
    with Loopback(lambda body, earlier: Answer(400)) as server:
        desk.write_campaign(server.endpoint)
        assert desk.run("send", desk.campaign).code == 6
        with terminal("retry", desk.campaign) as screen:
            screen.read_until("Send 3 WhatsApp sessions")
            screen.read_until("[y/N]: ")
            screen.type("n\n")

            assert screen.end(SOON_S) == 130

    assert set(desk.states().values()) == {"failed"}


def test_yes_sends(desk: Desk) -> None:
    """The answer y sends, and signals count again as during any run."""
    desk.write_sheet(people(3))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        with terminal("send", desk.campaign) as screen:
            screen.read_until("[y/N]: ")
            screen.type("y\n")

            assert screen.end() == 0

    assert len(server.accepted) == 3


@pytest.mark.parametrize("leave", LEAVES)
def test_the_question_is_left_at_once(desk: Desk, leave: Callable[[Terminal], None]) -> None:
    """Whoever is asked to stop while asking waits for no answer."""
    desk.write_sheet(people(3))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        with terminal("send", desk.campaign) as screen:
            screen.read_until("[y/N]: ")

            leave(screen)

            assert screen.end(SOON_S) == 130

    assert "dispatcher: stopped by hand; nothing was sent\n" in screen.shown
    assert server.received == []


@pytest.mark.parametrize("leave", [*LEAVES, pytest.param(lambda one: one.type("stop\n"), id="stop")])
def test_the_question_about_hidden_rows_is_left_at_once(desk: Desk, leave: Callable[[Terminal], None]) -> None:
    """The other question that may come before a send."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [("Phone", "First name"), *people(3)]:
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    book.save(desk.folder / "people.xlsx")
    with Loopback() as server:
        desk.write_campaign(server.endpoint, recipients='recipients = "people.xlsx"')
        with terminal("send", desk.campaign) as screen:
            screen.read_until("Hidden rows (skip, include, stop) [skip]: ")

            leave(screen)

            assert screen.end(SOON_S) == 130

    assert "dispatcher: stopped by hand; nothing was sent\n" in screen.shown
    assert server.received == []


def test_json_asks_too(desk: Desk) -> None:
    """Only --yes, or that nobody can be asked, lets a real send begin unasked; --json is neither."""
    desk.write_sheet(people(1))
    with Loopback() as server:
        desk.write_campaign(server.endpoint)
        with terminal("send", "--json", desk.campaign) as screen:
            screen.read_until("[y/N]: ")
            screen.type("n\n")

            assert screen.end(SOON_S) == 130

    assert server.received == []
