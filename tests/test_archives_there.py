from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clones import Clone, Clones
from gitxp.errors import GitxpError, SecretsFound, UsageError
from terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitxp.sharing.folded_there import FoldedThere

ARCHIVE = "@archive-2023-11"


@pytest.fixture
def clones(tmp_path: Path) -> Iterator[Clones]:
    """A hub, and clones of it."""
    made = Clones(tmp_path / "clones")
    yield made
    made.close()


@pytest.fixture
def ada(clones: Clones) -> Clone:
    """A clone whose three runs the hub has; two of them are in an archive here."""
    ada = clones.clone("ada")
    for name in ("a", "b", "c"):
        ada.factory.make(name)
    ada.push()
    fold(ada, "a", "b")
    return ada


def fold(clone: Clone, *names: str) -> None:
    """Put runs into the archive of their month."""
    clone.repo.archive_refs([clone.repo.get(name) for name in names])


def fold_there(clone: Clone, *names: str) -> FoldedThere:
    """Push archives, and delete there what they cover."""
    runs = [clone.repo.get(name) for name in names]
    return clone.repo.fold_there(clone.repo.plan_fold_there(clone.repo.remote(), runs))


def listed(clone: Clone) -> dict[str, str]:
    """The runs as `gitxp list` has them: name and tip."""
    return {run.name: run.commit for run in clone.repo.runs(archived=True)}


def write_hook(hub: Path, name: str, script: str) -> None:
    """Make a hook of the hub's."""
    path = hub / "hooks" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def count_receives(clone: Clone, path: Path) -> Path:
    """A file that gets a line for each connection that the clone makes to push."""
    calls = path / "calls"
    script = path / "receive"
    script.write_text(f'#!/bin/sh\necho x >>"{calls}"\nexec git-receive-pack "$@"\n')
    script.chmod(0o755)
    clone.git("config", "remote.origin.receivepack", str(script))
    return calls


def test_archives_take_the_place_of_refs(clones: Clones, ada: Clone, tmp_path: Path) -> None:
    """The archive goes and the refs that it covers go away, in one connection; what is not folded stays as it is."""
    calls = count_receives(ada, tmp_path)
    done = fold_there(ada)
    assert (done.archives, done.deleted, done.refused) == ([ARCHIVE], ["a", "b"], [])
    assert dict(clones.refs) == ada.refs()
    assert set(clones.refs) == {ARCHIVE, "c"}
    assert calls.read_text() == "x\n"
    assert (fold_there(ada).archives, fold_there(ada).deleted) == ([], [])
    bob = clones.clone("bob")
    bob.pull()
    assert listed(bob) == listed(ada)
    assert ada.push().made == []


def test_only_named_runs(clones: Clones, ada: Clone) -> None:
    """Where runs are named, only their refs go, with the archive that has them; one that is in no archive is refused."""
    assert fold_there(ada, "a").deleted == ["a"]
    assert set(clones.refs) == {ARCHIVE, "b", "c"}
    with pytest.raises(UsageError, match="c is in no archive"):
        ada.repo.plan_fold_there(ada.repo.remote(), [ada.repo.get("a"), ada.repo.get("c")])


def test_several_addresses(clones: Clones, ada: Clone, tmp_path: Path) -> None:
    """Where git would push to several addresses, nothing is planned before one of them is named; that one is folded at."""
    other = tmp_path / "other.git"
    ada.git("init", "--quiet", "--bare", str(other))
    ada.git("config", "--add", "remote.origin.pushurl", ada.git("remote", "get-url", "origin"))
    ada.git("config", "--add", "remote.origin.pushurl", str(other))
    with pytest.raises(UsageError, match="several addresses"):
        ada.repo.plan_fold_there(ada.repo.remote())
    before = dict(clones.refs)
    plan = ada.repo.plan_fold_there(ada.repo.remote(str(other)))
    assert ada.repo.fold_there(plan).archives == [ARCHIVE]
    assert dict(clones.refs) == before


def test_an_earlier_state_there_is_covered_and_a_later_one_stays(clones: Clones, ada: Clone) -> None:
    """A ref there that the archive goes on from is deleted; what somebody annotated there since stays, and is said.

    After a pull and another fold it is covered as well, and nothing of what was said is lost.
    """
    bob = clones.clone("bob")
    bob.pull()
    ada.annotate("a", add_tags=["ada"])
    fold(ada, "a")
    bob.annotate("b", add_tags=["bob"])
    bob.push("b")
    plan = ada.repo.plan_fold_there(ada.repo.remote())
    assert (set(plan.covered), [left.name for left in plan.stays]) == ({"a"}, ["b"])
    assert "is not known here" in plan.stays[0].reason
    ada.repo.fold_there(plan)
    assert set(clones.refs) == {ARCHIVE, "b", "c"}
    ada.pull()
    assert [left.name for left in ada.repo.plan_fold_there(ada.repo.remote()).stays] == ["b"]
    fold(ada, "b")
    assert fold_there(ada).deleted == ["b"]
    eve = clones.clone("eve")
    eve.pull()
    assert (eve.said("a")[0], eve.said("b")[0]) == (("ada",), ("bob",))


def test_another_run_of_the_name_stays(clones: Clones) -> None:
    """A ref there that is another run's than the archive has under its name is not touched."""
    ada, bob = clones.clone("ada"), clones.clone("bob")
    ada.factory.make("tuned")
    bob.factory.make("tuned")
    ada.push()
    before = clones.refs["tuned"]
    fold(bob, "tuned")
    assert fold_there(bob).deleted == []
    assert clones.refs["tuned"] == before


def test_an_edit_that_arrives_meanwhile_is_not_lost(clones: Clones, ada: Clone) -> None:
    """A ref that moved between the plan and the push is kept, and told; the archive and the others go all the same."""
    bob = clones.clone("bob")
    bob.pull()
    plan = ada.repo.plan_fold_there(ada.repo.remote())
    bob.annotate("a", add_tags=["late"])
    bob.push("a")
    done = ada.repo.fold_there(plan)
    assert (done.archives, done.deleted) == ([ARCHIVE], ["b"])
    assert [left.name for left in done.refused] == ["a"]
    assert clones.refs["a"] == bob.refs()["a"]


def test_no_ref_goes_without_the_archive(clones: Clones, ada: Clone) -> None:
    """Where the host refuses the archive, nothing is deleted, and its words are told."""
    write_hook(clones.hub, "update", 'case "$1" in *@archive*) echo no archives here; exit 1;; esac')
    before = clones.refs
    done = fold_there(ada)
    assert (done.archives, done.deleted) == ([], [])
    assert [(left.name, left.reason) for left in done.refused] == [(ARCHIVE, "hook declined")]
    assert clones.refs == before


@pytest.mark.parametrize("is_atomic", [True, False])
def test_a_host_that_refuses_some(clones: Clones, ada: Clone, is_atomic: bool) -> None:
    """The refs that a host keeps are told one by one; the others go, whether it can do all or nothing or not."""
    write_hook(clones.hub, "update", 'case "$1 $3" in "refs/experiments/a 0000"*) exit 1;; esac')
    if not is_atomic:
        Clone.git(ada, "--git-dir", str(clones.hub), "config", "receive.advertiseAtomic", "false")
    done = fold_there(ada)
    assert (done.archives, done.deleted) == ([ARCHIVE], ["b"])
    assert [(left.name, left.reason) for left in done.refused] == [("a", "hook declined")]
    assert set(clones.refs) == {ARCHIVE, "a", "c"}


def test_what_the_remote_has_in_the_archive_is_joined_first(clones: Clones, ada: Clone) -> None:
    """Two who fold different runs: the second takes the first's archive in, and both lists are in what goes."""
    bob = clones.clone("bob")
    bob.pull()
    fold(bob, "c")
    fold_there(bob)
    done = fold_there(ada)
    assert (done.archives, done.deleted) == ([ARCHIVE], ["a", "b"])
    assert set(clones.refs) == {ARCHIVE}
    eve = clones.clone("eve")
    eve.pull()
    assert set(listed(eve)) == {"a", "b", "c"}


def test_a_list_that_holds_nothing_deletes_nothing(ada: Clone) -> None:
    """An archive that lists a run without holding it is no reason to delete its ref."""
    tip = ada.refs()["c"]
    ada.factory.commit("refs/experiments/@archive-2023-10", {"runs.tsv": f"c\t{tip}\n"}, parent=None)
    plan = ada.repo.plan_fold_there(ada.repo.remote())
    assert "c" not in plan.covered
    assert [(left.name, left.reason) for left in plan.stays] == [("c", "the archive lists it, and does not hold it")]


def test_a_list_that_names_a_tag_deletes_nothing(ada: Clone) -> None:
    """A tag of a run's tip that an archive lists is no reason to delete a ref: no history holds tags."""
    ada.git("tag", "--annotate", "--message=Bait", "bait", ada.refs()["c"])
    listed = f"c\t{ada.git('rev-parse', 'bait')}\n"
    ada.factory.commit("refs/experiments/@archive-2023-10", {"runs.tsv": listed}, parent=None)
    ada.git("update-ref", "-d", "refs/experiments/c")
    plan = ada.repo.plan_fold_there(ada.repo.remote())
    assert "c" not in plan.covered
    assert [(left.name, left.reason) for left in plan.stays] == [("c", "the archive lists it, and does not hold it")]


def test_secrets_do_not_go_unseen(clones: Clones) -> None:
    """An archive with what looks like a secret is not pushed by this command, and nothing is deleted."""
    ada = clones.clone("ada")
    ada.factory.make("a", files={"deploy.py": 'aws_key = "AKIA' + 'QX2T7PLM4WZC9RVB"\n'})
    fold(ada, "a")
    with pytest.raises(SecretsFound) as raised:
        fold_there(ada)
    assert "gitxp push" in (raised.value.hint or "")
    assert clones.refs == {}


def test_an_archive_there_that_is_none(clones: Clones, ada: Clone) -> None:
    """Where the remote's archive cannot be joined with ours, it is said and nothing is done."""
    eve = clones.clone("eve")
    eve.factory.commit(f"refs/experiments/{ARCHIVE}", {"runs.tsv": b"no list"}, parent=None)
    eve.git("push", "--quiet", "origin", "refs/experiments/*")
    before = clones.refs
    with pytest.raises(GitxpError, match="cannot be joined"):
        ada.repo.plan_fold_there(ada.repo.remote())
    assert clones.refs == before


def test_more_refs_than_fit_on_a_command_line(clones: Clones, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many are deleted in several connections, the archive with the first."""
    monkeypatch.setattr("gitxp.sharing.folded_there._AT_A_TIME", 3)
    ada = clones.clone("ada")
    ada.factory.make_many(7)
    ada.push()
    ada.repo.archive_refs(older_than=0)
    assert len(fold_there(ada).deleted) == 7
    assert set(clones.refs) == {ARCHIVE}


def test_the_command(clones: Clones, ada: Clone, gitxp: Any, untouched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dry run only tells; without a terminal it wants --yes; then it tells what went, as JSON on request."""
    monkeypatch.chdir(ada.path)
    before = clones.refs
    said = gitxp("archive-refs", "--remote", "--dry-run").stdout
    assert said == f"1 archive would go to origin: {ARCHIVE}\n2 refs would be deleted there: a, b\n"
    refused = gitxp("archive-refs", "--remote", "origin", check=False)
    assert refused.returncode == 2
    assert "Old gitxp, and plain git, have to fetch refs/experiments/@archive-*" in refused.stderr
    assert clones.refs == before
    with Terminal("archive-refs", "--remote", "origin", "a", cwd=str(ada.path)) as terminal:
        terminal.expect(rb"Delete 1 ref at origin")
        terminal.type(b"n\r")
        assert terminal.wait() == 1
    assert clones.refs == before
    with untouched():
        assert gitxp("archive-refs", "--remote", "origin", "--yes", "a").stdout == (
            f"1 archive went to origin: {ARCHIVE}\n1 ref deleted there: a\n"
        )
        done = json.loads(gitxp("archive-refs", "--yes", "--json", "--remote").stdout)
    assert done == {"remote": "origin", "archives": [], "deleted": ["b"], "refused": {}, "stays": {}}
    assert set(clones.refs) == {ARCHIVE, "c"}
    for wrong in (["--older-than", "1d", "--remote"], ["--take-out", "a", "--remote"], ["--remote", "nowhere"]):
        assert gitxp("archive-refs", *wrong, check=False).returncode in {1, 2}


def test_the_command_tells_what_was_refused(
    clones: Clones, ada: Clone, gitxp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its status is 1, and each ref has the reason of the host."""
    monkeypatch.chdir(ada.path)
    write_hook(clones.hub, "update", 'case "$1 $3" in "refs/experiments/a 0000"*) exit 1;; esac')
    answer = gitxp("archive-refs", "--yes", "--remote", check=False)
    assert answer.returncode == 1
    assert "a: hook declined" in answer.stderr
    assert answer.stdout.endswith("1 ref deleted there: b\n")
