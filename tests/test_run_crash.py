from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from states import Lab, as_python, as_shell, difference, make, referee

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="processes are found through /proc")

# Prints a line every few milliseconds, and says in a file what was printed: a line that stands there was written before.
TALKING = """
import os, time
proof = os.open('../proof', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for number in range(40):
    os.write(1, b'line %d\\n' % number)
    os.write(proof, b'%d\\n' % number)
    time.sleep(.005)
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit, one edit and one new file."""
    lab = make(str(tmp_path / "repo"))
    lab.write("src/model.py", "layers = 8\n")
    lab.write("new.py", "x = 1\n")
    return lab


def _processes(lab: Lab) -> list[int]:
    """Who works in the repository: every process whose current folder is in it."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                folder = os.readlink(f"/proc/{entry}/cwd")
            except OSError:
                continue
            if folder == lab.top or folder.startswith(lab.top + "/"):
                found.append(int(entry))
    return found


def _kill(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _kill_all(lab: Lab) -> None:
    """Kill all of them, and those that they started meanwhile."""
    while pids := _processes(lab):
        _kill(pids)
        time.sleep(0.01)


def _until_quiet(lab: Lab) -> None:
    """Wait until nobody works in the repository."""
    deadline = time.monotonic() + 30
    while _processes(lab):
        assert time.monotonic() < deadline, "somebody stays"
        time.sleep(0.02)


def _listed(lab: Lab) -> dict[str, dict[str, object]]:
    """The runs as `gitxp list --json` gives them, by name; it recovers what was left."""
    done = lab.run("list", "--json")
    assert done.status == 0, done.stderr
    assert "Traceback" not in done.stderr
    return {run["name"]: run for run in json.loads(done.stdout)}


def _started(lab: Lab, name: str, code: str = TALKING) -> subprocess.Popen[bytes]:
    """A run that has printed its first line; its output goes to a file, so that no reader is part of the test."""
    with open(lab.path(f"../{name}.out"), "wb") as out:
        process = lab.start("run", "--name", name, "--", *as_python(code), stdout=out, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not os.path.getsize(lab.path(f"../{name}.out")):
        assert time.monotonic() < deadline, "the command did not start"
        time.sleep(0.005)
    return process


def test_kill_nine_of_everything_while_it_runs(lab: Lab) -> None:
    """The power goes: the run is there as `lost`, with its snapshot and what it had printed; the folder is cleared."""
    wanted = referee(lab)
    process = _started(lab, "r")
    while not os.path.exists(lab.path("../proof")) or os.path.getsize(lab.path("../proof")) < 20:
        time.sleep(0.005)
    _kill_all(lab)
    process.wait()
    proven = lab.read("../proof").decode().split()
    run = _listed(lab)["r"]
    assert run["status"] == "lost"
    assert "exit_code" not in run
    assert "signal" not in run
    assert lab.live() == []
    for commit in lab.commits("r"):
        assert difference(lab.tree(commit), wanted) == {}
    seen = lab.read("../r.out")
    log = lab.output("r")
    assert log.startswith(seen) or seen.startswith(log)
    assert len(log.splitlines()) >= len(proven) - 2, "at most what was in the pipe at that moment is missing"
    assert lab.fsck() == ""


def test_kill_nine_of_the_recorder_alone(lab: Lab) -> None:
    """The command survives its recorder and runs to its own end; the run is there, with all that was printed."""
    process = _started(lab, "r")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _until_quiet(lab)
    assert lab.read("../proof").decode().split() == [str(number) for number in range(40)], "the command was disturbed"
    run = _listed(lab)["r"]
    assert run["status"] in {"completed", "lost"}
    assert lab.live() == []
    seen = lab.read("../r.out")
    assert lab.output("r").startswith(seen)
    assert lab.fsck() == ""


def test_a_run_whose_command_lives_on_is_not_taken_for_ended(lab: Lab) -> None:
    """While the command of a killed recorder still runs, what is listed does not say how it ended."""
    process = _started(lab, "r", "import os, time; os.write(1, b'on\\n'); time.sleep(60)")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    try:
        run = _listed(lab)["r"]
        assert run["status"] in {"running", "lost"}
        assert "exit_code" not in run
    finally:
        _kill_all(lab)
    run = _listed(lab)["r"]
    assert run["status"] in {"lost", "killed"}
    assert lab.live() == []


def test_every_process_of_gitxp_in_turn(lab: Lab) -> None:
    """Whichever of gitxp's processes is killed, the command ends by itself and the run is recorded with the truth."""
    number = 0
    while True:
        name = f"r{number}"
        if os.path.exists(lab.path("../proof")):
            os.unlink(lab.path("../proof"))
        process = _started(lab, name)
        ours = sorted(pid for pid in _processes(lab) if b"gitxp" in _command_line(pid))
        assert ours
        if number >= len(ours):
            process.wait(30)
            break
        os.kill(ours[number], signal.SIGKILL)
        process.wait(30)
        _until_quiet(lab)
        assert lab.read("../proof").decode().split() == [str(line) for line in range(40)], "the command was disturbed"
        run = _listed(lab)[name]
        assert run["status"] in {"completed", "lost"}
        assert lab.live() == []
        number += 1
    assert lab.fsck() == ""


def _command_line(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


@pytest.mark.parametrize("victim", ["recorder", "command", "all"])
def test_kill_nine_at_a_random_moment(victim: str, lab: Lab) -> None:
    """At no moment does a kill break the repository, hide a run whose command had started, or invent an end."""
    chance = random.Random(f"gitxp {victim}")  # noqa: S311  (moments, not keys)
    begin = time.monotonic()
    lab.run("run", "--name", "measure", "--", *as_shell("echo begun; sleep .05; echo ended"))
    whole = time.monotonic() - begin
    wanted = referee(lab)
    for number in range(12):
        name = f"r{number}"
        code = f"echo begun; touch ../begun-{number}; sleep .05; touch ../ended-{number}; echo ended"
        with open(lab.path("../out"), "wb") as out:
            process = lab.start("run", "--name", name, "--", *as_shell(code), stdout=out, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, 1.15 * whole))
        if victim == "all":
            _kill_all(lab)
        elif victim == "recorder":
            _kill([process.pid])
        else:
            _kill(
                [
                    pid
                    for pid in _processes(lab)
                    if b"touch ../begun" in _command_line(pid) and b"gitxp" not in _command_line(pid)
                ]
            )
        process.wait(30)
        _until_quiet(lab)
        runs = _listed(lab)
        if lab.live():  # a git was killed while it had the ref's lock: that is left alone until it is old
            lock = lab.path(f".git/refs/experiments/{name}.lock")
            os.utime(lock, (time.time() - 3600, time.time() - 3600))
            runs = _listed(lab)
        assert lab.live() == []
        begun = os.path.exists(lab.path(f"../begun-{number}"))
        ended = os.path.exists(lab.path(f"../ended-{number}"))
        assert not begun or name in runs, "a command ran that no run tells of"
        if name in runs:
            run = runs[name]
            assert run["status"] in {"completed", "failed", "killed", "lost"}, run
            assert run["status"] != "completed" or ended
            assert run["status"] != "failed" or victim == "command"
            for commit in lab.commits(name):
                assert difference(lab.tree(commit), wanted) == {}
            if begun and victim != "all":
                assert lab.output(name).startswith(b"begun\n")
    assert lab.fsck() == ""
    assert lab.run("run", "--name", "afterwards", "--", "true").status == 0


def test_two_recoverers_make_one_commit(lab: Lab) -> None:
    """Whoever comes first recovers the run; the others neither make a second commit nor fail."""
    for number in range(3):
        process = _started(lab, f"r{number}", "import os, time; os.write(1, b'on\\n'); time.sleep(60)")
        _kill_all(lab)
        process.wait()
    assert len(lab.live()) == 3
    others = [lab.start("list", "--json") for _ in range(5)]
    for other in others:
        out, err = other.communicate(timeout=60)
        assert other.returncode == 0, err
        json.loads(out)
    assert _listed(lab).keys() == {"r0", "r1", "r2"}
    for number in range(3):
        assert len(lab.commits(f"r{number}")) == 2
        assert len(lab.say("reflog", f"refs/experiments/r{number}").splitlines()) == 2
    assert lab.live() == []
    assert lab.fsck() == ""


def test_the_next_run_recovers_too(lab: Lab) -> None:
    """Recovery asks for no command of its own: whatever is typed next does it."""
    process = _started(lab, "r", "import os, time; os.write(1, b'on\\n'); time.sleep(60)")
    _kill_all(lab)
    process.wait()
    assert lab.run("run", "--name", "next", "--", "true").status == 0
    assert lab.run("show", "r").status == 0
    assert lab.record("r")["status"] == "lost"
    assert lab.live() == []


def test_a_running_run_is_left_alone(lab: Lab) -> None:
    """Other commands, however many, take nothing away from a run that is alive."""
    process = _started(lab, "r", "import os, sys, time; os.write(1, b'on\\n'); sys.stdin.read()")
    assert process.poll() is None or True
    process.wait(30)
    process = lab.start("run", "--name", "alive", "--", *as_shell("echo on; read x; exit 5"), stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    for _ in range(2):
        run = _listed(lab)["alive"]
        assert run["status"] == "running"
    assert lab.live() == ["alive"]
    process.communicate(b"go\n", timeout=60)
    assert process.returncode == 5
    assert _listed(lab)["alive"]["exit_code"] == 5


def test_what_never_got_a_name_is_cleared_away(lab: Lab) -> None:
    """A folder of a start that was killed goes; a young one without a lock may be somebody's who is about to lock it."""
    for name, file, age in (("locked-once", "lock", 0), ("old", "state.json", 3600), ("young", "state.json", 0)):
        folder = lab.path(f".git/gitxp/live/.new-{name}")
        os.makedirs(folder)
        with open(os.path.join(folder, file), "w", encoding="ascii"):
            pass
        os.utime(folder, (time.time() - age, time.time() - age))
    assert _listed(lab) == {}
    assert os.listdir(lab.path(".git/gitxp/live")) == [".new-young"]


def test_a_live_folder_that_is_damaged(lab: Lab) -> None:
    """A state file that cannot be read (a disk that lied) hides no other run and stops no command."""
    process = _started(lab, "r", "import os, time; os.write(1, b'on\\n'); time.sleep(60)")
    _kill_all(lab)
    process.wait()
    with open(lab.path(".git/gitxp/live/r/state.json"), "wb") as file:
        file.write(b'{"record": ')
    assert lab.run("run", "--name", "next", "--", "true").status == 0
    runs = _listed(lab)
    assert runs["next"]["status"] == "completed"
    assert "r" in runs
    assert lab.fsck() == ""


def test_strange_things_in_the_folder_of_live_runs(lab: Lab) -> None:
    """Files and folders that gitxp did not make there are passed over."""
    lab.run("run", "--name", "r", "--", "true")
    lab.write(".git/gitxp/live/a-file", "x")
    os.makedirs(lab.path(".git/gitxp/live/an-empty-folder"), exist_ok=True)
    os.makedirs(lab.path(".git/gitxp/live/.odd"), exist_ok=True)
    os.symlink("nowhere", lab.path(".git/gitxp/live/dangling"))
    assert _listed(lab).keys() == {"r"}
    assert lab.run("run", "--name", "s", "--", "true").status == 0


def test_a_ref_that_somebody_moved_meanwhile(lab: Lab) -> None:
    """Someone else's commit on the run's ref is not overwritten; the command's status stands; what was recorded stays."""
    process = lab.start("run", "--name", "r", "--", *as_shell("echo on; read x"), stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    tip = lab.say("rev-parse", "refs/experiments/r")
    other = lab.say("commit-tree", "-p", tip, "-m", "somebody else", f"{tip}^{{tree}}")
    lab.git("update-ref", "refs/experiments/r", other, tip)
    process.communicate(b"go\n", timeout=60)
    assert process.returncode == 0
    assert lab.git("merge-base", "--is-ancestor", other, "refs/experiments/r", check=False) == b""
    assert (
        subprocess.run(
            ["git", "merge-base", "--is-ancestor", other, "refs/experiments/r"], cwd=lab.top, check=False
        ).returncode
        == 0
    )
    assert _listed(lab)["r"]


def test_a_ref_that_somebody_removed_meanwhile(lab: Lab) -> None:
    """A run that is removed while it runs stays removed or comes back whole; nothing fails."""
    process = lab.start("run", "--name", "r", "--", *as_shell("echo on; read x; exit 3"), stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    lab.git("update-ref", "-d", "refs/experiments/r")
    process.communicate(b"go\n", timeout=60)
    assert process.returncode == 3
    runs = _listed(lab)
    assert not runs or runs["r"]["exit_code"] == 3
    assert lab.fsck() == ""


def _litter(lab: Lab) -> list[str]:
    """The reports that `git fast-import` leaves in the user's `.git` when it fails."""
    return [name for name in os.listdir(lab.path(".git")) if name.startswith("fast_import_crash")]


def test_a_ref_lock_that_was_left(lab: Lab) -> None:
    """A stale lock of the run's ref stops the recorder's last commit, not the command; the next command makes up for it."""
    process = lab.start("run", "--name", "r", "--", *as_shell("echo on; read x; exit 3"), stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    lab.git("pack-refs", "--all")
    lab.write(".git/refs/experiments/r.lock", "")
    _, err = process.communicate(b"go\n", timeout=60)
    assert process.returncode == 3
    assert b"Traceback" not in err
    assert _litter(lab) == []
    os.unlink(lab.path(".git/refs/experiments/r.lock"))
    assert _listed(lab)["r"]["exit_code"] == 3
    assert lab.live() == []


def test_a_ref_lock_of_a_git_that_was_killed(lab: Lab) -> None:
    """A git that is killed while it moves a ref leaves its lock behind: an old one does not stop the recovery."""
    process = _started(lab, "r", "import os, time; os.write(1, b'on\\n'); time.sleep(60)")
    _kill_all(lab)
    process.wait()
    lock = lab.write(".git/refs/experiments/r.lock", "")
    os.utime(lock, (time.time() - 3600, time.time() - 3600))
    assert _listed(lab)["r"]["status"] == "lost"
    assert lab.live() == []
    assert lab.output("r") == b"on\n"


@pytest.fixture
def small_disk(tmp_path: Path) -> str:
    """A file system of a few megabytes."""
    path = str(tmp_path / "disk")
    os.mkdir(path)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", path], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(
            f"a small file system needs the right to mount one: {mounted.stderr.decode(errors='replace').strip()}"
        )
    yield path
    subprocess.run(["umount", "-l", path], check=False, capture_output=True)


def test_a_disk_that_fills_up_while_it_runs(small_disk: str, tmp_path: Path) -> None:
    """A full disk costs the rest of the log and not the command: it runs to its end, with its own status."""
    lab = make(os.path.join(small_disk, "repo"))
    code = (
        "import os\n"
        "for n in range(300): os.write(1, b'%04d' % n * 16384)\n"
        f"open({os.path.join(tmp_path, 'proof')!r}, 'w').write('end')\n"
        "os._exit(3)"
    )
    done = lab.run("run", "--name", "r", "--", *as_python(code))
    assert len(done.stdout) == 300 * 65536
    assert (tmp_path / "proof").read_text() == "end"
    assert done.status == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert "space" in done.stderr, "the user is told"
    assert _litter(lab) == []
    for entry in os.scandir(small_disk):
        if entry.is_file():
            os.unlink(entry.path)
    assert "r" in lab.names()


def test_a_disk_that_is_full_at_the_end(small_disk: str) -> None:
    """The last commit does not fit: the status is the command's, the user is told, and the run is completed later."""
    lab = make(os.path.join(small_disk, "repo"))
    done = lab.run(
        "run", "--name", "r", "--", *as_shell("echo printed; sleep 0.3; cat /dev/zero > ../filler 2>/dev/null; exit 3")
    )
    assert done.status == 3, done.stderr
    assert "Traceback" not in done.stderr
    os.unlink(lab.path("../filler"))
    run = _listed(lab)["r"]
    assert (run["status"], run["exit_code"]) == ("failed", 3)
    assert lab.output("r") == b"printed\n"
    assert lab.live() == []
    assert lab.fsck() == ""


def test_a_disk_that_is_full_from_the_start(small_disk: str) -> None:
    """What cannot be captured is not begun: 125, one sentence, a hint; nothing is left behind; no run is there."""
    lab = make(os.path.join(small_disk, "repo"))
    lab.write("new.py", os.urandom(200_000))
    subprocess.run(["sh", "-c", "cat /dev/zero > ../filler"], cwd=lab.top, check=False, capture_output=True)
    done = lab.run("run", "--name", "r", "--", "touch", "/dev/null")
    assert done.status == 125
    assert done.stderr.startswith("Error: ") or "\nError: " in done.stderr
    assert "Traceback" not in done.stderr
    os.unlink(lab.path("../filler"))
    assert _listed(lab) == {}
    assert lab.live() == []
    assert lab.run("run", "--name", "r", "--", "true").status == 0
    assert lab.fsck() == ""
