from __future__ import annotations

import hashlib
import os
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.errors import FormatError
from gitxp.format import MAX_RECORD, Oid
from gitxp.git import reader as module
from gitxp.git.cat_file import CatFile
from gitxp.git.libgit2 import Libgit2
from gitxp.git.objects import MissingObject, Objects, TooLarge, WrongObject
from gitxp.git.opening import open_objects
from gitxp.git.program import Git
from run_factory import Factory, encode, make_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = {
    "dir/one.txt": "one\n",
    "dir/sub/two.txt": "two\n",
    'dir/odd\n"name\t\udcff': "odd\n",
    "dir.txt": "beside\n",
}


@pytest.fixture(params=["git", "libgit2"])
def objects(repo: str, request: pytest.FixtureRequest) -> Iterator[Objects]:
    """Each of the two readers, on the same repository."""
    reader: Objects | None = CatFile(Git(repo)) if request.param == "git" else Libgit2.open(Git(repo), f"{repo}/.git")
    assert reader is not None
    yield reader
    reader.close()


@pytest.fixture
def commit(repo: str) -> Oid:
    """A commit with FILES below `.gitxp/…`, on top of the repository's first."""
    return Oid(Factory(repo).make("run", files=FILES))


def test_commit_facts(objects: Objects, commit: Oid, git: Any) -> None:
    """Tree, parents, time and message are those that git prints."""
    facts = objects.read_commit(commit)
    assert facts.tree == git("rev-parse", f"{commit}^{{tree}}")
    assert list(facts.parents) == git("log", "-1", "--format=%P", commit).split()
    assert str(facts.time) == git("log", "-1", "--format=%ct", commit)
    assert facts.message.strip() == git("log", "-1", "--format=%B", commit)


def test_a_tag_stands_for_its_commit(objects: Objects, commit: Oid, git: Any) -> None:
    """An annotated tag is followed to the commit, one by one and in bulk."""
    git("tag", "-a", "-m", "tag", "v1", commit)
    tag = Oid(git("rev-parse", "v1"))
    assert objects.read_file(tag, "dir/one.txt") == b"one\n"
    assert list(objects.read_files([tag], "dir/one.txt")) == [(tag, b"one\n")]


def test_folders_of_many_commits(objects: Objects, commit: Oid, git: Any) -> None:
    """One folder in each of many commits: its own entries, none where it is not there or is a file; a missing commit is told."""
    first = Oid(git("rev-parse", "HEAD"))
    missing = Oid("1" * 40)
    answers = list(objects.list_folders([commit, first, commit, missing], "dir"))
    assert [oid for oid, _ in answers] == [commit, first, commit, missing]
    paths = ['dir/odd\n"name\t\udcff', "dir/one.txt", "dir/sub"]
    assert [[entry.path for entry in entries] for _, entries in answers[:3]] == [paths, [], paths]  # type: ignore[union-attr]
    assert list(objects.list_folders([commit], "dir.txt")) == [(commit, [])]


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_found_by_its_path(objects: Objects, commit: Oid, path: str) -> None:
    """Any name that git can hold is found, with newlines and bytes that are no UTF-8."""
    assert objects.read_file(commit, path) == FILES[path].encode()


@pytest.mark.parametrize("path", ["nothing", "dir/nothing", "dir", "dir.txt/below", "dir/sub", "di", "one.txt", ""])
def test_no_file_is_none(objects: Objects, commit: Oid, path: str) -> None:
    """What is not there, a folder, and a path through a file are no files, one by one and in bulk."""
    assert objects.read_file(commit, path) is None
    if path:  # an empty path is the tree itself to git
        assert list(objects.read_files([commit], path)) == [(commit, None)]


def test_entries_have_mode_and_object(objects: Objects, commit: Oid, git: Any) -> None:
    """An entry is what `git ls-tree` says of it."""
    entry = objects.find_entry(commit, "dir/sub/two.txt")
    assert entry is not None
    assert f"{entry.mode} blob {entry.oid}\t{entry.path}" == git("ls-tree", commit, "dir/sub/two.txt")


def test_lists_all_files_below_a_folder(objects: Objects, commit: Oid, git: Any) -> None:
    """The files of a folder are those of `git ls-tree -r`, sorted, with whole paths; not those beside it."""
    listed = git.raw("ls-tree", "-r", "-z", commit, "dir/").split(b"\0")[:-1]
    found = [f"{entry.mode} blob {entry.oid}\t{entry.path}" for entry in objects.list_files(commit, "dir")]
    assert found == sorted(map(os.fsdecode, listed), key=lambda line: line.partition("\t")[2])
    assert objects.list_files(commit, "dir.txt") == []
    assert objects.list_files(commit, "nothing") == []


def test_sizes_and_streams(objects: Objects, repo: str) -> None:
    """A large blob has its size without being read, is refused as a whole, and comes whole in pieces."""
    data = os.urandom(300_000)
    commit = Oid(Factory(repo).make("large", files={"large": data}))
    entry = objects.find_entry(commit, "large")
    assert entry is not None
    assert objects.get_size(entry.oid) == len(data)
    pieces = list(objects.stream_blob(entry.oid))
    assert len(pieces) > 1
    assert b"".join(pieces) == data
    with pytest.raises(TooLarge, match="300,000 bytes"):
        objects.read_blob(entry.oid, 299_999)
    assert objects.read_blob(entry.oid, 300_000) == data


def test_a_stream_may_be_left_in_the_middle(objects: Objects, repo: str) -> None:
    """Whoever takes only the beginning of a stream leaves no process and can go on reading."""
    commit = Oid(Factory(repo).make("large", files={"large": os.urandom(500_000), "small": "small"}))
    entry = objects.find_entry(commit, "large")
    assert entry is not None
    stream = objects.stream_blob(entry.oid)
    next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    assert objects.read_file(commit, "small") == b"small"


def test_missing_objects_are_a_clear_error(objects: Objects) -> None:
    """An object that is not there is named, with what to do, by every method."""
    gone = Oid("d" * 40)
    for ask in (
        lambda: objects.read_commit(gone),
        lambda: objects.read_blob(gone),
        lambda: objects.get_size(gone),
        lambda: objects.read_file(gone, "x"),
        lambda: list(objects.stream_blob(gone)),
        lambda: objects.list_files(gone, "x"),
    ):
        with pytest.raises(MissingObject, match="dddddddddddd is not in the repository") as info:
            ask()
        assert info.value.hint is not None


def test_objects_of_another_kind_are_a_clear_error(objects: Objects, commit: Oid, git: Any) -> None:
    """A blob is no commit and a commit is no blob."""
    blob = Oid(git("rev-parse", f"{commit}:dir.txt"))
    with pytest.raises(WrongObject, match="is a blob, and a commit is needed"):
        objects.read_commit(blob)
    with pytest.raises(WrongObject, match="is a commit, and a blob is needed"):
        objects.read_blob(commit)
    assert objects.read_commit(commit).oid == commit


@pytest.mark.damaged
def test_bulk_keeps_the_order_and_answers_for_each(objects: Objects, repo: str, git: Any) -> None:
    """In bulk one bad commit is one answer: too large, missing, of another kind, without the file; all others are read."""
    factory = Factory(repo)
    sound = [Oid(factory.make(f"run-{n}", files={"file": f"{n}"})) for n in range(600)]
    large = Oid(factory.make("large", files={"file": "x" * 5000}))
    folder = Oid(factory.make("folder", files={"file/inside": "x"}))
    blob = Oid(git("rev-parse", f"{large}:file"))
    lost = Oid(factory.make("lost", files={"file": "to be lost"}))
    lost_blob = git("rev-parse", f"{lost}:file")
    os.unlink(f"{repo}/.git/objects/{lost_blob[:2]}/{lost_blob[2:]}")
    gone = Oid("e" * 40)
    commits = [*sound[:300], large, gone, folder, blob, lost, *sound[300:], large]
    answers = dict(objects.read_files(commits, "file", limit=4999))
    assert [oid for oid, _ in objects.read_files(commits, "file", limit=4999)] == commits
    assert [answers[oid] for oid in sound] == [str(n).encode() for n in range(600)]
    assert isinstance(answers[large], TooLarge)
    assert isinstance(answers[gone], MissingObject)
    assert answers[folder] is None
    assert isinstance(answers[blob], WrongObject)
    assert isinstance(answers[lost], MissingObject)


@pytest.mark.damaged
def test_damaged_bytes_are_a_clear_error(objects: Objects, repo: str, git: Any) -> None:
    """A loose object whose bytes are garbage is an error for who asks for it, and for nobody else."""
    factory = Factory(repo)
    sound, broken = Oid(factory.make("sound", files={"f": "sound"})), Oid(factory.make("broken", files={"f": "broken"}))
    blob = git("rev-parse", f"{broken}:f")
    path = f"{repo}/.git/objects/{blob[:2]}/{blob[2:]}"
    os.chmod(path, 0o644)
    with open(path, "wb") as file:
        file.write(b"garbage")
    with pytest.raises(FormatError):
        objects.read_file(broken, "f")
    answers = dict(objects.read_files([broken, sound, broken, sound], "f"))
    assert isinstance(answers[broken], FormatError)
    assert answers[sound] == b"sound"
    assert objects.read_file(sound, "f") == b"sound"


def _write_tree(repo: str, data: bytes) -> str:
    """A loose tree object of any bytes: git itself would refuse to make some."""
    whole = b"tree %d\0%s" % (len(data), data)
    oid = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    os.makedirs(f"{repo}/.git/objects/{oid[:2]}", exist_ok=True)
    with open(f"{repo}/.git/objects/{oid[:2]}/{oid[2:]}", "wb") as file:
        file.write(zlib.compress(whole))
    return oid


RECORD, SAID = ".gitxp/run.json", ".gitxp/annotations"


def _beside(objects: Objects, commits: list[Oid]) -> list[tuple[Oid, Any, Any]]:
    """What is read of these commits, an error by its kind, an entry by its path and object."""

    def plain(found: Any) -> Any:
        if isinstance(found, FormatError):
            return type(found)
        return [(entry.path, entry.oid) for entry in found] if isinstance(found, list) else found

    return [(oid, plain(data), plain(entries)) for oid, data, entries in objects.read_beside(commits, RECORD, SAID)]


@pytest.mark.damaged
def test_a_file_and_a_folder_beside_it_in_many_commits(objects: Objects, repo: str, git: Any) -> None:
    """They come in the order of the commits, as each alone would give them, whatever is wrong with some."""
    factory = Factory(repo)

    def make(name: str, files: dict[str, str]) -> Oid:
        factory.commit(f"refs/experiments/{name}", files, parent=None)
        return Oid(git("rev-parse", f"experiments/{name}"))

    factory.make_many(300)
    plain = [Oid(oid) for oid in git("for-each-ref", "--format=%(objectname)", "refs/experiments/run-*").split()]
    texts = [encode(make_record(f"run-{n:04d}", n)) for n in range(1, 301)]
    said = [make(f"said-{n}", {RECORD: f"said {n}", f"{SAID}/{n}.json": "edit", f"{SAID}/x/y": "z"}) for n in range(9)]
    odd = [
        make("none", {"file": "x"}),
        make("no-record", {f"{SAID}/1.json": "edit"}),
        make("folder-for-file", {f"{RECORD}/inside": "x"}),
        make("file-for-folder", {RECORD: "{}", SAID: "x"}),
        make("file-for-both", {".gitxp": "x"}),
        make("large", {RECORD: "x" * (MAX_RECORD + 1)}),
        Oid("e" * 40),
        Oid(git("rev-parse", f"{plain[0]}:{RECORD}")),
    ]
    git("tag", "-a", "-m", "tag", "v1", said[0])
    odd.append(Oid(git("rev-parse", "v1")))
    target = git("hash-object", "-w", "train.py")
    tree = _write_tree(repo, b"120000 run.json\0" + bytes.fromhex(target))
    odd.append(Oid(git("commit-tree", "-m", "link", _write_tree(repo, b"40000 .gitxp\0" + bytes.fromhex(tree)))))
    cut = _write_tree(repo, b"100644 run.json\0" + bytes.fromhex(target)[:10])
    odd.append(Oid(git("commit-tree", "-m", "cut", _write_tree(repo, b"40000 .gitxp\0" + bytes.fromhex(cut)))))
    inside = bytes.fromhex(_write_tree(repo, b"100644 1.json\0abc"))
    cut = _write_tree(repo, b"40000 annotations\0" + inside + b"100644 run.json\0" + bytes.fromhex(target))
    odd.append(Oid(git("commit-tree", "-m", "cut below", _write_tree(repo, b"40000 .gitxp\0" + bytes.fromhex(cut)))))
    for number, place in enumerate((RECORD, SAID, ".gitxp", "")):
        for damage in (b"", b"garbage"):
            broken = make(
                f"bad-{number}-{len(damage)}", {RECORD: f"{place} {damage!r}", f"{SAID}/1.json": f"{place}{damage!r}"}
            )
            oid = git("rev-parse", f"{broken}:{place}" if place else broken)
            path = f"{repo}/.git/objects/{oid[:2]}/{oid[2:]}"
            os.unlink(path)
            if damage:
                with open(path, "wb") as file:
                    file.write(damage)
            odd.append(broken)
    alone = {oid: _beside(objects, [oid]) for oid in [*plain[:1], *said, *odd]}
    entries = [(f"{SAID}/{name}", git("rev-parse", f"{said[1]}:{SAID}/{name}")) for name in ("1.json", "x")]
    assert alone[said[1]] == [(said[1], b"said 1", entries)]
    mixed = [*plain[:100], *said[:4], *odd, *plain[100:], *reversed(odd), *said[4:], *odd[3:9], *plain[:3]]
    expected = [alone[oid] if oid in alone else [(oid, texts[plain.index(oid)], [])] for oid in mixed]
    assert _beside(objects, mixed) == [found for (found,) in expected]
    assert _beside(objects, odd) == [alone[oid][0] for oid in odd]
    assert _beside(objects, []) == []


def test_whoever_stops_reading_many_leaves_no_process_behind(objects: Objects, repo: str, git: Any) -> None:
    """After the first of many the reader can be used for anything else, and closes what it began."""
    Factory(repo).make_many(300)
    commits = [Oid(oid) for oid in git("for-each-ref", "--format=%(objectname)", "refs/experiments/").split()]
    reading = objects.read_beside(commits, RECORD, SAID)
    assert next(reading).oid == commits[0]
    reading.close()
    assert objects.read_commit(commits[1]).oid == commits[1]
    assert [found.oid for found in objects.read_beside(commits, RECORD, SAID)] == commits


@pytest.mark.damaged
def test_tree_bombs_are_refused(objects: Objects, repo: str, git: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree that unfolds into more files or folders than people make is an error soon, not an end of memory."""
    monkeypatch.setattr(module, "MAX_FILES", 5000)
    blob = git("hash-object", "-w", "train.py")
    wide = _write_tree(repo, b"".join(b"100644 %d\0" % n + bytes.fromhex(blob) for n in range(9)))
    for _ in range(9):
        wide = _write_tree(repo, b"".join(b"40000 %d\0" % n + bytes.fromhex(wide) for n in range(9)))
    deep = _write_tree(repo, b"100644 x\0" + bytes.fromhex(blob))
    for _ in range(300):
        deep = _write_tree(repo, b"40000 x\0" + bytes.fromhex(deep))
    top = _write_tree(repo, b"40000 deep\0" + bytes.fromhex(deep) + b"40000 wide\0" + bytes.fromhex(wide))
    commit = Oid(git("commit-tree", "-m", "bomb", top))
    with pytest.raises(WrongObject, match="more than 5,000 files"):
        objects.list_files(commit, "wide")
    with pytest.raises(WrongObject, match="more than 200 folders deep"):
        objects.list_files(commit, "deep")


@pytest.mark.damaged
def test_a_cut_tree_is_a_clear_error(objects: Objects, repo: str, git: Any) -> None:
    """A tree that ends in the middle of an entry is damaged, not empty."""
    tree = _write_tree(repo, b"40000 d\0" + bytes.fromhex(_write_tree(repo, b"100644 x\0abc")))
    commit = Oid(git("commit-tree", "-m", "cut", tree))
    with pytest.raises(WrongObject, match="damaged"):
        objects.list_files(commit, "d")


def test_replacements_are_not_followed(objects: Objects, commit: Oid, git: Any) -> None:
    """A run is what was recorded, whatever `git replace` says."""
    blob = git("rev-parse", f"{commit}:dir.txt")
    git("replace", blob, git("hash-object", "-w", "train.py"))
    assert objects.read_file(commit, "dir.txt") == b"beside\n"


def test_what_is_written_later_is_seen(objects: Objects, commit: Oid, repo: str, git: Any) -> None:
    """A reader that is open sees objects that come after it, loose or by a repack."""
    assert objects.read_file(commit, "dir.txt") == b"beside\n"
    later = Oid(Factory(repo).make("later", files={"f": "later"}))
    git("repack", "-a", "-d", "-q")
    assert objects.read_file(later, "f") == b"later"


def test_many_are_read_by_libgit2_and_few_by_git(repo: str) -> None:
    """libgit2 is worth its import from some hundreds of commits on."""
    git = Git(repo)
    assert isinstance(open_objects(git, f"{repo}/.git"), CatFile)
    assert isinstance(open_objects(git, f"{repo}/.git", expected=10_000), Libgit2)


@pytest.mark.parametrize("kind", ["sha256", "extension", "partial"])
def test_what_libgit2_cannot_open_git_reads(tmp_path: Path, git: Any, kind: str) -> None:
    """SHA-256, unknown extensions and partial clones are read by git, however many commits there are."""
    path = str(tmp_path / "other")
    git("init", "-q", *(["--object-format=sha256"] if kind == "sha256" else []), path)
    commit = Oid(Factory(path).make("run", base=None, files={"f": "f"}))
    if kind == "partial":
        git("-C", path, "config", "extensions.partialClone", "origin")
    found = open_objects(Git(path), f"{path}/.git", expected=10_000)
    if kind == "extension":
        git("-C", path, "config", "core.repositoryFormatVersion", "1")
        git("-C", path, "config", "extensions.refStorage", "unheard-of")
        assert Libgit2.open(Git(path), f"{path}/.git") is None
        # newer gits refuse to do anything in such a repository, be it to mend its configuration
        git("config", "--file", f"{path}/.git/config", "--unset", "extensions.refStorage", cwd="/")
        return
    assert isinstance(found, CatFile)
    assert found.read_file(commit, "f") == b"f"
    assert found.read_commit(commit).parents == ()
    found.close()
