"""What a run read and wrote without being told: from statements, which these commands make themselves, and from a look."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import xxhash

from gitxp.capture.changes import find_changes
from gitxp.capture.config import Config, Opened, Written
from gitxp.capture.data.pointers import read_dvc_md5
from gitxp.capture.folding_paths import Folded, fold_paths
from gitxp.capture.inputs import Where, find_inputs
from gitxp.capture.passed_over import PassedOver
from gitxp.capture.written import keep_written
from gitxp.git.contents import read_objects
from gitxp.git.program import Git as Program
from gitxp.git.snapshot_files import find_blobs, find_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Git, Gitxp

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"
# What a process of a run says, without a probe.
SAYING = """
import json, os, sys
def say(**facts):
    folder = os.path.join(os.environ["GITXP_RUN_DIR"], "said")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"{os.getpid()}-0.jsonl"), "a") as file:
        file.write(json.dumps({"at": 1, **facts}) + "\\n")
root = os.environ["GITXP_ROOT"]
def here(*names):
    return [os.path.join(root, name) for name in names]
"""


def digest(data: bytes | str) -> str:
    """The fingerprint of these bytes."""
    return xxhash.xxh3_128_hexdigest(data.encode() if isinstance(data, str) else data)


@pytest.fixture
def run(repo: str, gitxp: Gitxp, git: Git) -> Callable[..., dict[str, Any]]:
    """Run this code with `say` and `here`, without the probe: the record."""

    def run_code(code: str, *options: str, command: list[str] | None = None) -> dict[str, Any]:
        script = Path(repo).parent / "script.py"
        script.write_text(SAYING + textwrap.dedent(code))
        words = command or [sys.executable, str(script)]
        gitxp("run", "--name", "r", "--no-probe", *options, "--", *words, cwd=repo)
        record: dict[str, Any] = json.loads(git("show", "experiments/r:.gitxp/run.json"))
        return record

    return run_code


def make(folder: str | Path, files: Mapping[str, str | bytes]) -> None:
    """Files by their paths."""
    for name, data in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)


def ignore(repo: str, git: Git, *lines: str) -> None:
    """Let git ignore these, and commit that."""
    Path(repo, ".gitignore").write_text("\n".join(lines) + "\n")
    git("add", ".gitignore")
    git("commit", "-qm", "Ignore")


def test_data_outside_of_the_snapshot(run: Callable[..., dict[str, Any]], repo: str, git: Git) -> None:
    """What was opened and the snapshot does not hold gets a fingerprint; what it holds, or is not there, is no data."""
    ignore(repo, git, "data/")
    make(repo, {"data/a.csv": "1,2\n", "untracked.txt": "in the snapshot"})
    record = run('say(kind="files", read=here("data/a.csv", "train.py", "untracked.txt", "data/none", "data"))')
    assert record["data"] == [
        {"path": "data/a.csv", "kind": "file", "size": 4, "xxh3_128": digest("1,2\n"), "source": "opened"}
    ]
    assert "problems" not in record


def test_many_files_of_a_folder_are_one_entry_with_a_manifest(
    run: Callable[..., dict[str, Any]], repo: str, git: Git
) -> None:
    """The folder's fingerprint is that of its manifest, which is in the tree, and names the files that were read."""
    ignore(repo, git, "data/")
    make(repo, {**{f"data/img/{n:02}.png": str(n) for n in range(30)}, "data/labels.csv": "x"})
    code = """
        say(kind="files", read=here("data/labels.csv", *(f"data/img/{n:02}.png" for n in range(25))))
    """
    folder, file = run(code)["data"]
    lines = "".join(f"{digest(str(n))}  {n:02}.png\n" for n in range(25))
    assert git.raw("show", "experiments/r:.gitxp/data/data/img.txt").decode() == lines
    assert folder == {
        "path": "data/img",
        "kind": "folder",
        "files": 25,
        "size": 40,
        "xxh3_128": digest(lines),
        "manifest": True,
        "source": "opened",
    }
    assert file["path"] == "data/labels.csv"


def test_a_folder_given_by_data_has_its_manifest(run: Callable[..., dict[str, Any]], repo: str, git: Git) -> None:
    """`--data` keeps the manifest as well, also when the cache knows the folder; what is below it is not listed twice."""
    make(repo, {"data/a": "1", "data/b": "2"})
    os.utime(Path(repo, "data/a"), (1, 1))
    for name in ("a", "b"):
        entries = run('say(kind="files", read=here("data/a"))', "--data", "data")["data"]
        lines = git.raw("show", "experiments/r:.gitxp/data/data.txt")
        assert lines.decode() == f"{digest('1')}  a\n{digest('2')}  b\n", name
        assert entries == [
            {"path": "data", "kind": "folder", "files": 2, "size": 2, "xxh3_128": digest(lines), "manifest": True}
        ]
        git("update-ref", "-d", "refs/experiments/r")


def test_what_lies_outside_of_the_repository(run: Callable[..., dict[str, Any]], repo: str, tmp_path: Path) -> None:
    """It is listed by path, size and time, without a look inside; below a named place it has its fingerprint."""
    make(tmp_path / "elsewhere", {"a": "123", "b": "4"})
    os.utime(tmp_path / "elsewhere" / "a", (1_700_000_000, 1_700_000_000))
    Path(repo, "gitxp.yaml").write_text(f"opened:\n  places: [{tmp_path}/elsewhere/b, {tmp_path}/placed]\n")
    make(tmp_path / "placed", {"c": "5"})
    paths = [str(tmp_path / name) for name in ("elsewhere/a", "placed/c")]
    listed, placed = run(f'say(kind="files", read={paths!r})')["data"]
    assert listed == {
        "path": paths[0],
        "kind": "file",
        "size": 3,
        "modified": "2023-11-14T22:13:20.000Z",
        "source": "opened",
    }
    assert (placed["path"], placed["xxh3_128"]) == (paths[1], digest("5"))


def test_what_the_run_made_itself_is_no_input(run: Callable[..., dict[str, Any]], repo: str, git: Git) -> None:
    """A file that was written first is an output only; one that was read and then overwritten cannot be told any more."""
    ignore(repo, git, "work/")
    make(repo, {"work/state": "old"})
    record = run("""
        open(here("work/new")[0], "w").write("x"); open(here("work/state")[0], "w").write("new")
        say(kind="files", written=here("work/new"))
        say(kind="files", read=here("work/new", "work/state"))
        say(kind="files", written=here("work/state"))
    """)
    assert record["data"] == [{"path": "work/state", "kind": "file", "changed": True, "source": "opened"}]
    assert [entry["path"] for entry in record["outputs"]] == ["work/new", "work/state"]


def test_outputs_are_kept(run: Callable[..., dict[str, Any]], repo: str, git: Git) -> None:
    """What was written and is there is kept with its fingerprint: not what is gone, unchanged, a cache or git's own."""
    ignore(repo, git, "out/")
    record = run("""
        os.makedirs("out/__pycache__"); os.makedirs("venv")
        for name in ("out/a", "out/__pycache__/b", "out/.env", "venv/pyvenv.cfg", "venv/x", "made.txt"):
            open(name, "w").write(name)
        open("train.py", "a").close()
        say(kind="files", written=here("out/a", "out/__pycache__/b", "out/.env", "venv/x", "gone", "train.py", "made.txt",
                                       ".git/config") + ["/etc/passwd"])
    """)
    assert record["outputs"] == [
        {"path": "made.txt", "size": 8, "xxh3_128": digest("made.txt"), "stored": True, "source": "opened"},
        {
            "path": "out/.env",
            "size": 8,
            "xxh3_128": digest("out/.env"),
            "stored": False,
            "reason": "likely to hold secrets",
            "source": "opened",
        },
        {"path": "out/a", "size": 5, "xxh3_128": digest("out/a"), "stored": True, "source": "opened"},
    ]
    assert git("show", "experiments/r:.gitxp/artifacts/out/a") == "out/a"
    stored = git("ls-tree", "-r", "--name-only", "experiments/r:.gitxp/artifacts").split()
    assert stored == ["made.txt", "out/a"]
    assert "problems" not in record


def test_what_is_given_by_out_is_listed_once(run: Callable[..., dict[str, Any]]) -> None:
    """`--out` keeps its own entry, and the file that was opened is no second one."""
    code = 'open("model", "w").write("m"); say(kind="files", written=here("model"))'
    assert [entry.get("source") for entry in run(code, "--out", "model")["outputs"]] == [None]


def test_limits_of_the_configuration(run: Callable[..., dict[str, Any]], repo: str) -> None:
    """What is too large is listed with its fingerprint, the smallest come first, what is excluded is not listed."""
    text = 'written: {max_file_size: 100, max_total_size: 120, exclude: ["*.tmp"]}\nopened: {max_files: 1}\n'
    Path(repo, "gitxp.yaml").write_text(text)
    Path(repo, ".git", "info", "exclude").write_text("d?\n")
    make(repo, {"d1": "1", "d2": "2"})
    record = run("""
        for name, size in (("big", 101), ("large", 90), ("small", 40), ("x.tmp", 1)):
            open(name, "w").write("x" * size)
        say(kind="files", written=here("big", "large", "small", "x.tmp"), read=here("d1", "d2"))
    """)
    assert {entry["path"]: entry.get("reason") for entry in record["outputs"]} == {
        "big": "larger than 100 bytes",
        "large": "more than 120 bytes of artifacts",
        "small": None,
    }
    assert all("xxh3_128" in entry for entry in record["outputs"])
    assert ["xxh3_128" in entry for entry in record["data"]] == [True, False]
    assert record["problems"] == [
        (
            "Of 1 files that it read there is no fingerprint: more than 1 (opened.max_files in gitxp.yaml); "
            "what is named by --data FOLDER is read while the command runs, and all of it."
        )
    ]


def test_a_program_that_says_nothing_is_looked_at(run: Callable[..., dict[str, Any]], repo: str, git: Git) -> None:
    """A command of a second or more that is no Python: what changed meanwhile is listed, and not kept: who knows whose it is."""
    ignore(repo, git, "out/")
    make(repo, {"out/old": "old", "nested/.git/HEAD": "x"})
    command = ["sh", "-c", "sleep 1; echo new >out/new; echo '# edited' >>train.py; echo x >nested/file"]
    record = run("", command=command)
    assert [(entry["path"], entry["source"], entry["stored"]) for entry in record["outputs"]] == [
        ("out/new", "scan", False),
        ("train.py", "scan", False),
    ]


def test_an_editor_is_not_the_run(run: Callable[..., dict[str, Any]]) -> None:
    """Where processes say what they wrote, a file of the snapshot that changed besides is somebody else's work."""
    record = run("""
        say(kind="process", pid=os.getpid(), ppid=1)
        say(kind="imported", modules=["h5py"])
        open("train.py", "a").write("# edited"); open("weights.h5", "w").write("w")
    """)
    assert [(entry["path"], entry["source"]) for entry in record["outputs"]] == [("weights.h5", "scan")]


def test_no_look_for_a_short_run(run: Callable[..., dict[str, Any]]) -> None:
    """A command that says nothing and is over at once is not worth a walk over the working tree."""
    assert "outputs" not in run("", command=["sh", "-c", "echo x >made"])


def test_a_run_that_breaks_its_own_statements(run: Callable[..., dict[str, Any]]) -> None:
    """Whatever stands in `said/`, the run is recorded as it ended, with a sentence."""
    record = run(r"""
        say(kind="files", read=["/\ud800", "/nul\0", 5, None, [], "/" + "x" * 5000], written=[{}], folders=["a"])
        say(kind="params", source="api", params={"a": float("nan"), "b": [[1]], "c": {"d": None}, "\ud800": "\ud800"})
        say(kind="summary", values={"n": float("inf"), "m": 10**300, "\ud800": "x"})
        say(kind="metadata", tags=["\x1b[31m"], notes="\ud800")
        open(os.path.join(os.environ["GITXP_RUN_DIR"], "said", "1-x.jsonl"), "wb").write(b"\xff" * 100000)
    """)
    assert record["status"] == "completed"
    assert record["params"]["a"] == "nan"
    assert record["metrics"]["n"]["last"] == "inf"


@pytest.mark.usefixtures("repo")
def test_a_killed_recorder_loses_nothing_that_was_said(gitxp: Gitxp, git: Git, tmp_path: Path) -> None:
    """A run that nobody saw the end of keeps its parameters, tags, artifacts and results."""
    script = tmp_path / "script.py"
    script.write_text(
        SAYING
        + textwrap.dedent("""
        import signal, time
        staged = os.path.join(os.environ["GITXP_RUN_DIR"], "artifacts", "plot.txt")
        os.makedirs(os.path.dirname(staged), exist_ok=True)
        open(staged, "w").write("plot")
        say(kind="params", source="argparse", params={"lr": 0.5}, given=["lr"])
        say(kind="metadata", tags=["said"])
        say(kind="summary", values={"best": "e3", "acc": 0.5})
        say(kind="artifact", path="plot.txt", source=staged, type="text")
        recorder = os.getppid()
        front = int(open(f"/proc/{recorder}/stat").read().rpartition(")")[2].split()[1])
        for pid in (front, recorder, os.getpid()):
            os.kill(pid, signal.SIGKILL)
        """)
    )
    if not os.path.isdir("/proc/self"):
        pytest.skip("this system has no /proc")
    gitxp("run", "--name", "r", "--no-probe", sys.executable, str(script), check=False)
    gitxp("list")
    record = json.loads(git("show", "experiments/r:.gitxp/run.json"))
    assert record["status"] == "lost"
    assert (record["params"], record["param_sources"]) == ({"lr": 0.5}, {"lr": "argv"})
    assert record["tags"] == ["said"]
    assert record["summary"] == {"best": "e3"}
    assert record["metrics"]["acc"]["last"] == 0.5
    assert record["outputs"][0]["path"] == "plot.txt"
    assert git("show", "experiments/r:.gitxp/artifacts/plot.txt") == "plot"


def test_no_secret_of_a_statement_reaches_the_repository(
    run: Callable[..., dict[str, Any]], repo: str, git: Git
) -> None:
    """A canary in a parameter, a note, a result and a problem is in no object."""
    canary = "ghp_" + hashlib.sha256(b"canary").hexdigest()[:36]
    run(f"""
        say(kind="params", source="argparse", params={{"token": {canary!r}, "url": "https://me:{canary}@host/"}})
        say(kind="metadata", notes={canary!r}, tags=[{canary!r}])
        say(kind="summary", values={{"secret": {canary!r}}})
        say(kind="problem", text={canary!r})
    """)
    objects = git.raw("cat-file", "--batch-all-objects", "--batch", cwd=repo)
    assert b'"token": "<redacted>"' in objects
    assert canary.encode() not in objects


def test_lfs_pointers_in_the_snapshot(run: Callable[..., dict[str, Any]], repo: str, git: Git) -> None:
    """A file of which the snapshot has a pointer is data, told by the pointer."""
    make(repo, {"big.bin": POINTER})
    git("add", "big.bin")
    git("commit", "-qm", "Pointer")
    git("update-index", "--skip-worktree", "big.bin")
    oid = git("rev-parse", "HEAD:big.bin")
    where = _where(repo, "HEAD")
    make(repo, {"big.bin": "x" * 12345})
    found = find_inputs({str(Path(repo, "big.bin")): False}, where, Opened(), lambda: False)
    assert found.entries == [
        {"path": "big.bin", "kind": "file", "size": 12345, "lfs_oid": "sha256:" + "a" * 64, "source": "opened"}
    ]
    size = len(POINTER)
    for order in (["0" * 40, oid], [oid, "0" * 40]):
        assert dict(read_objects(where.git, [(one, size) for one in order])) == {oid: POINTER.encode()}
    del run


def _where(repo: str, commit: str, **more: Any) -> Where:
    began = time.time_ns() + 10**12
    place: dict[str, Any] = {"named": (), "cache": None, "manifests": None, "began_ns": began, **more}
    return Where(git=Program(repo), toplevel=repo, commit=commit, **place)


def test_dvc_files_beside_data(repo: str) -> None:
    """The hash of a `.dvc` file is that of its path; other outs and broken files say nothing."""
    text = "outs:\n- md5: abc\n  path: other\n- md5: def\n  path: data.csv\n"
    make(repo, {"data.csv": "x", "data.csv.dvc": text})
    make(repo, {"broken": "x", "broken.dvc": "outs: [", "odd": "x", "odd.dvc": "outs: {a: 1}"})
    Path(repo, ".git", "info", "exclude").write_text("*\n")
    assert read_dvc_md5(f"{repo}/data.csv") == "def"
    assert read_dvc_md5(f"{repo}/broken") is None
    assert read_dvc_md5(f"{repo}/odd") is None
    (entry,) = find_inputs({f"{repo}/data.csv": False}, _where(repo, "HEAD"), Opened(), lambda: False).entries
    assert entry["dvc_md5"] == "def"


def test_links_are_followed_to_what_they_mean(repo: str, tmp_path: Path) -> None:
    """A link of the snapshot that leads out is data, by its own path; one that leads to a file of the snapshot is none."""
    make(tmp_path, {"outside": "data"})
    Path(repo, "link").symlink_to(tmp_path / "outside")
    Path(repo, "inner").symlink_to("train.py")
    program = Program(repo)
    program.run("add", "-A")
    program.run("commit", "-qm", "Links")
    read = {f"{repo}/{name}": False for name in ("link", "inner")}
    (entry,) = find_inputs(read, _where(repo, "HEAD"), Opened(), lambda: False).entries
    assert (entry["path"], entry["xxh3_128"]) == ("link", digest("data"))


def test_a_time_limit_leaves_out_fingerprints(repo: str, tmp_path: Path) -> None:
    """What there is no time for is listed without its content, and that is said."""
    Path(repo, ".git", "info", "exclude").write_text("*\n")
    make(repo, {"a": "1", "b": "2"})
    read = {f"{repo}/{name}": False for name in "ab"}
    found = find_inputs(read, _where(repo, "HEAD"), Opened(max_seconds=0), lambda: False)
    assert found.entries == [{"path": name, "kind": "file", "source": "opened"} for name in "ab"]
    assert found.problems == [
        (
            "Of 2 files that it read there is no fingerprint: it would take more than 0 s (opened.max_seconds in gitxp.yaml); "
            "what is named by --data FOLDER is read while the command runs, and all of it."
        )
    ]
    config = Config(written=Written(max_seconds=0))
    written = dict.fromkeys(read, "opened")
    kept = keep_written(written, _where(repo, "HEAD"), str(tmp_path / "copies"), config, lambda: False, is_watched=True)
    assert kept.entries == [
        {"path": n, "size": 1, "stored": False, "reason": "there was no time for it within 0 s", "source": "opened"}
        for n in "ab"
    ]


def test_the_time_limit_holds_for_looking_at_files(repo: str) -> None:
    """Where there is no time to look at more files, that is said; what was looked at is listed."""
    Path(repo, ".git", "info", "exclude").write_text("*\n")
    make(repo, {f"d/{n:04}": "x" for n in range(1010)})
    read = {f"{repo}/d/{n:04}": False for n in range(1010)}
    found = find_inputs(read, _where(repo, "HEAD"), Opened(max_seconds=0), lambda: False)
    assert found.entries == [{"path": "d", "kind": "folder", "source": "opened"}]
    assert [text.partition(":")[0] for text in found.problems] == [
        "Of 1,000 files that it read there is no fingerprint",
        "10 further files that it read were not looked at",
    ]


def test_each_run_gets_further_however_short_the_time(
    repo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no time at all, files and folders that were read get their fingerprints run by run, and a huge one delays none."""
    Path(repo, ".git", "info", "exclude").write_text("*\n")
    monkeypatch.setattr(
        "gitxp.capture.data.fingerprints.is_trusted", lambda *_: True
    )  # as if no file had been made just now
    names = [f"d/{n:04}" for n in range(1000)]
    make(repo, {**dict.fromkeys(names, "x"), "a": "1", "z": "2"})
    with open(Path(repo, "big"), "wb") as file:
        file.truncate(1 << 40)
    read = {f"{repo}/{name}": False for name in ("big", "a", "z", *names)}
    where = _where(repo, "HEAD", cache=str(tmp_path / "cache"))
    left = []
    for _ in range(8):
        found = find_inputs(read, where, Opened(max_seconds=0), lambda: False)
        left.append({entry["path"] for entry in found.entries if "xxh3_128" not in entry})
        if left[-1] == {"big"}:
            break
    assert left[0] == {"a", "big", "d", "z"}
    assert left[-1] == {"big"}


def test_a_linked_folder_is_another_name(repo: str, tmp_path: Path) -> None:
    """A file that is opened through a linked folder and without it is one file, read or written."""
    Path(repo, ".git", "info", "exclude").write_text("*\n")
    make(repo, {"data/real/q.txt": "q", "data/real/r.txt": "r"})
    make(tmp_path, {"far/x.txt": "x"})
    Path(repo, "rlink").symlink_to("data/real")
    Path(repo, "far").symlink_to(tmp_path / "far")
    Path(repo, "farther").symlink_to(tmp_path / "far")
    read = ["rlink/q.txt", "data/real/q.txt", "rlink/r.txt", "far/x.txt", "farther/x.txt"]
    inputs = find_inputs({f"{repo}/{name}": False for name in read}, _where(repo, "HEAD"), Opened(), lambda: False)
    names = ["data/real/q.txt", "data/real/r.txt", "far/x.txt"]
    assert [entry["path"] for entry in inputs.entries] == names
    written = {f"{repo}/{name}": "opened" if "link" in name else "scan" for name in read}
    where = _where(repo, "HEAD")
    kept = keep_written(written, where, str(tmp_path / "copies"), Config(), lambda: False, is_watched=True)
    assert [(entry["path"], entry["source"]) for entry in kept.entries] == [
        ("data/real/q.txt", "opened"),
        ("data/real/r.txt", "opened"),
        ("far/x.txt", "scan"),
    ]


def test_a_file_that_is_overwritten_by_another_name(repo: str) -> None:
    """What was read by one name and overwritten by another is no longer what was read."""
    Path(repo, ".git", "info", "exclude").write_text("*\n")
    make(repo, {"data/a": "1"})
    Path(repo, "link").symlink_to("data")
    read = {f"{repo}/data/a": False, f"{repo}/link/a": True}
    found = find_inputs(read, _where(repo, "HEAD"), Opened(), lambda: False)
    assert found.entries == [{"path": "data/a", "kind": "file", "changed": True, "source": "opened"}]


def test_thousands_of_outputs_are_summed_up(repo: str, tmp_path: Path) -> None:
    """A record stays small: beyond a thousand files, folders are counted."""
    make(repo, {**{f"out/{n:04}": "x" for n in range(1100)}})
    found = {f"{repo}/out/{n:04}": "opened" for n in range(1100)}
    kept = keep_written(found, _where(repo, "HEAD"), str(tmp_path / "c"), Config(), lambda: False, is_watched=True)
    assert len(kept.artifacts) == 1000
    (rest,) = [entry for entry in kept.entries if "files" in entry]
    assert rest == {"path": "out", "files": 100, "size": 100, "stored": False, "reason": "more than 1,000 files"}


def test_git_is_asked_in_one_go(repo: str, git: Git) -> None:
    """Any name that git can be asked for is found, and only files whose bytes are the same are unchanged."""
    names = ["a b", "é", "-x", "q'uote", "back\\slash", "sub/:y"]
    for name in names:
        path = Path(repo, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    git("add", "-A")
    git("commit", "-qm", "Names")
    blobs = find_blobs(Program(repo), "HEAD", [*names, "none", "sub", "new\nline", ""])
    assert set(blobs) == set(names)
    Path(repo, "é").write_text("other")
    assert find_unchanged(Program(repo), blobs) == set(names) - {"é"}


@pytest.mark.parametrize("folders", [1, 150])
def test_of_many_paths_the_tree_is_listed(repo: str, git: Git, folders: int) -> None:
    """Of many paths, in few folders or in many, exactly those are found that the commit has, with what it has there."""
    names = ["a b", "é", "-x", "q'uote", "back\\slash", "new\nline", "sub/:y", ":z/*", "[a]/b"]
    for name in names:
        path = Path(repo, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    Path(repo, "a").mkdir()
    Path(repo, "a/b").write_text("not asked for")
    git("add", "-A")
    git("commit", "-qm", "Names")
    absent = [f"none{n % folders}/{n}" for n in range(300)]
    blobs = find_blobs(Program(repo), "HEAD", [*names, "sub", "", *absent])
    few = [name for name in names if "\n" not in name]
    assert {name: blob for name, blob in blobs.items() if name in few} == find_blobs(Program(repo), "HEAD", few)
    assert set(blobs) == set(names)
    assert blobs["new\nline"].size == 8


def test_folding_of_paths() -> None:
    """A folder of more than twenty things is one thing, from the bottom up; the top never is."""
    flat = [f"/r/{n}" for n in range(30)]
    assert fold_paths(flat, "/r") == [Folded(path) for path in sorted(flat)]
    deep = [f"/r/d/{c:02}/{n:02}" for c in range(25) for n in range(25)]
    assert fold_paths([*deep, "/r/x"], "/r") == [Folded("/r/d", tuple(sorted(deep))), Folded("/r/x")]
    few = ["/r/d/a", "/r/d/b/c"]
    many = [f"/r/d/m/{n:02}" for n in range(21)]
    assert fold_paths([*few, *many], "/r") == [Folded("/r/d/a"), Folded("/r/d/b/c"), Folded("/r/d/m", tuple(many))]
    assert fold_paths([]) == []
    assert fold_paths([f"a/{n:02}" for n in range(21)])[0].path == "a"


def test_what_changed_since(tmp_path: Path) -> None:
    """Regular files whose ctime is later; not links, caches, other repositories; nor all of them without time."""
    make(tmp_path, {"a": "1", "sub/b": "2", "sub/__pycache__/c": "3", "repo/.git/HEAD": "x", "repo/d": "4", "old": "5"})
    make(tmp_path, {"tagged/CACHEDIR.TAG": "x", "tagged/e": "6", "node_modules/f": "7"})
    make(tmp_path, {"inner/.git": "gitdir: elsewhere", "inner/g": "8"})
    (tmp_path / "link").symlink_to("a")
    now = time.time_ns()
    found = find_changes(str(tmp_path), now - 10**12, 10, lambda: False)
    names = [os.path.relpath(path, tmp_path) for path in found.paths]
    assert names == ["a", "old", "sub/b"]
    assert found.is_complete
    assert find_changes(str(tmp_path), now + 10**12, 10, lambda: False).paths == []
    assert not find_changes(str(tmp_path), 0, 10, lambda: True).is_complete
    assert PassedOver(str(tmp_path)).file("inner/.git/x")
