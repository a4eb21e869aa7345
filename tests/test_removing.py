from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import AmbiguousRun, GitxpError, UnknownRun, UsageError
from gitxp.format import Oid, RefName, format_time
from gitxp.format import make_id as make_removal_id
from gitxp.names import RunName
from gitxp.store.removed import Line, note_removed, read_removed, removed_path
from gitxp.store.trash import Doomed, list_trash, throw_away
from run_factory import make_id, make_record, names

if TYPE_CHECKING:
    from pathlib import Path

    from gitxp.repo import Repo
    from run_factory import Factory

pytest_plugins = ("run_fixtures",)


def refs(git: Any, prefix: str = "refs/experiments/") -> dict[str, str]:
    """The refs below a prefix: what they are called there, and their values."""
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", prefix).splitlines()
    return {name.removeprefix(prefix): oid for name, oid in map(str.split, lines)}


def rm(here: Repo, *texts: str, **options: Any) -> Any:
    """Remove these runs."""
    return here.remove(here.plan_removal(texts, **options))


def test_removed_runs_are_in_the_trash_and_nothing_else_changed(
    factory: Factory, here: Repo, git: Any, untouched: Any
) -> None:
    """Several runs go at once; a tag in the trash leads to each tip; files, index, branches and other runs stay."""
    tips = {name: factory.make(name) for name in ("one", "two", "three")}
    with untouched():
        done = rm(here, "one", "@~1")
    assert [run.name for run in done.runs] == ["one", "two"]
    assert refs(git) == {"three": tips["three"]}
    assert {name: git("rev-parse", f"{oid}^{{commit}}") for name, oid in refs(git, "refs/gitxp/trash/").items()} == {
        name: tips[name] for name in ("one", "two")
    }
    assert git("cat-file", "-t", "refs/gitxp/trash/one") == "tag"
    assert names(here.runs()) == ["three"]


def test_undo_takes_back_the_last_removal_whole_and_then_the_one_before(factory: Factory, here: Repo, git: Any) -> None:
    """The refs are what they were, the trash is empty, and no run is remembered as removed."""
    for name in ("one", "two", "three"):
        factory.make(name)
    before = refs(git)
    rm(here, "one")
    rm(here, "two", "three")
    assert {back.name for back in here.undo().runs} == {"two", "three"}
    assert set(refs(git)) == {"two", "three"}
    assert [back.name for back in here.undo().runs] == ["one"]
    assert refs(git) == before
    assert here.trash() == []
    assert read_removed(here.location.common_dir) == []
    with pytest.raises(GitxpError, match="nothing to undo"):
        here.undo()


def test_who_asks_for_a_removed_run_is_told_where_it_is(factory: Factory, here: Repo, gitxp: Any) -> None:
    """Commands say that it is in the trash and how to bring it back, whether other runs are left or not."""
    factory.make("other")
    factory.make("gone")
    here.remove(here.plan_removal(["gone"]))
    for command in (["show", "gone"], ["tag", "experiments/gone", "+good"], ["note", "other", "gone", "-m", "x"]):
        done = gitxp(*command, check=False)
        assert done.returncode == 4
        assert "gone' is in the trash.\nHint: To bring it back: gitxp undo gone\n" in done.stderr
    here.remove(here.plan_removal(["other"]))
    assert "is in the trash" in gitxp("show", "gone", check=False).stderr
    assert "There is no run 'gon': there are no runs yet" in gitxp("show", "gon", check=False).stderr


def test_removed_ids_are_remembered(factory: Factory, here: Repo) -> None:
    """What was removed stands in removed.jsonl by its id, until it is brought back; the others stay there."""
    factory.make("one")
    factory.make("two")
    rm(here, "one", "two")
    assert {(line.id, line.name) for line in read_removed(here.location.common_dir)} == {
        (make_id(1), "one"),
        (make_id(2), "two"),
    }
    here.undo("one")
    assert [line.id for line in read_removed(here.location.common_dir)] == [make_id(2)]


def test_all_or_none(factory: Factory, here: Repo, git: Any) -> None:
    """Where one run went on since the removal was planned, none is removed."""
    factory.make("one")
    factory.make("two")
    plan = here.plan_removal(["one", "two"])
    factory.advance("two", make_record("two", 2, note="later"))
    before = refs(git)
    with pytest.raises(GitxpError, match="at the same time"):
        here.remove(plan)
    assert refs(git) == before
    assert here.trash() == []
    assert read_removed(here.location.common_dir) == []


def test_an_unknown_run_among_others_removes_none(factory: Factory, here: Repo) -> None:
    """All runs are found before any is removed."""
    factory.make("one")
    with pytest.raises(UnknownRun):
        here.plan_removal(["one", "nothing"])


@pytest.mark.usefixtures("repo")
def test_a_running_run_is_refused(gitxp: Any, git: Any) -> None:
    """A run that is running stays, and so do those that were to go with it; the message says how to stop it."""
    gitxp("run", "--name", "done", "true")
    process = gitxp.start("run", "--name", "on", "--", "sh", "-c", "echo on; read x", stdin=subprocess.PIPE)
    process.stdout.readline()
    answer = gitxp("rm", "done", "on", check=False)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "on is running" in answer.stderr
    assert "Ctrl-C" in answer.stderr
    assert set(refs(git)) == {"done", "on"}
    process.communicate(b"go\n", timeout=60)
    gitxp("rm", "done", "on")
    assert refs(git) == {}


def test_two_of_one_name_in_the_trash(factory: Factory, here: Repo, git: Any) -> None:
    """The second gets the beginning of its id; either can be brought back, the second beside the first."""
    first = factory.make("one")
    rm(here, "one")
    second = factory.make("one")
    rm(here, "@")
    assert {entry.name: entry.commit for entry in here.trash()} == {"one": first, f"one-{make_id(2)[:8]}": second}
    here.undo("one")
    here.undo(f"one-{make_id(2)[:8]}")
    assert refs(git) == {"one": first, f"one-{make_id(2)[:8]}": second}


def test_names_that_differ_by_case_do_not_meet(factory: Factory, here: Repo, git: Any) -> None:
    """Neither in the trash nor where a run comes back do two names differ by case alone."""
    factory.make("Run")
    rm(here, "Run")
    factory.make("run")
    rm(here, "run")
    assert len({entry.name.lower() for entry in here.trash()}) == 2
    factory.make("RUN")
    here.undo()
    assert len({name.lower() for name in refs(git)}) == len(refs(git)) == 2


def test_a_long_name_comes_back_with_a_legal_one(factory: Factory, here: Repo, git: Any) -> None:
    """The beginning of the id fits behind a name of the greatest length."""
    name = "n" * 100
    factory.make(name)
    rm(here, name)
    factory.make(name)
    (back,) = here.undo().runs
    assert back.name == "n" * 91 + f"-{make_id(1)[:8]}"
    assert back.name in refs(git)


def test_undo_of_a_run_that_was_fetched_again(factory: Factory, here: Repo, git: Any) -> None:
    """The same run, older or newer, is one run again: the newer state of both."""
    old = factory.make("one")
    new = factory.advance("one", make_record("one", 1, note="more"))
    rm(here, "one")
    git("update-ref", "refs/experiments/one", old)
    here.undo()
    assert refs(git) == {"one": new}
    git("update-ref", "refs/experiments/one", old)
    rm(here, "one")
    git("update-ref", "refs/experiments/one", new)
    here.undo()
    assert refs(git) == {"one": new}
    assert here.trash() == []


@pytest.mark.damaged
def test_what_cannot_be_read_can_be_removed(factory: Factory, here: Repo, git: Any) -> None:
    """A broken record, a blob instead of a commit, and a commit that is gone go to the trash; the first two come back."""
    factory.make("bad", raw=b"{")
    git("update-ref", "refs/experiments/blob", git("hash-object", "-w", "train.py"))
    gone = factory.make("gone")
    before = refs(git)
    os.unlink(git("rev-parse", "--git-path", f"objects/{gone[:2]}/{gone[2:]}"))
    rm(here, "bad", "blob", "gone")
    assert refs(git) == {}
    assert {entry.run: entry.commit for entry in here.trash()} == before
    undone = here.undo()
    assert undone.missing == ("gone",)
    del before["gone"]
    assert refs(git) == before
    with pytest.raises(GitxpError, match="not in the repository"):
        here.undo()
    assert [entry.run for entry in here.trash()] == ["gone"]


@pytest.mark.parametrize("date", ["2001-01-01T00:00:00Z", "2101-01-01T00:00:00Z"])
def test_the_time_of_removal_is_no_dictated_one(
    date: str, factory: Factory, here: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_COMMITTER_DATE does not make an entry of the trash older or younger than it is."""
    factory.make("one")
    monkeypatch.setenv("GIT_COMMITTER_DATE", date)
    throw_away(here.git, [Doomed(run.name, run.commit, run.id, run.ref) for run in here.runs()], make_id(9), 1.8e9)
    assert [entry.removed_at for entry in list_trash(here.git)] == [1.8e9]


def test_refs_in_the_trash_that_gitxp_did_not_make(factory: Factory, here: Repo, git: Any) -> None:
    """They are listed last, without a time, and can be brought back by name, though not by `undo` alone."""
    tip = factory.make("one")
    git("update-ref", "refs/gitxp/trash/mine", tip)
    git("update-ref", "-d", "refs/experiments/one")
    factory.make("two")
    rm(here, "two")
    assert [(entry.name, entry.removed_at is None) for entry in here.trash()] == [("two", False), ("mine", True)]
    here.undo()
    with pytest.raises(GitxpError, match="nothing to undo"):
        here.undo()
    here.undo("mine")
    assert refs(git)["mine"] == tip


def test_an_id_that_is_none_forges_nothing(factory: Factory, here: Repo) -> None:
    """A record's id with a newline in it adds no trailer to the tag."""
    factory.make("one", id="x\nGitxp-Ref: refs/experiments/other")
    rm(here, "one")
    (entry,) = here.trash()
    assert (entry.run, entry.id) == ("one", None)


def test_which_entry_of_the_trash_is_meant(factory: Factory, here: Repo) -> None:
    """A whole name wins over a beginning; an id is as good; several are listed; none is an error."""
    for name in ("one", "one-more", "other"):
        factory.make(name)
    rm(here, "one", "one-more", "other")
    assert here.find_in_trash("one").run == "one"
    assert here.find_in_trash("one-").run == "one-more"
    assert here.find_in_trash(make_id(3).upper()).run == "other"
    with pytest.raises(AmbiguousRun) as caught:
        here.find_in_trash("o")
    assert set(caught.value.candidates) == {"one", "one-more", "other"}
    with pytest.raises(UnknownRun):
        here.find_in_trash("nothing")


def test_emptying_the_trash_asks(factory: Factory, here: Repo, gitxp: Any) -> None:
    """Without a terminal and without --yes nothing is deleted, and the status is 2; with --yes one entry or all go."""
    for name in ("one", "two", "three"):
        factory.make(name)
    rm(here, "one", "two", "three")
    answer = gitxp("trash", "--empty", check=False)
    assert answer.returncode == 2
    assert "--yes" in answer.stderr
    assert len(here.trash()) == 3
    gitxp("trash", "two", "--empty", "--yes")
    assert {entry.name for entry in here.trash()} == {"one", "three"}
    gitxp("trash", "--empty", "-y")
    assert here.trash() == []


def test_commands_as_json(factory: Factory, gitxp: Any) -> None:
    """`rm`, `trash` and `undo` say as JSON what they did and what there is."""
    tip = factory.make("one")
    assert json.loads(gitxp("rm", "one", "--dry-run", "--json").stdout) == {"removed": ["one"]}
    removed = json.loads(gitxp("rm", "one", "--json").stdout)["removed"]
    listed = json.loads(gitxp("trash", "--json").stdout)
    assert [(entry["name"], entry["commit"], entry["id"]) for entry in removed] == [("one", tip, make_id(1))]
    assert [{**entry, "command": ["python", "train.py"]} for entry in removed] == listed
    undone = json.loads(gitxp("undo", "--json").stdout)
    assert undone["runs"] == [{"name": "one", "was": "one", "commit": tip}]
    assert json.loads(gitxp("trash", "--json").stdout) == []


def test_the_trash_as_a_table(factory: Factory, gitxp: Any) -> None:
    """Names, how long ago, how long they stay, and the name that a run had, where that is another."""
    factory.make("one", command=["echo", "\x1b[2J"])
    gitxp("rm", "one")
    factory.make("one")
    gitxp("rm", "one")
    lines = gitxp("trash").stdout.splitlines()
    assert lines[0].split() == ["name", "removed", "kept", "was", "command"]
    assert lines[2].split()[0] == f"one-{make_id(2)[:8]}"
    assert lines[2].split()[3] == "one"
    assert lines[3].split()[2] == "30d"
    assert "\\x1b" in lines[3]


def test_removed_lines_survive_two_writers_and_damage(tmp_path: Path) -> None:
    """Every line is kept, whoever writes; what is no line is passed over."""
    common = str(tmp_path)
    note_removed(common, [("a", "one")], 0)
    with open(removed_path(common), "a", encoding="utf-8") as file:
        file.write("no json\n[1]\n{}\n")
    code = (
        "import sys; from gitxp.store.removed import note_removed; note_removed(sys.argv[1], [(sys.argv[2], 'n')], 1)"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, common, str(number)]) for number in range(6)]
    assert [writer.wait(60) for writer in writers] == [0] * 6
    assert {line.id for line in read_removed(common)} == {"a", *map(str, range(6))}
    assert read_removed(common)[0] == Line("a", "one", "1970-01-01T00:00:00.000Z")


def test_keep_wants_a_remote(factory: Factory, gitxp: Any, here: Repo) -> None:
    """--keep alone would do nothing, and an unknown remote is named with those that there are."""
    factory.make("one")
    assert gitxp("rm", "one", "--keep", check=False).returncode == 2
    with pytest.raises(UsageError, match="no remote 'origin'"):
        here.plan_removal(["one"], remote="origin")


def test_refs_with_strange_letters(factory: Factory, here: Repo, git: Any) -> None:
    """A ref whose name has what Python takes for an end of a line, beside runs, in the trash or elsewhere, stops nothing."""
    tip = factory.make("one")
    for place in ("refs/experiments", "refs/gitxp/trash", "refs/heads", "refs/gitxp/remotes/o"):
        git("update-ref", f"{place}/a\u2028b\u0085", tip)
    rm(here, "one")
    assert len(here.trash()) == 2
    assert here.usage().runs == ()
    here.doctor()
    here.undo()
    assert git("rev-parse", "refs/experiments/one") == tip
    here.gc(here.plan_gc())


def test_undo_of_restore_here(factory: Factory, here: Repo, git: Any, repo: str) -> None:
    """Of a removal and a restore the later is taken back first; the files are what they were, and edits since are kept."""
    factory.make("one", files={"new.py": "of the run\n"})
    factory.make("two")
    rm(here, "two")
    with open(f"{repo}/train.py", "w", encoding="utf-8") as file:
        file.write("edited\n")
    here.restore(here.get("one"), here=True)
    assert os.path.exists(f"{repo}/new.py")
    undone = here.undo()
    assert undone.kind == "restored"
    with open(f"{repo}/train.py", encoding="utf-8") as file:
        assert file.read() == "edited\n"
    assert not os.path.exists(f"{repo}/new.py")
    assert git("show", f"{undone.kept}:new.py") == "of the run"
    assert here.undo().kind == "removed"
    with pytest.raises(GitxpError, match="nothing to undo"):
        here.undo()


def test_what_was_done_last_within_a_second(factory: Factory, here: Repo, git: Any) -> None:
    """Of a removal and a restore --here in the same second, undo takes back first what was done last."""
    tip = factory.make("one")
    at = 1_790_000_000.500
    removal = make_removal_id(int(at * 1e9), bytes(10))
    throw_away(here.git, [Doomed(RunName("one"), Oid(tip), None, RefName("refs/experiments/one"))], removal, at)
    moment = format_time(int((at + 0.2) * 1e9)).replace(":", "")
    git("update-ref", f"refs/gitxp/undo/{moment}-restore", tip)
    assert [one.kind for one in here.undoable()] == ["restored", "removed"]
    git("update-ref", "-d", f"refs/gitxp/undo/{moment}-restore")
    moment = format_time(int((at - 0.2) * 1e9)).replace(":", "")
    git("update-ref", f"refs/gitxp/undo/{moment}-restore", tip)
    assert [one.kind for one in here.undoable()] == ["removed", "restored"]
