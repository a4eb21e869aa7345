from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from git_servers import HttpServer
from run_factory import Factory
from team import script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from team import Member

pytest_plugins = ("team_fixtures",)

SECRET = "correct-horse-7391"  # noqa: S105  (a test's own)


@pytest.fixture
def web(hub: Member) -> Iterator[HttpServer]:
    """The hub by HTTP, for everybody."""
    hub.git("config", "http.receivepack", "true")
    with HttpServer(os.path.dirname(hub.top)) as server:
        yield server


@pytest.fixture
def locked(hub: Member) -> Iterator[HttpServer]:
    """The hub by HTTP, for those who know the password."""
    hub.git("config", "http.receivepack", "true")
    with HttpServer(os.path.dirname(hub.top), password=SECRET) as server:
        yield server


def test_http(web: HttpServer, hub: Member, ada: Member, bob: Member) -> None:
    """Push and pull go over smart HTTP, many runs at once, in one connection each beside the one that asks."""
    for someone in (ada, bob):
        someone.git("remote", "set-url", "origin", web.url("hub.git"))
    Factory(ada.top).make_many(200)
    assert len(ada.push()["created"]) == 200
    opened = [path for method, path in web.asked if method == "GET"]
    assert [path.rpartition("=")[2] for path in opened] == ["git-upload-pack", "git-receive-pack"]
    web.asked.clear()
    assert len(bob.pull()["created"]) == 200
    assert [path for method, path in web.asked if method == "GET"] == ["/hub.git/info/refs?service=git-upload-pack"]
    assert bob.tips() == ada.tips() == hub.tips()
    bob.run("tag", "run-0001", "+good")
    assert len(bob.push()["updated"]) == 1
    assert ada.pull()["updated"] == ["run-0001"]


def test_wrong_and_no_password(locked: HttpServer, ada: Member) -> None:
    """Without a terminal nothing prompts and nothing hangs: an error that says it, and the password is not in it."""
    ada.new("r")
    cases = (
        ("", "could not read Username", "have a credential helper of git's keep it, or use a terminal"),
        (f"ada:wrong-{SECRET}", "Authentication failed", "or stand in the address"),
    )
    for credentials, words, hint in cases:
        ada.git("remote", "set-url", "origin", locked.url("hub.git", credentials))
        for command in ("pull", "push"):
            done = ada.run(command, start_new_session=True)
            assert done.status == 10
            assert words in done.stderr
            assert SECRET not in done.stderr
            assert done.stderr.endswith(f"{hint}. Try it: git ls-remote origin\n")


def test_a_credential_helper_is_asked(locked: HttpServer, ada: Member, hub: Member) -> None:
    """What git's credential helpers know is used."""
    ada.new("r")
    helper = script(ada.path("../helper"), f'[ "$1" = get ] && echo username=ada && echo password={SECRET}; exit 0')
    ada.git("config", "credential.helper", helper)
    ada.git("remote", "set-url", "origin", locked.url("hub.git"))
    assert len(ada.push()["created"]) == 1
    assert hub.names() == ["r"]
    assert ada.pull()["created"] == []


def test_what_changes_the_remote_by_http(locked: HttpServer, ada: Member, bob: Member, hub: Member) -> None:
    """Removal there, archives there, and doctor go by HTTP with a password as a push does."""
    for someone in (ada, bob):
        someone.git("remote", "set-url", "origin", locked.url("hub.git", f"ada:{SECRET}"))
    Factory(ada.top).make_many(3)
    ada.push()
    before = hub.say("for-each-ref", "refs/heads", "refs/tags")
    done = ada.run("rm", "run-0001", "--remote", "origin", "--yes")
    assert (done.status, hub.names()) == (0, ["run-0002", "run-0003"]), done.stderr
    assert ada.run("archive-refs", "run-0002", "run-0003").status == 0
    done = ada.run("archive-refs", "--remote", "origin", "--yes")
    assert done.status == 0, done.stderr
    assert hub.say("for-each-ref", "--format=%(refname)", "refs/experiments").startswith("refs/experiments/@archive-")
    bob.pull()
    assert sorted(run["name"] for run in bob.listed().values()) == ["run-0002", "run-0003"]
    told = ada.run("doctor", "--remote", "origin")
    assert "a push of" in told.stdout.decode()
    assert SECRET not in told.stderr + told.stdout.decode()
    assert hub.say("for-each-ref", "refs/heads", "refs/tags") == before


def test_a_password_in_an_address_is_shown_nowhere(locked: HttpServer, ada: Member, hub: Member) -> None:
    """An address with a password works, and is shown without it: in what is said, in JSON, in the list of remotes."""
    address = locked.url("hub.git", f"ada:{SECRET}")
    ada.git("remote", "set-url", "origin", address)
    ada.new("r")
    said = [ada.run("push", address), ada.run("push"), ada.run("pull", address), ada.run("remotes")]
    assert [done.status for done in said] == [0, 0, 0, 0]
    said += [ada.run(*args, "--json") for args in (("remotes",), ("push", address), ("pull", address))]
    shutil.rmtree(hub.top)
    said += [ada.run(command, word) for command in ("push", "pull") for word in (address, "origin")]
    said.append(ada.run("pull", address, "nothing"))
    assert [done.status for done in said[-5:]] == [10] * 5
    for done in said:
        assert SECRET not in done.stderr + done.stdout.decode()
    assert "<redacted>@127.0.0.1" in said[0].stderr


def test_nobody_answers(ada: Member, hub: Member) -> None:
    """A host that is not there is git's own words, status 10; runs stay as they are."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ada.git("remote", "set-url", "origin", f"http://127.0.0.1:{port}/hub.git")
    ada.new("r")
    for command in ("pull", "push"):
        done = ada.run(command)
        assert done.status == 10
        assert f"port {port}" in done.stderr
    assert hub.names() == []


def test_a_ssh_command_of_the_users(ada: Member, bob: Member, hub: Member) -> None:
    """GIT_SSH_COMMAND and core.sshCommand carry runs; what ssh says of a failure is told."""
    wire = script(ada.path("../ssh"), f'echo "$1" >>{ada.path("../hosts")}; shift; exec sh -c "$1"')
    for someone in (ada, bob):
        someone.git("remote", "set-url", "origin", f"somebody@example.com:{hub.top}")
        someone.git("config", "ssh.variant", "simple")
    ada.new("r")
    assert len(ada.push(env={"GIT_SSH_COMMAND": wire})["created"]) == 1
    bob.git("config", "core.sshCommand", wire)
    assert bob.pull()["created"] == ["r"]
    assert set(ada.read("../hosts").split()) == {b"somebody@example.com"}
    failing = script(ada.path("../fails"), 'echo "ssh: Could not resolve hostname example.com" >&2; exit 255')
    done = ada.run("pull", env={"GIT_SSH_COMMAND": failing})
    assert done.status == 10
    assert "Could not resolve hostname" in done.stderr


@pytest.mark.parametrize("kind", ["git", "http"])
def test_servers_that_one_only_reads_from(kind: str, ada: Member, bob: Member, hub: Member) -> None:
    """From `git daemon`, and from plain files by HTTP (as cgit serves them), runs are pulled; a push says that it cannot."""
    ada.new("r")
    ada.push()
    hub.git("update-server-info")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    folder = os.path.dirname(hub.top)
    command = {
        "git": [
            "git",
            "daemon",
            "--listen=127.0.0.1",
            f"--port={port}",
            "--export-all",
            f"--base-path={folder}",
            folder,
        ],
        "http": [sys.executable, "-m", "http.server", "--bind=127.0.0.1", f"--directory={folder}", port],
    }[kind]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0)
    try:
        bob.git("remote", "set-url", "origin", f"{kind}://127.0.0.1:{port}/{os.path.basename(hub.top)}")
        end = time.monotonic() + 30
        while bob.run("pull").status and time.monotonic() < end:
            time.sleep(0.05)
        assert bob.names() == ["r"]
        bob.new("s")
        done = bob.run("push")
        assert done.status == 10
        assert {"git": "access denied", "http": "Cannot access URL"}[kind] in done.stderr
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # git starts another for its daemon
        server.wait(60)
