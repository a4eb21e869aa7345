from __future__ import annotations

from typing import Any

import pytest

from gitxp.errors import AmbiguousRun, NotARepository, UnknownRun
from gitxp.repo import Repo
from run_factory import Factory, make_id, make_record

pytest_plugins = ("run_fixtures",)


def test_every_way_to_name_a_run(factory: Factory, here: Repo) -> None:
    """A name, its beginning, refs, ids and commits, whole and shortened, all lead to the run."""
    commit = factory.make("calm-otter")
    factory.make("bold-crane")
    ways = [
        "calm-otter",
        "calm",
        "c",
        "experiments/calm-otter",
        "refs/experiments/calm-otter",
        "refs/experiments/calm-o",
        make_id(1),
        make_id(1).upper(),
        make_id(1)[:8],
        commit,
        commit[:7],
        commit.upper(),
        "@~1",
        "@~",
    ]
    assert {way: here.get(way).name for way in ways} == dict.fromkeys(ways, "calm-otter")


def test_at_counts_from_the_newest(factory: Factory, here: Repo) -> None:
    """`@` is the newest run by its start, `@~N` the one N before it."""
    for name in ("one", "two", "three"):
        factory.make(name)
    assert [here.get(text).name for text in ("@", "@~0", "@~1", "@~2", "@~02")] == [
        "three",
        "three",
        "two",
        "one",
        "one",
    ]


@pytest.mark.parametrize("text", ["@~3", "@~99999999999999999999", "@~-1", "@~x", "@~1~1", "@~²", "@1", "@{1}"])
def test_at_that_names_nothing(factory: Factory, here: Repo, text: str) -> None:
    """Counting beyond the oldest run, or with what is no number, is an unknown run."""
    for name in ("one", "two", "three"):
        factory.make(name)
    with pytest.raises(UnknownRun):
        here.get(text)


def test_an_exact_name_wins_over_everything(factory: Factory, here: Repo) -> None:
    """A name that is the beginning of another, of an id, or of a commit is still that name."""
    factory.make("run")
    other = factory.make("run-2")
    for name in (make_id(1)[:8], other[:7], other):
        factory.make(name)
        assert here.get(name).name == name
    assert here.get("run").name == "run"


def test_a_whole_id_wins_over_names_that_begin_with_it(factory: Factory, here: Repo) -> None:
    """An id that is given whole is no beginning of a name."""
    factory.make("one")
    factory.make(make_id(1) + "-copy")
    assert here.get(make_id(1)).name == "one"


def test_ambiguous_beginnings_list_the_candidates(factory: Factory, here: Repo) -> None:
    """All candidates are in the error; the message counts them and the hint shows the newest ten."""
    for number in range(12):
        factory.make(f"run-{number:02d}")
    with pytest.raises(AmbiguousRun, match="any of 12 runs") as info:
        here.get("run-")
    assert info.value.candidates == [f"run-{number:02d}" for number in reversed(range(12))]
    assert str(info.value.hint).startswith("run-11, run-10")
    assert "run-02" in str(info.value.hint)
    assert "run-01" not in str(info.value.hint)
    assert "2 more" in str(info.value.hint)


def test_two_runs_of_one_id_are_ambiguous(factory: Factory, here: Repo, git: Any) -> None:
    """A run that was copied under another name has two names; its id and commit mean both."""
    commit = factory.make("one")
    git("update-ref", "refs/experiments/two", commit)
    for text in (make_id(1), commit, commit[:10]):
        with pytest.raises(AmbiguousRun) as info:
            here.get(text)
        assert sorted(info.value.candidates) == ["one", "two"]
    assert here.get("two").name == "two"
    assert sorted(run.name for run in here.runs()) == ["one", "two"]


def test_a_forged_id_hides_no_run(factory: Factory, here: Repo) -> None:
    """A stranger's run with the id of another is a row beside it, and the id alone then means neither."""
    factory.make("mine")
    factory.make("theirs", id=make_id(1))
    assert [(run.name, run.id) for run in here.runs()] == [("theirs", make_id(1)), ("mine", make_id(1))]
    with pytest.raises(AmbiguousRun):
        here.get(make_id(1))
    assert here.get("mine").name == "mine"


def test_a_symbolic_ref_means_its_run(factory: Factory, here: Repo, git: Any) -> None:
    """What the user named with `git symbolic-ref` means that run, before any name that begins so; its name stays."""
    commit = factory.make("calm-otter")
    factory.make("best-of-all")
    git("symbolic-ref", "refs/experiments/best", "refs/experiments/calm-otter")
    for text in ("best", "experiments/best", "calm", make_id(1), commit[:9]):
        assert here.get(text).name == "calm-otter"
    assert here.get("best-").name == "best-of-all"


def test_a_run_of_the_year_9999_is_not_at(factory: Factory, here: Repo) -> None:
    """`@` is the newest run that has begun, whatever a stranger's record says of its time."""
    factory.make("forged", started_at="9999-12-31T23:59:59.999Z")
    factory.make("mine")
    assert (here.get("@").name, here.get("@~1").name) == ("mine", "forged")


def test_a_run_is_known_by_each_of_its_commits(factory: Factory, here: Repo, git: Any) -> None:
    """The start of a run that went on names the run as it is now, whole or shortened; its base does not."""
    start = factory.make("one", status="running")
    factory.make("two")
    tip = factory.advance("one", make_record("one", 1))
    for text in (start, start[:7], start[:12].upper()):
        assert here.get(text).commit == tip
    base = git("rev-parse", "HEAD")
    for text in (base, base[:7], "HEAD", "main", "train.py"):
        with pytest.raises(UnknownRun):
            here.get(text)


def test_a_commit_that_only_claims_to_be_of_a_run_is_not_one(factory: Factory, here: Repo, git: Any) -> None:
    """A commit beside a run's history with that run's record in its tree does not name the run."""
    commit = factory.make("one")
    beside = git("commit-tree", "-m", "not of the run", f"{commit}^{{tree}}")
    with pytest.raises(UnknownRun):
        here.get(beside)


def test_run_on_top_of_a_run(factory: Factory, here: Repo) -> None:
    """Where a run's base is another run's commit, that commit names the other run."""
    first = factory.make("first")
    factory.make("second", base=first)
    assert here.get(first).name == "first"


def test_an_unknown_run_brings_the_nearest_names(factory: Factory, here: Repo) -> None:
    """A misspelt name is answered with the names that it could have been."""
    factory.make("calm-otter")
    factory.make("bold-crane")
    with pytest.raises(UnknownRun, match="There is no run 'calm-oter'") as info:
        here.get("calm-oter")
    assert "calm-otter" in str(info.value.hint)
    assert "bold-crane" not in str(info.value.hint)
    with pytest.raises(UnknownRun) as info:
        here.get("zzz")
    assert "gitxp list" in str(info.value.hint)


@pytest.mark.parametrize("text", ["@", "@~3", "one", "deadbeef"])
def test_without_runs_the_hint_says_how_to_make_the_first(here: Repo, text: str) -> None:
    """In a repository without runs every name is answered by how to make one."""
    with pytest.raises(UnknownRun, match="no runs yet") as info:
        here.get(text)
    assert "gitxp run" in str(info.value.hint)


@pytest.mark.parametrize(
    "text", ["", " ", "-", "--help", "a b", "é", "\udcff", "..", "refs/heads/main", "x" * 5000, "%", "*"]
)
def test_odd_texts_are_unknown_runs(factory: Factory, here: Repo, text: str) -> None:
    """Whatever is typed, the answer is that there is no such run, and never another failure."""
    factory.make("one")
    with pytest.raises(UnknownRun):
        here.get(text)


def test_an_unreadable_run_can_be_named(factory: Factory, here: Repo) -> None:
    """A run with a bad record is found by its name and its commit."""
    commit = factory.make("bad", raw=b"{")
    factory.make("good")
    for text in ("bad", "b", commit[:8], "@~1"):
        assert (here.get(text).name, here.get(text).status) == ("bad", "unreadable")


def test_outside_of_a_repository(tmp_path: Any) -> None:
    """Without a repository that is what is wrong, not the run."""
    with pytest.raises(NotARepository):
        Repo(str(tmp_path)).get("one")
