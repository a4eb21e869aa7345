"""Runs over ssh: a real sshd with keys, and a server that wants a password; on a terminal and without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from run_factory import Factory
from ssh_server import PASSPHRASE, SshServer, needs_sshd
from states import GITXP
from team import count_connections, script
from terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from team import Member

pytest_plugins = ("team_fixtures",)
pytestmark = needs_sshd


@pytest.fixture
def server(hub: Member) -> Iterator[SshServer]:
    """A real ssh server on a high port of loopback, with keys of the test's own."""
    with SshServer(hub.path("../sshd")) as made:
        yield made


def test_push_and_pull(server: SshServer, hub: Member, ada: Member, bob: Member) -> None:
    """Runs go to a folder of an ssh server and come from it, many at once, and annotations after them."""
    for someone in (ada, bob):
        someone.git("remote", "set-url", "origin", server.url(hub.top))
        someone.git("config", "core.sshCommand", server.client())
    Factory(ada.top).make_many(50)
    made, came = count_connections(ada), count_connections(bob)
    assert len(ada.push()["created"]) == 50
    assert made.take() == ["fetch", "push"]
    assert len(bob.pull()["created"]) == 50
    assert came.take() == ["fetch"]
    assert bob.tips() == ada.tips() == hub.tips()
    bob.run("tag", "run-0001", "+good")
    assert len(bob.push()["updated"]) == 1
    assert ada.pull()["updated"] == ["run-0001"]


def test_what_changes_the_remote(server: SshServer, hub: Member, ada: Member) -> None:
    """Removal there, archives there, and doctor go over ssh as a push does."""
    ada.git("remote", "set-url", "origin", server.url(hub.top))
    ada.git("config", "core.sshCommand", server.client())
    Factory(ada.top).make_many(3)
    ada.push()
    done = ada.run("rm", "run-0001", "--remote", "origin", "--yes")
    assert (done.status, hub.names()) == (0, ["run-0002", "run-0003"]), done.stderr
    assert ada.run("archive-refs", "run-0002", "run-0003").status == 0
    done = ada.run("archive-refs", "--remote", "origin", "--yes")
    assert done.status == 0, done.stderr
    assert hub.say("for-each-ref", "--format=%(refname)", "refs/experiments").startswith("refs/experiments/@archive-")
    assert "a push of" in ada.run("doctor", "--remote", "origin").stdout.decode()


@pytest.mark.parametrize(
    ("key", "known", "said", "hint"),
    [
        ("user", False, "Host key verification failed", "ssh does not know this host"),
        ("locked", True, "Permission denied (publickey)", "on a terminal it asks for passphrases and passwords"),
    ],
)
def test_nobody_to_ask(server: SshServer, ada: Member, key: str, known: bool, said: str, hint: str) -> None:
    """A command that is on no terminal fails at once and says what helps, though ssh would find a terminal to ask on."""
    ada.new("r")
    ada.git("remote", "set-url", "origin", server.url("/nowhere"))
    client = {"GIT_SSH_COMMAND": server.client(key, known=known)}
    for command in ("push", "pull"):
        told = ada.path("../told")
        line = f'"$@" </dev/null >"{told}" 2>&1; echo "status $?"'
        words = ["sh", "-c", line, "sh", *GITXP, command]
        with Terminal(cwd=ada.top, env=client, command=words) as terminal:
            terminal.expect(rb"status 10\r\n")
            assert terminal.seen == b"status 10\r\n"
        with open(told, encoding="utf-8") as file:
            text = file.read()
        assert said in text
        assert hint in text.rpartition("Hint: ")[2]
        assert text.endswith("git ls-remote origin\n")


def test_an_unknown_host_on_a_terminal(server: SshServer, hub: Member, ada: Member) -> None:
    """Ssh asks whether the host is the right one; "no" ends it, "yes" goes on, and then it is known."""
    ada.new("r")
    ada.git("remote", "set-url", "origin", server.url(hub.top))
    client = {"GIT_SSH_COMMAND": server.client(known=False)}
    with Terminal("push", cwd=ada.top, env=client) as terminal:
        terminal.expect(rb"continue connecting \(yes/no/\[fingerprint\]\)\? ")
        terminal.type(b"no\n")
        assert terminal.wait() == 10
    assert hub.names() == []
    with Terminal("push", cwd=ada.top, env=client) as terminal:
        terminal.expect(rb"continue connecting \(yes/no/\[fingerprint\]\)\? ")
        terminal.type(b"yes\n")
        assert terminal.wait() == 0, terminal.seen
    assert hub.names() == ["r"]


def test_a_passphrase_on_a_terminal(server: SshServer, hub: Member, ada: Member, bob: Member) -> None:
    """Ssh asks for the passphrase of a key, of `pull` once; what is typed is not shown."""
    ada.new("r")
    ada.push()
    bob.git("remote", "set-url", "origin", server.url(hub.top))
    with Terminal("pull", cwd=bob.top, env={"GIT_SSH_COMMAND": server.client("locked")}) as terminal:
        terminal.expect(rb"Enter passphrase for key '.*': ")
        terminal.type(f"{PASSPHRASE}\n".encode())
        assert terminal.wait() == 0, terminal.seen
        assert PASSPHRASE.encode() not in terminal.seen
    assert bob.names() == ["r"]


def test_an_askpass_program(server: SshServer, hub: Member, ada: Member) -> None:
    """Without a terminal, a program of the user's is asked for the passphrase."""
    ada.new("r")
    ada.git("remote", "set-url", "origin", server.url(hub.top))
    program = script(ada.path("../askpass"), f'echo "{PASSPHRASE}"')
    environ = {"GIT_SSH_COMMAND": server.client("locked"), "SSH_ASKPASS": program, "SSH_ASKPASS_REQUIRE": "force"}
    assert len(ada.push(env=environ)["created"]) == 1
    assert hub.names() == ["r"]
