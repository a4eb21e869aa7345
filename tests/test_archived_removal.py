from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from clones import Clone, Clones
from gitxp.errors import GitxpError, UnknownRun
from gitxp.store.removed import read_removed
from run_factory import make_id

pytest_plugins = ["run_fixtures"]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitxp.repo import Repo
    from run_factory import Factory

ARCHIVE = "@archive-2023-11"
REF = f"refs/experiments/{ARCHIVE}"


@pytest.fixture
def clones(tmp_path: Path) -> Iterator[Clones]:
    """A hub, and clones of it."""
    made = Clones(tmp_path / "clones")
    yield made
    made.close()


def rm(repo: Repo, *texts: str, **options: Any) -> Any:
    """Remove these runs."""
    return repo.remove(repo.plan_removal(texts, **options))


def listed(repo: Repo) -> dict[str, str]:
    """The runs as `gitxp list` has them: name and tip."""
    return {run.name: run.commit for run in repo.runs(archived=True)}


def fold(clone: Clone, *names: str) -> None:
    """Put runs into the archive of their month."""
    clone.repo.archive_refs([clone.repo.get(name) for name in names])


def test_a_removed_run_of_an_archive_is_nowhere_but_in_the_trash(here: Repo, factory: Factory, git: Any) -> None:
    """It is not listed and not found by name, id or commit; the archive is as it was, and undo gives all that back."""
    tips = {name: factory.make(name) for name in ("one", "two", "three")}
    here.archive_refs([here.get("one"), here.get("two")])
    before = (listed(here), git("for-each-ref", "refs/experiments/"))
    done = rm(here, "one", "three")
    assert ([run.name for run in done.runs], done.archives) == (["one", "three"], (REF,))
    assert listed(here) == {"two": tips["two"]}
    assert git("rev-parse", REF) in before[1]
    for text in ("one", make_id(0), tips["one"]):
        with pytest.raises(UnknownRun):
            here.get(text)
    assert {entry.name: entry.archive for entry in here.trash()} == {"one": REF, "three": None}
    assert {run.was for run in here.undo().runs} == {"one", "three"}
    assert (listed(here), git("for-each-ref", "refs/experiments/")) == before
    assert (here.trash(), read_removed(here.location.common_dir)) == ([], [])


def test_a_removed_run_that_came_back_can_be_folded(here: Repo, factory: Factory, git: Any) -> None:
    """Plain git may bring back what was removed, or have it under another name: in an archive it is listed as before."""
    tip = factory.make("one")
    git("update-ref", "refs/experiments/twin", tip)
    rm(here, "one")
    assert [line.id for line in read_removed(here.location.common_dir)] == [make_id(1)]
    here.archive_refs([here.get("twin")])
    assert listed(here) == {"twin": tip}
    assert read_removed(here.location.common_dir) == []


def test_a_run_beside_its_archive_is_removed_whole(here: Repo, factory: Factory) -> None:
    """A run that was taken out does not come back from the archive when its own ref goes; undo brings its last state."""
    factory.make("one")
    here.archive_refs(here.runs())
    here.annotate([here.get("one")], add_tags=["late"])
    before = listed(here)
    assert rm(here, "one").archives == (REF,)
    assert listed(here) == {}
    here.undo("one")
    assert listed(here) == before
    assert here.get("one").tags == ("late",)


def test_undo_without_the_archive(here: Repo, factory: Factory, git: Any) -> None:
    """Where the archive went meanwhile, the run comes back with a ref of its own."""
    tip = factory.make("one")
    here.archive_refs(here.runs())
    rm(here, "one")
    git("update-ref", "-d", REF)
    here.undo()
    assert git("rev-parse", "refs/experiments/one") == tip


def test_gc_forgets_the_trash_and_not_the_removal(
    here: Repo, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time the entry goes from the trash; the run is still not listed, since its archive goes on to have it."""
    factory.make("one")
    factory.make("two")
    here.archive_refs(here.runs())
    rm(here, "one")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86_400)
    done = here.gc(here.plan_gc())
    assert [entry.name for entry in done.expired] == ["one"]
    assert (here.trash(), set(listed(here))) == ([], {"two"})


def test_a_run_without_an_id_stays(here: Repo, factory: Factory, git: Any) -> None:
    """What cannot be told from others by an id is refused, with all that was to go with it."""
    tip = factory.make("fine")
    factory.commit(REF, {"runs.tsv": f"gone\t{'1' * 40}\n"}, parent=tip)
    with pytest.raises(GitxpError, match="has no id"):
        here.plan_removal(["fine", "gone"])
    assert git("rev-parse", "refs/experiments/fine") == tip


def test_a_pull_does_not_bring_it_back(clones: Clones) -> None:
    """Neither with the same archive nor with one that grew, nor as a ref of its own; who asks for removed runs has it back."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    for name in ("a", "b", "c"):
        ada.factory.make(name)
    ada.push()
    bob.pull()
    fold(ada, "a", "b")
    ada.push()
    rm(bob.repo, "a")
    bob.pull()
    fold(ada, "c")
    ada.push()
    bob.pull()
    assert set(listed(bob.repo)) == {"b", "c"}
    assert set(listed(ada.repo)) == {"a", "b", "c"}
    bob.pull(runs_removed_here=True)
    assert listed(bob.repo) == listed(ada.repo)


def test_a_removal_does_not_change_the_archive(clones: Clones) -> None:
    """Who removed a run of an archive still folds, pushes and merges the same archive as all others."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    for name in ("a", "b", "c"):
        ada.factory.make(name)
    fold(ada, "a")
    ada.push()
    bob.pull()
    rm(bob.repo, "a")
    fold(bob, "b")
    fold(ada, "c")
    for _ in range(2):
        for clone in (ada, bob):
            clone.push()
            clone.pull()
    assert ada.refs()[ARCHIVE] == bob.refs()[ARCHIVE] == clones.refs[ARCHIVE]
    assert (set(listed(ada.repo)), set(listed(bob.repo))) == ({"a", "b", "c"}, {"b", "c"})


def test_a_remote_is_told_as_it_is(clones: Clones) -> None:
    """Of an archive there nothing can be deleted: that is said before anything is done; a ref of its own there can go."""
    ada = clones.clone("ada")
    for name in ("a", "b"):
        ada.factory.make(name)
    ada.push("b")
    fold(ada, "a", "b")
    ada.push()
    with pytest.raises(GitxpError, match="of which nothing can be deleted") as raised:
        ada.repo.plan_removal(["a"], remote="origin")
    assert f"git push origin :{REF}" in (raised.value.hint or "")
    assert set(listed(ada.repo)) == {"a", "b"}
    done = rm(ada.repo, "b", remote="origin")
    assert (done.gone, done.archives, done.archives_there) == (("b",), (REF,), (REF,))
    assert set(clones.refs) == {ARCHIVE}
    assert set(listed(ada.repo)) == {"a"}


def test_the_command_says_what_stays(here: Repo, factory: Factory, gitxp: Any) -> None:
    """That the run is not listed here, that its objects stay with the archive, and how to bring it back."""
    factory.make("one")
    factory.make("two")
    here.archive_refs(here.runs())
    said = gitxp("rm", "one").stderr
    assert "In the trash now: one. To bring back: gitxp undo" in said
    assert f"The objects of what is in {REF} stay as long as that does" in said
    assert [entry["archive"] for entry in json.loads(gitxp("trash", "--json").stdout)] == [REF]
    assert json.loads(gitxp("rm", "--json", "two").stdout)["archives"] == [REF]
    assert gitxp("list").stdout.count("two") == 0
