from __future__ import annotations

import functools
import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gitxp.errors import FormatError, GitFailed, NameTaken
from gitxp.format import Oid, RefName
from gitxp.git.cat_file import CatFile
from gitxp.git.packs import make_object, write_objects
from gitxp.git.program import Git
from gitxp.git.refs import ARCHIVE_REFS, find_ref, list_refs, run_ref
from gitxp.names import RunName
from gitxp.store import archive_refs, archives
from gitxp.store.archive_refs import archive_ref, take_in, take_out
from gitxp.store.archived_names import find_archived
from gitxp.store.archives import build_archive, decode_list, encode_list, merge_archives, read_archive, write_archive
from run_factory import Factory, make_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MONTH = "2023-11"
REF = archive_ref(MONTH)
IDS = st.sampled_from(["a" * 40, "b" * 40, "0" * 40])
NAMES = st.from_regex(re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", re.ASCII), fullmatch=True)


@pytest.fixture
def objects(repo: str) -> Iterator[CatFile]:
    """The objects of the test's repository."""
    reader = CatFile(Git(repo))
    yield reader
    reader.close()


def fold(repo: str, objects: CatFile, *names: str) -> archive_refs.TakenIn:
    """Fold these runs (all, where none is named) into the archive."""
    runs = [run for run in list_refs(Git(repo)).runs() if not names or run.name in names]
    return take_in(Git(repo), objects, {MONTH: runs})


def no_merge(a: Oid, b: Oid) -> Oid:
    """Where nothing may have diverged."""
    raise AssertionError((a, b))


@given(st.dictionaries(NAMES.map(RunName), IDS.map(Oid)))
def test_a_list_comes_back(entries: dict[RunName, Oid]) -> None:
    """What is encoded is decoded to the same, and equal lists are equal bytes, in whatever order they were made."""
    data = encode_list(entries)
    assert decode_list(data, 40) == entries
    assert encode_list(dict(reversed(entries.items()))) == data


A = b"a" * 40


@pytest.mark.parametrize(
    "data",
    [
        b"a\t" + A,
        b"a " + A + b"\n",
        b"a\t" + A[1:] + b"\n",
        b"a\t" + A.upper() + b"\n",
        b"../a\t" + A + b"\n",
        b"a..b\t" + A + b"\n",
        b"a.\t" + A + b"\n",
        b"a.LOCK\t" + A + b"\n",
        b"@archive-2026-01\t" + A + b"\n",
        b"-a\t" + A + b"\n",
        b"a\x1b[2J\t" + A + b"\n",
        b"a" * 101 + b"\t" + A + b"\n",
        b"b\t" + A + b"\na\t" + A + b"\n",
        b"a\t" + A + b"\na\t" + A + b"\n",
        b"a\t" + A + b"\n\n",
        b"a\t" + A + b"\r\n",
        b"a\t" + b"a" * 64 + b"\n",
        "é\t".encode() + A + b"\n",
        b"a\t" + A + b"\n" + b"\xff",
    ],
)
def test_a_list_that_breaks_the_format_is_refused(data: bytes) -> None:
    """Names by the grammar, whole ids of this kind of repository, sorted, each once, and nothing besides."""
    with pytest.raises(FormatError):
        decode_list(data, 40)


def test_a_list_of_too_many_lines_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a limit, and it is looked at first."""
    monkeypatch.setattr(archives, "MAX_ENTRIES", 2)
    two = encode_list({RunName("a"): Oid("a" * 40), RunName("b"): Oid("a" * 40)})
    assert len(decode_list(two, 40)) == 2
    with pytest.raises(FormatError, match="more than 2 lines"):
        decode_list(two + b"c\t" + A + b"\n", 40)


@pytest.mark.parametrize("count", [1, 150])
def test_objects_made_here_are_what_git_makes(repo: str, git: Any, count: int) -> None:
    """The ids are git's own, the bytes come back, few (loose) or many (a pack), large or empty."""
    blobs = [make_object("blob", b"%d" % number * (number * 97), 40) for number in range(count)]
    big = make_object("blob", os.urandom(1 << 20), 40)
    write_objects(Git(repo), [*blobs, big])
    for item in [blobs[-1], big]:
        assert item.oid == git("hash-object", "--stdin", input=item.data)
        assert git.raw("cat-file", "blob", item.oid) == item.data


@pytest.mark.parametrize("count", [1, 100, 101, 250])
def test_an_archive_reaches_every_tip(repo: str, git: Any, objects: CatFile, count: int) -> None:
    """Its history holds all tips, no commit has more than a hundred parents, and it is dated by the newest of them."""
    Factory(repo).make_many(count)
    tips = list_refs(Git(repo)).names()
    made = write_archive(Git(repo), build_archive(Git(repo), objects, tips))
    rows = [line.split() for line in git("rev-list", "--parents", made).splitlines()]
    assert {row[0] for row in rows} >= set(tips.values())
    assert max(len(row) - 1 for row in rows) <= 100
    newest = max(git("log", "--no-walk", "--format=%ct", *tips.values()).split())
    assert git("show", "-s", "--format=%an <%ae> %at %cn <%ce> %ct", made) == " ".join(
        ["gitxp <gitxp@localhost>", newest] * 2
    )
    assert read_archive(objects, made) == tips
    git("update-ref", "refs/heads/kept", made)


def test_the_same_runs_make_the_same_commit(repo: str, git: Any, objects: CatFile, tmp_path: Path) -> None:
    """Another clone, another user, another order: the same archive."""
    Factory(repo).make_many(120)
    git("clone", "--quiet", "--mirror", repo, tmp_path / "other")
    first = fold(repo, objects).archives[REF]
    other = Git(str(tmp_path / "other"), environ={**os.environ, "GIT_COMMITTER_NAME": "Somebody else"})
    reader = CatFile(other)
    runs = list_refs(other).runs()
    assert take_in(other, reader, {MONTH: runs[::-1]}).archives == {REF: first}
    reader.close()


def test_fold_and_take_out(repo: str, git: Any, objects: CatFile) -> None:
    """Folded runs have no ref of their own; taken out, one has it again at its tip, with a reflog, and the archive stays."""
    factory = Factory(repo)
    tips = {name: factory.make(name) for name in ("one", "two", "three")}
    done = fold(repo, objects, "one", "two")
    assert (done.names, done.left) == (["one", "two"], {})
    assert list_refs(Git(repo)).names() == {"three": tips["three"]}
    assert list_refs(Git(repo)).archives() == done.archives
    git("reflog", "expire", "--expire=now", "--all")
    git("gc", "--quiet", "--prune=now")
    assert read_archive(objects, done.archives[REF]) == {"one": tips["one"], "two": tips["two"]}
    take_out(Git(repo), [run_ref(RunName("one"), Oid(tips["one"]))])
    assert git("rev-parse", "experiments/one") == tips["one"]
    assert git("reflog", "show", "refs/experiments/one").endswith("gitxp archive-refs: taken out")
    assert list_refs(Git(repo)).archives() == done.archives
    with pytest.raises(NameTaken):
        take_out(Git(repo), [run_ref(RunName("ONE"), Oid(tips["one"])), run_ref(RunName("two"), Oid(tips["two"]))])
    assert find_ref(Git(repo), RunName("two")) is None
    # folded again it needs no new archive; changed, it does, and that contains the one before
    assert fold(repo, objects, "one").archives == done.archives
    take_out(Git(repo), [run_ref(RunName("one"), Oid(tips["one"]))])
    tips["one"] = factory.advance("one", make_record("one", 9))
    later = fold(repo, objects).archives[REF]
    assert read_archive(objects, later) == tips
    assert not Git(repo).ask("merge-base", "--is-ancestor", done.archives[REF], later).status


def test_the_first_of_a_new_month_makes_its_own_archive(repo: str, objects: CatFile) -> None:
    """Several months are folded by one transaction, each into its own ref; the newest is listed first."""
    factory = Factory(repo)
    one, two = (run_ref(RunName(name), Oid(factory.make(name))) for name in ("one", "two"))
    done = take_in(Git(repo), objects, {"2024-01": [one], "2024-02": [two]})
    assert list(list_refs(Git(repo)).archives()) == [archive_ref("2024-02"), archive_ref("2024-01")]
    assert read_archive(objects, done.archives[archive_ref("2024-02")]) == {"two": two.commit}


def test_a_run_that_moved_meanwhile_stays(
    repo: str, git: Any, objects: CatFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is annotated between the look and the transaction keeps its ref; the others are folded without it."""
    factory = Factory(repo)
    factory.make("still")
    factory.make("moving")
    transact, moved = archive_refs._transact, []

    def late(*args: Any) -> GitFailed | None:
        if not moved:
            moved.append(factory.advance("moving", make_record("moving", 9)))
        return transact(*args)

    monkeypatch.setattr(archive_refs, "_transact", late)
    done = fold(repo, objects)
    assert (done.names, done.left) == (["still"], {"moving": "it changed meanwhile"})
    assert list_refs(Git(repo)).names() == {"moving": moved[0]}
    assert git("rev-list", "--count", REF, "--not", "experiments/moving")


def test_an_archive_that_moved_meanwhile_is_followed(
    repo: str, objects: CatFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that fold at once into one month: the second builds on what the first made, and both lists are there."""
    factory = Factory(repo)
    tips = {name: factory.make(name) for name in ("one", "two")}
    transact, first = archive_refs._transact, []

    def late(*args: Any) -> GitFailed | None:
        if not first:
            first.append(None)
            first[0] = fold(repo, objects, "two").archives[REF]
        return transact(*args)

    monkeypatch.setattr(archive_refs, "_transact", late)
    done = fold(repo, objects, "one")
    assert read_archive(objects, done.archives[REF]) == tips
    assert not Git(repo).ask("merge-base", "--is-ancestor", first[0], done.archives[REF]).status


def test_what_git_refuses_moves_nothing(repo: str, objects: CatFile) -> None:
    """A lock that somebody left behind stops the whole transaction, and git's words are the error."""
    factory = Factory(repo)
    factory.make("one")
    factory.make("two")
    before = list_refs(Git(repo)).raw
    lock = f"{repo}/.git/refs/experiments/two.lock"
    with open(lock, "w"):
        pass
    git = Git(repo, settings=("core.filesRefLockTimeout=0",))
    with pytest.raises(GitFailed, match="lock"):
        take_in(git, objects, {MONTH: list_refs(git).runs()})
    assert list_refs(git).raw == before


def test_another_run_of_the_name_is_never_replaced(repo: str, objects: CatFile) -> None:
    """A run stays where it is while an archive, of this month or another, has one of its name that it does not follow."""
    factory = Factory(repo)
    factory.make("tuned")
    first = fold(repo, objects)
    factory.make("tuned", base=None)
    assert fold(repo, objects).left == {"tuned": f"another run of its name is in {REF}"}
    runs = list_refs(Git(repo)).runs()
    assert take_in(Git(repo), objects, {"2024-02": runs}).left == {"tuned": f"another run of its name is in {REF}"}
    assert list_refs(Git(repo)).archives() == first.archives


def forge(repo: str, git: Any, entries: dict[str, str], parent: str) -> None:
    """An archive that says what it likes, as a stranger may have pushed it."""
    Factory(repo).commit(
        REF, {"runs.tsv": encode_list({RunName(k): Oid(v) for k, v in entries.items()})}, parent=parent
    )
    assert git("ls-tree", "--name-only", REF).split()[0] == "runs.tsv"


def test_a_list_that_names_what_its_history_does_not_hold_loses_nothing(repo: str, git: Any, objects: CatFile) -> None:
    """A run that a stranger's archive lists without holding it is held by the archive that it is folded into."""
    tip = Factory(repo).make("mine")
    forge(repo, git, {"mine": tip}, "HEAD")
    assert git("rev-list", REF).count(tip) == 0
    assert fold(repo, objects).names == ["mine"]
    assert tip in git("rev-list", REF).split()


def test_a_list_that_names_a_tag_loses_nothing(repo: str, git: Any, objects: CatFile) -> None:
    """A stranger's list names a tag of a later commit of a run: what is folded there is held all the same, and is listed."""
    factory = Factory(repo)
    tip, other = factory.make("mine"), factory.make("other")
    later = git("commit-tree", "-p", tip, "-m", "Later", f"{tip}^{{tree}}")
    git("tag", "--annotate", "--message=Later", "later", later)
    forge(repo, git, {"mine": git("rev-parse", "later"), "blob": git("rev-parse", "HEAD:train.py")}, "HEAD")
    archive = Oid(git("rev-parse", REF))
    tag = Oid(git("rev-parse", "later"))
    assert tag in archives.find_unheld(Git(repo), {tag, Oid(tip)}, [archive])
    assert sorted(fold(repo, objects).names) == ["mine", "other"]
    assert read_archive(objects, Oid(git("rev-parse", REF))) == {"mine": tip, "other": other}
    assert {tip, other} <= set(git("rev-list", REF).split())


def test_a_run_whose_ref_leads_to_a_tag_keeps_no_other(repo: str, git: Any, objects: CatFile) -> None:
    """It stays where it is, which is said, and the others are folded."""
    factory = Factory(repo)
    tip = factory.make("tagged")
    factory.make("other")
    git("tag", "--annotate", "--message=Mine", "mine", tip)
    git("update-ref", "refs/experiments/tagged", "refs/tags/mine")
    done = fold(repo, objects)
    assert (done.names, done.left) == (["other"], {"tagged": "its ref leads to a tag, not to a commit"})


def test_a_merge_does_not_spread_what_an_archive_does_not_hold(repo: str, git: Any, objects: CatFile) -> None:
    """A stranger's list that names a commit of ours does not make it travel with the merged archive."""
    factory = Factory(repo)
    factory.make("mine")
    ours = fold(repo, objects).archives[REF]
    git("commit", "--quiet", "--allow-empty", "--message=private")
    private = git("rev-parse", "HEAD")
    git("update-ref", "-d", REF)
    git("tag", "--annotate", "--message=Ours", "ours", "HEAD~1")
    no_commits = {"blob": git("rev-parse", "HEAD:train.py"), "tag": git("rev-parse", "ours")}
    forge(repo, git, {"bait": private, **no_commits, "gone": "1" * 40}, "HEAD~1")
    theirs = Oid(git("rev-parse", REF))
    merged = merge_archives(Git(repo), objects, ours, theirs, no_merge)
    assert read_archive(objects, merged).keys() == {"mine", "gone"}
    assert private not in git("rev-list", merged).split()
    assert {ours, theirs} <= set(git("rev-list", merged).split())


@pytest.mark.parametrize("files", [{"other": "x"}, {"runs.tsv": "no list"}, {"runs.tsv/deep": "x"}])
def test_a_damaged_archive_is_left_alone(repo: str, git: Any, objects: CatFile, files: dict[str, str]) -> None:
    """Nothing is folded into what cannot be read, and nothing is merged with it."""
    factory = Factory(repo)
    tip = factory.make("mine")
    factory.commit(REF, files, parent=None)
    done = fold(repo, objects)
    assert done.names == []
    assert done.left["mine"].startswith(f"{REF} cannot be read: ")
    good = write_archive(Git(repo), build_archive(Git(repo), objects, {RunName("mine"): Oid(tip)}))
    git("update-ref", "refs/heads/kept", good)
    with pytest.raises(FormatError):
        merge_archives(Git(repo), objects, good, Oid(git("rev-parse", REF)), no_merge)


def test_a_merge_keeps_both_runs_of_one_name(repo: str, git: Any, objects: CatFile) -> None:
    """The older keeps the name, the other gets the beginning of its id behind it, whichever archive is called ours."""
    factory = Factory(repo)
    old, new = factory.make("tuned"), None
    first = fold(repo, objects).archives[REF]
    git("update-ref", "-d", REF)
    new = factory.make("tuned")
    second = fold(repo, objects).archives[REF]
    both = {merge_archives(Git(repo), objects, *pair, no_merge) for pair in ((first, second), (second, first))}
    merged = both.pop()
    assert not both
    assert read_archive(objects, merged) == {"tuned": old, "tuned-01900002": new}
    git("update-ref", REF, merged)


@pytest.mark.parametrize("length", [90, 91, 95, 100])
def test_a_merge_keeps_all_runs_of_one_long_name(repo: str, git: Any, objects: CatFile, length: int) -> None:
    """Runs that began in the same minute, whose ids begin alike, and whose name has no room for more of them."""
    name, made, factory = "n" * length, [], Factory(repo)
    for number in range(4):
        factory.make(name, id=f"01a219c8-b000-7{number:03x}-8000-{number:012x}")
        made.append(fold(repo, objects).archives[REF])
        git("update-ref", "-d", REF)
    merged = made[0]
    for other in made[1:]:
        pairs = ((merged, other), (other, merged))
        (merged,) = {merge_archives(Git(repo), objects, *pair, no_merge) for pair in pairs}
    listed = read_archive(objects, merged)
    assert len(set(listed.values())) == 4
    assert all(len(one) <= 100 and one.startswith("n" * 80) for one in listed)
    assert json.loads(git("show", f"{listed[RunName(name)]}:.gitxp/run.json"))["id"].startswith("01a219c8-b000-7000")
    git("update-ref", REF, merged)


def test_names_that_no_digits_tell_apart(repo: str, git: Any, objects: CatFile) -> None:
    """Of runs with ids that are longer than a name may be, more than can be told apart are refused, not looked for for ever."""
    made, factory = [], Factory(repo)
    for number in range(20):
        factory.make("n" * 100, id="a" * 200 + f"{number:02}")
        made.append(fold(repo, objects).archives[REF])
        git("update-ref", "-d", REF)

    def merge(a: Oid, b: Oid) -> Oid:
        return merge_archives(Git(repo), objects, a, b, no_merge)

    with pytest.raises(FormatError, match="too many of its runs are called n"):
        functools.reduce(merge, made)


def test_a_merge_joins_tips_that_diverged(repo: str, git: Any, objects: CatFile) -> None:
    """Two tips of one run of which neither contains the other are handed to the merge of runs, the lower id first."""
    factory = Factory(repo)
    start = factory.make("tuned")
    tips = []
    made = []
    for number in (1, 2):
        git("update-ref", "refs/experiments/tuned", start)
        tips.append(factory.advance("tuned", make_record("tuned", 1), {f".gitxp/annotations/{number}.json": "{}"}))
        made.append(fold(repo, objects).archives[REF])
        git("update-ref", "-d", REF)
    asked = []

    def join(a: Oid, b: Oid) -> Oid:
        asked.append((a, b))
        return Oid(git("commit-tree", f"{a}^{{tree}}", "-p", a, "-p", b, "-m", "joined"))

    merged = merge_archives(Git(repo), objects, *map(Oid, made), join)
    assert asked == [tuple(sorted(tips))]
    joined = read_archive(objects, merged)[RunName("tuned")]
    assert set(git("rev-list", "--no-walk", f"{joined}^@").split()) == set(tips)
    git("update-ref", REF, merged)


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["fold", "annotate", "fetch"]), st.integers(0, 2), st.sets(st.integers(0, 4), min_size=1)
    ),
    max_size=8,
)


@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
    phases=[Phase.generate],  # an example takes seconds: to shrink one, minutes
)
@given(ACTIONS)
def test_clones_converge(tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int, set[int]]]) -> None:
    """Clones that fold, annotate and exchange refs in any order end with one archive that lists each run at its newest.

    One annotates each run: its owner. Exchange is plain `git fetch` into a namespace of its own, then the merge.
    """
    top = tmp_path_factory.mktemp("clones")
    clones = [str(top / f"clone{number}") for number in range(3)]
    make_clones(clones)
    newest = {run.name: run.commit for run in list_refs(Git(clones[0])).runs()}
    for number, (action, which, numbers) in enumerate(actions):
        clone, runs = clones[which], {f"run-{item}" for item in numbers}
        if action == "fetch":
            exchange(clone, *clones)
        elif action == "fold":
            fold_in(clone, runs)
        else:
            for name in sorted(run for run in runs if int(run[-1]) % 3 == which):
                newest[RunName(name)] = annotate(clone, RunName(name), number)
    for clone in clones:
        fold_in(clone, set(newest))
    for _ in range(2):
        for clone in clones:
            exchange(clone, *clones)
    for clone in clones:
        assert read_all(clone) == newest
    assert len({list_refs(Git(clone)).raw for clone in clones}) == 1


def make_clones(clones: list[str]) -> None:
    """Repositories with the same five runs."""
    call(".", "init", "--quiet", clones[0])
    call(clones[0], "commit", "--quiet", "--allow-empty", "--message=First")
    factory = Factory(clones[0])
    for number in range(5):
        factory.make(f"run-{number}")
    for clone in clones[1:]:
        call(".", "clone", "--quiet", clones[0], clone)
        call(clone, "fetch", "--quiet", "origin", "refs/experiments/*:refs/experiments/*")


def call(folder: str, *args: str) -> None:
    """git, which must not fail."""
    subprocess.run(["git", "-C", folder, *args], check=True, capture_output=True)


def fold_in(clone: str, names: set[str] | set[RunName]) -> None:
    """Fold those of the runs that have a ref of their own."""
    reader = CatFile(Git(clone))
    take_in(Git(clone), reader, {MONTH: [run for run in list_refs(Git(clone)).runs() if run.name in names]})
    reader.close()


def annotate(clone: str, name: RunName, number: int) -> Oid:
    """One more commit on a run, which is taken out for it where it has no ref of its own: the commit."""
    if find_ref(Git(clone), name) is None:
        take_out(Git(clone), [run_ref(name, read_all(clone)[name])])
    return Oid(Factory(clone).advance(name, make_record(name, number)))


def exchange(clone: str, *others: str) -> None:
    """Bring the others' archives here, as gitxp pull will: fetch into a namespace, merge, move the ref forward."""
    git = Git(clone)
    for other in others:
        theirs = list_refs(Git(other)).archives().get(REF)
        ours = list_refs(git).archives().get(REF)
        if theirs in {None, ours} or theirs is None:
            continue
        call(clone, "fetch", "--quiet", "--no-prune", other, f"+{REF}:refs/gitxp/remotes/other/archive")
        reader = CatFile(git)
        merged = theirs if ours is None else merge_archives(git, reader, ours, theirs, no_merge)
        reader.close()
        git.run("update-ref", REF, merged, ours or "0" * 40)


def read_all(clone: str) -> dict[RunName, Oid]:
    """All runs of a clone: those of the archive, and over them those with a ref of their own."""
    git = Git(clone)
    reader = CatFile(git)
    listing = list_refs(git)
    listed = {name: tip for commit in listing.archives().values() for name, tip in read_archive(reader, commit).items()}
    reader.close()
    return listed | listing.names()


def test_names_in_archives_are_found_whatever_the_case(repo: str, objects: CatFile) -> None:
    """Whoever looks for a free name sees those of archives, too; what is no archive has none."""
    factory = Factory(repo)
    for name in ("Tuned", "tuned-2", "other"):
        factory.make(name)
    fold(repo, objects)
    factory.commit("refs/experiments/@archive-2020-01", {"x": "tuned\t"}, parent=None)
    factory.commit("refs/experiments/@archive-2020-13", {"x": "tuned-3\t"}, parent=None)
    later = f"{ARCHIVE_REFS}2020-02"
    factory.commit(later, {"runs.tsv": f"TUNED-9\t{'a' * 40}\nz\t{'b' * 40}\n"}, parent=None)
    refs = [*list_refs(Git(repo)).archives(), f"{ARCHIVE_REFS}2020-13", "refs/experiments/tuned-4"]
    assert sorted(find_archived(Git(repo), refs, "tuned")) == ["TUNED-9", "Tuned", "tuned-2"]
    assert find_archived(Git(repo), refs, "tuned", whole=True) == ["Tuned"]
    assert find_archived(Git(repo), refs, "tune.") == []
    assert find_archived(Git(repo), refs, "z", whole=True) == ["z"]
    assert find_archived(Git(repo), ["refs/experiments/tuned-4"], "tuned") == []
    assert RefName("refs/experiments/@archive-2020-13") not in list_refs(Git(repo)).archives()
    assert list_refs(Git(repo)).strange() == []
