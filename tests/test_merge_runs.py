"""Runs that went separate ways come together the same everywhere, whoever asks whom first, and for plain git as well."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitxp.format import Oid, RefName
from gitxp.git.opening import open_objects
from gitxp.git.program import Git
from gitxp.names import RunName
from gitxp.repo import Repo
from gitxp.store.batch import write_commits
from gitxp.store.merge import AnotherHistory, Meeting, meet
from run_factory import Factory, encode, make_id, make_record

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git as GitProgram
    from gitxp.model import Run

pytest_plugins = ("run_fixtures",)

REF = "refs/experiments/r"
FIRST = ".gitxp/annotations/0000000001-0000000000000.json"
SECOND = ".gitxp/annotations/0000000001-0000000000001.json"
RUNNING = {"status": "running", "exit_code": None, "finished_at": None, "duration": None}

texts = st.sampled_from(["a", "b", "c"])
wishes = st.one_of(
    st.builds(lambda tag: {"add_tags": [tag]}, texts),
    st.builds(lambda tag: {"remove_tags": [tag]}, texts),
    st.builds(lambda text: {"note": text}, texts),
    st.just({"remove_notes": [1]}),
    st.builds(lambda text: {"title": text}, st.just("") | texts),
    st.builds(lambda text: {"group": text}, st.just("") | texts),
    st.builds(lambda flag: {"star": flag}, st.booleans()),
    st.builds(lambda flag: {"archive": flag}, st.booleans()),
)
steps = st.tuples(st.integers(0, 3), st.sampled_from(["push", "pull"]) | wishes)


def state(run: Run) -> tuple[Any, ...]:
    """All that people can see of what was said."""
    said = run.record.get("title"), run.record.get("group"), run.starred, run.archived
    return run.commit, run.tags, run.notes, said, run.status


class Clones:
    """Some clones of one bare repository, which all begin with the same run."""

    def __init__(self, folder: str, count: int) -> None:
        self.paths = [os.path.join(folder, f"clone-{number}") for number in range(count)]
        self.hub = os.path.join(folder, "hub.git")
        _git("init", "-q", "--bare", self.hub)
        for path in self.paths:
            _git("init", "-q", path)
            _git("-C", path, "remote", "add", "origin", self.hub)
        factory = Factory(self.paths[0])
        factory.make("r", base=None, files={"train.py": "1\n"}, tags=["a"], note="first")
        for path in self.paths:
            _git("-C", path, "fetch", "-q", self.paths[0], f"{REF}:{REF}")
        self.repos = [Repo(path) for path in self.paths]

    def do(self, which: int, what: str | dict[str, Any]) -> None:
        """One step in one clone. A note can only be taken away where there is one."""
        repo = self.repos[which % len(self.repos)]
        if what == "push":
            repo.push(repo.remote("origin"))
        elif what == "pull":
            repo.pull(repo.remote("origin"))
        elif isinstance(what, dict):
            run = repo.get("r")
            if "remove_notes" not in what or run.notes:
                repo.annotate([run], **what)

    def settle(self) -> None:
        """Each pulls and pushes in turn until nobody has anything new."""
        for _ in range(2 * len(self.repos) + 2):
            before = self.tips()
            for number in range(len(self.repos)):
                self.do(number, "pull")
                self.do(number, "push")
            if before == self.tips():
                return
        pytest.fail("the clones do not come to rest")

    def tips(self) -> list[str]:
        """The tip of the run in the hub, if it is there, and in each clone."""
        return [_git("-C", path, "for-each-ref", "--format=%(objectname)", REF) for path in (self.hub, *self.paths)]

    def edits(self, path: str) -> set[str]:
        """The files of the run's edits in one repository."""
        return set(_git("-C", path, "ls-tree", "-r", "--name-only", REF, ".gitxp/annotations/").splitlines())

    def close(self) -> None:
        """End the helper processes, and leave the hub alone to the referee."""
        for repo in self.repos:
            repo.close()
        for path in self.paths:
            shutil.rmtree(path)


def _git(*args: str) -> str:
    done = subprocess.run(["git", *args], capture_output=True, check=False, text=True)
    assert done.returncode == 0, (args, done.stderr)
    return done.stdout.strip()


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(count=st.integers(2, 4), said=st.lists(steps, min_size=2, max_size=9))
def test_clones_converge(tmp_path: Path, count: int, said: list[tuple[int, str | dict[str, Any]]]) -> None:
    """Whatever the order of edits, pushes and pulls: the same commit, the same state, and every edit, everywhere."""
    clones = Clones(tempfile.mkdtemp(dir=tmp_path), count)
    made: set[str] = set()
    for which, what in said:
        clones.do(which, what)
        made |= clones.edits(clones.paths[which % count])
    clones.settle()
    first, *others = [state(repo.get("r")) for repo in clones.repos]
    assert others == [first] * (count - 1)
    assert _git("-C", clones.hub, "rev-parse", REF) == first[0]
    assert clones.edits(clones.hub) == made
    listed = [[run.name for run in repo.runs(archived=True)] for repo in clones.repos]
    assert listed == [["r"]] * count
    clones.close()


class Two:
    """Two tips of one run in one repository: `ours`, which the ref leads to, and `theirs`, beside it."""

    def __init__(self, factory: Factory, git: Any) -> None:
        self.git, self.factory, self.name = git, factory, RunName("r")
        self.objects = open_objects(Git(factory.path), os.path.join(factory.path, ".git"))

    def start(self, **keys: Any) -> str:
        """The run as both knew it."""
        return self.factory.make("r", files={"train.py": "1\n", ".gitxp/output.log": "start\n"}, **keys)

    def commit(self, ref: str, files: dict[str, str | bytes], parent: str) -> Oid:
        """One more commit, one second younger each time."""
        self.factory.commit(ref, files, parent=parent, at=1_800_000_000 + len(files))
        return Oid(self.git("rev-parse", ref))

    def meet(self, ours: str, theirs: str) -> Meeting:
        """How the two stand to each other."""
        return meet(Git(self.factory.path), self.objects, self.name, RefName(REF), Oid(ours), Oid(theirs))

    def merge(self, ours: str, theirs: str) -> Oid:
        """The commit that both become, written; from either side it is the same one."""
        made = []
        for a, b in ((ours, theirs), (theirs, ours)):
            self.git("update-ref", REF, a)
            meeting = self.meet(a, b)
            assert meeting.merge is not None
            moved, failure = write_commits(Git(self.factory.path), [meeting.merge])
            assert failure is None
            made.append(moved[RefName(REF)])
        assert made[0] == made[1]
        return made[0]

    def files(self, commit: str) -> dict[str, str]:
        """Paths and objects of a commit's whole tree."""
        lines = self.git("ls-tree", "-r", commit).splitlines()
        return {line.partition("\t")[2]: line.split()[2] for line in lines}


@pytest.fixture
def two(factory: Factory, git: GitProgram) -> Two:
    """Tips of one run that go separate ways."""
    return Two(factory, git)


def edit(**keys: Any) -> bytes:
    """The bytes of an edit."""
    return encode({"format": 1, "at": "2026-01-02T03:04:05.000Z", "by": "A <a@b>", **keys})


def test_the_merge_is_a_union(two: Two, here: Repo, git: Any) -> None:
    """Both edits, one tree otherwise; parents sorted, nobody's name, the date of the newer: so all make the same."""
    base = two.start()
    ours = two.commit(REF, {FIRST: edit(title="a", add_tags=["a"])}, base)
    theirs = two.commit("refs/other", {SECOND: edit(title="b", add_tags=["b"])}, base)
    merged = two.merge(ours, theirs)
    assert two.files(merged) == two.files(ours) | two.files(theirs)
    assert git("log", "-1", "--format=%P", merged).split() == sorted([ours, theirs])
    assert git("log", "-1", "--format=%an <%ae> %at %cn <%ce> %ct %s", merged) == (
        "gitxp <gitxp@localhost> 1800000001 gitxp <gitxp@localhost> 1800000001 r: merge"
    )
    run = here.get("r")
    assert (run.tags, run.record["title"]) == (("a", "b"), "b")


def test_the_merge_is_the_same_under_another_name(two: Two) -> None:
    """A run may be called otherwise in another clone: the merge has the name of the record, or none where that has none."""
    for record, name in (("r", "r"), ("", "run"), ("../r", "run")):
        base = two.start(raw=encode({**make_record("r"), "name": record}))
        ours = two.commit(REF, {FIRST: edit(title="a")}, base)
        theirs = two.commit("refs/other", {SECOND: edit(title="b")}, base)
        commit = two.meet(ours, theirs).merge
        two.name = RunName("r-01234567")
        assert commit is not None
        assert commit == two.meet(ours, theirs).merge
        assert commit.message.startswith(f"{name}: merge\n\nGitxp-Run: {name}\n".encode())


def test_plain_git_merge_gives_the_same(two: Two, here: Repo, git: Any, tmp_path: Path) -> None:
    """`git merge` of two tips in a detached worktree has no conflict, and the state is what gitxp's own merge gives."""
    base = two.start(tags=["base"])
    ours = two.commit(REF, {FIRST: edit(title="a", add_tags=["a"], remove_tags=["base"])}, base)
    theirs = two.commit("refs/other", {SECOND: edit(note="n", star=True, group="g")}, base)
    theirs = two.commit("refs/other", {".gitxp/output.log": "end\n"}, theirs)
    merged = two.merge(ours, theirs)
    expected = state(here.get("r"))[1:]
    git("worktree", "add", "-q", "--detach", tmp_path / "merging", ours)
    git("merge", "-q", "--no-edit", theirs, cwd=tmp_path / "merging")
    by_git = git("rev-parse", "HEAD", cwd=tmp_path / "merging")
    assert git("rev-parse", f"{by_git}^{{tree}}") == git("rev-parse", f"{merged}^{{tree}}")
    git("update-ref", REF, by_git)
    assert state(here.get("r"))[1:] == expected
    assert [run.tags for run in here.runs()] == [("a",)]


def test_annotated_here_while_it_ended_there(two: Two, here: Repo) -> None:
    """The end is the end, and what was said is said: whichever of the two is asked."""
    base = two.start(**RUNNING)
    ours = two.commit(REF, {FIRST: edit(star=True)}, base)
    end = {".gitxp/run.json": encode(make_record("r", 1)), ".gitxp/output.log": "start\nend\n"}
    theirs = two.commit("refs/other", end, base)
    merged = two.merge(ours, theirs)
    run = here.get("r")
    assert (run.commit, run.status, run.starred) == (merged, "completed", True)
    assert b"".join(here.logs(run)) == b"start\nend\n"


@pytest.mark.parametrize(
    ("other", "status"),
    [("lost", "completed"), ("failed", "failed"), ("completed", "completed"), ("running", "completed")],
)
def test_of_two_ends_the_one_that_somebody_saw(two: Two, here: Repo, other: str, status: str) -> None:
    """`lost` gives way to a status that somebody knows; of two that are known, the later one counts."""
    base = two.start(**RUNNING)
    late = "2026-01-02T03:04:05.000Z"
    keys: dict[str, Any] = {
        "lost": {"exit_code": None, "finished_at": None, "duration": None},
        "failed": {"exit_code": 1, "finished_at": late},
        "completed": {"finished_at": late},
        "running": {**RUNNING, "user": "another"},
    }[other]
    seen = {".gitxp/run.json": encode(make_record("r", 1)), ".gitxp/output.log": "whole\n"}
    ours = two.commit(REF, seen, base)
    record = make_record("r", 1, **{"status": other, **keys})
    theirs = two.commit("refs/other", {".gitxp/run.json": encode(record), FIRST: edit(star=True)}, base)
    merged = two.merge(ours, theirs)
    run = here.get("r")
    assert (run.status, run.starred) == (status, True)
    whose = theirs if other in {"failed", "completed"} else ours
    assert {**two.files(whose), FIRST: two.files(theirs)[FIRST]} == two.files(merged)


def test_one_tip_has_all_that_the_other_has(two: Two) -> None:
    """Nothing is merged where one side only went on."""
    base = Oid(two.start())
    later = two.commit(REF, {FIRST: edit(star=True)}, base)
    assert two.meet(base, later) == two.meet(later, base) == two.meet(later, later) == Meeting(later)


def test_merges_meet_merges(two: Two, here: Repo) -> None:
    """Two merges of the same three tips in another order have two bases, and come together all the same."""
    base = two.start()
    third = FIRST.replace("000.json", "002.json")
    tips = [
        two.commit(f"refs/tip-{n}", {path: edit(add_tags=[str(n)])}, base)
        for n, path in enumerate((FIRST, SECOND, third))
    ]
    left = two.merge(two.merge(tips[0], tips[1]), tips[2])
    right = two.merge(two.merge(tips[1], tips[2]), tips[0])
    assert left != right
    two.merge(left, right)
    assert sorted(here.get("r").tags) == ["0", "1", "2"]


def test_an_edit_that_somebody_changed(two: Two, here: Repo, git: Any) -> None:
    """An edit is never changed; where it was all the same, everybody takes the same of the two, and none is lost."""
    base = two.commit(REF, {FIRST: edit(title="true", add_tags=["x"])}, two.start())
    ours = two.commit(REF, {SECOND: edit(star=True)}, base)
    theirs = two.commit("refs/other", {FIRST: edit(title="forged")}, base)
    merged = two.merge(ours, theirs)
    chosen = git("rev-parse", f"{merged}:{FIRST}")
    assert chosen == min(two.files(ours)[FIRST], two.files(theirs)[FIRST])
    assert here.get("r").starred


def test_an_edit_that_somebody_took_out_comes_back(two: Two, here: Repo, git: Any) -> None:
    """Nobody can take back another's edit by leaving it out: the union has it."""
    base = two.commit(REF, {FIRST: edit(title="t")}, two.start())
    ours = two.commit(REF, {SECOND: edit(star=True)}, base)
    tree = git("rev-parse", f"{base}~1^{{tree}}")
    theirs = git("commit-tree", tree, "-p", base, "-m", "without")
    two.merge(ours, theirs)
    assert here.get("r").record["title"] == "t"


def test_links_and_strange_names_are_no_edits(two: Two) -> None:
    """What is merged in are files with the names of edits, nothing else that a stranger put beside them."""
    base = two.start()
    ours = two.commit(REF, {FIRST: edit(star=True)}, base)
    theirs = two.commit("refs/other", {SECOND: edit(note="n"), ".gitxp/annotations/evil.json": "x"}, base)
    paths = set(two.files(two.merge(ours, theirs)))
    assert {FIRST, SECOND} < paths
    assert paths - two.files(ours).keys() - two.files(theirs).keys() == set()


FORGED: dict[str, tuple[dict[str, str | bytes], str]] = {
    "another id": ({".gitxp/run.json": encode(make_record("r", 77))}, "is another run there"),
    "other code": ({"train.py": "import os\n"}, "has other code"),
    "more code": ({"evil.py": "import os\n"}, "has other code"),
    "no record": ({".gitxp/run.json": b"{"}, "cannot be read there"),
    "a newer format": ({".gitxp/run.json": json.dumps({"format": 99}).encode()}, "cannot be read there"),
}


@pytest.mark.parametrize("kind", FORGED)
@pytest.mark.parametrize("diverged", [True, False])
def test_what_is_not_the_same_run(two: Two, kind: str, *, diverged: bool) -> None:
    """A tip with another id or other code is refused, whether it claims to go on from ours or beside it."""
    files, words = FORGED[kind]
    base = two.start()
    ours = two.commit(REF, {FIRST: edit(star=True)}, base)
    theirs = two.commit("refs/other", files, base if diverged else ours)
    with pytest.raises(AnotherHistory, match=words):
        two.meet(ours, theirs)


def test_rewritten_history(two: Two) -> None:
    """The same record on another beginning is no tip of this run."""
    ours = two.start()
    two.git("update-ref", "refs/kept", ours)
    alone = {"train.py": "1\n", ".gitxp/run.json": encode(make_record("r", 1))}
    two.factory.commit("refs/alone", alone, parent=None, at=1_800_000_000)
    two.factory.commit("refs/beside", alone, parent="HEAD", at=1_800_000_000)
    for ref in ("refs/alone", "refs/beside"):
        with pytest.raises(AnotherHistory, match="begins otherwise"):
            two.meet(ours, two.git("rev-parse", ref))


def test_a_forged_run_is_left_and_told(tmp_path: Path) -> None:
    """Pull takes the good and leaves what claims to be ours and is not, with a sentence."""
    clones = Clones(str(tmp_path), 2)
    clones.do(0, {"title": "mine"})
    tip = clones.repos[0].get("r").commit
    Factory(clones.paths[1]).commit(REF, {"train.py": "evil\n"}, parent=REF)
    Factory(clones.paths[1]).make("good", base=None, id=make_id(9))
    clones.do(1, "push")
    pulled = clones.repos[0].pull(clones.repos[0].remote("origin"))
    assert [(left.name, "other code" in left.reason) for left in pulled.left] == [("r", True)]
    assert pulled.created == ["good"]
    assert clones.repos[0].get("r").commit == tip
