from __future__ import annotations

import json
import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from gitxp import format  # noqa: A004  (what the package calls it)
from gitxp.errors import GitxpError, UsageError
from gitxp.keeping.rules import Best, Rules, parse_age, parse_best
from gitxp.store.trash import Doomed, throw_away
from run_factory import START, make_id, make_record

if TYPE_CHECKING:
    from gitxp.repo import Repo
    from run_factory import Factory

pytest_plugins = ("run_fixtures",)
DAY = 86_400


def chosen(here: Repo, **rules: Any) -> set[str]:
    """The runs that would go by these rules."""
    return {run.name for run in here.plan_gc(Rules(**rules)).runs}


def loss(value: float | str) -> dict[str, Any]:
    """Metrics with one loss."""
    return {"loss": {"last": value, "min": value, "max": value, "count": 1, "step": 0}}


def throw_away_ago(here: Repo, name: str, days: float) -> None:
    """Remove a run as if it had been so many days ago."""
    run = here.get(name)
    throw_away(here.git, [Doomed(run.name, run.commit, run.id, run.ref)], make_id(99), time.time() - days * DAY)


def ago(days: float) -> str:
    """A time of a record."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - days * DAY))


@pytest.mark.parametrize(
    ("text", "seconds"), [("90d", 90 * DAY), ("12h", 43_200), ("1.5w", 10.5 * DAY), ("1y", 365 * DAY), ("0d", 0)]
)
def test_ages(text: str, seconds: float) -> None:
    """A number and a unit."""
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "90", "-1d", "1.2.3d", "9 d", "1e3d", "nand", "٣d", "99999999d", "5m"])
def test_what_is_no_age(text: str) -> None:
    """Anything else is refused; a minute looks like a month, and is neither."""
    with pytest.raises(UsageError):
        parse_age(text)


def test_best_of_what() -> None:
    """A direction stands behind the last colon; a metric may have colons of its own."""
    assert parse_best("loss:min") == Best("loss", "min")
    assert parse_best("a:b") == Best("a:b")
    assert parse_best("a:b:max") == Best("a:b", "max")
    for text in ("", ":max"):
        with pytest.raises(UsageError):
            parse_best(text)


def test_no_rules_no_runs(factory: Factory, here: Repo) -> None:
    """Without a rule, no run goes, however old it is."""
    factory.make("one", started_at="2001-01-01T00:00:00.000Z")
    assert chosen(here) == set()


def test_the_best_stay(factory: Factory, here: Repo) -> None:
    """By a direction the run at that end, with its equals; without one those at both ends; nan is no best."""
    for name, value in (("a", 0.1), ("b", 0.5), ("c", 0.9), ("d", 0.1), ("e", "nan")):
        factory.make(name, metrics=loss(value))
    factory.make("f")
    assert chosen(here, best=(Best("loss", "min"),)) == {"b", "c", "e", "f"}
    assert chosen(here, best=(Best("loss", "max"),)) == {"a", "b", "d", "e", "f"}
    assert chosen(here, best=(Best("loss"),)) == {"b", "e", "f"}
    with pytest.raises(UsageError, match="No run has a metric 'los'"):
        chosen(here, best=(Best("los", "min"),))


def test_rules_that_keep_add_up(factory: Factory, here: Repo) -> None:
    """Whoever is kept by one rule is kept: the newest, the tagged, the young."""
    factory.make("old")
    factory.make("tagged", tags=["paper"])
    factory.make("young", started_at=ago(5))
    factory.make("newest", started_at=ago(1))
    assert chosen(here, newest=0) == {"old", "tagged", "young", "newest"}
    assert chosen(here, newest=1) == {"old", "tagged", "young"}
    assert chosen(here, tagged=True) == {"old", "young", "newest"}
    assert chosen(here, older_than=3 * DAY) == {"old", "tagged", "young"}
    assert chosen(here, newest=2, tagged=True, older_than=3 * DAY) == {"old"}


def test_who_always_stays(factory: Factory, here: Repo, repo: str) -> None:
    """Runs that are running here or elsewhere, have a star, or cannot be read, are chosen by no rule."""
    factory.make("running", status="running", exit_code=None)
    factory.make("bad", raw=b"{")
    factory.make("starred")
    factory.make("ends")
    factory.make("gone")
    here.annotate([here.get("starred")], star=True)
    os.makedirs(f"{repo}/.git/gitxp/live/ends")
    state = {"format": 1, "host": "elsewhere", "record": {"name": "ends"}}
    for name, text in (("state.json", json.dumps(state)), ("lock", "")):
        with open(f"{repo}/.git/gitxp/live/ends/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    assert chosen(here, newest=0) == {"gone"}


def test_chosen_runs_go_to_the_trash_and_come_back(factory: Factory, here: Repo, git: Any, untouched: Any) -> None:
    """As by `rm`: all at once, remembered as removed, and `undo` brings all of them back unchanged."""
    factory.make_many(30)
    before = git("for-each-ref", "refs/experiments/")
    with untouched():
        done = here.gc(here.plan_gc(Rules(newest=3)))
    assert len(done.runs) == 27
    assert len(here.runs()) == 3
    assert git("for-each-ref", "refs/experiments/", "--format=%(refname)").count("\n") == 2
    here.undo()
    assert git("for-each-ref", "refs/experiments/") == before


def test_the_trash_is_emptied_after_its_time(factory: Factory, here: Repo, git: Any) -> None:
    """What is there for 30 days goes, what is there for 29 stays, and what gitxp did not put there stays for ever."""
    for name in ("old", "young", "mine"):
        factory.make(name, files={"data": name})
    git("update-ref", "refs/gitxp/trash/mine", "refs/experiments/mine")
    throw_away_ago(here, "old", 30.1)
    throw_away_ago(here, "young", 29.9)
    plan = here.plan_gc()
    assert not plan.is_early
    done = here.gc(plan)
    assert [entry.name for entry in done.expired] == ["old"]
    assert {entry.name for entry in here.trash()} == {"young", "mine"}
    # tag, commit, two trees, two files
    assert done.unreachable == 6


def test_less_than_thirty_days_asks(factory: Factory, here: Repo, gitxp: Any, repo: str) -> None:
    """A shorter time, also one that a gitxp.yaml from elsewhere says, deletes nothing younger without --yes."""
    factory.make("one")
    throw_away_ago(here, "one", 20)
    with open(f"{repo}/gitxp.yaml", "w", encoding="utf-8") as file:
        file.write("trash:\n  days: 10\n")
    answer = gitxp("gc", check=False)
    assert answer.returncode == 2
    assert "--yes" in answer.stderr
    assert len(here.trash()) == 1
    assert gitxp("gc", "--trash-days", "30", "--dry-run").stdout == "There is nothing to do but to pack refs.\n"
    gitxp("gc", "--yes")
    assert here.trash() == []


def test_unused_caches_go(here: Repo, repo: str) -> None:
    """Files of caches and whole environments that nobody read or wrote for 30 days; others stay."""
    paths = {}
    for name, days in (
        ("cache/data/old", 31),
        ("cache/data/young", 29),
        ("cache/git-version", 400),
        ("envs/old/pyvenv.cfg", 40),
        ("envs/used/pyvenv.cfg", 1),
    ):
        paths[name] = path = f"{repo}/.git/gitxp/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"12345")
        os.utime(path, (time.time() - days * DAY,) * 2)
        if name.startswith("envs/"):
            os.utime(os.path.dirname(path), (time.time() - 40 * DAY,) * 2)
    assert here.gc(here.plan_gc()).freed == 10
    assert {name for name, path in paths.items() if os.path.exists(path)} == {
        "cache/data/young",
        "cache/git-version",
        "envs/used/pyvenv.cfg",
    }


def test_caches_that_another_gc_deletes_meanwhile(here: Repo, repo: str) -> None:
    """Two gc at once delete the same, and neither minds."""
    folder = os.path.join(repo, ".git", "gitxp", "envs", "old")
    cache = os.path.join(repo, ".git", "gitxp", "cache", "old")
    for path in (os.path.join(folder, "bin", "python"), cache):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"123")
    for path in (cache, folder):
        os.utime(path, (0, 0))
    plan = here.plan_gc()
    assert set(plan.caches) == {cache, folder}
    assert [here.gc(plan).freed for _ in range(2)] == [6, 0]
    assert os.listdir(os.path.dirname(folder)) == []


def test_refs_are_packed(factory: Factory, here: Repo, git: Any, repo: str) -> None:
    """After it, the refs of runs are the same, and no files of their own."""
    factory.make_many(10)
    before = git("for-each-ref")
    here.gc(here.plan_gc())
    assert git("for-each-ref") == before
    assert os.listdir(f"{repo}/.git/refs/experiments") == [] if os.path.isdir(f"{repo}/.git/refs/experiments") else True


def test_dry_run_changes_nothing(factory: Factory, here: Repo, git: Any, gitxp: Any) -> None:
    """It says by name what would go, as words and as JSON."""
    for name in ("one", "two"):
        factory.make(name)
    throw_away_ago(here, "one", 40)
    before = git("for-each-ref")
    assert gitxp("gc", "--keep", "0", "-n").stdout.splitlines() == [
        "Would remove two",
        "Would delete one from the trash",
    ]
    plan = json.loads(gitxp("gc", "--keep", "0", "-n", "--json").stdout)
    assert (plan["runs"], plan["expired"]) == (["two"], ["one"])
    assert git("for-each-ref") == before
    done = json.loads(gitxp("gc", "--keep", "0", "--json").stdout)
    assert [run["name"] for run in done["removed"]] == ["two"]
    assert done["expired"] == ["one"]


def pointer(sha256: str) -> str:
    """A pointer of git-lfs."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize 5\n"


class Store:
    """Objects of git-lfs, made by one letter."""

    def __init__(self, repo: str) -> None:
        self.folder = f"{repo}/.git/lfs/objects"

    def path(self, letter: str) -> str:
        """Where the object of this letter is."""
        return f"{self.folder}/{letter * 2}/{letter * 2}/{letter * 64}"

    def make(self, letters: str) -> None:
        """Make objects."""
        for letter in letters:
            os.makedirs(os.path.dirname(self.path(letter)), exist_ok=True)
            with open(self.path(letter), "wb") as file:
                file.write(b"bytes")

    def there(self) -> str:
        """The letters of the objects that are there."""
        return "".join(sorted(name[0] for _, _, names in os.walk(self.folder) for name in names))


@pytest.fixture
def store(repo: str) -> Store:
    """The store of the test's repository."""
    return Store(repo)


ARTIFACTS = ".gitxp/artifacts/"


def take_out(here: Repo, newest: int = 1) -> Any:
    """Take out the large files of all runs but the newest."""
    return here.gc(here.plan_gc(Rules(newest=newest), artifacts_only=True))


def test_large_files_of_artifacts(factory: Factory, here: Repo, git: Any, store: Store) -> None:
    """Those that only chosen runs need leave the store, the runs stay as they are, and `undo` brings them back."""
    store.make("abc")
    factory.make("old", files={f"{ARTIFACTS}m.bin": pointer("a" * 64), f"{ARTIFACTS}both.bin": pointer("b" * 64)})
    factory.make("new", files={f"{ARTIFACTS}both.bin": pointer("b" * 64)})
    before = git("for-each-ref")
    done = take_out(here)
    assert (done.large, done.runs, store.there()) == (5, (), "bc")  # c is nobody's, and not ours to judge
    assert git("for-each-ref") == before
    undone = here.undo()
    assert (undone.kind, undone.large_files, store.there()) == ("large files", 1, "abc")
    with open(store.path("a"), "rb") as file:
        assert file.read() == b"bytes"


def test_large_files_that_another_gc_takes_out_meanwhile(factory: Factory, here: Repo, store: Store) -> None:
    """Of two gc or two undos at once one has the files, and nothing of the other is left to undo."""
    store.make("a")
    factory.make("old", files={f"{ARTIFACTS}m.bin": pointer("a" * 64)})
    plan = here.plan_gc(Rules(newest=0), artifacts_only=True)
    assert [here.gc(plan).large for _ in range(2)] == [5, 0]
    (one,) = here.undoable()
    for _ in range(2):
        one.undo()
    assert store.there() == "a"
    assert here.undoable() == []


def test_whatever_else_needs_a_large_file_keeps_it(
    factory: Factory, here: Repo, git: Any, store: Store, repo: str
) -> None:
    """Branches and their past, tags, the index, the stash, the trash, and files of the same run that are no artifacts."""
    letters = "abcdef012"
    store.make(letters)
    files = {f"{ARTIFACTS}{letter}": pointer(letter * 64) for letter in letters}

    def commit(letter: str | None) -> None:
        if letter is None:
            git("rm", "--quiet", "w.bin")
        else:
            with open(f"{repo}/w.bin", "w", encoding="utf-8") as file:
                file.write(pointer(letter * 64))
            git("add", "w.bin")
        git("commit", "--quiet", "--message=w")

    commit("a")  # in the past of a branch only
    commit(None)
    commit("b")
    git("tag", "kept")
    git("reset", "--quiet", "--hard", "HEAD~1")
    for letter in "cd":  # the older stash is in a reflog alone
        with open(f"{repo}/w.bin", "w", encoding="utf-8") as file:
            file.write(pointer(letter * 64))
        git("add", "w.bin")
        git("stash", "--quiet")
    with open(f"{repo}/w.bin", "w", encoding="utf-8") as file:
        file.write(pointer("e" * 64))
    git("add", "w.bin")
    factory.make("trashed", files={f"{ARTIFACTS}f": pointer("f" * 64)})
    here.remove(here.plan_removal(["trashed"]))
    factory.make("old", files={**files, "data.bin": pointer("0" * 64)})
    git("update-ref", "refs/gitxp/remotes/origin/old", "refs/experiments/old")
    factory.advance("old", make_record("old", 2, note="n"), {f"{ARTIFACTS}2": pointer("3" * 64)})
    factory.make("new", files={"other.bin": pointer("1" * 64)})
    take_out(here)
    # of its artifacts only what a later commit of the run replaced is needed by nothing else
    assert store.there() == "01abcdef"


def test_large_files_stay_while_a_run_is_running(factory: Factory, here: Repo, gitxp: Any, store: Store) -> None:
    """What it will point to nobody can know; then nothing is taken out."""
    store.make("a")
    factory.make("old", files={f"{ARTIFACTS}m.bin": pointer("a" * 64)})
    process = gitxp.start("run", "--name", "on", "--", "sh", "-c", "echo on; read x", stdin=subprocess.PIPE)
    process.stdout.readline()
    with pytest.raises(GitxpError, match="on is running"):
        take_out(here, 0)
    process.communicate(b"go\n", timeout=60)
    take_out(here, 0)
    assert store.there() == ""


def test_large_files_leave_their_trash_after_its_time(factory: Factory, here: Repo, store: Store, repo: str) -> None:
    """They are deleted when they are there for longer than `trash.days`; before that, not without being asked."""
    store.make("a")
    factory.make("old", files={f"{ARTIFACTS}m.bin": pointer("a" * 64)})
    take_out(here, 0)
    assert here.gc(here.plan_gc()).freed == 0
    assert here.plan_gc(trash_days=0).is_early
    top = f"{repo}/.git/gitxp/trash/lfs"
    (removal,) = os.listdir(top)
    os.rename(f"{top}/{removal}", f"{top}/{format.make_id(START * 10**9, bytes(10))}")  # a time of long ago
    assert here.gc(here.plan_gc()).freed == 5
    assert os.listdir(top) == []
    assert store.there() == ""


def test_artifacts_only_wants_a_rule(factory: Factory, gitxp: Any) -> None:
    """Of which runs has to be said."""
    factory.make("one")
    assert gitxp("gc", "--artifacts-only", check=False).returncode == 2


def test_former_states_of_the_working_tree_go_after_their_time(factory: Factory, here: Repo, git: Any) -> None:
    """What `restore --here` wrote over is kept for 30 days; refs beside that are nobody's stay."""
    tip = factory.make("one")
    for name in (
        "2001-01-01T000000.000Z-restore",
        "2001-01-01T000000.000Z-undo",
        "2101-01-01T000000.000Z-restore",
        "mine",
    ):
        git("update-ref", f"refs/gitxp/undo/{name}", tip)
    here.gc(here.plan_gc())
    assert git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/gitxp/undo").splitlines() == [
        "2101-01-01T000000.000Z-restore",
        "mine",
    ]
