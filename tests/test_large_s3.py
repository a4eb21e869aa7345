"""Large files to S3 and back by the real commands: in several parts, interrupted, gone on with."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from typing import TYPE_CHECKING

import fsspec
import pytest

from s3_server import Asked, S3Server
from terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from states import Popen
    from team import Member

pytest_plugins = ("team_fixtures",)

YAML = "snapshot: {{max_file_size: 1 KiB}}\nlarge: {{untracked: true}}\nstorage: s3://{}/prefix\n"
SMALL = (b"one" * 1000, b"two" * 1000)
# Five parts, each unlike the others.
LARGE = b"".join(hashlib.sha256(str(number).encode()).digest() * (1 << 15) for number in range(40))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """An S3 server, which commands find."""
    with S3Server() as made:
        for name, value in made.environ.items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def bucket(server: S3Server) -> str:
    """A new bucket in it: its name. All servers of a process have the same ones."""
    del server
    name = f"bucket-{os.urandom(6).hex()}"
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(name)
    return name


@pytest.fixture
def sums(ada: Member, bucket: str) -> dict[str, str]:
    """The files of a run of ada's, by their sha256."""
    ada.write("gitxp.yaml", YAML.format(bucket))
    ada.commit()
    files = {"one.bin": SMALL[0], "two.bin": SMALL[1], "large.bin": LARGE}
    for name, data in files.items():
        ada.write(name, data)
    ada.new("r")
    return {hashlib.sha256(data).hexdigest(): name for name, data in files.items()}


def stored(bucket: str) -> dict[str, str]:
    """The sha256 of the objects in the bucket, by their names."""
    system = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
    return {path.rpartition("/")[2]: hashlib.sha256(system.cat(path)).hexdigest() for path in system.find(bucket)}


def brought(asked: list[Asked]) -> list[Asked]:
    """The requests that brought content."""
    return [one for one in asked if one.method == "PUT" and "/sha256/" in one.path]


def test_in_parts(server: S3Server, bucket: str, sums: dict[str, str], ada: Member, bob: Member) -> None:
    """A large object goes in parts, has the right sha256 there, and comes to another clone with the same bytes."""
    assert ada.push("--trust-storage")["large"]["copied"] == 3
    assert sorted(one.part or 0 for one in brought(server.asked)) == [0, 0, 1, 2, 3, 4, 5]
    assert stored(bucket) == {oid: oid for oid in sums}
    bob.write("gitxp.yaml", YAML.format(bucket))
    assert bob.run("pull", "--large", "--trust-storage").status == 0
    assert bob.run("restore", "r", "--to", "../again").status == 0
    assert bob.read("../again/large.bin") == LARGE


def push_until_held(server: S3Server, ada: Member) -> Popen:
    """Begin a push, which hangs in the second part of the large object when the small ones were read back."""
    server.hold = lambda one: one.part == 2
    process = ada.start("push", "--trust-storage")

    def is_there(asked: list[Asked]) -> bool:
        got = [one for one in asked if one.method == "GET" and "uploadId" not in one.query]
        read_back = {one.path for one in got if "/sha256/" in one.path}
        return len(read_back) == len(SMALL) and {one.part for one in asked} >= {1, 2, 3}

    server.wait(is_there)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted(
    server: S3Server, bucket: str, sums: dict[str, str], ada: Member, hub: Member, number: signal.Signals
) -> None:
    """A push that is ended leaves no part of an object under its name, and no run; the next sends the parts that are not there."""
    process = push_until_held(server, ada)
    process.send_signal(number)
    _, told = process.communicate(timeout=30)  # though the server does not answer yet
    assert process.returncode in {130, -number}, told
    server.release()
    small = {oid for oid, name in sums.items() if name != "large.bin"}
    assert stored(bucket) == {oid: oid for oid in small}
    assert hub.names() == []
    server.asked.clear()
    large = ada.push()["large"]
    assert (large["copied"], large["there"]) == (1, 2)
    assert sorted(one.part or 0 for one in brought(server.asked)) in ([2, 4, 5], [4, 5])  # 2 may have come at last
    assert stored(bucket) == {oid: oid for oid in sums}
    assert hub.names() == ["r"]
    assert os.listdir(ada.path(".git/gitxp/sending")) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.usefixtures("sums")
def test_an_interrupted_pull(server: S3Server, bucket: str, ada: Member, bob: Member, number: signal.Signals) -> None:
    """A pull that is ended goes on at the byte where it was; what came before is not asked for again."""
    assert ada.run("push", "--trust-storage").status == 0
    bob.write("gitxp.yaml", YAML.format(bucket))
    oid = hashlib.sha256(LARGE).hexdigest()
    server.hold = lambda one: one.path.endswith(oid) and one.start > len(LARGE) // 2
    server.asked.clear()
    process = bob.start("pull", "--large", "--trust-storage")
    server.wait(lambda asked: any(one.start > len(LARGE) // 2 for one in asked))
    process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert process.returncode in {130, -number}, told
    server.release()
    came = os.path.getsize(bob.path(f".git/gitxp/coming/{oid}"))
    assert came > len(LARGE) // 4
    server.asked.clear()
    assert bob.run("pull", "--large", "r").status == 0
    assert min(one.start for one in server.asked if one.method == "GET" and one.path.endswith(oid)) == came
    assert bob.run("restore", "r", "--to", "../again").status == 0
    assert bob.read("../again/large.bin") == LARGE
    assert os.listdir(bob.path(".git/gitxp/coming")) == []


@pytest.mark.usefixtures("sums")
def test_bytes_move_on_a_terminal(server: S3Server, bucket: str, ada: Member, bob: Member) -> None:
    """On a terminal, both directions tell how much of one large object is there, also while nothing comes."""
    server.hold = lambda one: (one.part or 0) > 3
    with Terminal("push", "--trust-storage", cwd=ada.top) as shown:
        shown.expect(rb"2 of 3, 24.0 of 40.0 MiB \(60 %\)")
        server.release()
        assert shown.wait() == 0
    bob.write("gitxp.yaml", YAML.format(bucket))
    server.hold = lambda one: one.start > len(LARGE) // 2
    with Terminal("pull", "--large", "--trust-storage", cwd=bob.top) as shown:
        shown.expect(rb"2 of 3, \d+\.\d of 40.0 MiB \([3-6]\d %\)")
        server.release()
        assert shown.wait() == 0


def test_a_bucket_that_is_not_there(bucket: str, sums: dict[str, str], ada: Member, hub: Member) -> None:
    """Where the storage refuses, each large file is named with its words, and the exit status is 1.

    Runs with such files stay, others go, and a push sends both once the storage takes them.
    """
    fsspec.filesystem("s3", skip_instance_cache=True).rm(bucket, recursive=True)
    for name in sums.values():
        os.rename(ada.path(name), ada.path(f"../{name}"))
    ada.new("small")
    done = ada.run("push", "--trust-storage", "--json")
    assert done.status == 1
    assert "1 run stayed here" in done.stderr
    assert (json.loads(done.stdout)["held"], hub.names()) == (["r"], ["small"])
    failed = json.loads(done.stdout)["large"]["failed"]
    assert {one["sha256"] for one in failed} == set(sums)
    assert all("bucket does not exist" in one["reason"] for one in failed)
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(bucket)
    assert ada.run("push").status == 0
    assert (hub.names(), set(stored(bucket))) == (["r", "small"], set(sums))


@pytest.mark.usefixtures("sums")
def test_an_archive_waits_for_its_large_files(bucket: str, ada: Member, hub: Member) -> None:
    """Where the storage refuses, no archive goes to the remote, and nothing is deleted there; later both go."""
    assert ada.run("push", "--trust-storage").status == 0
    ada.write("more.bin", LARGE[::-1])
    ada.new("more")
    fsspec.filesystem("s3", skip_instance_cache=True).rm(bucket, recursive=True)
    assert ada.run("archive-refs", "r", "more").status == 0
    done = ada.run("archive-refs", "--remote", "origin", "--yes")
    assert done.status == 1, done.stderr
    assert "bucket does not exist" in done.stderr
    assert hub.names() == ["r"]
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(bucket)
    done = ada.run("archive-refs", "--remote", "origin", "--yes")
    assert done.status == 0, done.stderr
    assert set(stored(bucket)) == {hashlib.sha256(LARGE[::-1]).hexdigest()}
    assert hub.say("for-each-ref", "--format=%(refname)", "refs/experiments").startswith("refs/experiments/@archive-")
