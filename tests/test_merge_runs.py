from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clones import Clone, Clones, git
from run_factory import encode, make_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def clones(tmp_path: Path) -> Iterator[Clones]:
    """A hub, and clones of it."""
    made = Clones(tmp_path / "clones")
    yield made
    made.close()


def settle(clones: Clones) -> None:
    """Everybody pulls and pushes until nothing changes; it must come to an end soon."""
    for _ in range(2 * len(clones.made) + 2):
        before = clones.all_refs()
        for clone in clones.made:
            clone.pull()
            clone.push()
        if clones.all_refs() == before:
            return
    pytest.fail("the clones still change")


WISHES: list[dict[str, Any]] = [
    {"add_tags": ["good"]},
    {"add_tags": ["bad", "odd"], "remove_tags": ["good"]},
    {"remove_tags": ["bad"]},
    {"note": "It was the learning rate."},
    {"note": "No, the data."},
    {"title": "Baseline"},
    {"title": ""},
    {"group": "ablation"},
    {"star": True},
    {"star": False},
    {"archive": True},
    {"archive": False},
]
RUNS = ("one", "two")
numbers = itertools.count()


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_clones_converge(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """2 to 4 people say things of the same runs, and push and pull whenever they like: in the end all see the same."""
    clones = Clones(tmp_path_factory.mktemp(f"clones{next(numbers)}"))
    people = [clones.clone(name) for name in "abcd"[: data.draw(st.integers(2, 4), label="people")]]
    try:
        for name in RUNS:
            people[0].factory.make(name)
        people[0].push()
        for person in people[1:]:
            person.pull()
        told = 0
        for _ in range(data.draw(st.integers(3, 8), label="steps")):
            person = data.draw(st.sampled_from(people), label="who")
            step = data.draw(st.sampled_from(["say", "say", "push", "pull"]), label="what")
            if step == "say":
                name, wish = data.draw(st.sampled_from(RUNS)), data.draw(st.sampled_from(WISHES))
                before = person.refs()[name]
                person.annotate(name, **wish)
                told += person.refs()[name] != before
            else:
                getattr(person, step)()
        settle(clones)
        assert all(person.refs() == dict(clones.refs) for person in people)
        for name in RUNS:
            assert len({person.said(name) for person in people}) == 1
        assert sum(len(people[0].repo.history(people[0].repo.get(name)).edits) for name in RUNS) == told
    finally:
        clones.close()


def parted(clones: Clones) -> tuple[Clone, Clone]:
    """Two clones with one run."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    ada.factory.make("run", tags=["first"])
    ada.push()
    bob.pull()
    return ada, bob


def test_both_make_the_same_merge(clones: Clones) -> None:
    """A merge follows from its two parents: two clones that make it independently have the same commit."""
    ada, bob = parted(clones)
    ada.annotate("run", add_tags=["a"])
    bob.annotate("run", add_tags=["b"])
    for one, other in ((ada, bob), (bob, ada)):
        one.git("fetch", "--quiet", str(other.path), "+refs/experiments/*:refs/gitxp/remotes/peer/*")
    merged = []
    for one in (ada, bob):
        one.git("update-ref", "refs/gitxp/remotes/origin/run", "refs/gitxp/remotes/peer/run")
        from gitxp.sharing.pull import take_in

        there = {"run": one.refs("refs/gitxp/remotes/peer/")["run"]}
        result = take_in(one.repo.git, one.repo._reader(), there, one.repo._index().names_of)  # type: ignore[arg-type]
        assert result.merged == ["run"]
        merged.append(one.refs()["run"])
    assert merged[0] == merged[1]
    assert set(ada.said("run")[0]) == {"first", "a", "b"}
    assert ada.said("run") == bob.said("run")
    assert "Gitxp-Run: run" in ada.git("log", "-1", "--format=%B", "experiments/run")


def test_plain_git_merge_gives_the_same(clones: Clones) -> None:
    """`git merge` of two tips has no conflict, and comes to the same state as gitxp's own merge."""
    ada, bob = parted(clones)
    ada.annotate("run", add_tags=["a"], note="from ada")
    bob.annotate("run", remove_tags=["first"], star=True)
    bob.push()
    ada.git("fetch", "--quiet", "origin", "refs/experiments/run:refs/gitxp/remotes/origin/run")
    ada.git("worktree", "add", "--quiet", "--detach", "../plain", "experiments/run")
    plain = clones.folder / "plain"
    git(plain, "merge", "--quiet", "--no-edit", "refs/gitxp/remotes/origin/run")
    ada.git("update-ref", "refs/experiments/by-hand", git(plain, "rev-parse", "HEAD"))
    ada.pull()
    assert ada.said("by-hand") == ada.said("run") == (("a",), ("from ada",), None, None, True, False)


def test_said_here_while_it_ends_there(clones: Clones) -> None:
    """An annotation of a run that still runs elsewhere, and its end, come together."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    ada.factory.make("run", status="running", exit_code=None, duration=None, finished_at=None)
    ada.push()
    bob.pull()
    bob.annotate("run", add_tags=["watch"])
    bob.push()
    ada.factory.advance(
        "run", make_record("run", 101, metrics={"loss": {"last": 1.0}}), {".gitxp/output.log": "done\n"}
    )
    ada.pull()
    run = ada.repo.get("run")
    assert (run.status, run.tags, run.metrics) == ("completed", ("watch",), {"loss": 1.0})
    assert b"".join(ada.repo.logs(run)) == b"done\n"
    ada.push()
    bob.pull()
    assert bob.refs() == ada.refs()


@pytest.mark.parametrize("late", ["ada", "bob"])
def test_the_true_end_wins_over_lost(clones: Clones, late: str) -> None:
    """Of two ends of one run, the one that somebody saw is kept, whoever merges."""
    ada, bob = parted(clones)
    ada.factory.advance("run", make_record("run", 101, status="lost", exit_code=None, duration=None))
    bob.factory.advance("run", make_record("run", 101, status="failed", exit_code=3))
    first, second = (bob, ada) if late == "ada" else (ada, bob)
    first.push()
    second.pull()
    assert second.repo.get("run").status == "failed"
    assert second.repo.get("run").record["exit_code"] == 3


def forged(clone: Clone, kind: str) -> None:
    """Move the hub's run to something that is no later state of it."""
    record = make_record("run", 101)
    if kind == "code":
        clone.factory.commit(
            "refs/experiments/run",
            {".gitxp/run.json": encode(record), "train.py": "import os\n"},
            parent="refs/experiments/run",
        )
    elif kind == "history":
        clone.factory.commit(
            "refs/experiments/run", {".gitxp/run.json": encode(record)}, parent="HEAD", at=1_800_000_000
        )
    else:
        clone.factory.commit(
            "refs/experiments/run", {".gitxp/run.json": encode(make_record("run", 77))}, parent="refs/experiments/run"
        )
    clone.git("push", "--quiet", "--force", "origin", "refs/experiments/run:refs/experiments/run")


@pytest.mark.parametrize("kind", ["code", "history", "id"])
def test_what_is_no_later_state_of_a_run_is_not_taken_in(clones: Clones, kind: str) -> None:
    """A run with other code, another beginning or another id does not move the run here; it is told, and the rest comes."""
    ada, bob = parted(clones)
    before = ada.refs()["run"]
    forged(bob, kind)
    bob.factory.make("fine")
    bob.git("push", "--quiet", "origin", "refs/experiments/fine")
    pulled = ada.pull()
    assert ada.refs()["run"] == before
    assert "fine" in ada.refs()
    if kind == "id":  # another run by that name: both are kept
        assert [there for there, _ in pulled.renamed] == ["run"]
    else:
        assert [left.name for left in pulled.left] == ["run"]
        assert ada.push().outgoing.fetch_first == ["run"] or kind == "code"


def test_an_edit_that_somebody_changed(clones: Clones) -> None:
    """An edit that differs between two tips, which no gitxp makes, is the same one of both for everybody."""
    ada, bob = parted(clones)
    path = ".gitxp/annotations/0000000001-0000000000000.json"
    for clone, tag in ((ada, "x"), (bob, "y")):
        edit = encode({"format": 1, "at": "2026-01-01T00:00:00Z", "by": "X <x@y>", "add_tags": [tag]})
        clone.factory.commit("refs/experiments/run", {path: edit}, parent="refs/experiments/run")
    settle(clones)
    assert ada.refs() == bob.refs()
    assert ada.said("run") == bob.said("run")
