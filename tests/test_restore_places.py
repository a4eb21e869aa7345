from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from gitxp.errors import FormatError
from gitxp.repo import Repo
from run_factory import make_record
from states import Lab, make, portrait
from test_restore import but_worktrees, everything

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git

OF_THE_FORMAT = 9


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit, and a run `r` with an edit and a new file."""
    lab = make(str(tmp_path / "repo"))
    lab.write("train.py", "print('edited')\n", 0o755)
    lab.write("new.py", "new\n")
    assert lab.run("run", "--name", "r", "--", "true").status == 0
    return lab


def test_beside_the_repository(lab: Lab) -> None:
    """Without --to, the worktree is beside the repository, named after both; its path is the answer."""
    done = lab.run("restore", "r", cwd="src")
    assert (done.status, done.stdout) == (0, os.fsencode(f"{lab.top}-r\n")), done.stderr
    assert Lab(f"{lab.top}-r").read("new.py") == b"new\n"
    assert f"{lab.top}-r" in lab.say("worktree", "list")


def test_it_stands_as_the_run_began(lab: Lab) -> None:
    """HEAD is at the base, on no branch, and what differed from it is staged: another run there has the same tree."""
    lab.run("restore", "r")
    there = Lab(f"{lab.top}-r")
    assert there.say("status", "--porcelain").splitlines() == ["A  new.py", "M  train.py"]
    assert there.say("rev-parse", "HEAD") == lab.say("rev-parse", "HEAD")
    assert there.say("symbolic-ref", "-q", "HEAD", check=False) == ""
    assert there.run("run", "--name", "again", "--", "true").status == 0
    assert lab.tree("refs/experiments/again") == lab.tree("refs/experiments/r")
    assert lab.record("again")["base"] == lab.record("r")["base"]


def test_a_base_with_a_run_merged_into_it(lab: Lab) -> None:
    """Where the base has `.gitxp`, which no snapshot has, the worktree has that of the base, and git tells of no change."""
    lab.git("reset", "-q", "--hard")
    lab.git("clean", "-q", "-f", "-d")
    lab.git("merge", "-q", "--ff-only", "refs/experiments/r")
    lab.run("run", "--name", "s", "--", "true")
    done = lab.run("restore", "s")
    assert done.status == 0, done.stderr
    there = Lab(f"{lab.top}-s")
    assert there.say("status", "--porcelain") == ""
    assert there.read(".gitxp/run.json") == lab.git("show", "refs/experiments/r:.gitxp/run.json")
    assert lab.run("rerun", "s", "--name", "t").status == 0
    assert not os.path.exists(f"{lab.top}-t")
    assert lab.tree("refs/experiments/t") == lab.tree("refs/experiments/s")


def test_what_git_ignores_now_is_there_all_the_same(lab: Lab) -> None:
    """A file of the snapshot that an ignore rule names is restored, and is in the snapshot of a run there."""
    lab.write("build/kept.bin", "kept\n")
    lab.git("add", "-f", "build/kept.bin")
    lab.run("run", "--name", "s", "--", "true")
    lab.run("restore", "s")
    there = Lab(f"{lab.top}-s")
    assert there.read("build/kept.bin") == b"kept\n"
    there.run("run", "--name", "t", "--", "true")
    assert lab.tree("refs/experiments/t") == lab.tree("refs/experiments/s")


def test_json(lab: Lab) -> None:
    """--json tells where it is, the base, and whether it is a worktree."""
    told = json.loads(lab.run("restore", "r", "--json").stdout)
    assert told == {
        "run": "r",
        "path": f"{lab.top}-r",
        "base": lab.say("rev-parse", "HEAD"),
        "worktree": True,
        "differing": [],
        "submodules": [],
        "left_out": [],
        "notices": [],
    }


def test_plain(lab: Lab) -> None:
    """--plain writes the files and nothing else, and git knows of no worktree."""
    before = portrait(lab)
    done = lab.run("restore", "r", "--plain", "--to", "../deep/down/plain", cwd="src")
    assert done.status == 0, done.stderr
    found = everything(lab.path("deep/down/plain"))
    assert found == {path: value for path, value in everything(lab.top).items() if not path.startswith("deep/")}
    assert not os.path.lexists(lab.path("deep/down/plain/.git"))
    shutil.rmtree(lab.path("deep"))
    assert portrait(lab) == before


@pytest.mark.parametrize("what", ["file", "folder with a file", "link to a folder with a file", "link to nothing"])
def test_never_over_what_is_there(lab: Lab, what: str, tmp_path: Path) -> None:
    """Where something is at the place, nothing is written, and exit status 2 says so."""
    place, other = tmp_path / "place", tmp_path / "other"
    other.mkdir()
    (other / "mine").write_text("mine\n")
    if what == "file":
        place.write_text("mine\n")
    elif what == "folder with a file":
        shutil.copytree(other, place)
    else:
        place.symlink_to(other if "folder" in what else tmp_path / "nothing" / "at" / "all")
    before, files = portrait(lab), everything(str(tmp_path))
    for options in ((), ("--plain",)):
        done = lab.run("restore", "r", "--to", str(place), *options)
        if what == "link to nothing":
            assert done.status == 0, done.stderr  # it leads to a new folder
            assert (tmp_path / "nothing" / "at" / "all" / "new.py").exists()
            return
        assert (done.status, done.stdout) == (2, b"")
        assert "nothing is ever written over it" in done.stderr
    assert portrait(lab) == before
    assert everything(str(tmp_path)) == files


def test_two_at_once_into_one_folder(lab: Lab) -> None:
    """At most one has it, and what it says that it wrote is there: the other takes nothing away."""
    both = [lab.start("restore", "r", "--to", "../new/there") for _ in range(2)]
    for process in both:
        process.communicate()
    done = [process.returncode for process in both].count(0)
    assert done <= 1
    assert os.path.exists(lab.path("../new/there/new.py")) == bool(done)


def test_into_an_empty_folder(lab: Lab, tmp_path: Path) -> None:
    """An empty folder is taken, and is there again, empty, where it did not go well."""
    (tmp_path / "empty").mkdir()
    assert lab.run("restore", "r", "--to", str(tmp_path / "empty")).status == 0
    assert (tmp_path / "empty" / "new.py").exists()


def test_again_after_it_was_removed(lab: Lab) -> None:
    """Where the user has removed a worktree by hand, the run is restored there again."""
    assert lab.run("restore", "r").status == 0
    shutil.rmtree(f"{lab.top}-r")
    assert lab.run("restore", "r").status == 0
    assert Lab(f"{lab.top}-r").read("new.py") == b"new\n"


def test_from_a_linked_worktree_and_a_bare_repository(lab: Lab, tmp_path: Path) -> None:
    """A linked worktree and a bare repository restore as any other."""
    lab.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    assert Lab(str(tmp_path / "linked")).run("restore", "r").stdout == os.fsencode(f"{tmp_path}/linked-r\n")
    lab.git("clone", "-q", "--bare", lab.top, str(tmp_path / "bare.git"))
    bare = Lab(str(tmp_path / "bare.git"))
    bare.git("fetch", "-q", lab.top, "refs/experiments/*:refs/experiments/*")
    assert bare.run("restore", "r").stdout == os.fsencode(f"{tmp_path}/bare-r\n")
    assert bare.run("restore", "r", "--plain", "--to", str(tmp_path / "plain")).status == 0
    for place in ("linked-r", "bare-r", "plain"):
        assert {**everything(str(tmp_path / place)), ".git": None} == {**everything(lab.top), ".git": None}
    done = bare.run("restore", "r", "--here")
    assert (done.status, "no working tree" in done.stderr) == (3, True)


def test_sha256(tmp_path: Path) -> None:
    """A repository with SHA-256 restores, too."""
    lab = make(str(tmp_path / "repo"), "--object-format=sha256")
    lab.write("new.py", "new\n")
    lab.run("run", "--name", "r", "--", "true")
    assert lab.run("restore", "r").status == 0
    assert everything(lab.top) == {path: v for path, v in everything(f"{lab.top}-r").items() if path != ".git"}
    assert lab.run("restore", "r", "--here").status == 0
    assert lab.run("branch", "r", "b").status == 0
    assert lab.run("cat", "r", "new.py").stdout == b"new\n"


def test_a_run_without_a_snapshot(lab: Lab) -> None:
    """Of a run that was recorded without a snapshot, the files of its commit are restored, and the user is told so."""
    lab.run("run", "--no-snapshot", "--name", "none", "--", "true")
    done = lab.run("restore", "none")
    assert "none has no snapshot" in done.stderr
    assert Lab(f"{lab.top}-none").say("status", "--porcelain") == ""


def test_what_was_left_out_is_told(lab: Lab) -> None:
    """Files that the snapshot left out are named: the worktree is without them."""
    lab.write(".env", "SECRET=1\n")
    lab.run("run", "--name", "s", "--", "true")
    done = lab.run("restore", "s")
    assert "not in the snapshot: .env" in done.stderr
    assert not os.path.exists(f"{lab.top}-s/.env")


def test_git_lfs(lab: Lab) -> None:
    """Large files of git-lfs come back with their bytes, not as pointers."""
    if shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is not installed")
    lab.git("lfs", "install", "--local", "--skip-repo")
    lab.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    lab.write("big.bin", b"\0big\r\n" * 1000)
    lab.run("run", "--name", "s", "--", "true")
    assert lab.blob("refs/experiments/s", "big.bin").startswith(b"version https://git-lfs")
    assert lab.run("restore", "s").status == 0
    assert Lab(f"{lab.top}-s").read("big.bin") == b"\0big\r\n" * 1000
    assert lab.run("cat", "s", "big.bin").stdout == b"\0big\r\n" * 1000
    assert lab.run("cat", "s", "big.bin", "--stored").stdout.startswith(b"version https://git-lfs")


def test_no_hook_runs(lab: Lab, tmp_path: Path) -> None:
    """Neither a hook of the repository nor one in the snapshot runs on restore."""
    hook = f"#!/bin/sh\ntouch '{tmp_path}/ran'\n"
    for name in ("post-checkout", "post-index-change", "pre-commit", "reference-transaction"):
        lab.write(f".git/hooks/{name}", hook, 0o755)
        lab.write(f"hooks/{name}", hook, 0o755)
    lab.run("run", "--name", "s", "--", "true")
    lab.git("config", "core.hooksPath", "hooks")
    for options in ((), ("--plain", "--to", str(tmp_path / "plain")), ("--here",)):
        assert lab.run("restore", "s", *options).status == 0
    assert lab.run("branch", "s", "b").status == 0
    assert not (tmp_path / "ran").exists()


def test_a_filter_that_only_the_snapshot_names_does_not_run(lab: Lab, tmp_path: Path) -> None:
    """Attributes of a snapshot run only filters that the user's own configuration has."""
    lab.write(".gitattributes", "* filter=theirs\n")
    lab.write(".gitconfig", f"[filter \"theirs\"]\n\tsmudge = touch '{tmp_path}/ran'\n")
    lab.run("run", "--name", "s", "--", "true")
    assert lab.run("restore", "s").status == 0
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("options", [(), ("--plain",)])
def test_a_filter_that_fails_leaves_nothing(lab: Lab, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Where a required filter fails, the error names it, and there is no half folder and no worktree."""
    lab.git("config", "filter.bad.smudge", "false")
    lab.git("config", "filter.bad.clean", "cat")
    lab.git("config", "filter.bad.required", "true")
    lab.write(".gitattributes", "*.x filter=bad\n")
    lab.write("a.x", "x\n")
    lab.run("run", "--name", "s", "--", "true")
    before = portrait(lab)
    done = lab.run("restore", "s", "--to", str(tmp_path / "a" / "b"), *options)
    assert done.status == 1
    assert "filter bad failed" in done.stderr
    assert not (tmp_path / "a").exists()
    assert but_worktrees(portrait(lab)) == but_worktrees(before)
    assert len(lab.say("worktree", "list").splitlines()) == 1


@pytest.mark.damaged
def test_a_missing_object_leaves_nothing(lab: Lab) -> None:
    """Where an object is missing, nothing is left behind."""
    blob = lab.say("rev-parse", "refs/experiments/r:new.py")
    os.unlink(lab.path(f".git/objects/{blob[:2]}/{blob[2:]}"))
    done = lab.run("restore", "r")
    assert done.status == 1
    assert "could not be restored" in done.stderr
    assert not os.path.lexists(f"{lab.top}-r")
    assert len(lab.say("worktree", "list").splitlines()) == 1


def raw_tree(git: Git, *entries: tuple[str, bytes, str]) -> str:
    """A tree with these entries (mode, name, object), in this order, whatever git thinks of them."""
    data = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    return git("hash-object", "-t", "tree", "--literally", "-w", "--stdin", input=data)


def hostile_run(git: Git, *entries: tuple[str, bytes, str]) -> None:
    """A run `evil` whose snapshot is this tree."""
    record = git("hash-object", "-w", "--stdin", input=json.dumps(make_record("evil")))
    folder = raw_tree(git, ("100644", b"run.json", record))
    tree = raw_tree(git, ("40000", b".gitxp", folder), *entries)
    commit = git("commit-tree", tree, "-p", "HEAD", "-m", "evil")
    git("update-ref", "refs/experiments/evil", commit)


HOSTILE = {
    "git folder": [("40000", b".git", "folder")],
    "git folder in capitals": [("40000", b".GIT", "folder")],
    "git file": [("100644", b".git", "file")],
    "short name of Windows": [("40000", b"git~1", "folder")],
    "character that HFS+ does not see": [("40000", b".g\xe2\x80\x8cit", "folder")],
    "folder above": [("40000", b"..", "folder")],
    "this folder": [("40000", b".", "folder")],
    "slashes": [("100644", b"a/../../out", "file")],
    "absolute": [("100644", b"/out", "file")],
    "link and folder": [("120000", b"a", "link"), ("40000", b"a", "folder")],
    "folder and link": [("40000", b"a", "folder"), ("120000", b"a", "link")],
    "twice": [("100644", b"a", "file"), ("120000", b"a", "link")],
    "link for .gitmodules": [("120000", b".gitmodules", "link")],
    "escape sequence": [("40000", b".git\x1b[2J", "folder"), ("100644", b"..", "file")],
}


@pytest.mark.damaged
@pytest.mark.parametrize("options", [(), ("--plain",)])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_trees(name: str, options: tuple[str, ...], repo: str, git: Git, gitxp, tmp_path: Path) -> None:  # noqa: ANN001
    """A tree made to reach outside, or into .git, is refused with a word about it; nothing is written anywhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    file = git("hash-object", "-w", "--stdin", input="evil\n")
    objects = {
        "file": file,
        "link": git("hash-object", "-w", "--stdin", input=str(outside)),
        "folder": raw_tree(git, ("100644", b"config", file), ("100644", b"out", file)),
    }
    hostile_run(git, *((mode, path, objects[kind]) for mode, path, kind in HOSTILE[name]))
    lab = Lab(repo)
    before = portrait(lab)
    place = str(tmp_path / "place")
    for command in (
        ("restore", "evil", "--to", place, *options),
        ("restore", "evil", "--here"),
        ("branch", "evil", "b"),
    ):
        done = gitxp(*command, check=False)
        assert (done.returncode, done.stdout) == (OF_THE_FORMAT, ""), (command, done.stderr)
        assert "cannot be written" in done.stderr
        assert "\x1b" not in done.stderr
        assert not os.path.lexists(place)
        assert os.listdir(outside) == []
        assert but_worktrees(portrait(lab)) == but_worktrees(before)
    assert len(git("worktree", "list").splitlines()) == 1
    assert sorted(os.listdir(tmp_path)) == ["outside", "repo"]


@pytest.mark.damaged
@pytest.mark.parametrize("name", [*HOSTILE, "link in its place"])
@pytest.mark.usefixtures("repo")
def test_hostile_folders_of_a_base(name: str, git: Git, gitxp, tmp_path: Path) -> None:  # noqa: ANN001
    """A base whose `.gitxp` is made to reach outside is passed over: the snapshot is restored, and nothing of that folder."""
    outside = tmp_path / "outside"
    outside.mkdir()
    file = git("hash-object", "-w", "--stdin", input="evil\n")
    objects = {
        "file": file,
        "link": git("hash-object", "-w", "--stdin", input=str(outside)),
        "folder": raw_tree(git, ("100644", b"config", file), ("100644", b"out", file)),
    }
    entry = ("120000", b".gitxp", objects["link"])
    if name in HOSTILE:
        inside = raw_tree(git, *((mode, path, objects[kind]) for mode, path, kind in HOSTILE[name]))
        entry = ("40000", b".gitxp", inside)
    base = git("commit-tree", raw_tree(git, entry, ("100644", b"ours", file)), "-p", "HEAD", "-m", "base")
    record = git("hash-object", "-w", "--stdin", input=json.dumps(make_record("evil", base=base)))
    folder = raw_tree(git, ("100644", b"run.json", record))
    tree = raw_tree(git, ("40000", b".gitxp", folder), ("100644", b"ours", file))
    git("update-ref", "refs/experiments/evil", git("commit-tree", tree, "-p", base, "-m", "evil"))
    place = tmp_path / "place"
    gitxp("restore", "evil", "--to", str(place))
    assert sorted(os.listdir(place)) == [".git", "ours"]
    assert os.listdir(outside) == []


@pytest.mark.damaged
def test_more_files_than_anybody_has(repo: str, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few folders that hold each other ten times over are a trap of 10^9 files: it is seen, and nothing is written."""
    monkeypatch.setattr("gitxp.restoring.trees.MAX_FILES", 10_000)
    tree = raw_tree(git, ("100644", b"f", git("hash-object", "-w", "--stdin", input="x")))
    for _ in range(9):
        tree = raw_tree(git, *(("40000", str(number).encode(), tree) for number in range(10)))
    hostile_run(git, ("40000", b"bomb", tree))
    place = tmp_path / "place"
    with Repo(repo) as opened:
        run = opened.get("evil")
        for attempt in (
            lambda: opened.restore(run, place),
            lambda: opened.restore(run, here=True),
            lambda: opened.branch(run, "b"),
        ):
            with pytest.raises(FormatError, match="more than 10,000 files"):
                attempt()
    assert not place.exists()
    assert git("status", "--porcelain") == ""


def test_links_lead_where_they_led_and_nothing_is_written_through_them(lab: Lab, tmp_path: Path) -> None:
    """A link out of the repository is restored as a link; names like options are files like all others."""
    outside = tmp_path / "outside"
    outside.mkdir()
    os.symlink(outside, lab.path("out"))
    for name in ("--exec=x", "-n", "a\nb", "\x1b[2J"):
        lab.write(name, "odd\n")
    lab.run("run", "--name", "s", "--", "true")
    assert lab.run("restore", "s").status == 0
    assert os.readlink(f"{lab.top}-s/out") == str(outside)
    assert os.listdir(outside) == []
    assert {k: v for k, v in everything(f"{lab.top}-s").items() if k != ".git"} == everything(lab.top)


def test_two_names_for_one_file(lab: Lab, tmp_path: Path) -> None:
    """Where the file system takes two names for one, the user is told which could not be as it was."""
    if not os.path.exists(str(tmp_path).upper()):
        pytest.skip("this file system knows case")
    lab.git("update-index", "--add", "--cacheinfo", f"100644,{lab.say('rev-parse', 'HEAD:train.py')},TRAIN.py")
    lab.run("run", "--name", "s", "--", "true")
    assert "could not be as it was" in lab.run("restore", "s").stderr


def test_interrupted_while_it_writes(lab: Lab, tmp_path: Path) -> None:
    """Ctrl-C while files are written leaves neither folder nor worktree."""
    waiting = tmp_path / "waiting"
    os.mkfifo(waiting)
    lab.git("config", "filter.slow.smudge", f"cat '{waiting}'")
    lab.git("config", "filter.slow.clean", "cat")
    lab.git("config", "filter.slow.required", "true")
    lab.write(".gitattributes", "*.x filter=slow\n")
    lab.write("a.x", "x\n")
    lab.run("run", "--name", "s", "--", "true")
    process = lab.start("restore", "s")
    with open(waiting, "wb"):  # it is there when the filter has opened it, too
        os.killpg(process.pid, 2)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert not os.path.lexists(f"{lab.top}-s")
    assert len(lab.say("worktree", "list").splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [("--here", "--to", "x"), ("--here", "--plain"), ("--to", ""), ("--to", "a\nb")],
)
def test_words_that_do_not_fit(lab: Lab, words: tuple[str, ...]) -> None:
    """Options that exclude each other, and places that can be none, are mistakes of usage."""
    done = lab.run("restore", "r", *words)
    assert (done.status, done.stdout) == (2, b"")


def test_here_keeps_what_was_there(lab: Lab) -> None:
    """After restore --here, HEAD and index are as before, and the kept snapshot is a commit on HEAD with all that was there."""
    lab.write("train.py", "print('later')\n", 0o755)
    lab.write("later.py", "later\n")
    lab.git("add", "train.py")
    head, index = lab.say("rev-parse", "HEAD"), lab.git("ls-files", "-s")
    done = lab.run("restore", "r", "--here", "--json")
    told = json.loads(done.stdout)
    assert lab.read("train.py") == b"print('edited')\n"
    assert not os.path.exists(lab.path("later.py"))
    assert (lab.say("rev-parse", "HEAD"), lab.git("ls-files", "-s")) == (head, index)
    assert lab.parents(told["undo"]) == [head, lab.say("rev-parse", "refs/experiments/r")]
    assert lab.blob(told["undo"], "later.py") == b"later\n"
    assert lab.blob(told["undo"], "train.py") == b"print('later')\n"
    assert told["undo"].endswith("-restore")


def test_here_where_the_rules_for_line_ends_are_others(lab: Lab) -> None:
    """A file of the same blob is written as the run's own attributes say, and comes back as it was; others are let be."""
    lab.write(".gitattributes", "*.txt text eol=crlf\n")
    lab.write("sub/ä.txt", "a\r\nb\r\n")
    lab.write("plain.md", "a\n")
    lab.git("add", "-A")
    assert lab.run("run", "--name", "crlf", "--", "true").status == 0
    lab.write(".gitattributes", "*.txt text eol=lf\n")
    lab.write("sub/ä.txt", "a\nb\n")
    plain = os.stat(lab.path("plain.md")).st_mtime_ns
    assert lab.run("restore", "crlf", "--here").status == 0
    assert lab.read("sub/ä.txt") == b"a\r\nb\r\n"
    assert lab.run("undo").status == 0
    assert lab.read("sub/ä.txt") == b"a\nb\n"
    assert os.stat(lab.path("plain.md")).st_mtime_ns == plain


def test_a_broken_configuration_that_came_can_be_taken_back(lab: Lab) -> None:
    """A run may bring a gitxp.yaml that cannot be read; what was there before comes back all the same."""
    lab.write("gitxp.yaml", "snapshot: {exclude: [data]}\n")
    before = lab.read("train.py")
    blob = lab.say("hash-object", "-w", "--stdin", data=b"no: [\n")
    lines = lab.say("ls-tree", "refs/experiments/r") + f"\n100644 blob {blob}\tgitxp.yaml\n"
    commit = lab.say("commit-tree", "-p", "refs/experiments/r", "-m", "x", lab.say("mktree", data=lines.encode()))
    lab.git("update-ref", "refs/experiments/r", commit)
    assert lab.run("restore", "r", "--here").status == 0
    assert lab.read("gitxp.yaml") == b"no: [\n"
    done = lab.run("undo")
    assert done.status == 0, done.stderr
    assert lab.read("gitxp.yaml") == b"snapshot: {exclude: [data]}\n"
    assert lab.read("train.py") == before


def test_here_where_an_ignored_file_is_in_the_way(lab: Lab) -> None:
    """A file that no snapshot would have is never overwritten: restore --here refuses and changes nothing."""
    lab.write(".gitignore", "new.py\n*.o\nbuild/\n")
    lab.write("new.py", "precious\n")
    before = portrait(lab)
    done = lab.run("restore", "r", "--here")
    assert done.status == 1
    assert "in the way, and no snapshot has them: new.py" in done.stderr
    assert portrait(lab) == before
    assert lab.say("for-each-ref", "refs/gitxp/undo") == ""


def test_a_submodule_with_work_in_it_is_not_written_over(lab: Lab, tmp_path: Path) -> None:
    """Where the run has a file in the place of a submodule with files, restore --here refuses."""
    make(str(tmp_path / "lib"))
    os.unlink(lab.path("new.py"))
    subprocess.run(["git", "submodule", "--quiet", "add", str(tmp_path / "lib"), "new.py"], cwd=lab.top, check=True)
    lab.commit("a submodule")
    lab.write("new.py/train.py", "uncommitted\n")
    done = lab.run("restore", "r", "--here")
    assert (done.status, "in the way" in done.stderr) == (1, True), done.stderr
    assert lab.read("new.py/train.py") == b"uncommitted\n"


def test_undo_is_of_the_worktree_that_it_is_in(lab: Lab, tmp_path: Path) -> None:
    """What restore --here did in one worktree is taken back there alone, and stands in no other's way."""
    lab.run("run", "--name", "s", "--", "true")
    linked = Lab(str(tmp_path / "linked"))
    lab.git("worktree", "add", "--quiet", linked.top)
    linked.write("train.py", "mine\n")
    assert lab.run("rm", "s").status == 0
    assert linked.run("restore", "r", "--here").status == 0
    before = portrait(lab)
    done = lab.run("undo", "--json")
    assert json.loads(done.stdout)["kind"] == "removed", done.stderr
    assert lab.run("undo").status == 1
    assert portrait(lab) == before
    assert linked.read("train.py") == b"print('edited')\n"
    assert linked.run("undo").status == 0
    assert linked.read("train.py") == b"mine\n"
    assert lab.run("restore", "r", "--here").status == 0
    assert linked.run("undo").status == 1
    assert linked.read("train.py") == b"mine\n"


def test_here_where_a_large_file_is_as_the_run_had_it(lab: Lab) -> None:
    """A large untracked file that is what the run had is not in the way of restore --here, nor lost by undo; another one is."""
    lab.write("gitxp.yaml", "snapshot:\n  max_file_size: 100 B\nlarge:\n  untracked: true\n")
    lab.write("big/weights", b"w" * 2000)
    lab.run("run", "--name", "s", "--", "true")
    lab.write("train.py", "print('later')\n", 0o755)
    assert lab.run("restore", "s", "--here").status == 0
    assert (lab.read("train.py"), lab.read("big/weights")) == (b"print('edited')\n", b"w" * 2000)
    assert lab.run("undo").status == 0
    assert (lab.read("train.py"), lab.read("big/weights")) == (b"print('later')\n", b"w" * 2000)
    lab.write("big/weights", b"v" * 2000)
    before = portrait(lab)
    done = lab.run("restore", "s", "--here")
    assert (done.status, "no snapshot has them: big/weights" in done.stderr) == (1, True)
    assert portrait(lab) == before
    os.unlink(lab.path("big/weights"))
    assert lab.run("restore", "s", "--here").status == 0
    assert lab.run("restore", "s", "--here").status == 0
    assert lab.read("big/weights") == b"w" * 2000
