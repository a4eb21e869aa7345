"""Large files to and from a host with LFS, over HTTP: by git-lfs's hook in a push, and by `gitxp pull --large`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from git_servers import HttpServer
from ssh_server import SshServer, needs_sshd
from team import Member, member
from terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ("team_fixtures",)
pytestmark = pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs is not installed")

SECRET = "correct-horse-7391"  # noqa: S105  (a test's own)
YAML = "snapshot: {max_file_size: 1 KiB}\nlarge: {artifacts: true, untracked: true}\n"
BIG = bytes(range(256)) * 40
OID, BACK = (hashlib.sha256(data).hexdigest() for data in (BIG, BIG[::-1]))
SIZE = 51 << 20  # over the limit of artifacts


def ready(someone: Member, url: str) -> None:
    """Let a clone use git-lfs, as `git lfs install` does it, and this remote."""
    someone.git("lfs", "install", "--local")
    someone.git("remote", "set-url", "origin", url)


@pytest.fixture
def large(ada: Member) -> str:
    """A run of ada's with two large untracked files: its name."""
    ada.write("gitxp.yaml", YAML)
    ada.write("big.bin", BIG)
    ada.write("data/back.bin", BIG[::-1])
    ada.new("r")
    return "r"


@pytest.fixture
def host(hub: Member, ada: Member, bob: Member) -> Iterator[HttpServer]:
    """The hub by HTTP, with LFS; ada and bob use git-lfs."""
    hub.git("config", "http.receivepack", "true")
    with HttpServer(os.path.dirname(hub.top)) as server:
        server.lfs.is_here = True
        for someone in (ada, bob):
            ready(someone, server.url("hub.git"))
        yield server


@pytest.mark.parametrize("by", ["gitxp", "git"])
def test_there_and_back(host: HttpServer, ada: Member, bob: Member, large: str, by: str) -> None:
    """`gitxp push`, and a plain push, bring the objects; pull --large and restore give the bytes back; once each."""
    if by == "gitxp":
        assert ada.push()["unsent"] == 0
    else:
        ada.git("push", "-q", "origin", f"refs/experiments/{large}")
    assert set(host.lfs.objects) == {OID, BACK}
    done = bob.run("pull", "--large")
    assert done.status == 0, done.stderr
    assert "2 large files (20.0 KiB), with origin\n" in done.stderr
    assert "2 large files copied, with origin\n" in done.stderr
    again = json.loads(bob.run("pull", "--large", "--json", large).stdout)["large"]
    assert again == [{"address": "origin", "copied": 0, "there": 0, "failed": []}]
    assert host.lfs.batches.count("download") == 1
    assert bob.run("restore", large, "--to", "../again").status == 0
    assert bob.read("../again/big.bin") == BIG
    assert bob.read("../again/data/back.bin") == BIG[::-1]


def test_an_artifact(host: HttpServer, ada: Member, bob: Member) -> None:
    """A large file that a run produced goes with it, and is got from another clone."""
    ada.write("gitxp.yaml", YAML)
    ada.run("run", "--name", "r", "--out", "out.bin", "--", "sh", "-c", f"yes | head -c {SIZE} >out.bin")
    ada.push()
    assert [len(data) for data in host.lfs.objects.values()] == [SIZE]
    assert bob.run("pull", "--large").status == 0
    assert bob.run("artifacts", "r", "--get", "out.bin", "--to", "..").status == 0
    assert bob.read("../out.bin") == ada.read("out.bin")


def test_git_lfs_fetches_what_gitxp_pushed(host: HttpServer, ada: Member, bob: Member, large: str) -> None:
    """Plain git and git-lfs bring a run and its objects where gitxp is not."""
    del host
    ada.push()
    bob.git("fetch", "-q", "origin", f"refs/experiments/{large}:refs/experiments/{large}")
    bob.git("lfs", "fetch", "origin", f"refs/experiments/{large}")
    assert bob.git("lfs", "smudge", data=bob.blob(f"refs/experiments/{large}", "big.bin")) == BIG


def test_locks_of_others(host: HttpServer, ada: Member, large: str) -> None:
    """A run is no edit of what others locked, so nobody is asked about locks."""
    ada.push()
    assert large in ada.tips()
    assert [path for _, path in host.asked if "locks" in path] == []


def test_a_password(hub: Member, ada: Member, large: str) -> None:
    """git-lfs gets the password that was typed for git, in a push and in pull --large: a person is asked once for each."""
    hub.git("config", "http.receivepack", "true")
    bob = member(hub, hub.path("../bob"))
    with HttpServer(os.path.dirname(hub.top), password=SECRET) as server:
        server.lfs.is_here = True
        for someone, command in ((ada, ["push"]), (bob, ["pull", "--large"])):
            ready(someone, server.url("hub.git"))
            with Terminal(*command, cwd=someone.top, env={"GIT_TERMINAL_PROMPT": "1"}) as terminal:
                terminal.expect(rb"Username for .*: $")
                terminal.type(b"ada\n")
                terminal.expect(rb"Password for .*: $")
                terminal.type(f"{SECRET}\n".encode())
                assert terminal.wait() == 0, terminal.seen
                assert terminal.seen.count(b"Password for") == 1
            assert OID in server.lfs.objects
    assert bob.run("cat", large, "big.bin").stdout == BIG


def test_other_bytes_do_not_come_in(host: HttpServer, ada: Member, bob: Member, large: str) -> None:
    """What the host sends with another sha256 is refused and told, and restore leaves the pointer."""
    ada.push()
    host.lfs.damaging = True
    done = bob.run("pull", "--large")
    assert done.status == 1
    assert f"The large file {OID[:12]} was not copied: expected OID {OID}, got " in done.stderr
    assert bob.names() == [large]
    assert [name for _, _, names in os.walk(bob.path(".git/lfs/objects")) for name in names] == []
    assert "without its content" in bob.run("restore", large, "--to", "../again").stderr
    assert bob.read("../again/big.bin").startswith(b"version https://git-lfs")
    host.lfs.damaging = False
    assert bob.run("pull", "--large", large).status == 0
    assert bob.run("cat", large, "big.bin").stdout == BIG


def test_a_host_that_keeps_nothing(host: HttpServer, ada: Member, hub: Member, large: str) -> None:
    """Where the host cannot find what it took, git-lfs says so, and the run does not go without its files."""
    del large
    host.lfs.forgetful = True
    done = ada.run("push")
    assert done.status == 10, done.stderr
    assert hub.names() == []


def test_an_object_that_the_host_lost(host: HttpServer, ada: Member, bob: Member, large: str) -> None:
    """What the host has not is named with its words, and the others come."""
    ada.push()
    del host.lfs.objects[OID]
    done = bob.run("pull", "--large")
    assert done.status == 1
    assert f"The large file {OID[:12]} was not copied: it is not here: [404]" in done.stderr
    assert "1 large file copied, with origin" in done.stderr
    assert large in bob.tips()


@pytest.mark.parametrize("answer", ["nothing", "turned off"])
def test_a_host_without_lfs(host: HttpServer, ada: Member, bob: Member, hub: Member, large: str, answer: str) -> None:
    """It is said, and what helps, and nothing goes; with a storage the runs go, and their large files there alone."""
    host.lfs.is_here, host.lfs.is_off = answer != "nothing", answer != "nothing"
    done = ada.run("push")
    assert done.status == 10
    assert "Error: git push failed: origin has no LFS, and these runs have large files (" in done.stderr
    assert "Hint: Name a storage in gitxp.yaml" in done.stderr
    assert hub.names() == []
    for someone in (ada, bob):
        someone.write("gitxp.yaml", f"{YAML}storage: ../storage\n")
    done = ada.run("push", "--trust-storage")
    assert done.status == 0, done.stderr
    assert done.stderr.endswith(
        "2 large files (20.0 KiB), with ../storage\n1 run new in origin: r\n2 large files copied, with ../storage\n"
        "origin has no LFS: large files are in ../storage alone\n"
    )
    assert hub.names() == [large]
    answers = json.loads(bob.run("pull", "--large", "--trust-storage", "--json").stdout)["large"]
    assert [(one["address"], one["copied"], one["failed"]) for one in answers] == [("../storage", 2, [])]
    assert bob.run("cat", large, "big.bin").stdout == BIG


def test_several_addresses(host: HttpServer, ada: Member, hub: Member, large: str) -> None:
    """Each address is asked for itself whether it has LFS: with a storage all get the run, without those that have it."""
    hub.git("clone", "-q", "--bare", hub.top, "../plain.git")
    plain = type(hub)(hub.path("../plain.git"))
    plain.git("config", "http.receivepack", "true")
    with HttpServer(os.path.dirname(hub.top)) as other:
        urls = host.url("hub.git"), other.url("plain.git")
        for url in urls:
            ada.git("remote", "set-url", "--add", "--push", "origin", url)
        done = ada.run("push")
        assert done.status == 10
        assert f"{urls[1]} got nothing: git push failed: {urls[1]} has no LFS" in done.stderr
        assert (hub.names(), plain.names()) == ([large], [])
        assert set(host.lfs.objects) == {OID, BACK}
        ada.write("gitxp.yaml", f"{YAML}storage: ../storage\n")
        ada.new("more")
        pushed = ada.push("--trust-storage")
    parts = [pushed, *pushed["others"]]
    assert [(part["to"], part["lacks_lfs"], part["unsent"]) for part in parts] == [
        (urls[0], False, 0),
        (urls[1], True, 0),
    ]
    assert hub.names() == plain.names() == sorted([large, "more"])


def test_an_archive_at_a_host_without_lfs(host: HttpServer, ada: Member, hub: Member, large: str) -> None:
    """An archive takes the place of refs there, too, if a storage has its large files; else nothing is done."""
    host.lfs.is_here = False
    ada.write("gitxp.yaml", f"{YAML}storage: ../storage\n")
    ada.push("--trust-storage")
    assert ada.run("archive-refs", large).status == 0
    ada.write("gitxp.yaml", YAML)
    done = ada.run("archive-refs", "--remote", "--yes")
    assert done.status == 10
    assert "Error: git push failed: origin has no LFS, and these runs have large files (" in done.stderr
    assert hub.names() == [large]
    ada.write("gitxp.yaml", f"{YAML}storage: ../storage\n")
    done = ada.run("archive-refs", "--remote", "--yes")
    assert done.status == 0, done.stderr
    assert [name.partition("-")[0] for name in hub.names()] == ["@archive"]


def test_an_archive_brings_large_files_to_a_storage(host: HttpServer, ada: Member, hub: Member, large: str) -> None:
    """Of an archive whose runs were never pushed, large files go to the storage, once somebody said that it may be used."""
    host.lfs.is_here = False
    ada.write("gitxp.yaml", f"{YAML}storage: ../storage\n")
    assert ada.run("archive-refs", large).status == 0
    done = ada.run("archive-refs", "--remote", "--yes")
    assert done.status == 2
    assert "--trust-storage" in done.stderr
    assert hub.names() == []
    done = ada.run("archive-refs", "--remote", "--yes", "--trust-storage")
    assert done.status == 0, done.stderr
    assert [name.partition("-")[0] for name in hub.names()] == ["@archive"]
    assert os.path.getsize(ada.path(f"../storage/sha256/{OID[:2]}/{OID[2:4]}/{OID}")) > 0


def test_pull_from_a_host_without_lfs(host: HttpServer, ada: Member, bob: Member, large: str) -> None:
    """Large files that are nowhere are named, with the reason that the host has no LFS."""
    ada.git("-c", "core.hooksPath=/dev/null", "push", "-q", "origin", f"refs/experiments/{large}")
    host.lfs.is_here = False
    done = bob.run("pull", "--large")
    assert done.status == 1
    assert f"The large file {OID[:12]} was not copied: origin has no LFS (batch response: " in done.stderr


def test_what_the_storage_has_not_comes_from_the_host(host: HttpServer, ada: Member, bob: Member, large: str) -> None:
    """Objects that git-lfs uploaded before a storage was named are found at the remote."""
    del host
    ada.push()
    bob.write("gitxp.yaml", "storage: ../storage\n")
    answers = json.loads(bob.run("pull", "--large", "--trust-storage", "--json").stdout)["large"]
    assert [(one["address"], one["copied"], one["failed"]) for one in answers] == [
        ("../storage", 0, []),
        ("origin", 2, []),
    ]
    assert bob.run("cat", large, "big.bin").stdout == BIG


@pytest.mark.parametrize("how", ["no hook", "--no-verify", "asked to"])
def test_pointers_without_their_files(host: HttpServer, ada: Member, hub: Member, large: str, how: str) -> None:
    """Where git-lfs is not asked to upload and there is no storage, the run goes, and it is said that files stayed."""
    if how == "no hook":
        ada.git("lfs", "uninstall", "--local")
    environ = {"GIT_LFS_SKIP_PUSH": "1"} if how == "asked to" else {}
    done = ada.run("push", *(["--no-verify"] if how == "--no-verify" else []), env=environ)
    assert done.status == 0, done.stderr
    assert "2 large files stayed here, of which origin has pointers" in done.stderr
    assert hub.names() == [large]
    assert host.lfs.objects == {}


@needs_sshd
def test_ssh_without_lfs(ada: Member, hub: Member, large: str) -> None:
    """A plain ssh server has no LFS: with a storage, runs go, and their large files there."""
    with SshServer(hub.path("../sshd")) as server:
        ready(ada, server.url(hub.top))
        ada.git("config", "core.sshCommand", server.client())
        done = ada.run("push")
        assert done.status == 10
        assert "origin has no LFS, and these runs have large files (batch request: " in done.stderr
        ada.write("gitxp.yaml", f"{YAML}storage: ../storage\n")
        done = ada.run("push", "--trust-storage")
        assert done.status == 0, done.stderr
        assert done.stderr.endswith(
            "2 large files (20.0 KiB), with ../storage\n1 run new in origin: r\n2 large files copied, with ../storage\n"
            "origin has no LFS: large files are in ../storage alone\n"
        )
    assert hub.names() == [large]
