from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import AmbiguousRun, FormatError, NameTaken, UnknownRun
from gitxp.format import Oid
from gitxp.git.program import Git
from gitxp.git.refs import list_refs
from gitxp.names import RunName
from gitxp.query import archived
from gitxp.repo import Repo
from gitxp.store.archives import encode_list
from run_factory import Factory, make_record, names

pytest_plugins = ["run_fixtures"]

if TYPE_CHECKING:
    from collections.abc import Callable

REF = "refs/experiments/@archive-2023-11"


def test_archived_runs_are_read_like_others(here: Repo, factory: Factory) -> None:
    """Listed in their place, found by name, beginning, id and commit, shown and compared; `ref` is the archive's."""
    tips = {name: factory.make(name, params={"lr": number}) for number, name in enumerate(("one", "two", "three"))}
    before = [(run.name, run.commit, run.record) for run in here.runs()]
    done = here.archive_refs([here.get("one"), here.get("three")])
    assert (done.names, list(done.archives)) == (["one", "three"], [REF])
    for repo in (here, Repo(here.path)):  # with the index as it was, and from its file
        assert [(run.name, run.commit, run.record) for run in repo.runs()] == before
    assert {run.name: run.ref for run in here.runs()} == {"one": REF, "three": REF, "two": "refs/experiments/two"}
    one = here.get("one")
    for text in ("on", one.id or "", tips["one"], tips["one"][:9], "refs/experiments/one", "@~2"):
        assert here.get(text) == one
    assert here.show(one)["ref"] == REF
    assert here.show(one)["in_archive"] is True
    assert "in_archive" not in here.show(here.get("two"))
    assert here.diff(one, here.get("two")).params == {"lr": (0, 1)}
    assert list(here.logs(one)) == []


def test_the_exact_name_wins_in_an_archive_too(here: Repo, factory: Factory) -> None:
    """A name that is the beginning of another one means itself."""
    for name in ("tuned", "tuned-2"):
        factory.make(name)
    here.archive_refs(here.runs())
    assert here.get("tuned").name == "tuned"
    with pytest.raises(AmbiguousRun):
        here.get("tune")


def test_a_ref_of_its_own_counts(here: Repo, factory: Factory, git: Any) -> None:
    """A run that was taken out and went on is read where it is now; without that ref, as the archive has it, at once."""
    old = factory.make("one", note="old")
    factory.make("two")
    here.archive_refs(here.runs())
    assert here.take_out([here.get("one")]) == ["one"]
    assert here.take_out([here.get("one")]) == []
    new = factory.advance("one", make_record("one", 1, note="new"))
    assert [(run.name, run.commit, run.notes) for run in here.runs()] == [
        ("two", here.get("two").commit, ()),
        ("one", new, ("new",)),
    ]
    assert here.get("one").commit == new
    git("update-ref", "-d", "refs/experiments/one")
    assert [(run.name, run.commit) for run in here.runs()] == [("two", here.get("two").commit), ("one", old)]
    git("update-ref", "-d", REF)
    assert here.runs() == []
    with pytest.raises(UnknownRun):
        here.get("one")


def test_lists_are_read_only_when_an_archive_moved(
    here: Repo, factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another new run costs no look into the archives; another archive costs a look into that one."""
    factory.make("one")
    factory.make("two", started_at="2024-02-01T00:00:00.000Z")
    here.archive_refs([here.get("one")])
    looks = []
    read = archived.read_lists

    def count(objects: Any, archives: Any) -> Any:
        looks.append(sorted(archives))
        return read(objects, archives)

    monkeypatch.setattr(archived, "read_lists", count)
    assert names(here.runs()) == ["two", "one"]
    factory.make("three")
    assert sorted(names(here.runs())) == ["one", "three", "two"]
    here.archive_refs([here.get("two")])
    assert sorted(names(here.runs())) == ["one", "three", "two"]
    assert looks == [[REF], ["refs/experiments/@archive-2024-02"]]


def test_a_line_whose_commit_is_missing_is_one_row(here: Repo, factory: Factory) -> None:
    """It says that the object is not here, and hides no other run; nor does a line that names what is no run."""
    tip = factory.make("fine")
    entries = {"fine": tip, "gone": "1" * 40, "other": factory._git("rev-parse", "HEAD")}
    factory.commit(REF, {"runs.tsv": encode_list({RunName(k): Oid(v) for k, v in entries.items()})}, parent=tip)
    factory._git("update-ref", "-d", "refs/experiments/fine")
    runs = {run.name: run.problem for run in here.runs()}
    assert runs.keys() == entries.keys()
    assert runs["fine"] is None
    assert "is not in the repository" in (runs["gone"] or "")
    with pytest.raises(FormatError) as raised:
        here.show(here.get("gone"))
    assert raised.value.hint == "'gitxp doctor' tells more."
    assert runs["other"] == "Its commit has no .gitxp/run.json."
    with pytest.raises(FormatError) as raised:
        here.show(here.get("other"))
    assert raised.value.hint == f"Its files are there all the same: git ls-tree -r {entries['other'][:12]}"
    assert here.archive_refs([here.get("gone")]).left == {"gone": f"it is in {REF} already"}


@pytest.mark.parametrize("content", [b"", b"a b\n", b"../x\t" + b"1" * 40 + b"\n", b"\xff" * 100])
def test_a_damaged_archive_hides_no_run(here: Repo, factory: Factory, content: bytes) -> None:
    """Its ref is told with those that are no runs, as long as it is so; an empty list lists nothing."""
    factory.make("fine")
    factory.commit(REF, {"runs.tsv": content} if content else {"other": "x"}, parent=None)
    for _ in range(2):
        page = here.page()
        assert (names(page.runs), page.strange) == (["fine"], (REF,))
    assert here.archive_refs(here.runs()).left.keys() == {"fine"}
    factory.commit(REF, {"runs.tsv": b""}, parent=None)
    assert here.page().strange == ()


def test_the_newer_month_counts(here: Repo, factory: Factory) -> None:
    """Of two archives that list one name the newer one has it, whichever was read first; the other run is beside it."""
    tips = [factory.make(name) for name in ("a", "b")]
    for month, tip in zip(("2024-01", "2024-02"), tips, strict=True):
        factory.commit(f"refs/experiments/@archive-{month}", {"runs.tsv": f"x\t{tip}\n"}, parent=tip)
        factory._git("update-ref", "-d", f"refs/experiments/{'ab'[tip == tips[1]]}")
    assert {run.name: run.commit for run in here.runs()} == {"x": tips[1], "x-01900001": tips[0]}
    assert here.get("x").commit == tips[1]
    factory._git("update-ref", "-d", "refs/experiments/@archive-2024-02")
    assert here.get("x").commit == tips[0]


def test_what_may_not_be_folded_stays(here: Repo, factory: Factory, git: Any) -> None:
    """Running runs, those with a live folder, unreadable ones and those that a symbolic ref leads to."""
    factory.make("running", status="running", exit_code=None)
    factory.make("live")
    factory.make("broken", raw=b"{")
    factory.make("named")
    git("symbolic-ref", "refs/experiments/alias", "refs/experiments/named")
    os.makedirs(".git/gitxp/live/live")
    runs = list(here._index().newest().runs)
    os.makedirs(".git/gitxp/live/live", exist_ok=True)  # listing cleared it away: nobody holds it
    before = list_refs(Git(".")).raw
    assert here.archive_refs(runs).left == {
        "running": "it is running",
        "live": "it is running",
        "broken": "its record cannot be read",
        "named": "a symbolic ref leads to it",
    }
    assert list_refs(Git(".")).raw == before


def test_only_old_runs_are_folded_unasked(here: Repo, factory: Factory) -> None:
    """Those that began longer ago than the age, each in the month in which it began, in UTC; a dry run changes nothing."""
    factory.make("old", started_at="2024-01-31T23:30:00.000-01:00")
    factory.make("older", started_at="2024-01-31T23:59:59.000Z")
    factory.make("new", started_at="2999-01-01T00:00:00.000Z")
    before = list_refs(here.git).raw
    assert here.archive_refs(dry_run=True).names == ["old", "older"]
    assert list_refs(here.git).raw == before
    assert sorted(here.archive_refs().archives) == [
        "refs/experiments/@archive-2024-01",
        "refs/experiments/@archive-2024-02",
    ]
    assert here.archive_refs().names == []
    assert names(here.runs()) == ["old", "older", "new"]


def test_a_name_in_an_archive_is_taken(here: Repo, factory: Factory, gitxp: Any) -> None:
    """`gitxp run --name` refuses it, in other letters of case as well, and Python's init counts on."""
    factory.make("tuned")
    here.archive_refs(here.runs())
    for name in ("tuned", "TUNED"):
        assert gitxp("run", "--name", name, "true", check=False).returncode == 125
    gitxp("run", "--name", "tune", "true")
    code = "import gitxp; gitxp.init(name='tuned'); gitxp.finish()"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert sorted(names(here.runs())) == ["tune", "tuned", "tuned-2"]


def test_a_name_that_was_given_again_is_not_taken_out(here: Repo, factory: Factory) -> None:
    """Where a ref of this name, or one that differs by case alone, is there, nothing moves."""
    factory.make("tuned")
    folded = here.get("tuned")
    here.archive_refs([folded])
    folded = here.get("tuned")
    factory.make("Tuned")
    with pytest.raises(NameTaken, match="Tuned"):
        here.take_out([folded])


def test_the_command(repo: str, factory: Factory, gitxp: Any, untouched: Callable[..., Any]) -> None:
    """It says what it did, as JSON on request, takes out again, and touches nothing of the user's."""
    del repo
    for name in ("one", "two"):
        factory.make(name)
    with untouched():
        assert gitxp("archive-refs", "--dry-run").stdout == "2 runs would be folded: one, two\n"
        assert json.loads(gitxp("archive-refs", "--json", "one").stdout)["taken_in"] == ["one"]
        assert gitxp("archive-refs").stdout == f"1 run folded: two\n  {REF}\n"
        assert gitxp("archive-refs", "one").stdout.endswith(f"one stays where it is: it is in {REF} already.\n")
        assert [run["ref"] for run in json.loads(gitxp("list", "--json").stdout)] == [REF, REF]
        assert gitxp("archive-refs", "--take-out", "--dry-run", "one").stdout == "1 run would be taken out: one\n"
        assert gitxp("archive-refs", "--take-out", "one").stdout == "1 run taken out: one\n"
    for wrong in (["--older-than", "soon"], ["--older-than", "1d", "one"], ["--take-out"]):
        assert gitxp("archive-refs", *wrong, check=False).returncode == 2


@pytest.mark.parametrize("at", ["unpack-objects", "rev-list", "update-ref", "after"])
def test_a_kill_loses_no_run(here: Repo, factory: Factory, gitxp: Any, tmp_path: Any, at: str) -> None:
    """Killed before the objects are written, between, in the transaction, or after it: each run is there, and again works."""
    tips = {name: factory.make(name) for name in ("one", "two", "three")}
    here.archive_refs([here.get("one")])
    folder = tmp_path / "bin"
    folder.mkdir()
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout.strip()
    word = "update-ref" if at == "after" else at
    kill = "kill -9 $PPID"
    run = f'"{real}" "$@"; {kill}' if at == "after" else kill
    script = f'#!/bin/sh\ncase " $* " in *" {word} "*) {run}; exit 1;; esac\nexec "{real}" "$@"\n'
    (folder / "git").write_text(script)
    (folder / "git").chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    assert gitxp("archive-refs", env={"PATH": path}, check=False).returncode == -signal.SIGKILL
    assert {run.name: run.commit for run in here.runs()} == tips
    gitxp("archive-refs")
    assert {run.name: run.commit for run in here.runs()} == tips
    assert {run.ref for run in here.runs()} == {REF}


def test_folding_reads_no_record_again(here: Repo, factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the index knows of a run stays when the run moves into an archive and out of it."""
    for name in ("one", "two"):
        factory.make(name)
    here.archive_refs(here.runs())

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("gitxp.query.mirror.read_runs", refuse)
    assert {run.ref for run in here.runs()} == {REF}
    here.take_out([run for run in here.runs() if run.name == "one"])
    assert {run.ref for run in here.runs()} == {REF, "refs/experiments/one"}


def fold_away(factory: Factory, here: Repo, name: str, **keys: Any) -> str:
    """A run that only an archive has: its tip."""
    tip = factory.make(name, **keys)
    here.archive_refs([here.get(name)])
    return tip


def test_runs_of_one_name_are_both_there(here: Repo, factory: Factory, git: Any) -> None:
    """A run with a ref of its own has its name; another one in an archive stands beside it with the beginning of its id.

    Both are found, by name and id; the name returns when the other run goes, and the run may be annotated and taken out.
    """
    old = fold_away(factory, here, "tuned")
    new = factory.make("tuned")
    for repo in (here, Repo(here.path)):
        assert {run.name: run.commit for run in repo.runs()} == {"tuned": new, "tuned-01900001": old}
    beside = here.get("tuned-01900001")
    assert (beside.commit, beside.ref, here.get(beside.id or "").name) == (old, REF, "tuned-01900001")
    assert here.get("tuned").commit == new
    git("update-ref", "-d", "refs/experiments/tuned")
    assert {run.name: run.commit for run in here.runs()} == {"tuned": old}
    git("update-ref", "refs/experiments/Tuned", new)
    assert {run.name: run.commit for run in here.runs()} == {"Tuned": new, "tuned-01900001": old}
    here.annotate([here.get("tuned-01900001")], add_tags=["good"])
    assert here.get("tuned-01900001").ref == "refs/experiments/tuned-01900001"
    assert {run.name: run.tags for run in here.runs()} == {"Tuned": (), "tuned-01900001": ("good",)}


def test_a_name_beside_that_is_given_to_another_run(here: Repo, factory: Factory) -> None:
    """Even the name with the id can be another run's: nobody is hidden, whatever came first."""
    old = fold_away(factory, here, "tuned")
    tips = {"tuned": factory.make("tuned"), "tuned-01900001": factory.make("tuned-01900001")}
    for repo in (here, Repo(here.path)):
        found = {run.name: run.commit for run in repo.runs()}
        assert set(found.values()) == {old, *tips.values()}
        assert tips.items() <= found.items()


def test_a_run_is_one_whatever_its_names(here: Repo, factory: Factory, git: Any) -> None:
    """A run that has a ref of its own under another name than in the archive is listed once, as its ref has it."""
    fold_away(factory, here, "tuned")
    here.take_out([here.get("tuned")])
    git("update-ref", "refs/experiments/other", "refs/experiments/tuned")
    git("update-ref", "-d", "refs/experiments/tuned")
    assert names(here.runs()) == ["other"]
    git("update-ref", "-d", "refs/experiments/other")
    assert names(here.runs()) == ["tuned"]


def test_commands_take_archived_runs_by_name(repo: str, gitxp: Any, here: Repo) -> None:
    """A run in an archive is shown, restored, branched, read, compared, annotated, run again and measured like any other."""
    with open("data.txt", "w") as file:
        file.write("1\n")
    gitxp("run", "--name", "one", "--out", "out.txt", "--", "sh", "-c", "cp data.txt out.txt; echo said")
    with open("data.txt", "w") as file:
        file.write("2\n")
    gitxp("run", "--name", "two", "--", "true")
    gitxp("archive-refs", "one", "two")
    assert all(run.is_folded for run in here.runs())
    assert gitxp("logs", "one").stdout == "said\n"
    assert gitxp("cat", "one", "data.txt").stdout == "1\n"
    assert "out.txt" in gitxp("artifacts", "one").stdout
    assert "data.txt" in gitxp("diff", "one", "two").stdout
    gitxp("restore", "one", "--to", f"{repo}-restored")
    with open(f"{repo}-restored/data.txt") as file:
        assert file.read() == "1\n"
    gitxp("branch", "one", "from-one")
    assert "one" in gitxp("du").stdout
    assert ".gitxp/run.json" in gitxp("du", "one").stdout
    assert gitxp("doctor", check=False).returncode in {0, 1}
    gitxp("gc")
    gitxp("rerun", "one", "--name", "again")
    assert here.get("again").record["parent_run"] == here.get("one").id
    gitxp("reproduce", "one", check=False)
    gitxp("tag", "two", "+good")
    assert here.get("two").tags == ("good",)
    assert {run.name: run.is_folded for run in here.runs()}["one"] is True
