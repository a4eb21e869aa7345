from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import UsageError
from gitxp.format import Oid
from gitxp.keeping import check_held
from gitxp.keeping.check_config import _covers
from gitxp.keeping.check_versions import GIT_HOLES, Hole, is_mended
from gitxp.store.own import note_own
from run_factory import make_record

if TYPE_CHECKING:
    from pathlib import Path

    from gitxp.keeping.finding import Finding
    from gitxp.repo import Repo
    from run_factory import Factory

pytest_plugins = ("run_fixtures",)
# A token of GitHub's form, put together so that nobody takes this file for one that has a secret in it.
TOKEN = "ghp_" + "a1B2" * 9
HOUR = 3600


def wrong(here: Repo, **wish: Any) -> list[Finding]:
    """What is found that is no mere note."""
    return [one for one in here.doctor(**wish) if one.is_wrong]


def ids(findings: list[Finding]) -> list[str]:
    """The kinds of findings."""
    return [one.id for one in findings]


def make_old(path: str, age: float = 2 * HOUR) -> None:
    """An empty file that was last changed so long ago, in seconds."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8"):
        pass
    os.utime(path, (time.time() - age,) * 2)


def test_all_is_well(factory: Factory, here: Repo, gitxp: Any) -> None:
    """In a sound repository there are notes alone, and the status is 0."""
    factory.make("one")
    assert wrong(here) == []
    assert gitxp("doctor").returncode == 0


def test_nothing_is_changed(factory: Factory, here: Repo, git: Any, untouched: Any, repo: str) -> None:
    """Looking changes nothing, whatever is found."""
    factory.make("one", files={".env": "A=1"})
    git("config", "--add", "remote.o.fetch", "+refs/experiments/*:refs/experiments/*")
    make_old(f"{repo}/.git/refs/experiments/one.lock")
    before = git("for-each-ref")
    with untouched():
        found = here.doctor(deep=True)
    assert {"prunable-refspec", "secret-in-run", "stale-lock"} <= set(ids(found))
    assert git("for-each-ref") == before
    assert os.path.exists(f"{repo}/.git/refs/experiments/one.lock")


@pytest.mark.parametrize(
    ("pattern", "covers"),
    [
        ("refs/experiments/*", True),
        ("refs/experiments/a*", True),
        ("refs/experiments/one", True),
        ("refs/*", True),
        ("refs/e*", True),
        ("*", True),
        ("refs/remotes/origin/*", False),
        ("refs/heads/*", False),
        ("refs/experiments-of-others/*", False),
        ("refs/gitxp/remotes/origin/*", False),
        ("refs/heads/main", False),
    ],
)
def test_which_patterns_mean_runs(pattern: str, covers: bool) -> None:
    """A pattern with a star means what lies below its beginning; one without, itself."""
    assert _covers(pattern) is covers


def test_a_prunable_refspec_is_taken_out(factory: Factory, here: Repo, git: Any, tmp_path: Path) -> None:
    """It would delete runs that were not pushed; after --fix a fetch with --prune leaves them, and brings branches."""
    git("init", "--quiet", "--bare", tmp_path / "shared.git")
    git("remote", "add", "origin", tmp_path / "shared.git")
    factory.make("one")
    spec = "+refs/experiments/*:refs/experiments/*"
    git("config", "--add", "remote.origin.fetch", spec)
    git("config", "fetch.prune", "true")
    (found,) = wrong(here)
    assert (found.id, found.severity, found.fixable) == ("prunable-refspec", "error", True)
    assert "fetch.prune is on" in found.what
    assert all(one.fixed for one in here.mend([found]))
    assert wrong(here) == []
    assert git("config", "--get-all", "remote.origin.fetch") == "+refs/heads/*:refs/remotes/origin/*"
    git("fetch", "--quiet", "--prune", "origin")
    assert git("for-each-ref", "refs/experiments/")


def test_a_refspec_that_stands_there_twice(here: Repo, git: Any) -> None:
    """It is found once, and both go."""
    git("config", "remote.o.url", "nowhere")
    for _ in range(2):
        git("config", "--add", "remote.o.fetch", "+refs/experiments/*:refs/experiments/*")
    assert [one.fixed for one in here.mend(wrong(here))] == [True]
    assert wrong(here) == []


def test_runs_are_left_out_of_a_refspec_for_all(factory: Factory, here: Repo, git: Any, tmp_path: Path) -> None:
    """A refspec that brings more than runs, as a mirror has it, stays; a fetch with --prune leaves runs, and brings the rest."""
    git("clone", "--quiet", "--mirror", ".", tmp_path / "shared.git")
    git("tag", "brought")
    git("-C", tmp_path / "shared.git", "fetch", "--quiet", ".", "HEAD:refs/tags/brought")
    git("tag", "-d", "brought")
    factory.make("one")
    git("remote", "add", "--mirror=fetch", "origin", tmp_path / "shared.git")
    (found,) = wrong(here)
    assert [one.fixed for one in here.mend([found])] == [True]
    assert wrong(here) == []
    assert git("config", "--get-all", "remote.origin.fetch").split() == ["+refs/*:refs/*", "^refs/experiments/*"]
    git("fetch", "--quiet", "--prune", "--update-head-ok", "origin")
    assert git("for-each-ref", "refs/experiments/")
    assert git("for-each-ref", "refs/tags/brought")


def test_what_cannot_be_mended_stops_nothing(gitxp: Any, git: Any, repo: str) -> None:
    """A configuration that is locked is told with the finding; what comes after it is mended."""
    git("config", "remote.o.url", "nowhere")
    git("config", "--add", "remote.o.fetch", "+refs/experiments/*:refs/experiments/*")
    git("update-ref", "refs/gitxp/outbox/x/one", git("rev-parse", "HEAD").strip())
    lock = os.path.join(repo, ".git", "config.lock")
    with open(lock, "wb"):
        pass
    answer = gitxp("doctor", "--fix", "--json", check=False)
    told = {one["id"]: one for one in json.loads(answer.stdout)}
    assert not told["prunable-refspec"]["fixed"]
    assert "It could not be mended: " in told["prunable-refspec"]["what"]
    assert "config.lock" in told["prunable-refspec"]["what"] or "lock config file" in told["prunable-refspec"]["what"]
    assert told["left-outbox"]["fixed"]


def test_a_refspec_that_leaves_runs_out_is_harmless(here: Repo, git: Any) -> None:
    """A negative refspec exempts runs from a mirror's; one in the user's own configuration is told and not changed."""
    git("config", "remote.o.url", "nowhere")
    git("config", "--global", "--add", "remote.o.fetch", "+refs/*:refs/*")
    (found,) = wrong(here)
    assert (found.id, found.fixable) == ("prunable-refspec", False)
    assert "--global" in str(found.remedy)
    git("config", "--add", "remote.o.fetch", "^refs/experiments/*")
    assert wrong(here) == []


def test_a_mirror(here: Repo, git: Any) -> None:
    """A remote that every push makes equal to this repository is told."""
    git("config", "remote.o.url", "nowhere")
    git("config", "remote.o.mirror", "true")
    assert ids(wrong(here)) == ["mirror"]


@pytest.mark.damaged
def test_a_configuration_that_cannot_be_read(factory: Factory, here: Repo, repo: str, gitxp: Any) -> None:
    """A broken gitxp.yaml is found, with its line, and stops no other check."""
    factory.make("bad", raw=b"{")
    with open(os.path.join(repo, "gitxp.yaml"), "w", encoding="utf-8") as file:
        file.write("trash:\n  days: [\n")
    found = {one.id: one.what for one in wrong(here)}
    assert set(found) == {"broken-config", "broken-run"}
    assert "line 3" in found["broken-config"]
    answer = gitxp("doctor", check=False)
    assert answer.returncode == 1
    assert "move it away" in " ".join(answer.stdout.split())


def test_what_is_no_run(factory: Factory, here: Repo, git: Any) -> None:
    """Records that cannot be read, refs that can be no runs, and names that differ by case are told by name."""
    factory.make("one")
    factory.make("ONE")
    factory.make("bad", raw=b"{")
    git("update-ref", "refs/experiments/a/b", "HEAD")
    found = {one.id: one.what for one in wrong(here)}
    assert set(found) == {"broken-run", "strange-ref", "case-collision"}
    assert "bad" in found["broken-run"]
    assert "refs/experiments/a/b" in found["strange-ref"]
    assert {"one", "ONE"} <= set(found["case-collision"].split())


def test_the_same_run_twice_is_a_note(factory: Factory, here: Repo, git: Any) -> None:
    """A run under two names is no harm."""
    git("update-ref", "refs/experiments/again", factory.make("one"))
    assert wrong(here) == []
    assert "twin-runs" in ids(here.doctor())


def test_hundreds_of_broken_runs_are_summed_up(factory: Factory, here: Repo) -> None:
    """Some are told one by one, the others in one line."""
    for number in range(25):
        factory.make(f"bad-{number}", raw=b"{")
    found = wrong(here)
    assert ids(found) == ["broken-run"] * 21
    assert "5 more runs" in found[-1].what


def test_runs_whose_end_nobody_saw(factory: Factory, here: Repo, repo: str) -> None:
    """A run of this machine without its live folder is a warning; one that runs on another machine is a note."""
    factory.make("here", status="running", host=os.uname().nodename, exit_code=None, finished_at=None)
    factory.make("there", status="running", host="elsewhere", exit_code=None, finished_at=None)
    found = here.doctor()
    assert {one.id: one.severity for one in found if one.id in {"unfinished-run", "long-running"}} == {
        "unfinished-run": "warning",
        "long-running": "note",
    }
    folder = f"{repo}/.git/gitxp/live/shared"
    os.makedirs(folder)
    state = {"format": 1, "host": "elsewhere", "record": {"name": "shared"}}
    with open(f"{folder}/state.json", "w", encoding="utf-8") as file:
        json.dump(state, file)
    with open(f"{folder}/lock", "w", encoding="utf-8"):
        pass
    assert "shared on elsewhere" in next(one.what for one in here.doctor() if one.id == "live-elsewhere")


def test_a_run_that_cannot_be_recovered(here: Repo, repo: str) -> None:
    """A live folder that nobody looks after and that cannot be finished is an error that says where it is."""
    folder = f"{repo}/.git/gitxp/live/broken"
    os.makedirs(folder)
    with open(f"{folder}/lock", "w", encoding="utf-8"):
        pass
    (found,) = wrong(here)
    assert (found.id, found.severity) == ("unrecovered-run", "error")
    assert folder in str(found.remedy)


def test_locks_that_were_left(factory: Factory, here: Repo, repo: str, gitxp: Any, git: Any) -> None:
    """Locks of refs that were left are deleted by --fix; young ones, and git's own, stay, and are told."""
    factory.make("one")
    factory.make("two")
    locks = f"{repo}/.git/refs/experiments"
    make_old(f"{locks}/one.lock")
    make_old(f"{locks}/two.lock", age=10)
    make_old(f"{repo}/.git/packed-refs.lock", age=100)
    make_old(f"{repo}/.git/packed-refs.new", age=100)
    make_old(f"{repo}/.git/gitxp/removed.jsonl.lock")
    make_old(f"{repo}/.git/index.lock")
    assert sorted(ids(wrong(here))) == ["stale-git-lock", "stale-lock", "young-lock"]
    answer = gitxp("doctor", "--fix", check=False)
    assert answer.returncode == 1  # git's own is there still
    assert not os.path.exists(f"{locks}/one.lock")
    assert not os.path.exists(f"{repo}/.git/gitxp/removed.jsonl.lock")
    assert not os.path.exists(f"{repo}/.git/packed-refs.lock")
    assert not os.path.exists(f"{repo}/.git/packed-refs.new")
    assert os.path.exists(f"{locks}/two.lock")
    assert os.path.exists(f"{repo}/.git/index.lock")
    git("update-ref", "-d", "refs/experiments/one")


def test_locks_while_a_git_is_at_work(factory: Factory, here: Repo, repo: str) -> None:
    """As long as a git stands in the repository, a lock is taken for left only after an hour."""
    factory.make("one")
    lock, old = f"{repo}/.git/refs/experiments/one.lock", f"{repo}/.git/packed-refs.lock"
    make_old(lock, age=1000)
    make_old(old)
    code = "import subprocess; subprocess.run(['git', 'cat-file', '--batch'])"
    with subprocess.Popen([sys.executable, "-c", code], cwd=repo, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as git:
        assert git.stdin is not None
        assert git.stdout is not None
        git.stdin.write(b"HEAD^{tree}\n")
        git.stdin.flush()
        git.stdout.readline()
        here.mend(here.doctor())
        assert os.path.exists(lock)
        assert not os.path.exists(old)
        git.stdin.close()
    here.mend(here.doctor())
    assert not os.path.exists(lock)


def test_objects_that_never_became_any(factory: Factory, here: Repo, repo: str, gitxp: Any) -> None:
    """Temporary files of git's among the objects are told, and taken away by --fix and by gc, once they are left."""
    factory.make("one")
    left = [f"{repo}/.git/objects/{name}" for name in ("pack/tmp_pack_x1", "pack/.tmp-1-pack-x.pack", "ab/tmp_obj_x2")]
    for path in left:
        make_old(path, age=100)
    assert ids(wrong(here)) == ["temporary-objects"]
    here.mend(here.doctor())
    assert not any(map(os.path.exists, left))
    for path in left:
        make_old(path, age=10 if path.endswith("x1") else 100)
    gitxp("gc", "--yes")
    assert [os.path.exists(path) for path in left] == [True, False, False]


HOLE = Hole("CVE-0", "", ((2, 39, 4), (2, 40, 2), (2, 45, 1)))


@pytest.mark.parametrize(
    ("version", "mended"),
    [
        ((2, 39, 3), False),
        ((2, 39, 4), True),
        ((2, 39, 5), True),
        ((2, 40, 1), False),
        ((2, 41, 9), False),
        ((2, 45, 0), False),
        ((2, 45, 1), True),
        ((2, 46), True),
        ((3, 0, 0), True),
        ((2, 34, 1), False),
    ],
)
def test_which_versions_have_a_hole(version: tuple[int, ...], mended: bool) -> None:
    """Each line of releases has its own version from which on a hole is mended; lines without one never are."""
    assert is_mended(HOLE, version) is mended


def test_the_table_of_holes_is_sound() -> None:
    """One version for each line, and ids that the address of a remedy can have."""
    for hole in GIT_HOLES:
        assert hole.id.startswith("CVE-20")
        assert len({version[:2] for version in hole.mended}) == len(hole.mended)
        assert list(hole.mended) == sorted(hole.mended)


def test_an_old_git(factory: Factory, here: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that gitxp does not support is an error; a known hole is a note, since distributions mend them silently."""
    factory.make("one")
    real, fake = shutil.which("git"), tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\nfor word; do [ "$word" = version ] && echo "git version 2.30.1" && exit; done\nexec {real} "$@"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    found = here.doctor()
    assert [one.id for one in found if one.is_wrong] == ["old-git"]
    assert "CVE-2022-24765" in " ".join(one.what for one in found if one.id == "known-hole")


def test_a_disk_that_is_nearly_full(here: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under a gibibyte is a warning, under 100 MiB an error."""
    for free, severity in ((2 << 30, None), (1 << 29, "warning"), (1 << 20, "error")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        found = [one.severity for one in here.doctor() if one.id == "disk-full"]
        assert found == ([severity] if severity else [])


def test_sizes_are_told_in_their_unit(here: Repo) -> None:
    """What is small is not told as 0.0 MiB."""
    (sizes,) = [one.what for one in here.doctor() if one.id == "sizes"]
    assert "0.0 MiB" not in sizes
    assert re.search(r"objects [\d.]+ (B|KiB)", sizes)


def test_loose_refs_are_packed(factory: Factory, here: Repo, git: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of refs that are files of their own are packed by --fix, and are the same refs after it."""
    monkeypatch.setattr("gitxp.keeping.check_space._MANY_LOOSE", 50)
    factory.make_many(60)
    before = git("for-each-ref")
    found = wrong(here)
    assert ids(found) == ["loose-refs"]
    here.mend(found)
    assert wrong(here) == []
    assert git("for-each-ref") == before


def test_secrets_in_runs(factory: Factory, here: Repo, repo: str) -> None:
    """Files are told by their names, and by tokens in them, untracked ones, artifacts and output alike."""
    factory.make("named", files={"keys/id_rsa": "x", ".env.example": "A="})
    factory.make("inside", files={"notes.txt": f"the token is {TOKEN}\n", "harmless.txt": "no token\n"})
    factory.make("printed", files={".gitxp/output.log": f"{TOKEN}\n"})
    factory.make("kept", files={".gitxp/artifacts/server.pem": "y"})
    found = [one.what for one in wrong(here)]
    assert len(found) == 4
    for path, run in (
        ("keys/id_rsa", "named"),
        ("notes.txt", "inside"),
        (".gitxp/output.log", "printed"),
        (".gitxp/artifacts/server.pem", "kept"),
    ):
        assert any(what.startswith(f"{path} of {run} ") for what in found), found
    assert TOKEN not in "".join(found)
    with open(f"{repo}/gitxp.yaml", "w", encoding="utf-8") as file:
        file.write("snapshot:\n  allow: [id_rsa, '*.pem']\n  secrets: ['harmless.*']\n")
    found = [one.what for one in wrong(here)]
    assert sorted(what.partition(" ")[0] for what in found) == [".gitxp/output.log", "harmless.txt", "notes.txt"]


def test_what_a_branch_has_is_no_secret_of_a_run(factory: Factory, here: Repo, git: Any, repo: str) -> None:
    """Files that the base has are the user's business; the trash is looked into like runs."""
    with open(f"{repo}/id_rsa", "w", encoding="utf-8") as file:
        file.write("x")
    git("add", "id_rsa")
    git("commit", "--quiet", "--message=key")
    factory.make("one")
    assert wrong(here) == []
    factory.make("two", files={"token.txt": TOKEN})
    here.remove(here.plan_removal(["two"]))
    assert "two (in the trash)" in wrong(here)[0].what


def test_the_search_is_bounded(factory: Factory, here: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too much is told, and found with `deep`; what is binary is not searched."""
    monkeypatch.setattr(check_held, "_TEXT", 10_000)
    factory.make("large", files={"log.txt": f"{'x' * 20_000} {TOKEN}"})
    found = here.doctor()
    assert [one.id for one in found if one.is_wrong] == []
    assert "1 files" in next(one.what for one in found if one.id == "not-looked-into")
    assert ids(wrong(here, deep=True)) == ["secret-in-run"]
    factory.make("binary", files={"model.bin": b"\0" + TOKEN.encode()})
    assert len(wrong(here, deep=True)) == 1


@pytest.mark.damaged
def test_damage_stops_no_other_check(factory: Factory, here: Repo, git: Any) -> None:
    """Where objects are missing, the rest is examined all the same."""
    tip = factory.make("one", files={"a/b.txt": "text"})
    factory.make("two", files={"token.txt": TOKEN})
    for oid in (git("rev-parse", f"{tip}:a"), git("rev-parse", f"{tip}:.gitxp/run.json")):
        os.unlink(git("rev-parse", "--git-path", f"objects/{oid[:2]}/{oid[2:]}"))
    found = ids(wrong(here))
    assert {"broken-run", "secret-in-run"} <= set(found)


def test_a_remote_is_tried(factory: Factory, here: Repo, git: Any, tmp_path: Path) -> None:
    """Nothing is sent; what cannot be reached is an error; that only a real push tells all is said."""
    shared = tmp_path / "shared.git"
    git("init", "--quiet", "--bare", shared)
    git("remote", "add", "origin", shared)
    git("remote", "add", "gone", tmp_path / "gone.git")
    assert "no run yet" in next(one.what for one in here.doctor(remote="origin") if one.id == "remote")
    factory.make("one")
    found = next(one for one in here.doctor(remote="origin") if one.id == "remote")
    assert (found.severity, "only a real push" in str(found.remedy)) == ("note", True)
    assert git("for-each-ref", cwd=shared) == ""
    assert ids(wrong(here, remote="gone")) == ["remote-unreachable"]
    with pytest.raises(UsageError):
        here.doctor(remote="nowhere")
    git("push", "--quiet", "origin", "HEAD:refs/experiments/one")
    factory.commit("refs/experiments/other", {"x": "y"}, parent=None)
    git("push", "--quiet", "--force", "origin", "refs/experiments/other:refs/experiments/one")
    git("update-ref", "-d", "refs/experiments/other")
    assert ids(wrong(here, remote="origin")) == ["remote-refuses"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("remote.origin.mirror", "true"), ("push.recurseSubmodules", "only"), ("push.followTags", "true")],
)
def test_a_remote_is_tried_as_a_push_asks_it(
    factory: Factory, here: Repo, git: Any, tmp_path: Path, key: str, value: str
) -> None:
    """A mirror, to which git pushes all or nothing, is tried like others; so it is under other settings for pushes."""
    git("init", "--quiet", "--bare", tmp_path / "shared.git")
    git("remote", "add", "origin", tmp_path / "shared.git")
    git("config", key, value)
    factory.make("one")
    assert [one.severity for one in here.doctor(remote="origin") if one.id.startswith("remote")] == ["note"]


def test_json_and_words(factory: Factory, gitxp: Any, git: Any) -> None:
    """Both forms have the same findings, safe for a terminal; the status is 1 where something is wrong."""
    factory.make("one", files={"\x1b[2J.pem": "x"})
    answer = gitxp("doctor", "--json", check=False)
    found = json.loads(answer.stdout)
    assert answer.returncode == 1
    assert found[0]["id"] == "secret-in-run"
    assert {key: found[0][key] for key in ("severity", "fixable", "fixed")} == {
        "severity": "warning",
        "fixable": False,
        "fixed": False,
    }
    text = gitxp("doctor", check=False).stdout
    assert "\x1b" not in text
    assert "[secret-in-run]" in text
    git("update-ref", "-d", "refs/experiments/one")
    assert gitxp("doctor", "--json").returncode == 0


needs_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")


@needs_lfs
def test_large_files_that_lfs_would_prune(here: Repo, git: Any, repo: str, gitxp: Any) -> None:
    """What a run of last year alone needs is kept by `git lfs prune` once --fix was given, and is deleted without."""
    git("lfs", "install", "--local", "--skip-smudge")
    git("lfs", "track", "*.bin")
    git("add", "--all")
    git("commit", "--quiet", "--message=track")
    with open(f"{repo}/model.bin", "wb") as file:
        file.write(b"weights" * 1000)
    old = {f"GIT_{role}_DATE": f"{int(time.time()) - 300 * 86_400} +0000" for role in ("AUTHOR", "COMMITTER")}
    gitxp("run", "--name", "one", "true", env=old)
    os.unlink(f"{repo}/model.bin")
    assert "prune: 1 local object, 0 retained" in git("lfs", "prune", "--dry-run")
    found = wrong(here)
    assert ids(found) == ["lfs-prune"]
    here.mend(found)
    assert wrong(here) == []
    git("lfs", "prune")
    sha256 = hashlib.sha256(b"weights" * 1000).hexdigest()
    assert os.path.exists(f"{repo}/.git/lfs/objects/{sha256[:2]}/{sha256[2:4]}/{sha256}")
    git("config", "--unset", "lfs.fetchrecentrefsdays")
    git("lfs", "prune")
    assert ids(wrong(here)) == ["lfs-missing"]


def test_large_files_that_are_missing(factory: Factory, here: Repo, git: Any, repo: str) -> None:
    """A pointer whose object is not in the store is told with its path, wherever the store is."""
    sha256 = "ab" * 32
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 7\n"
    factory.make("one", files={".gitxp/artifacts/model.bin": pointer})
    (found,) = wrong(here)
    assert (found.id, ".gitxp/artifacts/model.bin" in found.what) == ("lfs-missing", True)
    git("config", "lfs.storage", "../store")
    git("config", "lfs.fetchrecentrefsdays", "36500")
    folder = f"{repo}/store/objects/ab/ab"
    os.makedirs(folder)
    with open(f"{folder}/{sha256}", "wb") as file:
        file.write(b"weights")
    assert wrong(here) == []


def test_large_files_that_are_elsewhere(factory: Factory, here: Repo, git: Any, repo: str) -> None:
    """Of a run that came from a remote it is ordinary that they are not here; of one that was made here it is not."""
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 7\n"
    git("remote", "add", "origin", "../nowhere.git")
    tip = factory.make("theirs", files={".gitxp/artifacts/model.bin": text.format("ab" * 32)})
    git("update-ref", "refs/gitxp/remotes/origin/theirs", tip)
    assert wrong(here) == []
    (note,) = [one for one in here.doctor() if one.id == "lfs-elsewhere"]
    assert (note.severity, "origin" in str(note.remedy)) == ("note", True)
    mine = factory.make("mine", files={".gitxp/artifacts/model.bin": text.format("cd" * 32)})
    note_own(f"{repo}/.git", Oid(mine))
    factory.advance("mine", make_record("mine", 1, note="later"))
    git("update-ref", "refs/gitxp/remotes/origin/mine", mine)
    (found,) = wrong(here)
    assert (found.id, "mine" in found.what, "theirs" in found.what) == ("lfs-missing", True, False)


@pytest.mark.parametrize("archived", [False, True])
def test_large_files_that_a_storage_has(
    factory: Factory, here: Repo, git: Any, repo: str, gitxp: Any, *, archived: bool
) -> None:
    """What was pushed from here while a storage was named is there; what was not pushed is nowhere."""
    with open(f"{repo}/gitxp.yaml", "w", encoding="utf-8") as file:
        file.write("storage: ../storage\n")
    git("add", "gitxp.yaml")
    git("commit", "--quiet", "--message=storage")
    git("remote", "add", "origin", "../nowhere.git")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 7\n"
    tip = factory.make("one", files={".gitxp/artifacts/model.bin": pointer})
    note_own(f"{repo}/.git", Oid(tip))
    assert ids(wrong(here)) == ["lfs-missing"]
    if archived:
        gitxp("archive-refs", "one")
        archive = git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/experiments/")
        git("update-ref", f"refs/gitxp/remotes/origin/{archive}", f"refs/experiments/{archive}")
    else:
        git("update-ref", "refs/gitxp/remotes/origin/one", tip)
    assert wrong(here) == []
    (note,) = [one for one in here.doctor() if one.id == "lfs-elsewhere"]
    assert "../storage" in str(note.remedy)


def test_large_files_that_gc_took_out(factory: Factory, here: Repo, git: Any, repo: str, gitxp: Any) -> None:
    """What gc --artifacts-only took out is a note that names the undo, which brings it back; nothing is wrong."""
    sha256 = hashlib.sha256(b"weights").hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 7\n"
    git("config", "lfs.fetchrecentrefsdays", "36500")
    factory.make("one", files={".gitxp/artifacts/model.bin": pointer})
    folder = f"{repo}/.git/lfs/objects/{sha256[:2]}/{sha256[2:4]}"
    os.makedirs(folder)
    with open(f"{folder}/{sha256}", "wb") as file:
        file.write(b"weights")
    gitxp("gc", "--keep", "0", "--artifacts-only")
    assert not os.path.exists(f"{folder}/{sha256}")
    assert wrong(here) == []
    (note,) = [one for one in here.doctor() if one.id == "lfs-in-trash"]
    assert (note.severity, "of one are in the trash: .gitxp/artifacts/model.bin" in note.what) == ("note", True)
    gitxp("undo")
    assert "lfs-in-trash" not in ids(here.doctor())
    assert os.path.exists(f"{folder}/{sha256}")


def test_large_files_that_nobody_went_on_with(here: Repo, repo: str, gitxp: Any) -> None:
    """Beginnings that are over a week old, and notes over a month, are told, and --fix and gc delete them; not what is in use."""
    ages = {"coming/old": 7.1, "coming/young": 6.9, "coming/used": 90, "sending/old-x": 30.1, "sending/young-x": 29.9}
    paths = {name: os.path.join(repo, ".git", "gitxp", name) for name in ages}
    kept = {name for name, path in paths.items() if "old" not in name}
    for clear in (lambda: gitxp("doctor", "--fix", check=False), lambda: here.gc(here.plan_gc())):
        for name, path in paths.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(bytes(3 << 20))
            os.utime(path, (time.time() - ages[name] * 86_400,) * 2)
        assert here.usage().cache >= 9 << 20
        with open(paths["coming/used"], "rb") as used:
            fcntl.flock(used, fcntl.LOCK_EX)
            (found,) = [one for one in here.doctor() if one.id == "left-transfer"]
            assert "the beginnings of 1, 3.0 MiB, that were fetched and notes of 1 that were sent" in found.what
            clear()
            assert {name for name, path in paths.items() if os.path.exists(path)} == kept
            assert "left-transfer" not in ids(here.doctor())


def test_a_live_folder_without_a_lock(here: Repo, repo: str) -> None:
    """What blocks gc, and can neither go on nor be finished, is told with its place, once it is surely no beginning."""
    make_old(f"{repo}/.git/gitxp/live/left/output.log")
    assert wrong(here) == []
    os.utime(f"{repo}/.git/gitxp/live/left", (time.time() - 2 * HOUR,) * 2)
    (found,) = wrong(here)
    assert found.id == "stale-live"
    assert f"{repo}/.git/gitxp/live/left" in str(found.remedy)


def test_twins_without_end(factory: Factory, here: Repo, git: Any) -> None:
    """However many names one run has, a few of them are told."""
    factory.make("one")
    for number in range(50):
        git("update-ref", f"refs/experiments/more-{number}", "refs/experiments/one")
    (found,) = [one for one in here.doctor() if one.id == "twin-runs"]
    assert "and 46 more" in found.what
    assert len(found.what) < 200


@needs_lfs
@pytest.mark.parametrize("command", [("rm", "one"), ("gc", "--keep", "0"), ("archive-refs", "one")])
def test_large_files_of_runs_without_refs_of_their_own(
    here: Repo, git: Any, repo: str, gitxp: Any, command: tuple[str, ...]
) -> None:
    """`git lfs prune` keeps what runs in the trash and in archives need, once --fix was given; what is not kept is told."""
    git("lfs", "install", "--local", "--skip-smudge")
    with open(f"{repo}/gitxp.yaml", "w", encoding="utf-8") as file:
        file.write("snapshot:\n  max_file_size: 1 KiB\nlarge:\n  untracked: true\n")
    content = b"weights" * 1000
    with open(f"{repo}/model.bin", "wb") as file:
        file.write(content)
    old = {f"GIT_{role}_DATE": f"{int(time.time()) - 300 * 86_400} +0000" for role in ("AUTHOR", "COMMITTER")}
    gitxp("run", "--name", "one", "true", env=old)
    os.unlink(f"{repo}/model.bin")
    here.mend(wrong(here))
    gitxp(*command)
    sha256 = hashlib.sha256(content).hexdigest()
    stored = f"{repo}/.git/lfs/objects/{sha256[:2]}/{sha256[2:4]}/{sha256}"
    assert wrong(here) == []
    git("lfs", "prune")
    assert os.path.exists(stored)
    assert git("ls-tree", "--name-only", "refs/gitxp/large").strip() == sha256
    git("update-ref", "-d", "refs/gitxp/large")
    assert ids(wrong(here)) == ["lfs-prune"]
    git("lfs", "prune")
    assert not os.path.exists(stored)


@needs_lfs
def test_large_files_of_runs_that_are_gone_for_good(here: Repo, git: Any, repo: str, gitxp: Any) -> None:
    """What a run needed that was deleted from the trash is kept no longer, what others there need is."""
    git("lfs", "install", "--local", "--skip-smudge")
    git("config", "lfs.fetchrecentrefsdays", "36500")
    with open(f"{repo}/gitxp.yaml", "w", encoding="utf-8") as file:
        file.write("snapshot:\n  max_file_size: 1 KiB\nlarge:\n  untracked: true\n")
    digests = []
    for name in ("one", "two"):
        content = name.encode() * 1000
        digests.append(hashlib.sha256(content).hexdigest())
        with open(f"{repo}/model.bin", "wb") as file:
            file.write(content)
        gitxp("run", "--name", name, "true")
        gitxp("rm", name)
    os.unlink(f"{repo}/model.bin")
    assert git("ls-tree", "--name-only", "refs/gitxp/large").split() == sorted(digests)
    gitxp("trash", "one", "--empty", "--yes")
    assert git("ls-tree", "--name-only", "refs/gitxp/large").split() == digests[1:]
    git("lfs", "prune")
    stored = [f"{repo}/.git/lfs/objects/{digest[:2]}/{digest[2:4]}/{digest}" for digest in digests]
    assert list(map(os.path.exists, stored)) == [False, True]
    gitxp("gc", "--trash-days", "0", "--yes")
    assert git("ls-tree", "--name-only", "refs/gitxp/large") == ""
    assert wrong(here) == []
