from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from states import AS_ANYONE, GITXP, Lab, Want, clone, difference, fill, judge, make, portrait, referee

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit."""
    return make(str(tmp_path / "repo"))


def _run_and_judge(lab: Lab, want: Want, *, name: str = "r") -> None:
    before = portrait(lab)
    done = lab.run("run", "--name", name, "--", "true", cwd=want.cwd, env=want.env)
    assert (done.status, done.stdout) == (0, b""), done.stderr
    assert portrait(lab) == before
    judge(lab, name, want)


def test_a_repository_without_commits(tmp_path: Path) -> None:
    """On an unborn branch the start has no parent and the record no base."""
    lab = Lab(str(tmp_path / "repo"))
    os.mkdir(lab.top)
    lab.git("init", "-q", "-b", "trunk")
    fill(lab)
    lab.git("add", "src")
    _run_and_judge(lab, Want(branch="trunk", changes={"added": 2, "untracked": 6}))


def test_a_repository_without_anything(tmp_path: Path) -> None:
    """An empty repository gives a run with nothing in its tree but `.gitxp`."""
    lab = Lab(str(tmp_path / "repo"))
    os.mkdir(lab.top)
    lab.git("init", "-q", "-b", "main")
    _run_and_judge(lab, Want(changes={}))
    assert lab.tree("refs/experiments/r") == {}


def test_a_repository_whose_only_commit_is_empty(tmp_path: Path) -> None:
    """A base with an empty tree is no obstacle."""
    lab = Lab(str(tmp_path / "repo"))
    os.mkdir(lab.top)
    lab.git("init", "-q", "-b", "main")
    lab.git("commit", "-q", "--allow-empty", "-m", "nothing")
    lab.write("a.py")
    _run_and_judge(lab, Want(changes={"untracked": 1}))


def test_without_an_index(lab: Lab) -> None:
    """A repository whose index file is gone has every file untracked; the tree is the same."""
    os.unlink(lab.path(".git/index"))
    _run_and_judge(lab, Want())


def test_from_a_subdirectory(lab: Lab) -> None:
    """From below, the whole repository is captured, the record says where, and the command runs there."""
    lab.write("top.txt")
    lab.write("src/deep/new.txt")
    os.unlink(lab.path("conf/a.yaml"))
    before = portrait(lab)
    done = lab.run("run", "--name", "r", "--", "pwd", "-P", cwd="src/deep")
    assert portrait(lab) == before
    assert done.stdout == os.fsencode(os.path.realpath(lab.path("src/deep"))) + b"\n"
    judge(lab, "r", Want(changes={"untracked": 2, "deleted": 1}))
    assert lab.record("r")["cwd"] == "src/deep"


def test_from_the_top(lab: Lab) -> None:
    """The top of the working tree is `.` in the record."""
    assert lab.run("run", "--name", "r", "--", "true").status == 0
    assert lab.record("r")["cwd"] == "."


def test_from_an_ignored_and_from_an_untracked_folder(lab: Lab) -> None:
    """Where one stands need not be tracked."""
    lab.write("build/inside/x")
    lab.write("fresh/x")
    for name, folder in (("a", "build/inside"), ("b", "fresh")):
        _run_and_judge(lab, Want(cwd=folder, changes={"untracked": 1}), name=name)
        assert lab.record(name)["cwd"] == folder


def test_through_a_symbolic_link_to_the_repository(lab: Lab) -> None:
    """Reaching the repository by another path records the same."""
    os.symlink("repo", lab.path("../alias"))
    done = Lab(lab.path("../alias")).run("run", "--name", "r", "--", "true", cwd="src")
    assert done.status == 0, done.stderr
    judge(lab, "r", Want(changes={}))
    assert lab.record("r")["cwd"] == "src"


@pytest.mark.parametrize(
    "folder", ["with space", "new\nline", "caf\udce9", 'quote"', "-dash", ":(top)", "glob*", "$(x)"]
)
def test_a_repository_in_a_folder_with_any_name(folder: str, tmp_path: Path) -> None:
    """The path to the repository may hold any bytes."""
    lab = make(os.path.join(tmp_path, folder, "repo"))
    lab.write("src/model.py", "layers = 8\n")
    lab.write("new.py")
    _run_and_judge(lab, Want(cwd="src", changes={"modified": 1, "untracked": 1}))


def test_a_linked_worktree(lab: Lab) -> None:
    """A linked worktree's own files, index and HEAD are captured; the run is in the one repository of both."""
    lab.git("worktree", "add", "-q", "../other tree", "-b", "side")
    other = Lab(lab.path("../other tree"))
    other.write("README.md", "of the worktree\n")
    other.write("new.py")
    other.git("add", "-N", "new.py")
    lab.write("README.md", "of the main tree\n")
    mine = portrait(lab)
    _run_and_judge(other, Want(branch="side", content={"README.md": b"of the worktree\n"}))
    assert portrait(lab) == mine
    assert lab.names() == ["r"]


def test_a_linked_worktree_with_its_own_configuration(lab: Lab) -> None:
    """`extensions.worktreeConfig`, with a sparse checkout in one worktree alone."""
    lab.git("config", "extensions.worktreeConfig", "true")
    lab.git("worktree", "add", "-q", "../other", "-b", "side")
    other = Lab(lab.path("../other"))
    other.git("sparse-checkout", "set", "--cone", "src")
    other.write("src/model.py", "layers = 7\n")
    _run_and_judge(other, Want(branch="side", content={"conf/a.yaml": b"lr: 0.1\n"}, changes={"modified": 1}))
    _run_and_judge(lab, Want(changes={}), name="main-tree")


def test_a_worktree_of_a_bare_repository(lab: Lab) -> None:
    """Some people keep a bare repository and nothing but worktrees."""
    lab.git("clone", "-q", "--bare", lab.top, "../store.git")
    lab.git("--git-dir=../store.git", "worktree", "add", "-q", "../only tree", "main")
    tree = Lab(lab.path("../only tree"))
    tree.write("src/model.py", "layers = 7\n")
    tree.write("new.py")
    _run_and_judge(tree, Want(cwd="src", changes={"modified": 1, "untracked": 1}))
    assert Lab(lab.path("../store.git")).names() == ["r"]


def test_inside_of_a_submodule(lab: Lab) -> None:
    """In a submodule the repository is the submodule's; the one around it is left alone."""
    other = make(lab.path("../library"))
    lab.git("submodule", "--quiet", "add", other.top, "lib")
    lab.commit("with a submodule")
    inner = Lab(lab.path("lib"))
    inner.write("new.py")
    _run_and_judge(inner, Want(cwd="src", changes={"untracked": 1}))
    assert lab.names() == []
    assert inner.names() == ["r"]


def test_a_repository_kept_apart(lab: Lab) -> None:
    """`git init --separate-git-dir`, and a `.git` that is a symbolic link."""
    lab.git("init", "-q", "--separate-git-dir", "../apart")
    lab.write("new.py")
    _run_and_judge(lab, Want(changes={"untracked": 1}), name="a")
    os.unlink(lab.path(".git"))
    os.symlink("../apart", lab.path(".git"))
    lab.git("config", "--unset", "core.worktree", check=False)
    _run_and_judge(lab, Want(cwd="src", changes={"untracked": 1}), name="b")


def test_the_same_name_in_two_worktrees_is_taken(lab: Lab) -> None:
    """Runs belong to the repository, not to the worktree."""
    lab.git("worktree", "add", "-q", "../other", "-b", "side")
    assert lab.run("run", "--name", "r", "--", "true").status == 0
    assert Lab(lab.path("../other")).run("run", "--name", "r", "--", "true").status == 125


def test_a_working_tree_elsewhere(lab: Lab) -> None:
    """`core.worktree` moves the working tree away from the repository."""
    os.rename(lab.path(".git"), lab.path("../store.git"))
    store = Lab(lab.path("../store.git"))
    store.git("config", "core.worktree", lab.top)
    lab.write(".git", f"gitdir: {store.top}\n")
    lab.write("new.py")
    _run_and_judge(lab, Want(cwd="conf", changes={"untracked": 1}))


def test_git_dir_in_the_environment(lab: Lab) -> None:
    """The repository is the one that the user stands in; variables that point git elsewhere stay for the command."""
    other = make(lab.path("../other"))
    before = portrait(other)
    lab.write("new.py")
    env = {"GIT_DIR": other.path(".git"), "GIT_WORK_TREE": other.top, "GIT_INDEX_FILE": "/nowhere"}
    done = lab.run("run", "--name", "r", "--", "sh", "-c", 'echo "$GIT_DIR $GIT_WORK_TREE $GIT_INDEX_FILE"', env=env)
    assert done.status == 0, done.stderr
    assert os.fsdecode(done.stdout) == f"{other.path('.git')} {other.top} /nowhere\n"
    judge(lab, "r", Want(changes={"untracked": 1}))
    assert other.names() == []
    assert portrait(other) == before


def test_an_index_that_the_environment_names(lab: Lab) -> None:
    """A GIT_INDEX_FILE of someone else (as in a hook) is never written to."""
    shutil.copy2(lab.path(".git/index"), lab.path("../their-index"))
    before = lab.read("../their-index")
    lab.write("new.py")
    done = lab.run("run", "--name", "r", "--", "true", env={"GIT_INDEX_FILE": lab.path("../their-index")})
    assert done.status == 0, done.stderr
    assert lab.read("../their-index") == before
    judge(lab, "r", Want(changes={"untracked": 1}))


def test_configuration_in_the_environment_does_not_hurt(lab: Lab) -> None:
    """`git -c …` around gitxp (GIT_CONFIG_COUNT and the like) cannot turn the snapshot into something else."""
    lab.write("src/model.py", "layers = 8\n")
    env = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_ATTR_SOURCE": "HEAD",
        "GIT_TRACE": "0",
        "GIT_QUARANTINE_PATH": "/nowhere",
    }
    done = lab.run("run", "--name", "r", "--", "true", env=env)
    assert done.status == 0, done.stderr
    judge(lab, "r", Want(changes={"modified": 1}))


def test_in_a_git_hook(lab: Lab) -> None:
    """A run that a hook starts, with git's own variables set around it, records the repository and disturbs no commit."""
    command = " ".join(f"'{word}'" for word in GITXP)
    lab.write(".git/hooks/post-commit", f"#!/bin/sh\n{command} run --name hooked -- true || echo BAD\n", 0o755)
    lab.write("new.py")
    lab.commit("with a hook")
    assert lab.names() == ["hooked"]
    judge(lab, "hooked", Want(changes={}))


def test_a_repository_with_sha256(tmp_path: Path) -> None:
    """Object names may have 64 digits."""
    lab = make(str(tmp_path / "repo"), "--object-format=sha256")
    lab.write("src/model.py", "layers = 8\n")
    lab.write("new.py")
    _run_and_judge(lab, Want(changes={"modified": 1, "untracked": 1}))
    assert len(lab.say("rev-parse", "refs/experiments/r")) == 64


def test_a_shallow_clone(lab: Lab, tmp_path: Path) -> None:
    """A base whose parents are not there is a base."""
    lab.write("README.md", "second\n")
    lab.commit()
    shallow = clone(lab, str(tmp_path / "shallow"), "--depth", "1")
    shallow.write("src/model.py", "layers = 8\n")
    _run_and_judge(shallow, Want(changes={"modified": 1}))


@pytest.mark.parametrize("filter_spec", ["blob:none", "tree:0"])
def test_a_partial_clone(filter_spec: str, lab: Lab, tmp_path: Path) -> None:
    """What a partial clone has not fetched stays where it is: the run needs no network."""
    lab.git("config", "uploadpack.allowFilter", "true")
    lab.git("config", "uploadpack.allowAnySHA1InWant", "true")
    part = clone(lab, str(tmp_path / "part"), f"--filter={filter_spec}", "--sparse")
    os.rename(lab.top, lab.top + "-gone")
    part.write("README.md", "edited\n")
    part.write("src/model.py", "layers = 8\n")
    _run_and_judge(part, Want(content={"src/model.py": b"layers = 8\n"}))


def test_alternates(lab: Lab, tmp_path: Path) -> None:
    """Objects may lie in another repository's store (`git clone --shared`)."""
    lab.git("clone", "-q", "--shared", lab.top, str(tmp_path / "shared"))
    shared = Lab(str(tmp_path / "shared"))
    shared.write("new.py")
    _run_and_judge(shared, Want(changes={"untracked": 1}))


def test_packed_refs_and_packed_objects(lab: Lab) -> None:
    """A repository as `git gc` leaves it."""
    lab.git("gc", "-q", "--prune=now")
    lab.write("new.py")
    _run_and_judge(lab, Want(changes={"untracked": 1}))


def test_a_read_only_folder_with_a_tracked_and_an_unreadable_file(lab: Lab) -> None:
    """What cannot be read is left out and told, be it untracked or tracked; the run starts all the same."""
    lab.write("secretive.txt", "x\n", 0o000)
    lab.write("closed/x.txt", "x\n")
    os.chmod(lab.path("closed"), 0o000)
    lab.write("README.md", "cannot be read any more\n", 0o000)
    lab.write("src/model.py", "layers = 8\n")
    done = lab.run("run", "--name", "r", "--", "true", prepare=AS_ANYONE)
    os.chmod(lab.path("closed"), 0o700)
    assert done.status == 0, done.stderr
    tree = lab.tree("refs/experiments/r")
    assert "secretive.txt" not in tree
    assert lab.blob("refs/experiments/r", "src/model.py") == b"layers = 8\n"
    skipped = {item["path"].rstrip("/") for item in lab.record("r")["skipped"]}
    assert {"secretive.txt", "README.md"} <= skipped
    assert "secretive.txt" in done.stderr
    assert "README.md" in done.stderr
    assert lab.fsck() == ""


def test_a_required_filter_that_fails(lab: Lab) -> None:
    """What a required filter (git-crypt, git-lfs) refuses is in no object as it is on disk; it is left out, and told."""
    lab.write("tracked.x", "public\n")
    lab.commit()
    lab.git("config", "filter.broken.clean", "false")
    lab.git("config", "filter.broken.required", "true")
    lab.write(".gitattributes", "*.x filter=broken\n")
    lab.write("tracked.x", "secret one\n")
    lab.write("untracked.x", "secret two\n")
    done = lab.run("run", "--name", "r", "--", "true")
    assert done.status == 0, done.stderr
    assert {item["path"] for item in lab.record("r")["skipped"]} == {"tracked.x", "untracked.x"}
    for path in ("tracked.x", "untracked.x"):
        assert path in done.stderr
        oid = lab.say("hash-object", "--no-filters", path)
        assert lab.git("cat-file", "-t", oid, check=False) == b""
    assert lab.blob("refs/experiments/r", "tracked.x") == b"public\n"


@pytest.mark.parametrize("kind", ["tracked", "untracked"])
def test_a_file_that_vanishes_while_the_snapshot_is_taken(kind: str, lab: Lab) -> None:
    """A file that goes away under our hands is left out; the run starts."""
    lab.write("../evil", f"#!/bin/sh\ncat\nrm -f '{lab.path('zzz.txt')}'\n", 0o755)
    lab.git("config", "filter.evil.clean", f"'{lab.path('../evil')}'")
    lab.write("aaa.evil", "before\n")
    lab.write("zzz.txt", "before\n")
    if kind == "tracked":
        lab.commit()
        lab.write("zzz.txt", "after\n")
    lab.write(".git/info/attributes", "*.evil filter=evil\n")
    lab.write("aaa.evil", "after\n")
    done = lab.run("run", "--name", "r", "--", "true")
    assert done.status == 0, done.stderr
    assert not os.path.exists(lab.path("zzz.txt"))
    assert lab.blob("refs/experiments/r", "aaa.evil") == b"after\n"
    assert "zzz.txt" not in lab.tree("refs/experiments/r")
    assert lab.fsck() == ""


def test_no_snapshot(lab: Lab) -> None:
    """`--no-snapshot` records the run with the base's tree and starts at once."""
    lab.write("new.py")
    lab.write("README.md", "edited\n")
    before = portrait(lab)
    done = lab.run("run", "--name", "r", "--no-snapshot", "--", "true")
    assert done.status == 0, done.stderr
    assert portrait(lab) == before
    commits = lab.commits("r")
    assert lab.parents(commits[-1]) == [lab.say("rev-parse", "HEAD")]
    assert "new.py" not in lab.tree(commits[0])
    assert lab.fsck() == ""


def test_what_the_command_does_to_the_tree_is_not_in_the_snapshot(lab: Lab) -> None:
    """The snapshot is the working tree as it was when the run began, in the finish as in the start."""
    lab.write("new.py", "before\n")
    wanted = referee(lab)
    done = lab.run(
        "run", "--name", "r", "--", "sh", "-c", "echo after > new.py; rm README.md; git add -A; git commit -qm x"
    )
    assert done.status == 0, done.stderr
    for commit in lab.commits("r"):
        assert difference(lab.tree(commit), wanted) == {}


def test_the_second_run_of_an_unchanged_tree_has_the_same_tree(lab: Lab) -> None:
    """Caches of the first run change nothing in the second, nor does an edit in between get lost."""
    size = 5 << 20  # two of them are enough for gitxp to keep an index of its own
    lab.write("big/one.bin", b"one " * (size // 4))
    lab.write("big/two.bin", b"two " * (size // 4))
    _run_and_judge(lab, Want(changes={"untracked": 2}), name="a")
    _run_and_judge(lab, Want(changes={"untracked": 2}), name="b")
    assert lab.tree("refs/experiments/a") == lab.tree("refs/experiments/b")
    about = os.stat(lab.path("big/one.bin"))
    lab.write("big/one.bin", b"ONE " * (size // 4))
    os.utime(lab.path("big/one.bin"), ns=(about.st_atime_ns, about.st_mtime_ns))
    _run_and_judge(lab, Want(changes={"untracked": 2}), name="c")
    os.unlink(lab.path("big/two.bin"))
    _run_and_judge(lab, Want(changes={"untracked": 1}), name="d")


@pytest.mark.parametrize("size", [1, 9 << 20])
@pytest.mark.parametrize("change", ["attributes", "autocrlf", "filter", "mode"])
def test_what_git_is_to_do_with_a_file_may_change_between_two_runs(change: str, size: int, lab: Lab) -> None:
    """An untracked file that did not change is stored anew when its attributes or git's settings did."""
    lab.write("weights.bin", b"\0" * size)
    lab.git("config", "filter.upper.clean", "cat")
    lab.write(".git/info/attributes", "*.up filter=upper\n")
    lab.write("new.txt", "one\r\n", 0o755)
    lab.write("new.up", "one\n")
    for path in ("new.txt", "new.up"):
        os.utime(lab.path(path), (1_700_000_000, 1_700_000_000))
    _run_and_judge(lab, Want(), name="a")
    if change == "attributes":
        lab.write(".gitattributes", "*.txt text\n")
    elif change == "autocrlf":
        lab.git("config", "core.autocrlf", "true")
    elif change == "filter":
        lab.git("config", "filter.upper.clean", "tr a-z A-Z")
    else:
        lab.git("config", "core.fileMode", "false")
    _run_and_judge(lab, Want(), name="b")


@pytest.mark.parametrize("size", [1, 9 << 20])
def test_an_untracked_file_that_is_rewritten_at_once_is_seen(size: int, lab: Lab) -> None:
    """Same size, same tick, same inode: content is what counts (the racy-file rule of our own cache)."""
    lab.write("weights.bin", b"\0" * size)
    for number in range(6):
        with open(lab.path("racy.txt"), "w") as file:
            file.write(f"{number}\n")
        assert lab.run("run", "--name", f"r{number}", "--", "true").status == 0
        assert lab.blob(f"refs/experiments/r{number}", "racy.txt") == f"{number}\n".encode()


def test_thousands_of_files(lab: Lab) -> None:
    """Many tracked and untracked files, in folders of any size, are all there."""
    for number in range(1500):
        lab.write(f"many/{number % 37}/{number}.txt", f"{number}\n")
    lab.commit()
    for number in range(0, 1500, 3):
        lab.write(f"many/{number % 37}/{number}.txt", f"{number} again\n")
    for number in range(1500):
        lab.write(f"more/{number % 41}/{number}.txt", f"{number}\n")
    _run_and_judge(lab, Want(changes={"modified": 500, "untracked": 1500}))


def test_a_tree_under_heavy_change(lab: Lab) -> None:
    """Files that come, go and change all the while never stop a run nor break the repository."""
    for number in range(40):
        lab.write(f"busy/{number}.txt", "tracked\n")
    lab.commit()
    churn = (
        "import os,sys,random\n"
        "random.seed(7)\n"
        "while os.getppid() == int(sys.argv[1]):\n"
        "    path = f'busy/{random.randrange(80)}.txt'\n"
        "    try:\n"
        "        if random.random() < .4: os.unlink(path)\n"
        "        else: open(path, 'w').write('x' * random.randrange(20000))\n"
        "    except OSError: pass\n"
    )
    import subprocess

    busy = subprocess.Popen([sys.executable, "-S", "-E", "-c", churn, str(os.getpid())], cwd=lab.top)
    try:
        for number in range(4):
            done = lab.run("run", "--name", f"r{number}", "--", "true")
            assert done.status == 0, done.stderr
    finally:
        busy.kill()
        busy.wait()
    for number in range(4):
        tree = lab.tree(lab.commits(f"r{number}")[-1])
        assert {"train.py", "conf/a.yaml", "link"} <= tree.keys()
    assert lab.fsck() == ""
