from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import GitFailed
from gitxp.git.program import Git
from gitxp.git.refs import find_ref, list_refs
from gitxp.names import RunName
from run_factory import Factory

if TYPE_CHECKING:
    from pathlib import Path


def test_lists_each_run_with_its_commit(repo: str, git: Any) -> None:
    """A run is its name, its full ref and the object that the ref leads to, loose or packed."""
    factory = Factory(repo)
    one, two = factory.make("one"), factory.make("two")
    git("pack-refs", "--all")
    three = factory.make("three")
    found = [tuple(run) for run in list_refs(Git(repo)).runs()]
    assert found == [
        ("one", "refs/experiments/one", one),
        ("three", "refs/experiments/three", three),
        ("two", "refs/experiments/two", two),
    ]


def test_lists_nothing_where_there_are_no_runs(repo: str) -> None:
    """Branches and tags are no runs."""
    listing = list_refs(Git(repo))
    assert (listing.runs(), listing.strange()) == ([], [])


def test_refs_that_no_run_can_have_stand_apart(repo: str, git: Any) -> None:
    """A nested ref, an illegal name and bytes that are no UTF-8 are listed as strange; names with @ are passed over."""
    Factory(repo).make("fine")
    strange = ["refs/experiments/_x", "refs/experiments/a/b", "refs/experiments/caf\udce9"]
    for ref in [*strange, "refs/experiments/@archive"]:
        git("update-ref", ref, "HEAD")
    listing = list_refs(Git(repo))
    assert [run.name for run in listing.runs()] == ["fine"]
    assert listing.strange() == strange


def test_equal_refs_are_equal_bytes(repo: str, git: Any) -> None:
    """`raw` changes exactly when a ref does: packing changes nothing, moving one does."""
    factory = Factory(repo)
    factory.make("one")
    before = list_refs(Git(repo)).raw
    git("pack-refs", "--all")
    assert list_refs(Git(repo)).raw == before
    git("update-ref", "refs/experiments/one", "HEAD")
    assert list_refs(Git(repo)).raw != before


def test_find_ref_takes_the_exact_name_only(repo: str, git: Any) -> None:
    """Neither the beginning of a name nor a folder of refs is a run."""
    commit = Factory(repo).make("calm-otter")
    git("update-ref", "refs/experiments/folder/inside", "HEAD")
    run = find_ref(Git(repo), RunName("calm-otter"))
    assert run is not None
    assert run.commit == commit
    assert find_ref(Git(repo), RunName("calm")) is None
    assert find_ref(Git(repo), RunName("folder")) is None


@pytest.mark.damaged
def test_a_symbolic_ref_is_another_name(repo: str, git: Any) -> None:
    """A symbolic ref leads to its run, through others, too; one to a branch, to nothing or to itself leads nowhere."""
    commit = Factory(repo).make("real")
    for name, target in {
        "alias": "experiments/real",
        "chain": "experiments/alias",
        "branch": "heads/main",
        "nothing": "experiments/gone",
        "loop": "experiments/loop",
    }.items():
        git("symbolic-ref", f"refs/experiments/{name}", f"refs/{target}")
    listing = list_refs(Git(repo))
    assert [run.name for run in listing.runs()] == ["real"]
    assert listing.strange() == ["refs/experiments/branch"]
    for name in ("real", "alias", "chain"):
        assert find_ref(Git(repo), RunName(name)) == ("real", "refs/experiments/real", commit)
    for name in ("branch", "nothing", "loop"):
        assert find_ref(Git(repo), RunName(name)) is None


@pytest.mark.damaged
def test_a_broken_ref_hides_no_other(repo: str) -> None:
    """A ref file with garbage in it is left out by git, and the others are listed."""
    Factory(repo).make("fine")
    with open(f"{repo}/.git/refs/experiments/broken", "w", encoding="ascii") as file:
        file.write("garbage\n")
    assert [run.name for run in list_refs(Git(repo)).runs()] == ["fine"]


def test_outside_of_a_repository_git_says_no(tmp_path: Path) -> None:
    """Without a repository the failure is git's own, with its words."""
    with pytest.raises(GitFailed, match="not a git repository"):
        list_refs(Git(str(tmp_path)))
