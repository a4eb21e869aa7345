from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import zlib
from typing import TYPE_CHECKING

import pytest

from run_factory import encode, make_id, make_record
from states import portrait
from team import between, count_connections, hook, said

if TYPE_CHECKING:
    from run_factory import Factory
    from team import Member

pytest_plugins = ("team_fixtures",)


def store(lab: Member, kind: str, data: bytes) -> str:
    """Write an object as it is, whatever git would say of it: its id."""
    whole = b"%s %d\0%s" % (kind.encode(), len(data), data)
    oid = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    path = os.path.join(lab.top, "objects", oid[:2], oid[2:])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(zlib.compress(whole))
    return oid


def tree(lab: Member, *entries: tuple[str, str, str]) -> str:
    """A tree of these modes, names and objects, in this order."""
    parts = [f"{mode} {name}\0".encode() + bytes.fromhex(oid) for mode, name, oid in entries]
    return store(lab, "tree", b"".join(parts))


def forge(lab: Member, name: str, number: int, *entries: tuple[str, str, str]) -> None:
    """A run in the hub whose tree has these entries beside its record."""
    record = store(lab, "blob", encode(make_record(name, number)))
    folder = tree(lab, ("100644", "run.json", record))
    top = sorted([("40000", ".gitxp", folder), *entries], key=lambda entry: entry[1])
    who = "E <e@example.com> 1700000000 +0000"
    commit = f"tree {tree(lab, *top)}\nauthor {who}\ncommitter {who}\n\n{name}\n"
    lab.git("update-ref", f"refs/experiments/{name}", store(lab, "commit", commit.encode()))


TREES = [".git", "..", ".", ".GIT", "git~1", ".git\u200c", "a/b", "symlink .gitmodules"]


@pytest.mark.damaged
@pytest.mark.parametrize("name", TREES)
def test_a_hostile_tree_is_refused_alone(name: str, hub: Member, made: Factory, ada: Member) -> None:
    """A run whose tree has a name that would escape is left, with git's words; all others come, and no file is written."""
    blob = store(hub, "blob", b"../../outside\n")
    mode, _, path = ("120000 " + name.removeprefix("symlink ")).partition(" ") if " " in name else ("100644", "", name)
    forge(hub, "bad", 1000, (mode, path, blob))
    made.make_many(9)
    before = portrait(ada)
    pulled = ada.pull()
    assert len(pulled["created"]) == 9
    (left,) = pulled["left"]
    assert left["name"] == "bad"
    assert "bad" not in ada.names()
    assert portrait(ada) == before
    assert ada.fsck() == ""
    made.make("later")
    assert ada.pull()["created"] == ["later"]
    again = said(ada.run("pull"))
    assert "bad of origin was not taken in" in again
    assert ada.run("pull", "origin", "bad", "later").status == 0


@pytest.mark.damaged
def test_many_hostile_trees_cost_a_bounded_number_of_connections(hub: Member, made: Factory, ada: Member) -> None:
    """Among any number of runs that git refuses, gitxp does not look for the good ones without end; each is told."""
    blob = store(hub, "blob", b"x")
    for number in range(60):
        forge(hub, f"bad-{number:02}", 1000 + number, ("100644", ".git", blob))
    made.make("good")
    counted = count_connections(ada)
    pulled = ada.pull()
    assert len(counted.take()) <= 70
    assert len(pulled["left"]) + len(pulled["created"]) == 61
    assert {left["name"] for left in pulled["left"]} >= {f"bad-{number:02}" for number in range(60)}


def test_names_that_are_none(hub: Member, made: Factory, ada: Member) -> None:
    """Refs like options, with `%`, unicode, or further slashes come neither here nor into an argument of git's."""
    made.make("good")
    for name in ("--upload-pack=touch", "-x", "100%", "größe", "a/b/c", "\u202etxt", "x" * 101, "a@b", "$(id)", ";id"):
        hub.git("update-ref", f"refs/experiments/{name}", "refs/experiments/good")
    assert ada.pull()["created"] == ["good"]
    ada.run("tag", "good", "+x")
    assert len(ada.push()["updated"]) == 1
    assert ada.names() == ["good"]


@pytest.mark.parametrize("case", ["64 MB", "deep", "not JSON", "a list", "control characters"])
def test_hostile_records(case: str, made: Factory, ada: Member) -> None:
    """A record that is huge, deep or no record is left, and told in a short safe line; the others come."""
    raw = {
        "64 MB": b'{"x": "' + b" " * (64 << 20) + b'"}',
        "deep": b'{"a":' * 100_000,
        "not JSON": b"\x1b]0;title\x07",
        "a list": b"[]",
        "control characters": json.dumps({"format": "\x1b[2J" * 1000}).encode(),
    }[case]
    made.make("bad", raw=raw)
    made.make("good")
    done = ada.run("pull")
    assert done.status == 0
    assert "new: good" in done.stderr
    assert "bad of origin was not taken in: " in done.stderr
    assert all(line.isprintable() and len(line) < 500 for line in done.stderr.splitlines())
    assert ada.names() == ["good"]


def test_many_large_records(made: Factory, ada: Member) -> None:
    """Records are looked at one by one: many large ones take no more memory than one."""
    params = {f"k{number}": 1 for number in range(80_000)}
    for number in range(40):
        made.make(f"r{number}", params=params)
    limit = 200 << 20  # each takes 8 MB
    done = ada.run("pull", prepare=f"resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit}))")
    assert done.stderr.startswith("40 runs new: ")
    assert done.status == 0


def test_twenty_thousand_refs(hub: Member, made: Factory, ada: Member) -> None:
    """A remote with very many refs, most of which are one commit or no runs, is dealt with."""
    made.make("r")
    tip = hub.tips()["r"]
    lines = [f"{tip} refs/experiments/{first}{number:05}\n" for first in "$n" for number in range(10_000)]
    hub.git("pack-refs", "--all")
    packed = hub.read("packed-refs").decode().replace(" sorted", "")
    hub.write("packed-refs", packed + "".join(lines))
    assert len(hub.names()) == 20_001
    counted = count_connections(ada)
    assert ada.pull()["created"] == ["r"]
    assert ada.pull()["created"] == []
    assert counted.take() == ["fetch", "fetch"]
    assert ada.names() == ["r"]


def test_many_refs_of_one_run(hub: Member, made: Factory, ada: Member) -> None:
    """A remote may not make a pull work without end by refs that all claim to be one run; those left over are told."""
    made.make("r")
    for number in range(30):
        hub.git("update-ref", f"refs/experiments/n{number:02}", "refs/experiments/r")
        made.advance(f"n{number:02}", {**hub.record("r"), "exit_code": number})
    pulled = ada.pull()
    assert (pulled["created"], pulled["merged"], pulled["updated"]) == (["r"], [], [])
    assert ada.names() == ["r"]
    assert any("of the same run" in left["reason"] for left in pulled["left"])


FORGED = ["another start", "other code", "rewound", "another name", "a side branch of the base"]


@pytest.mark.parametrize("case", FORGED)
def test_a_record_with_the_id_of_a_run_here(case: str, hub: Member, ada: Member, made: Factory) -> None:
    """A claim to be a run that is here moves nothing and overwrites nothing, unless it goes on where that one ends."""
    ada.new("mine")
    ada.push()
    ada.run("tag", "mine", "+mine")
    record = ada.record("mine")
    tip = ada.tips()["mine"]
    if case == "another start":
        made.make("mine", raw=encode({**record, "exit_code": 7}))
    elif case == "other code":
        made.commit("refs/experiments/mine", {"train.py": "evil\n"}, parent="refs/experiments/mine")
    elif case == "rewound":
        hub.git("update-ref", "refs/experiments/mine", "refs/experiments/mine~1")
    elif case == "another name":
        made.make("other", raw=encode({**record, "name": "other"}))
    else:
        made.make("mine", raw=encode(record), base="main", files={"more.txt": "x"})
    pulled = ada.pull()
    assert ada.tips() == {"mine": tip}
    if case != "rewound":
        assert len(pulled["left"]) == 1
        assert pulled["left"][0]["reason"].startswith("mine ")
    assert (pulled["created"], pulled["updated"], pulled["merged"]) == ([], [], [])


def test_a_record_with_the_name_of_another(made: Factory, ada: Member) -> None:
    """What a record calls itself is not what its ref here is called: a run that poses as another takes no name away."""
    ada.new("mine")
    made.make("theirs", raw=encode(make_record("mine", 7)))
    made.make("third", raw=encode(make_record("../../heads/main", 8)))
    tip = ada.tips()["mine"]
    assert ada.pull()["created"] == ["theirs", "third"]
    assert ada.tips()["mine"] == tip
    assert ada.names() == ["mine", "theirs", "third"]


def test_taken_names(made: Factory, ada: Member) -> None:
    """Where every name that could be made of the id is another run's, the run is left and told."""
    made.make("x", raw=encode(make_record("x", 500)))
    ada.new("x")
    digits = make_id(500).replace("-", "")
    for length in range(8, len(digits) + 1):
        ada.git("update-ref", f"refs/experiments/x-{digits[:length]}", "refs/experiments/x")
    pulled = ada.pull()
    assert len(pulled["renamed"]) + len(pulled["left"]) == 1
    assert ada.tips()["x"] != ada.say("rev-parse", "refs/gitxp/remotes/origin/x")


def test_a_symbolic_ref_there(hub: Member, made: Factory, ada: Member) -> None:
    """Another name for a run, or for a branch, is no further run here."""
    made.make("r")
    hub.git("symbolic-ref", "refs/experiments/alias", "refs/experiments/r")
    hub.git("symbolic-ref", "refs/experiments/main", "refs/heads/main")
    pulled = ada.pull()
    assert pulled["created"] == ["r"]
    assert [left["name"] for left in pulled["left"]] == ["main"]
    assert ada.names() == ["r"]


def test_words_of_the_other_side_are_made_visible(hub: Member, ada: Member) -> None:
    """Escape sequences that a host prints, and refuses with, never reach the terminal; nor does a line that does not end."""
    hook(hub, "update", r"printf '\033]0;title\007\033[2Jhello\nError: forged\nlong\342\200\256' >&2; exit 1")
    ada.new("r")
    done = ada.run("push")
    assert done.status == 1
    assert r"remote: \x1b]0;title\x07\x1b[2Jhello" in done.stderr
    assert "remote: Error: forged" in done.stderr
    assert r"\u202e" in done.stderr
    assert all(line.isprintable() for line in done.stderr.splitlines())
    between(ada, fetch=r"printf '\033[2Jno\n' >&2; exit 1")
    done = ada.run("pull")
    assert done.status == 10
    assert all(line.isprintable() for line in done.stderr.splitlines())


def test_a_host_that_never_stops_talking(ada: Member) -> None:
    """What is no git protocol is an error and not a crash."""
    between(ada, fetch="yes | head -c 3000000; exit 0")
    done = ada.run("pull")
    assert done.status == 10
    assert "Traceback" not in done.stderr


@pytest.mark.damaged
def test_a_pack_that_is_none(ada: Member) -> None:
    """A side that promises a run and sends rubbish leaves nothing here."""
    oid = "1" * 40

    def line(text: bytes) -> bytes:
        return f"{len(text) + 4:04x}".encode() + text

    refs = line(f"{oid} refs/experiments/r\0side-band-64k ofs-delta\n".encode()) + b"0000"
    pack = b"PACK" + struct.pack(">II", 2, 1 << 31) + b"rubbish"
    with open(ada.path("../answer"), "wb") as file:
        file.write(refs)
    with open(ada.path("../pack"), "wb") as file:
        file.write(line(b"NAK\n") + line(b"\1" + pack) + b"0000")
    between(ada, fetch=f"cat {ada.path('../answer')}; head -c 60 >/dev/null; exec cat {ada.path('../pack')}")
    done = ada.run("pull")
    assert done.status == 10
    assert ada.names() == []
    assert (
        subprocess.run(["git", "for-each-ref", "refs/gitxp"], cwd=ada.top, capture_output=True, check=True).stdout
        == b""
    )
