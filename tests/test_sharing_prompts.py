"""Who is asked for a password: the person at a terminal, their programs, or nobody."""

from __future__ import annotations

import os
import termios
from typing import TYPE_CHECKING

import pytest

from git_servers import HttpServer
from states import GITXP
from team import script
from terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from team import Member

pytest_plugins = ("team_fixtures",)

SECRET = "correct-horse-7391"  # noqa: S105  (a test's own)
ASKING = {"GIT_TERMINAL_PROMPT": "1"}


@pytest.fixture
def locked(hub: Member, ada: Member) -> Iterator[HttpServer]:
    """The hub by HTTP, for those who know the password; ada has a run to push, and only this remote."""
    hub.git("config", "http.receivepack", "true")
    ada.new("r")
    with HttpServer(os.path.dirname(hub.top), password=SECRET) as server:
        ada.git("remote", "set-url", "origin", server.url("hub.git"))
        yield server


def answer(terminal: Terminal, password: str = SECRET) -> None:
    """Type who one is."""
    terminal.expect(rb"Username for 'http://127\.0\.0\.1:\d+': $")
    terminal.type(b"ada\n")
    terminal.expect(rb"Password for 'http://ada@127\.0\.0\.1:\d+': $")
    terminal.type(f"{password}\n".encode())


@pytest.mark.parametrize("line", ['exec "$@"', '"$@" 2>&1 | cat', '"$@" </dev/null'])
def test_a_person_is_asked_once(locked: HttpServer, hub: Member, ada: Member, line: str) -> None:
    """On a terminal, git asks as in `git push`: once for all connections of a command, and nothing shows what was typed."""
    del locked
    words = ["sh", "-c", line, "sh", *GITXP, "push"]
    with Terminal(cwd=ada.top, env={**ASKING, "TMPDIR": ada.path("..")}, command=words) as terminal:
        answer(terminal)
        assert terminal.wait() == 0, terminal.seen
        assert terminal.seen.count(b"Username for") == terminal.seen.count(b"Password for") == 1
        assert SECRET.encode() not in terminal.seen
    assert hub.names() == ["r"]
    assert not [name for name in os.listdir(ada.path("..")) if name.startswith("gitxp-")]


def test_the_next_command_asks_again(locked: HttpServer, ada: Member) -> None:
    """What was typed is forgotten when the command ends, and a wrong password is, too."""
    del locked
    for password, status in ((SECRET, 0), ("wrong", 10), (SECRET, 0)):
        with Terminal("pull", cwd=ada.top, env=ASKING) as terminal:
            answer(terminal, password)
            assert terminal.wait() == status, terminal.seen
            assert (b"Authentication failed" in terminal.seen) == bool(status)


def test_ctrl_c_at_the_prompt(locked: HttpServer, hub: Member, ada: Member) -> None:
    """It ends the command as SIGINT does, and the terminal shows again what is typed."""
    del locked
    with Terminal("push", cwd=ada.top, env=ASKING) as terminal:
        terminal.expect(rb"Username for ")
        terminal.type(b"ada\n")
        terminal.expect(rb"Password for ")
        assert not termios.tcgetattr(terminal.fd)[3] & termios.ECHO
        terminal.type(b"\x03")
        assert terminal.wait() in {-2, 130}
        assert termios.tcgetattr(terminal.fd)[3] & termios.ECHO
    assert hub.names() == []


@pytest.mark.parametrize("by", ["environment", "core.askPass"])
@pytest.mark.parametrize("on_terminal", [True, False])
def test_an_askpass_program(locked: HttpServer, hub: Member, ada: Member, by: str, on_terminal: bool) -> None:
    """A program of the user's that git asks instead is asked, on a terminal and without one."""
    del locked
    program = script(ada.path("../askpass"), f'case "$1" in Username*) echo ada;; *) echo {SECRET};; esac')
    environ = dict(ASKING)
    if by == "environment":
        environ["GIT_ASKPASS"] = program
    else:
        ada.git("config", "core.askPass", program)
    if on_terminal:
        with Terminal("push", cwd=ada.top, env=environ) as terminal:
            assert terminal.wait() == 0, terminal.seen
            assert b"Password for" not in terminal.seen
    else:
        assert len(ada.push(env=environ)["created"]) == 1
    assert hub.names() == ["r"]


def test_a_credential_helper_learns_what_was_typed(locked: HttpServer, ada: Member) -> None:
    """The user's helper is asked first and is told a password that was right, so that it need not be typed again."""
    del locked
    ada.git("config", "credential.helper", f"store --file={ada.path('../kept')}")
    with Terminal("push", cwd=ada.top, env=ASKING) as terminal:
        answer(terminal)
        assert terminal.wait() == 0, terminal.seen
    assert SECRET.encode() in ada.read("../kept")
    assert ada.pull()["created"] == []


@pytest.mark.parametrize("environ", [ASKING, {"GIT_TERMINAL_PROMPT": "0"}])
def test_nobody_is_asked(locked: HttpServer, ada: Member, environ: dict[str, str]) -> None:
    """A command with neither stdin nor stderr on a terminal asks nobody, nor one where the user forbids git to ask."""
    del locked
    redirected = '</dev/null >"$0" 2>&1' if environ == ASKING else '>"$0" 2>&1'
    for command in ("push", "pull"):
        words = ["sh", "-c", f'"$@" {redirected}; echo "status $?"', ada.path("../told"), *GITXP, command]
        with Terminal(cwd=ada.top, env=environ, command=words) as terminal:
            terminal.expect(rb"status 10\r\n")
            assert terminal.seen == b"status 10\r\n"
        told = ada.read("../told").decode()
        assert "could not read Username" in told
        assert told.endswith("or use a terminal. Try it: git ls-remote origin\n")
