from __future__ import annotations

import fcntl
import json
import os
import random
from typing import TYPE_CHECKING, Any

import pytest

from run_factory import make_record

if TYPE_CHECKING:
    from gitxp.repo import Repo
    from run_factory import Factory

pytest_plugins = ("run_fixtures",)


def reached(git: Any, *refs: str) -> set[str]:
    """All objects that git finds from these refs."""
    return {line.split(" ")[0] for line in git("rev-list", "--objects", *refs).splitlines()}


def weight(git: Any, oids: set[str]) -> int:
    """What objects take on the disk, as git says."""
    asked = "".join(f"{oid}\n" for oid in oids)
    return sum(map(int, git("cat-file", "--batch-check=%(objectsize:disk)", input=asked).split()))


def alone(git: Any, name: str) -> int:
    """The bytes of the objects that git finds from a run and from no other ref."""
    others = [ref for ref in git("for-each-ref", "--format=%(refname)").splitlines() if not ref.endswith(f"/{name}")]
    return weight(git, reached(git, f"refs/experiments/{name}") - reached(git, *others))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("packed", [False, True])
def test_git_counts_the_same(seed: int, packed: bool, factory: Factory, here: Repo, git: Any) -> None:
    """For every run, what it alone holds is what git says that it has and no other ref has."""
    chance = random.Random(seed)  # noqa: S311  (the same trees each time)
    names = [f"run-{number}" for number in range(6)]
    for number, name in enumerate(names):
        files = {f"d{chance.randrange(2)}/f{chance.randrange(3)}": f"{chance.randrange(3)}\n" for _ in range(4)}
        factory.make(name, files=files, base=chance.choice(["HEAD", None]))
        if chance.random() < 0.5:
            factory.advance(name, make_record(name, number, note="more"), {"d0/late": f"{chance.randrange(2)}"})
    if packed:
        git("gc", "--quiet")
    usage = here.usage()
    assert {run.name: run.own for run in usage.runs} == {name: alone(git, name) for name in names}
    ours = reached(git, *(f"refs/experiments/{name}" for name in names)) - reached(git, "main")
    assert usage.shared + sum(run.own for run in usage.runs) == weight(git, ours)


def test_unpushed_bases_are_shared(factory: Factory, here: Repo, git: Any) -> None:
    """A commit that two runs stand on and no branch has any more is neither's own."""
    git("commit", "--quiet", "--allow-empty", "--message=gone")
    factory.make("one")
    factory.make("two")
    git("reset", "--quiet", "--hard", "HEAD~1")
    usage = here.usage()
    both = weight(git, reached(git, "refs/experiments/one", "refs/experiments/two") - reached(git, "main"))
    assert usage.shared == both - sum(run.own for run in usage.runs) > 0
    for run in usage.runs:
        assert run.own == alone(git, run.name)


def test_the_largest_first(factory: Factory, here: Repo) -> None:
    """Runs are sorted by what they alone hold; what a branch has counts for nobody."""
    for name, size in (("small", 10), ("large", 9000), ("middle", 900)):
        factory.make(name, files={"data.bin": os.urandom(size)})
    assert [run.name for run in here.usage().runs] == ["large", "middle", "small"]


def test_the_trash_and_live_folders(factory: Factory, here: Repo, git: Any, repo: str) -> None:
    """What only removed runs hold is told beside the runs, and so is what lies below `.git/gitxp`."""
    factory.make("one", files={"data.bin": os.urandom(5000)})
    factory.make("two", files={"other.bin": os.urandom(500)})
    before = here.usage()
    here.remove(here.plan_removal(["one"]))
    after = here.usage()
    assert before.trash == 0
    assert after.trash == next(run.own for run in before.runs if run.name == "one")
    assert [run.name for run in after.runs] == ["two"]
    os.makedirs(f"{repo}/.git/gitxp/live/.new-1-1")
    with open(f"{repo}/.git/gitxp/live/.new-1-1/lock", "wb") as file:
        file.write(bytes(100))
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)  # somebody looks after it
        assert here.usage().live == 100
    assert after.objects == 1024 * int(
        dict(line.split(": ") for line in git("count-objects", "-v").splitlines())["size"]
    )


def test_paths_of_a_run(factory: Factory, here: Repo, git: Any) -> None:
    """Each path with what it takes, also of former commits, the largest first; what others hold is marked."""
    common = os.urandom(300)
    factory.make("one", files={"mine.bin": os.urandom(3000), "ours.bin": common})
    factory.make("two", files={"ours.bin": common})
    paths = here.usage_of(here.get("one"))
    by_path = {one.path: one for one in paths}
    assert paths[0].path == "mine.bin"
    assert (by_path["mine.bin"].is_shared, by_path["ours.bin"].is_shared) == (False, True)
    assert set(by_path) == {"mine.bin", "ours.bin", ".gitxp/run.json", ""}
    assert sum(one.size for one in paths) == weight(git, reached(git, "refs/experiments/one") - reached(git, "main"))


def test_large_files(factory: Factory, here: Repo, repo: str) -> None:
    """An object of git-lfs counts for the run that alone points to it; one that two runs need, for neither."""
    oids = [letter * 64 for letter in "abc"]
    for oid in oids:
        folder = f"{repo}/.git/lfs/objects/{oid[:2]}/{oid[2:4]}"
        os.makedirs(folder)
        with open(f"{folder}/{oid}", "wb") as file:
            file.write(bytes(1000))
    pointers = [f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 1000\n" for oid in oids]
    factory.make("one", files={"a.bin": pointers[0], "b.bin": pointers[1]})
    factory.make("two", files={"b.bin": pointers[1]})
    usage = here.usage()
    assert {run.name: run.large for run in usage.runs} == {"one": 1000, "two": 0}
    assert usage.large == 3000
    assert {(one.path, one.size) for one in here.usage_of(here.get("one")) if one.large} == {
        ("a.bin", 1000),
        ("b.bin", 1000),
    }


@pytest.mark.damaged
def test_refs_that_are_no_commits_and_objects_that_are_gone(factory: Factory, here: Repo, git: Any) -> None:
    """What cannot be read counts nothing and stops nothing."""
    factory.make("one", files={"a/b": os.urandom(100)})
    tip = factory.make("two", files={"c/d": os.urandom(100)})
    git("update-ref", "refs/experiments/blob", git("hash-object", "-w", "train.py"))
    gone = git("rev-parse", f"{tip}:c/d")
    os.unlink(git("rev-parse", "--git-path", f"objects/{gone[:2]}/{gone[2:]}"))
    own = {run.name: run.own for run in here.usage().runs}
    assert own["blob"] == 0
    assert 0 < own["two"] < own["one"]


def test_without_runs_or_commits(here: Repo, gitxp: Any, tmp_path: Any, git: Any) -> None:
    """A repository without runs, and one without commits, have sizes, too."""
    assert here.usage().runs == ()
    git("init", "--quiet", tmp_path / "empty")
    assert json.loads(gitxp("du", "--json", cwd=tmp_path / "empty").stdout)["runs"] == []


def test_json_and_words(factory: Factory, gitxp: Any) -> None:
    """The same sizes as JSON and as tables; -n limits the tables alone; paths are safe for a terminal."""
    for number in range(4):
        factory.make(f"run-{number}", files={"\x1b[2J": os.urandom(100 * (number + 1))})
    usage = json.loads(gitxp("du", "-n", "1", "--json").stdout)
    assert [run["name"] for run in usage["runs"]] == ["run-3", "run-2", "run-1", "run-0"]
    lines = gitxp("du", "-n", "1").stdout.splitlines()
    assert lines[2].split()[-1] == "run-3"
    assert "3 more runs" in lines[3]
    text = gitxp("du", "run-3").stdout
    assert "\x1b" not in text
    assert "\\x1b" in text
    paths = json.loads(gitxp("du", "run-3", "--json").stdout)
    assert {one["path"] for one in paths} == {"\x1b[2J", ".gitxp/run.json", ""}
