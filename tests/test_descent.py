"""Which run grew out of which: against a referee in plain Python that compares every pair."""

from __future__ import annotations

import os
import random
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.growth import Changes, Descendant, Lineage
from gitxp.model import Run
from gitxp.query.descent import BASE, HISTORY, RECORDED, SNAPSHOT, WINDOW, Idea, Origin, find_origins
from gitxp.render.measure import width_of
from gitxp.render.tree import change_text, render_tree
from gitxp.repo import Repo
from run_factory import START, Factory, encode, make_id, make_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from conftest import Git, Gitxp

Files = dict[tuple[str | None, int], frozenset[tuple[str, str]]]


def traits(**params: Any) -> frozenset[Any]:
    """Parameters as traits."""
    return frozenset(("params", name, value) for name, value in params.items())


def origins(ideas: Sequence[Idea], files: Files | None = None, history: Mapping[str, list[str]] | None = None) -> Any:
    """What `find_origins` says, with a history of bases as lists, nearest first."""

    def find_base(base: str, is_wanted: Any) -> tuple[str | None] | None:
        return next(((one,) for one in (history or {}).get(base, []) if is_wanted(one)), None)

    return find_origins(ideas, files or {}, find_base)


def referee(ideas: Sequence[Idea], files: Files) -> list[int | None]:
    """The parents by comparing every run with every earlier one."""
    parents: list[int | None] = []
    for at, idea in enumerate(ideas):
        mine = {(kind, name): value for kind, name, value in idea.traits}
        best: tuple[int, int] | None = None
        for before in range(at - 1, -1, -1):
            other = ideas[before]
            if other.snapshot != idea.snapshot and other.base != idea.base:
                continue
            theirs = {(kind, name): value for kind, name, value in other.traits}
            count = sum(mine.get(key) != theirs.get(key) for key in mine.keys() | theirs.keys())
            if other.snapshot != idea.snapshot:
                a, b = (dict(files[idea.base, one.snapshot]) for one in (idea, other))
                count += max(1, sum(a.get(path) != b.get(path) for path in a.keys() | b.keys()))
            if best is None or count < best[0]:
                best = (count, before)
        parents.append(None if best is None else best[1])
    return parents


def test_parents_are_those_with_the_fewest_differences() -> None:
    """Of any runs, few enough for the window, the parents are those that comparing all pairs gives."""
    chance = random.Random(7)  # noqa: S311  (not a secret)
    for _ in range(60):
        bases = ["a", "b"]
        files: Files = {
            (base, snapshot): frozenset((f"{p}.py", str(chance.randrange(3))) for p in "xyz" if chance.random() < 0.6)
            for base in bases
            for snapshot in range(5)
        }
        ideas = [
            Idea(
                str(i),
                None,
                chance.choice(bases),
                chance.randrange(5),
                traits(**{name: chance.randrange(3) for name in ("lr", "bs", "opt") if chance.random() < 0.8}),
            )
            for i in range(WINDOW // 2)
        ]
        assert [one.parent for one in origins(ideas, files)] == referee(ideas, files)


def test_the_record_comes_first() -> None:
    """A rerun has the run that it repeats for a parent; one that is not here is told, and the nearest takes its place."""
    ideas = [
        Idea("a", None, "x", 0, traits(lr=1)),
        Idea("b", None, "x", 0, traits(lr=2)),
        Idea("c", "a", "x", 0, traits(lr=2)),
        Idea("d", "gone", "x", 0, traits(lr=3)),
    ]
    found = origins(ideas)
    assert found[1:3] == [Origin(0, SNAPSHOT), Origin(0, RECORDED)]
    assert found[3].missing == "gone"
    assert found[3].parent == 2


def test_circles_are_cut_at_their_first_run() -> None:
    """Records that name each other, or themselves, are harmless."""
    ideas = [Idea("a", "c", "x", 0), Idea("b", "a", "y", 1), Idea("c", "b", "z", 2), Idea("d", "d", "w", 3)]
    assert [one.parent for one in origins(ideas)] == [None, 0, 1, None]


def test_a_new_base_continues_the_nearest_in_its_history() -> None:
    """The first run of a commit grew out of a run of the nearest commit before it; the same snapshot counts more."""
    ideas = [Idea("a", None, "x", 0), Idea("b", None, "y", 1), Idea("c", None, "z", 2), Idea("d", None, "w", 0)]
    found = origins(ideas, history={"y": ["x"], "z": ["y", "x"], "w": ["z"]})
    assert found == [Origin(None), Origin(0, HISTORY), Origin(1, HISTORY), Origin(0, SNAPSHOT)]


def test_what_cannot_be_read_is_nobodys_parent() -> None:
    """A run without a snapshot begins a line, and none grows out of it."""
    ideas = [Idea("a", None, "x", None), Idea("b", None, "x", 1), Idea("c", None, "x", 2)]
    assert origins(ideas) == [Origin(None), Origin(None), Origin(1, BASE)]


def test_lines_of_a_repository(repo: str, git: Git) -> None:
    """A parameter, then an edit: each has the run before for a parent, and without that the one before it."""
    factory = Factory(repo)
    first = git("rev-parse", "HEAD")
    acc = {"acc": {"last": 0.5, "min": 0.5, "max": 0.5, "count": 1, "step": 0}}
    better = {"acc": {"last": 0.75, "min": 0.75, "max": 0.75, "count": 1, "step": 0}}
    records = [
        ("one", {"train.py": "a\nb\n"}, {"lr": 0.1}, acc),
        ("two", {"train.py": "a\nb\n"}, {"lr": 0.3}, None),
        ("three", {"train.py": "a\nb\nc\n"}, {"lr": 0.3}, better),
    ]
    for number, (name, files, params, metrics) in enumerate(records):
        make_based(factory, number, name, first, files, params=params, metrics=metrics)
    with Repo(repo) as opened:
        lineage = opened.tree()
    told = {one.run.name: one for one in lineage.runs}
    assert [(one.run.name, one.parent) for one in lineage.runs] == [("one", None), ("two", "one"), ("three", "two")]
    assert told["two"].changes.params == {"lr": (0.1, 0.3)}
    assert told["three"].changes.files == (("train.py", 1, 0),)
    assert (told["three"].gain, told["three"].is_improved, told["three"].is_best) == (0.25, True, True)
    with Repo(repo) as opened:
        fewer = opened.tree(where='name != "two"')
    assert [(one.run.name, one.parent) for one in fewer.runs] == [("one", None), ("three", "one")]
    assert fewer.runs[1].changes.params == {"lr": (0.1, 0.3)}


def make_based(
    factory: Factory, number: int, name: str, base: str, files: Mapping[str, str | bytes], **keys: Any
) -> None:
    """A run whose record names its base, which the factory's word `base` leaves out."""
    record = make_record(name, number, **keys)
    record["base"] = record.pop("record_base", base)
    content = {".gitxp/run.json": encode(record), **files}
    factory.commit(f"refs/experiments/{name}", content, parent=base, at=START + 60 * number)


def test_hostile_records_are_harmless(repo: str) -> None:
    """Parents in circles, escape sequences and a record that cannot be read cost nobody their line."""
    factory = Factory(repo)
    factory.make("a", base=None, parent_run=make_id(2), params={"lr": 1})
    factory.make("b", base=None, parent_run=make_id(1), params={"lr\x1b[31m": "\x1b]0;x\x07"})
    factory.make("broken", raw=b"{")
    with Repo(repo) as opened:
        lineage = opened.tree()
    assert [(one.run.name, one.parent) for one in lineage.runs] == [("a", None), ("b", "a"), ("broken", None)]
    assert "\x1b" not in render_tree(lineage, width=80)


def test_values_that_differ_look_different() -> None:
    """A parameter that changed in its eighth digit is not shown as if it had stayed the same."""
    assert change_text(Changes({"lr": (0.12345671, 0.12345672)})) == "lr 0.12345671 → 0.12345672"


def parents(lineage: Lineage) -> dict[str, str | None]:
    """Whom each of the runs that are shown grew out of."""
    return {one.run.name: one.parent for one in lineage.runs}


def test_archived_removed_failed_and_running_parents(repo: str, git: Git, gitxp: Callable[..., Any]) -> None:
    """An archived parent is passed over, a removed one replaced by the nearest; how a run ended makes no difference."""
    factory, first = Factory(repo), git("rev-parse", "HEAD")
    make_based(factory, 0, "one", first, {}, params={"lr": 1, "bs": 8})
    make_based(factory, 1, "two", first, {}, params={"lr": 2, "bs": 8}, status="failed", exit_code=1)
    make_based(factory, 2, "three", first, {}, params={"lr": 2, "bs": 16}, status="running", exit_code=None)
    make_based(factory, 3, "again", first, {}, params={"lr": 5, "bs": 9}, parent_run=make_id(2))
    with Repo(repo) as opened:
        assert parents(opened.tree()) == {"one": None, "two": "one", "three": "two", "again": "three"}
    gitxp("archive", "two")
    with Repo(repo) as opened:
        assert parents(opened.tree()) == {"one": None, "three": "one", "again": "three"}
        assert parents(opened.tree(archived=True))["three"] == "two"
        assert opened.tree().runs[1].changes.params == {"bs": (8, 16), "lr": (1, 2)}
    gitxp("rm", "three")
    with Repo(repo) as opened:
        told = opened.tree(archived=True).runs[-1]
    assert (told.run.name, told.parent, told.missing, told.why) == ("again", "two", make_id(2), SNAPSHOT)


def test_equal_starts_are_put_in_the_order_of_names(repo: str, git: Git) -> None:
    """Runs that a scheduler started at once have the same lines in every clone."""
    factory, first = Factory(repo), git("rev-parse", "HEAD")
    for name in ("c", "a", "b"):
        make_based(factory, 1, name, first, {}, params={"lr": ord(name)}, id=f"{make_id(1)[:-1]}{name}")
    with Repo(repo) as opened:
        assert parents(opened.tree()) == {"a": None, "b": "a", "c": "b"}


def test_commits_between_runs(repo: str, git: Git) -> None:
    """The first run of a later commit continues that of the nearest commit; an edit that was committed, its own run."""
    factory, first = Factory(repo), git("rev-parse", "HEAD")
    make_based(factory, 0, "clean", first, {})
    make_based(factory, 1, "edited", first, {"train.py": "edited\n"})
    make_based(factory, 2, "other", first, {"train.py": "other\n"})
    for text in ("edited\n", "later\n"):
        with open("train.py", "w", encoding="utf-8") as file:
            file.write(text)
        git("commit", "-qam", text)
    make_based(factory, 3, "committed", git("rev-parse", "HEAD~1"), {})
    make_based(factory, 4, "later", git("rev-parse", "HEAD"), {})
    with Repo(repo) as opened:
        lineage = opened.tree()
    assert [(one.parent, one.why) for one in lineage.runs[3:]] == [("edited", SNAPSHOT), ("committed", HISTORY)]
    assert lineage.runs[4].changes.files == (("train.py", 1, 1),)
    for one in lineage.runs[1:]:
        stat = git(
            "diff", "--numstat", f"experiments/{one.parent}", f"experiments/{one.run.name}", "--", ".", ":!.gitxp"
        )
        assert [f"{added}\t{deleted}\t{path}" for path, added, deleted in one.changes.files] == stat.splitlines()


@pytest.mark.parametrize("base", ["0" * 40, "HEAD\n", "../..", "f" * 39, ""])
def test_a_base_that_is_no_commit_is_harmless(repo: str, base: str) -> None:
    """Runs of one such base are compared with the first of them."""
    factory = Factory(repo)
    for number in range(2):
        make_based(factory, number, f"run-{number}", "HEAD", {"a.py": str(number)}, record_base=base)
    with Repo(repo) as opened:
        assert [(one.parent, one.why) for one in opened.tree().runs][1] == ("run-0", BASE)


@pytest.mark.damaged
def test_missing_objects_cost_only_what_they_tell(repo: str, git: Git) -> None:
    """Where the tree of a base is gone, runs have parents all the same, and no lines are told."""
    factory = Factory(repo)
    base = git("rev-parse", "HEAD")
    for number in range(3):
        make_based(factory, number, f"run-{number}", base, {"a.py": "x\n" * number})
    tree = git("rev-parse", "HEAD^{tree}")
    os.unlink(os.path.join(repo, ".git", "objects", tree[:2], tree[2:]))
    with Repo(repo) as opened:
        lineage = opened.tree()
    assert parents(lineage) == {"run-0": None, "run-1": "run-0", "run-2": "run-1"}


def chain(count: int, shape: Any) -> Lineage:
    """So many runs; `shape` gives the number of the parent of each but the first."""
    runs = []
    for number in range(count):
        name = f"実験-{number}" if number % 2 else f"run-{number}"
        parent = None if not number else shape(number)
        title = None if parent is None else f"実験-{parent}" if parent % 2 else f"run-{parent}"
        run = Run(name, f"refs/experiments/{name}", "0" * 40, make_record(name, number))  # type: ignore[arg-type]
        runs.append(Descendant(run, parent=title))  # type: ignore[arg-type]
    return Lineage(tuple(runs), count, None)


def test_long_names_in_a_tree_are_told_apart() -> None:
    """Of names with a long beginning in common, the end is kept, behind the lines of the drawing."""
    long = "a-name-that-somebody-typed-with-all-parameters-in-it-seed"
    runs = []
    for number in range(3):
        run = Run(f"{long}-{number}", "refs/experiments/x", "0" * 40, make_record("x", number))  # type: ignore[arg-type]
        runs.append(Descendant(run, parent=runs[-1].run.name if runs else None))
    lines = render_tree(Lineage(tuple(runs), 3, None), width=60).splitlines()[2:]
    assert [line.split()[1][-2:] for line in lines] == ["-0", "-1", "-2"]
    assert [line[0] for line in lines] == ["○", "●", "●"]


def test_a_tree_fits_the_terminal_whatever_its_shape() -> None:
    """Chains, stars and binary trees of thousands of runs: each run on one line, and no line too wide."""
    for shape in (lambda n: n - 1, lambda _: 0, lambda n: (n - 1) // 2):
        lineage = chain(2000, shape)
        for width in (80, 120, 200):
            lines = render_tree(lineage, width=width).splitlines()
            assert len(lines) == 2002
            assert {one.run.name for one in lineage.runs} <= {word for line in lines for word in line.split()}
            assert max(map(width_of, lines)) <= width


def test_a_run_that_is_named_is_shown_however_old(repo: str, gitxp: Gitxp) -> None:
    """The newest 50 are shown where no run is named; of a named one all that it came from and that came of it."""
    parents = ({"parent_run": make_id(at - 1)} if at else {} for at in range(60))
    Factory(repo).make_of([make_record(f"r{at:02d}", at, **keys) for at, keys in enumerate(parents)])
    newest = gitxp("tree", "--where", "status == 'completed'")
    assert "r00" not in newest.stdout
    assert "r59" in newest.stdout
    command = newest.stderr.partition("10 older runs: ")[2].splitlines()[0]
    assert shlex.split(command) == ["gitxp", "tree", "--where=status == 'completed'", "-n", "0"]
    for name in ("r00", "r03"):
        assert [line.split()[1] for line in gitxp("tree", name).stdout.splitlines()[2:]] == [
            f"r{i:02d}" for i in range(60)
        ]
    assert "10 older runs: gitxp tree r03 -n 0" in gitxp("tree", "r03", "-n", "50").stderr
