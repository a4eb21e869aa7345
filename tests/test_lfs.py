"""git/lfs.py and git/large_files.py: git-lfs's files without its program; where it is installed, it is the referee."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from gitxp.errors import FormatError
from gitxp.git import lfs
from gitxp.git.cat_file import CatFile
from gitxp.git.large_files import find_pointers, open_artifact, reachable_pointers, smudge
from gitxp.git.lfs import DamagedContent, MissingContent, Store, find_store
from gitxp.git.program import Git as SealedGit
from gitxp.pointer import Pointer, encode_pointer

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git, Gitxp

needs_lfs = pytest.mark.skipif(not shutil.which("git-lfs"), reason="git-lfs is not installed")
DATA = bytes(range(256)) * 20_000
OID = hashlib.sha256(DATA).hexdigest()
POINTER = Pointer(OID, len(DATA))
TEXT = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize {len(DATA)}\n"


def put(store: Store, path: Path, data: bytes = DATA) -> lfs.Stored:
    """Put a file with these bytes into a store."""
    path.write_bytes(data)
    fd = os.open(path, os.O_RDONLY)
    try:
        return store.put(fd)
    finally:
        os.close(fd)


def commit_pointer(git: Git, path: str, pointer: Pointer = POINTER) -> str:
    """Commit a pointer at a path; the commit."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(encode_pointer(pointer))
    git("add", path)
    git("commit", "-qm", path)
    return git("rev-parse", "HEAD")


@needs_lfs
def test_git_lfs_makes_the_same_pointer(repo: str, git: Git) -> None:
    """git-lfs's own clean filter gives our text for these bytes, and its check finds nothing wrong with it."""
    assert git.raw("lfs", "clean", input=DATA) == TEXT.encode()
    file = os.path.join(repo, "p")
    with open(file, "wb") as stream:
        stream.write(encode_pointer(POINTER))
    git("lfs", "pointer", "--check", "--strict", f"--file={file}")


@needs_lfs
@pytest.mark.parametrize("storage", [None, "elsewhere", "{tmp}/store"])
def test_the_store_is_git_lfs_own(repo: str, git: Git, tmp_path: Path, storage: str | None) -> None:
    """Our store is where git-lfs has its objects, whatever `lfs.storage` says, in a linked worktree, too."""
    if storage:
        git("config", "lfs.storage", storage.format(tmp=tmp_path))
    git("worktree", "add", "-q", tmp_path / "linked")
    common = git("rev-parse", "--path-format=absolute", "--git-common-dir")
    for place in (repo, tmp_path / "linked"):
        environment = dict(line.split("=", 1) for line in git("lfs", "env", cwd=place).splitlines() if "=" in line)
        store = find_store(SealedGit(str(place)), common)
        assert os.path.realpath(store.folder) == os.path.realpath(environment["LocalMediaDir"])


@needs_lfs
def test_git_lfs_takes_our_objects(repo: str, git: Git, tmp_path: Path) -> None:
    """`git lfs fsck` finds our objects whole, and `git lfs smudge` gives their bytes."""
    store = find_store(SealedGit(repo), os.path.join(repo, ".git"))
    put(store, tmp_path / "big")
    commit_pointer(git, "big.bin")
    assert "OK" in git("lfs", "fsck", "--objects")
    assert git.raw("lfs", "smudge", input=TEXT) == DATA


def test_put(tmp_path: Path) -> None:
    """A file that is put is an object under its digest, with the digest of another hasher; nothing else is left."""
    store = Store(str(tmp_path / "lfs"))
    (tmp_path / "big").write_bytes(DATA)
    with open(tmp_path / "big", "rb") as file:
        file.seek(100)
        stored = store.put(file.fileno(), hasher=hashlib.sha512)
    assert stored == lfs.Stored(POINTER, hashlib.sha512(DATA).digest(), changed=False)
    path = store.path(OID)
    assert path.endswith(f"/objects/{OID[:2]}/{OID[2:4]}/{OID}")
    assert store.find(POINTER) == path
    assert b"".join(store.stream(POINTER)) == DATA
    assert os.stat(path).st_ino != os.stat(tmp_path / "big").st_ino
    assert os.listdir(tmp_path / "lfs" / "tmp") == []


@pytest.mark.parametrize("mask", [0o022, 0o077])
@pytest.mark.parametrize(
    "value", ["", "false", "umask", "group", "true", "yes", "1", "0660", "all", "world", "2", "0640", "0600", "0666"]
)
def test_who_may_read_objects(repo: str, git: Git, tmp_path: Path, value: str, mask: int) -> None:
    """Objects and new folders have the modes that git gives to its own files and folders, by core.sharedRepository."""
    if value:
        git("config", "core.sharedRepository", value)
    before = os.umask(mask)
    try:
        git("update-ref", "refs/new/folder/file", "HEAD")
        store = find_store(SealedGit(repo), os.path.join(repo, ".git"))
        put(store, tmp_path / "big")
    finally:
        os.umask(before)
    refs = os.path.join(repo, ".git", "refs", "new")
    folder_mode, file_mode = (oct(os.stat(os.path.join(refs, path)).st_mode) for path in ("folder", "folder/file"))
    assert oct(os.stat(store.path(OID)).st_mode) == file_mode
    place = os.path.dirname(store.path(OID))
    while place != os.path.join(repo, ".git"):
        assert oct(os.stat(place).st_mode) == folder_mode
        place = os.path.dirname(place)
    assert oct(os.stat(os.path.join(store.root, "tmp")).st_mode) == folder_mode


MAKE = "open('f.bin', 'wb').truncate(51 << 20)"


@pytest.mark.parametrize(
    ("options", "code"),
    [((), "pass"), (("--out", "f.bin"), MAKE), ((), f"{MAKE}; import gitxp; gitxp.log_artifact('f.bin')")],
)
def test_a_run_in_a_shared_repository(repo: str, git: Git, gitxp: Gitxp, options: tuple[str, ...], code: str) -> None:
    """What a run puts into the store, untracked, named, or handed in, is for the group where the repository is."""
    del repo
    git("config", "core.sharedRepository", "group")
    with open("gitxp.yaml", "w") as file:
        file.write("snapshot: {max_file_size: 1 KiB}\nlarge: {artifacts: true, untracked: true}\n")
    if code == "pass":
        with open("f.bin", "wb") as file:
            file.write(DATA)
    gitxp("run", *options, "--", "python", "-c", code)
    (found,) = (os.path.join(folder, name) for folder, _, names in os.walk(".git/lfs/objects") for name in names)
    assert oct(os.stat(found).st_mode & 0o777) == "0o664"
    assert oct(os.stat(os.path.dirname(found)).st_mode & 0o7777) == "0o2775"


def test_put_through_a_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system clones, what is hashed is the clone: the file itself may change meanwhile."""
    clones = []

    def ioctl(target: int, request: int, source: int) -> int:
        assert request == 0x40049409
        clones.append(os.pwrite(target, os.pread(source, len(DATA), 0), 0))
        return 0

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    store = Store(str(tmp_path / "lfs"))
    assert put(store, tmp_path / "big").pointer == POINTER
    assert clones == [len(DATA)]
    assert store.is_whole(POINTER)


def test_put_of_a_file_that_changes(tmp_path: Path) -> None:
    """Of a file that is written while it is read, what is kept is what was read, under its digest, and it is said."""
    store = Store(str(tmp_path / "lfs"))
    (tmp_path / "big").write_bytes(DATA)
    times = iter(range(1, 1000))

    def touch(_: int) -> None:
        os.utime(tmp_path / "big", (next(times), 0))

    fd = os.open(tmp_path / "big", os.O_RDONLY)
    stored = store.put(fd, tick=touch)
    os.close(fd)
    assert stored.changed
    assert store.is_whole(stored.pointer)


def test_put_that_is_interrupted(tmp_path: Path) -> None:
    """What ends a reading leaves neither an object nor a part of one."""
    store = Store(str(tmp_path / "lfs"))
    (tmp_path / "big").write_bytes(DATA)

    def stop(_: int) -> None:
        raise InterruptedError

    fd = os.open(tmp_path / "big", os.O_RDONLY)
    with pytest.raises(InterruptedError):
        store.put(fd, tick=stop)
    os.close(fd)
    assert [files for _, _, files in os.walk(tmp_path / "lfs") if files] == []


def test_a_damaged_object(tmp_path: Path) -> None:
    """An object with other bytes is no content, whoever asks; putting the file again mends it."""
    store = Store(str(tmp_path / "lfs"))
    put(store, tmp_path / "big")
    with open(store.path(OID), "r+b") as file:
        file.write(b"XX")
    assert not store.is_whole(POINTER)
    with pytest.raises(DamagedContent, match=OID[:12]):
        list(store.stream(POINTER))
    put(store, tmp_path / "big")
    assert store.is_whole(POINTER)
    os.truncate(store.path(OID), 10)
    with pytest.raises(MissingContent, match=OID[:12]):
        list(store.stream(POINTER))


def test_objects_of_a_repository_that_is_borrowed_from(repo: str, git: Git, tmp_path: Path) -> None:
    """In a clone made with --shared, objects of the first one are found, as git-lfs finds them."""
    put(find_store(SealedGit(repo), os.path.join(repo, ".git")), tmp_path / "big")
    git("clone", "-q", "--shared", repo, tmp_path / "second")
    store = find_store(SealedGit(str(tmp_path / "second")), str(tmp_path / "second" / ".git"))
    assert b"".join(store.stream(POINTER)) == DATA
    assert not os.path.exists(store.path(OID))


def test_pointers_in_trees(repo: str, git: Git) -> None:
    """All pointers of a tree, or of one folder, are found by their paths; files that only look like one are none."""
    other = Pointer("1" * 64, 5)
    commit_pointer(git, "a/b.bin")
    commit_pointer(git, "a/again.bin")
    os.symlink("x" * 130, "link")
    with open("long.txt", "w") as file:
        file.write(TEXT + "more\n")
    git("add", "-A")
    first = commit_pointer(git, "c d\té.bin", other)
    sealed = SealedGit(repo)
    assert find_pointers(sealed, first) == {"a/again.bin": POINTER, "a/b.bin": POINTER, "c d\té.bin": other}
    assert find_pointers(sealed, first, "a") == {"a/again.bin": POINTER, "a/b.bin": POINTER}
    git("rm", "-q", "a/b.bin", "a/again.bin")
    git("commit", "-qm", "gone")
    assert reachable_pointers(sealed, ["HEAD"]) == {POINTER, other}
    assert reachable_pointers(sealed, ["HEAD"], [f"{first}~1"]) == {other}
    assert reachable_pointers(sealed, ["HEAD"], ["HEAD"]) == set()
    assert reachable_pointers(sealed, ["HEAD"], ["4" * 40, f"{first}~1"]) == {other}


def test_open_artifact(repo: str, git: Git, tmp_path: Path) -> None:
    """The bytes of a pointer are the object's, or it is said that they are not here; other files are what they are."""
    store = find_store(SealedGit(repo), os.path.join(repo, ".git"))
    objects = CatFile(SealedGit(repo))
    commit = git("rev-parse", "HEAD")
    entry = objects.find_entry(commit, "train.py")
    content = open_artifact(objects, store, entry)
    assert (content.pointer, len(b"".join(content.chunks))) == (None, content.size)
    entry = objects.find_entry(commit_pointer(git, "big.bin"), "big.bin")
    with pytest.raises(MissingContent, match=r"big\.bin"):
        open_artifact(objects, store, entry)
    put(store, tmp_path / "big")
    content = open_artifact(objects, store, entry)
    assert (content.size, content.pointer, b"".join(content.chunks)) == (len(DATA), POINTER, DATA)
    objects.close()


def test_smudge(tmp_path: Path) -> None:
    """Pointers become their content in place, with their mode; done again, nothing changes."""
    store = Store(str(tmp_path / "lfs"))
    put(store, tmp_path / "big")
    (tmp_path / "out" / "a").mkdir(parents=True)
    place = tmp_path / "out" / "a" / "run.bin"
    place.write_text(TEXT)
    place.chmod(0o755)
    for _ in range(2):
        assert smudge(store, str(tmp_path / "out"), {"a/run.bin": POINTER}) == []
        assert place.read_bytes() == DATA
        assert place.stat().st_mode & 0o777 == 0o755
        assert os.listdir(place.parent) == ["run.bin"]
    assert place.stat().st_ino != os.stat(store.path(OID)).st_ino


def test_what_is_not_smudged(tmp_path: Path) -> None:
    """What is no longer the pointer, lies behind a link or out of the folder, or has no content, stays, and it is told."""
    store = Store(str(tmp_path / "lfs"))
    put(store, tmp_path / "big")
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    out.mkdir()
    elsewhere.mkdir()
    (elsewhere / "f").write_text(TEXT)
    (out / "linked").symlink_to(elsewhere)
    (out / "link").symlink_to(elsewhere / "f")
    (out / "edited").write_text("mine")
    (out / "resized").write_bytes(b"x" * len(DATA))
    missing = Pointer("2" * 64, 5)
    (out / "missing").write_bytes(encode_pointer(missing))
    os.mkfifo(out / "fifo")
    names = [
        "linked/f",
        "link",
        "edited",
        "resized",
        "fifo",
        "gone",
        "../elsewhere/f",
        "/etc/passwd",
        "a/../edited",
        "",
    ]
    left = smudge(store, str(out), {**dict.fromkeys(names, POINTER), "missing": missing})
    assert {item.path for item in left} == {*names, "missing"}
    assert all(item.reason for item in left)
    assert (elsewhere / "f").read_text() == TEXT
    assert (out / "edited").read_text() == "mine"
    assert (out / "missing").read_bytes() == encode_pointer(missing)
    assert not [name for name in os.listdir(out) if name.endswith(".tmp")]


def test_damage_is_not_smudged(tmp_path: Path) -> None:
    """An object with wrong bytes never gets into a working tree."""
    store = Store(str(tmp_path / "lfs"))
    put(store, tmp_path / "big")
    with open(store.path(OID), "r+b") as file:
        file.write(b"XX")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "f").write_text(TEXT)
    left = smudge(store, str(tmp_path / "out"), {"f": POINTER})
    assert [item.path for item in left] == ["f"]
    assert "damaged" in left[0].reason
    assert os.listdir(tmp_path / "out") == ["f"]
    assert (tmp_path / "out" / "f").read_text() == TEXT


def test_errors_are_of_their_kinds() -> None:
    """Damage is an error of the format, a missing object is a plain one; both say what to do."""
    assert issubclass(DamagedContent, FormatError)
    assert MissingContent("x", POINTER).hint
