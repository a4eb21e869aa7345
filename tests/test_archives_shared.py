"""Archives between clones: pushed and pulled as one ref, merged where both grew, and what is in them is not doubled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clones import Clone, Clones

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ARCHIVE = "@archive-2023-11"


@pytest.fixture
def clones(tmp_path: Path) -> Iterator[Clones]:
    """A hub, and clones of it."""
    made = Clones(tmp_path / "clones")
    yield made
    made.close()


def fold(clone: Clone, *names: str) -> None:
    """Put runs into the archive of their month."""
    clone.repo.archive_refs([clone.repo.get(name) for name in names])


def listed(clone: Clone) -> dict[str, str]:
    """The runs as `gitxp list` has them: name and tip."""
    return {run.name: run.commit for run in clone.repo.runs(archived=True)}


def test_an_archive_goes_and_comes(clones: Clones) -> None:
    """An archive is pushed as one ref; who pulls it sees its runs, which are not made a second time."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    for name in ("a", "b", "c"):
        ada.factory.make(name)
    fold(ada, "a", "b")
    pushed = ada.push()
    assert {going.there for going in pushed.made} == {ARCHIVE, "c"}
    pulled = bob.pull()
    assert pulled.archives == [(ARCHIVE, 2)]
    assert pulled.created == ["c"]
    assert listed(bob) == listed(ada)
    assert bob.refs() == ada.refs() == dict(clones.refs)
    assert bob.pull().archives == []
    assert bob.push().made == []


def test_remotes_count_what_is_in_archives(clones: Clones) -> None:
    """`gitxp remotes` counts the runs in archives, there and here, each once, and no archive for a run."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    for name in ("a", "b", "c"):
        ada.factory.make(name)
    fold(ada, "a", "b")
    assert [(remote.runs, remote.unpushed) for remote in ada.repo.remotes()] == [(0, 3)]
    ada.push()
    assert [(remote.runs, remote.unpushed) for remote in ada.repo.remotes()] == [(3, 0)]
    bob.pull()
    bob.repo.take_out([bob.repo.get("a")])
    assert [(remote.runs, remote.unpushed) for remote in bob.repo.remotes()] == [(3, 0)]
    bob.annotate("a", add_tags=["more"])
    assert [(remote.runs, remote.unpushed) for remote in bob.repo.remotes()] == [(3, 1)]
    bob.push()
    assert [(remote.runs, remote.unpushed) for remote in bob.repo.remotes()] == [(3, 0)]
    bob.git("update-ref", f"refs/gitxp/remotes/origin/{ARCHIVE}", "HEAD")
    assert [remote.runs for remote in bob.repo.remotes()] == [2]


def test_what_is_in_an_archive_here_is_not_made_again(clones: Clones) -> None:
    """The remote still has refs of its own for runs that an archive here has: a pull changes nothing."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    for name in ("a", "b"):
        ada.factory.make(name)
    ada.push()
    bob.pull()
    fold(bob, "a", "b")
    before = bob.refs()
    assert bob.pull().created == []
    assert bob.refs() == before
    ada.annotate("a", add_tags=["late"])
    ada.push()
    assert bob.pull().updated == ["a"]
    assert bob.said("a")[0] == ("late",)
    assert set(bob.refs()) == {ARCHIVE, "a"}


def test_two_that_fold_on_their_own_converge(clones: Clones) -> None:
    """Each folds other runs, and one of them a run that the other annotated: in the end all have the same archive."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    for name in ("a", "b", "c"):
        ada.factory.make(name)
    ada.push()
    bob.pull()
    ada.annotate("b", add_tags=["ada"])
    bob.annotate("b", add_tags=["bob"])
    fold(ada, "a", "b")
    fold(bob, "b", "c")
    for _ in range(3):
        for clone in (ada, bob):
            clone.push()
            clone.pull()
    assert ada.refs()[ARCHIVE] == bob.refs()[ARCHIVE] == clones.refs[ARCHIVE]
    assert listed(ada) == listed(bob)
    assert set(ada.said("b")[0]) == {"ada", "bob"}


def test_an_annotation_takes_a_run_out(clones: Clones) -> None:
    """A run of an archive that is annotated has a ref of its own again, with the edit; the archive is as it was."""
    ada = clones.clone("ada")
    ada.factory.make("a")
    ada.factory.make("b")
    fold(ada, "a", "b")
    archive = ada.refs()[ARCHIVE]
    ada.annotate("a", star=True)
    assert set(ada.refs()) == {ARCHIVE, "a"}
    assert ada.refs()[ARCHIVE] == archive
    assert ada.said("a")[4]
    ada.annotate("b", star=False)
    assert set(ada.refs()) == {ARCHIVE, "a"}


def test_a_named_run_of_an_archive_is_pushed_alone(clones: Clones) -> None:
    """Who names a run of an archive sends it under its own name."""
    ada = clones.clone("ada")
    ada.factory.make("a")
    ada.factory.make("b")
    fold(ada, "a", "b")
    assert [going.there for going in ada.push("a").made] == ["a"]
    assert set(clones.refs) == {"a"}


def test_a_hostile_archive_is_left(clones: Clones) -> None:
    """An archive whose list is none is not taken in, and is told; the runs beside it come."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    ada.factory.make("a")
    ada.factory.commit(f"refs/experiments/{ARCHIVE}", {"runs.tsv": b"../x\tffff\n"}, parent=None)
    ada.git("push", "--quiet", "origin", "refs/experiments/*")
    pulled = bob.pull()
    assert [left.name for left in pulled.left] == [ARCHIVE]
    assert pulled.created == ["a"]
    assert set(bob.refs()) == {"a"}


def fold_for_all(clone: Clone, *names: str) -> None:
    """Fold runs here, push the archive, and delete their own refs in the hub."""
    fold(clone, *names)
    clone.push()
    clone.git("push", "--quiet", "origin", *(f":refs/experiments/{name}" for name in names))


def test_a_ref_of_its_own_follows_the_archive(clones: Clones) -> None:
    """Who has a run that was annotated elsewhere, folded and pushed, sees what was said after the next pull or push."""
    ada, bob, eve = (clones.clone(name) for name in ("ada", "bob", "eve"))
    ada.factory.make("a")
    ada.push()
    bob.pull()
    eve.pull()
    ada.annotate("a", add_tags=["late"])
    fold_for_all(ada, "a")
    assert set(clones.refs) == {ARCHIVE}
    pulled = bob.pull()
    assert (pulled.updated, pulled.folded, pulled.gone, pulled.left) == (["a"], ["a"], [], [])
    assert bob.said("a")[0] == ("late",)
    bob.git("fetch", "--quiet", "--no-prune", "origin", "refs/experiments/*:refs/experiments/*")
    eve.git("fetch", "--quiet", "--no-prune", "origin", "refs/experiments/*:refs/experiments/*")
    assert eve.said("a")[0] == ()
    assert eve.push().outgoing.received == ["a"]
    assert eve.said("a")[0] == ("late",)
    assert set(clones.refs) == {ARCHIVE}


def test_an_edit_made_beside_the_archive_is_merged(clones: Clones) -> None:
    """Where a run was annotated here and, folded, there, the list shows ours until a pull, and then all that was said.

    What was said here goes to the remote again, in a ref of its own, since the archive there does not have it.
    """
    ada, bob = clones.clone("ada"), clones.clone("bob")
    ada.factory.make("a")
    ada.push()
    bob.pull()
    ada.annotate("a", add_tags=["ada"])
    fold_for_all(ada, "a")
    bob.annotate("a", add_tags=["bob"])
    bob.git("fetch", "--quiet", "--no-prune", "origin", f"+refs/experiments/{ARCHIVE}:refs/experiments/{ARCHIVE}")
    assert bob.said("a")[0] == ("bob",)
    assert bob.pull().merged == ["a"]
    assert set(bob.said("a")[0]) == {"ada", "bob"}
    assert [going.there for going in bob.push().made] == ["a"]
    ada.pull()
    assert set(ada.said("a")[0]) == {"ada", "bob"}
    assert ada.said("a") == bob.said("a")


def test_what_an_archive_holds_is_not_pushed_again(clones: Clones) -> None:
    """A run that the archive has needs no ref of its own in the remote: it goes if it is named, or went on."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    for name in ("a", "b"):
        ada.factory.make(name)
    ada.push()
    bob.pull()
    fold_for_all(ada, "a", "b")
    assert bob.push().made == []
    assert set(clones.refs) == {ARCHIVE}
    bob.annotate("b", star=True)
    assert [going.there for going in bob.push().made] == ["b"]
    assert [going.there for going in bob.push("a").made] == ["a"]


def test_names_that_two_gave_stay_two_runs(clones: Clones) -> None:
    """A run here, and one of its name that comes in an archive, are both listed, shown and annotated."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    ada.factory.make("tuned", params={"lr": 1})
    bob.factory.make("tuned", params={"lr": 2})
    fold_for_all(ada, "tuned")
    bob.pull()
    beside = next(name for name in listed(bob) if name != "tuned")
    assert {bob.repo.get(name).params["lr"] for name in ("tuned", beside)} == {1, 2}
    assert bob.repo.get("tuned").params["lr"] == 2
    bob.annotate(beside, add_tags=["seen"])
    bob.push()
    ada.pull()
    assert ada.said("tuned")[0] == ("seen",)
    assert len(listed(ada)) == 2
