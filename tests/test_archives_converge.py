"""Clones that fold, annotate, take out, push, pull and fold in the hub, in any order, come to the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clones import Clone, Clones

if TYPE_CHECKING:
    import pytest

NAMES = ("a", "b", "c")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["annotate", "fold", "take out", "push", "pull", "fetch", "there", "remove"]),
        st.integers(0, 2),
        st.sampled_from(NAMES),
    ),
    min_size=4,
    max_size=14,
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
    phases=[Phase.generate],  # an example takes seconds: to shrink one, minutes
)
@given(st.integers(2, 3), STEPS)
def test_clones_converge(
    tmp_path_factory: pytest.TempPathFactory, count: int, steps: list[tuple[str, int, str]]
) -> None:
    """In the end every clone, and one that is new, has each run once with all that was said of it, and the same archives.

    `a` is known to all from the start, `b` to the first clone alone; each of the first two made a `c` of its own, so that
    there are four runs. What somebody removed is removed for nobody else.
    """
    clones = Clones(tmp_path_factory.mktemp("clones") / "team")
    people = [clones.clone(f"clone{number}") for number in range(count)]
    people[0].factory.make("a")
    people[0].push()
    for clone in people[1:]:
        clone.pull()
    people[0].factory.make("b")
    for clone in people[:2]:
        clone.factory.make("c")
    said: dict[str, set[str]] = {}
    for number, (what, which, name) in enumerate(steps):
        step(people[which % count], what, name, f"tag-{number}", said)
    for _ in range(3):
        for clone in people:
            clone.push()
            clone.pull(runs_removed_here=True)
    new = clones.clone("new")
    new.pull()
    for clone in (*people, new):
        assert tags(clone) == tags(new)
    assert len(tags(new)) == 4
    for id_, expected in said.items():
        assert tags(new)[id_] == expected
    archives = [{name: tip for name, tip in refs.items() if name.startswith("@")} for refs in clones.all_refs()]
    assert all(found == archives[0] for found in archives)
    for clone in (*people, new):
        clone.git("fsck", "--strict", "--connectivity-only")
    clones.close()


def step(clone: Clone, what: str, name: str, tag: str, said: dict[str, set[str]]) -> None:
    """Do one thing in one clone, with the run of this name there, if there is one."""
    runs: list[Any] = [run for run in clone.repo.runs(archived=True) if run.name == name]
    if what == "push":
        clone.push()
    elif what == "pull":
        clone.pull()
    elif what == "fetch":
        clone.git("fetch", "--quiet", "--no-prune", "origin", "refs/experiments/*:refs/experiments/*", check=False)
    elif what == "there":
        clone.repo.fold_there(clone.repo.plan_fold_there(clone.repo.remote()))
    elif what == "fold":
        clone.repo.archive_refs(runs)
    elif what == "take out":
        clone.repo.take_out(runs)
    elif runs and what == "remove":
        clone.repo.remove(clone.repo.plan_removal([name]))
        clone.repo.undo()
    elif runs and what == "annotate":
        clone.repo.annotate(runs, add_tags=[tag])
        said.setdefault(runs[0].id, set()).add(tag)


def tags(clone: Clone) -> dict[str | None, set[str]]:
    """The tags of each run by its id."""
    runs = clone.repo.runs(archived=True)
    found = {run.id: set(run.tags) for run in runs}
    assert len(found) == len(runs), "a run is listed twice"
    return found
