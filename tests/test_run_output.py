from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from states import Lab, as_python, as_shell, make
from terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

TTYS = "import os; print([os.isatty(n) for n in range(3)], flush=True)"


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit."""
    return make(str(tmp_path / "repo"))


# Through pipes


def test_an_output_that_cannot_be_passed_on(lab: Lab) -> None:
    """Where the user's stdout is full, what was printed is in the log, and the end says that it went no further."""
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    with open("/dev/full", "wb") as full:
        done = lab.run(
            "run",
            "--name",
            "full",
            "--",
            *as_shell("echo hello"),
            stdout=full,
            stderr=subprocess.PIPE,
            capture_output=False,
        )
    assert "could not all be passed on: No space left on device" in done.stderr
    assert lab.git("cat-file", "blob", "experiments/full:.gitxp/output.log") == b"hello\n"


def test_the_outputs_are_kept_apart_and_exact(lab: Lab) -> None:
    """Every byte that there is passes through, on the stream that it was written to."""
    code = "import os; os.write(1, bytes(range(256))); os.write(2, b'err\\xff\\0'); os.write(1, b'no newline')"
    done = lab.run("run", "--name", "r", "--", *as_python(code))
    assert done.stdout == bytes(range(256)) + b"no newline"
    assert "\nerr\ufffd\0" in done.stderr
    log = lab.output("r")
    assert len(log) == 256 + 5 + 10
    assert log.replace(b"err\xff\0", b"") == bytes(range(256)) + b"no newline"


def test_stderr_is_exact(lab: Lab) -> None:
    """What the command writes to stderr stays in one piece; gitxp's own words begin on a line of their own."""
    with open(lab.path("../err"), "wb") as file:
        lab.run(
            "run",
            "--name",
            "r",
            "--",
            *as_python("import os; os.write(2, b'\\xff\\r\\0half a line')"),
            stderr=file,
            capture_output=False,
        )
    said = lab.read("../err")
    first, _, rest = said.partition(b"\xff\r\0half a line")
    assert first.count(b"\n") == 1
    assert rest.startswith(b"\ngitxp: r: completed")
    assert lab.output("r") == b"\xff\r\0half a line"


def test_no_output(lab: Lab) -> None:
    """A silent command leaves an empty log, or none; `gitxp logs` gives no bytes."""
    assert lab.run("run", "--name", "r", "--", "true").stdout == b""
    done = lab.run("logs", "r")
    assert (done.status, done.stdout) == (0, b""), done.stderr


def test_much_output(lab: Lab) -> None:
    """50 MB pass through whole; what the run keeps begins and ends as they did, and says so when it is not all."""
    code = "import os\nfor n in range(800): os.write(1, (b'%08d' % n) * 8192)\n"
    done = lab.run("run", "--name", "r", "--", *as_python(code))
    assert done.status == 0, done.stderr
    wanted = hashlib.sha256()
    for number in range(800):
        wanted.update((b"%08d" % number) * 8192)
    assert hashlib.sha256(done.stdout).digest() == wanted.digest()
    log = lab.output("r")
    assert log[:65536] == b"00000000" * 8192
    assert log[-65536:] == b"00000799" * 8192
    assert len(log) == len(done.stdout) or lab.record("r")["problems"]


def test_a_slow_reader_slows_the_command_and_not_more(lab: Lab) -> None:
    """A reader that does not read loses nothing: what it reads later is whole."""
    process = lab.start(
        "run", "--name", "r", "--", *as_python("import os\nfor n in range(64): os.write(1, bytes([n]) * 65536)")
    )
    assert process.stdout is not None
    first = process.stdout.read(1)
    rest = process.stdout.read()
    process.communicate()
    assert first + rest == b"".join(bytes([n]) * 65536 for n in range(64))
    assert lab.output("r") == first + rest


def test_output_comes_when_it_is_written(lab: Lab) -> None:
    """A line is passed on while the command runs on: nothing is held back until a buffer is full."""
    with lab.start(
        "run", "--name", "r", "--", *as_shell("echo one; read x; echo got $x"), stdin=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"one\n"
        process.stdin.write(b"it\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"got it\n"
    assert process.returncode == 0


def test_outputs_in_one_file_keep_their_order(lab: Lab) -> None:
    """With `> file 2>&1` lines of both streams stand in the order in which they were written, in the file and the log."""
    code = "import os\nfor n in range(300): os.write(1 + n % 2, b'%d\\n' % n)"
    with open(lab.path("../both"), "wb") as file:
        lab.run("run", "--name", "r", "--", *as_python(code), stdout=file, stderr=file, capture_output=False)
    wanted = "".join(f"{n}\n" for n in range(300)).encode()
    assert wanted in lab.read("../both")
    assert lab.output("r") == wanted


def test_a_file_that_is_appended_to(lab: Lab) -> None:
    """`>> file` appends: gitxp neither truncates nor seeks what the user gave it."""
    path = lab.write("../log", "before\n")
    with open(path, "ab") as file:
        lab.run(
            "run", "--name", "r", "--", "echo", "after", stdout=file, stderr=subprocess.DEVNULL, capture_output=False
        )
    assert lab.read("../log") == b"before\nafter\n"


def test_a_reader_that_goes_away(lab: Lab) -> None:
    """`gitxp run yes | head -1`: the command ends by SIGPIPE as it would without gitxp, and the run says so."""
    process = lab.start("run", "--name", "r", "--", "yes")
    assert process.stdout is not None
    assert process.stdout.readline() == b"y\n"
    process.stdout.close()
    assert process.wait(30) == -signal.SIGPIPE
    process.communicate()
    record = lab.record("r")
    assert (record["status"], record["signal"]) == ("killed", signal.SIGPIPE)
    assert lab.output("r").startswith(b"y\ny\n")


def test_a_reader_of_stderr_that_goes_away(lab: Lab) -> None:
    """`2>&1 >/dev/null | head -1` likewise; gitxp's own last words having no reader changes no status."""
    process = lab.start("run", "--name", "r", "--", *as_shell("yes >&2"), stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    process.stderr.readline()
    assert process.stderr.readline() == b"y\n"
    process.stderr.close()
    process.wait(30)
    assert lab.record("r")["status"] in {"killed", "failed"}
    process = lab.start("run", "--name", "quiet", "--", "true", stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    process.stderr.close()
    assert process.wait(30) == 0
    assert lab.record("quiet")["status"] == "completed"


def test_a_reader_that_goes_away_from_a_command_that_does_not_mind(lab: Lab) -> None:
    """A command that ignores SIGPIPE and stops writing ends with its own status."""
    code = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_IGN)\n"
        "try:\n"
        "    while True: os.write(1, b'x' * 4096)\n"
        "except BrokenPipeError: os._exit(9)\n"
    )
    process = lab.start("run", "--name", "r", "--", *as_python(code))
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(30) == 9
    process.communicate()
    assert lab.record("r")["exit_code"] == 9


def test_a_grandchild_that_keeps_the_pipe_open(lab: Lab) -> None:
    """The end is the command's exit and a short drain, not the end of file: a daemon left behind holds up nothing."""
    done = lab.run("run", "--name", "r", "--", *as_shell("sleep 300 & echo $!; echo last words"), timeout=60)
    pid, words = done.stdout.decode().splitlines()
    try:
        assert done.status == 0
        assert words == "last words"
        assert lab.record("r")["status"] == "completed"
        assert lab.output("r") == done.stdout
        assert lab.record("r")["duration"] < 20, "the duration is the command's own"
        os.kill(int(pid), 0)  # and what was left behind lives on
    finally:
        os.kill(int(pid), signal.SIGKILL)


def test_words_said_right_before_the_end_are_kept(lab: Lab) -> None:
    """What is in the pipe when the command exits is neither cut nor lost."""
    code = "import os; os.write(1, b'x' * 60000); os.write(2, b'y' * 60000); os._exit(5)"
    done = lab.run("run", "--name", "r", "--", *as_python(code))
    assert done.status == 5
    assert done.stdout == b"x" * 60000
    assert "y" * 60000 in done.stderr
    assert len(lab.output("r")) == 120_000


@pytest.mark.parametrize("closed", ["0", "1", "2", "0 1 2"])
def test_descriptors_that_are_closed(closed: str, lab: Lab) -> None:
    """`>&-`: a run with a standard stream closed neither crashes nor writes into somebody else's file."""
    prepare = "; ".join(f"os.close({fd})" for fd in closed.split())
    before = lab.git("status", "--porcelain")
    done = lab.run("run", "--name", "r", "--", "sh", "-c", "exit 6", prepare=prepare)
    assert done.status == 6
    assert lab.record("r")["exit_code"] == 6
    assert lab.git("status", "--porcelain") == before


def test_a_full_device(lab: Lab) -> None:
    """`> /dev/full`: the command sees its own write fail or not, and the run is recorded."""
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "wb") as full:
        done = lab.run(
            "run",
            "--name",
            "r",
            "--",
            *as_shell("echo x; exit 4"),
            stdout=full,
            stderr=subprocess.PIPE,
            capture_output=False,
        )
    assert done.status in {2, 4, 1, -signal.SIGPIPE}
    assert lab.live() == []
    assert lab.record("r")["status"] in {"failed", "killed"}


# stdin


def test_stdin_is_the_commands(lab: Lab) -> None:
    """What is piped in reaches the command whole, and its end too."""
    data = os.urandom(300_000)
    done = lab.run("run", "--name", "r", "--", "cat", input=data, stdin=None)
    assert done.stdout == data


def test_stdin_is_not_eaten(lab: Lab) -> None:
    """In `while read x; do gitxp run …; done` gitxp itself takes nothing from stdin."""
    script = f"{sys.executable} -P -m gitxp run --name r -- true 2>/dev/null; cat"
    done = subprocess.run(["sh", "-c", script], cwd=lab.top, input=b"one\ntwo\n", capture_output=True, check=True)
    assert done.stdout == b"one\ntwo\n"


def test_stdin_that_nobody_closes(lab: Lab) -> None:
    """A pipe on stdin that stays open does not hold up the end."""
    process = lab.start("run", "--name", "r", "--", *as_shell("head -c 3"), stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"abcdef")
    process.stdin.flush()
    assert process.stdout.read() == b"abc"
    assert process.wait(30) == 0
    process.stdin.close()
    process.stdin = None
    process.communicate()


def test_no_terminal_is_pretended(lab: Lab) -> None:
    """Without a terminal the command sees none."""
    done = lab.run("run", "--name", "r", "--", *as_python(TTYS))
    assert done.stdout == b"[False, False, False]\n"


# On a terminal


def test_a_terminal_is_a_terminal(lab: Lab) -> None:
    """On a terminal the command sees one on each stream, of the user's size and type, and can open /dev/tty."""
    code = (
        TTYS
        + "; s = os.get_terminal_size(); print(s.columns, s.lines, os.environ['TERM']); open('/dev/tty', 'w').write('T\\n')"
    )
    with Terminal(
        "run", "--name", "r", "--", *as_python(code), cwd=lab.top, size=(33, 101), env={"TERM": "xterm-256color"}
    ) as terminal:
        assert terminal.wait() == 0
    assert b"[True, True, True]\r\n101 33 xterm-256color\r\nT\r\n" in terminal.seen
    assert b"[True, True, True]" in lab.output("r")
    assert b"r" in terminal.seen.splitlines()[-1]


def test_a_resized_terminal(lab: Lab) -> None:
    """The command is told once of a new size, and finds it."""
    code = (
        "import os, signal, time\n"
        "seen = []\n"
        "signal.signal(signal.SIGWINCH, lambda *_: seen.append(os.get_terminal_size()))\n"
        "print('ready', flush=True)\n"
        "while not seen: time.sleep(.01)\n"
        "time.sleep(.2)\n"
        "print(len(seen), seen[-1].columns, seen[-1].lines)\n"
    )
    with Terminal("run", "--name", "r", "--", *as_python(code), cwd=lab.top) as terminal:
        terminal.expect(b"ready")
        terminal.resize(50, 132)
        assert terminal.wait() == 0
    assert b"1 132 50\r\n" in terminal.seen


def test_line_ends_are_not_doubled(lab: Lab) -> None:
    """A newline is shown as one, progress bars and colours arrive as they were printed, and the log has them."""
    code = r"import sys; sys.stdout.write('a\nb\n\r 10%\r 20%\r\n\x1b[31mred\x1b[0m\n')"
    with Terminal("run", "--name", "r", "--", *as_python(code), cwd=lab.top) as terminal:
        assert terminal.wait() == 0
    assert b"a\r\nb\r\n\r 10%\r 20%\r\r\n\x1b[31mred\x1b[0m\r\n" in terminal.seen
    assert lab.output("r") == b"a\nb\n\r 10%\r 20%\r\n\x1b[31mred\x1b[0m\n"


def test_typing_reaches_the_command_and_is_echoed_once(lab: Lab) -> None:
    """A line that is typed is echoed by one terminal, not by two, and read by the command."""
    with Terminal("run", "--name", "r", "--", *as_shell("echo ready; read x; echo got $x"), cwd=lab.top) as terminal:
        terminal.expect(b"ready")
        terminal.type(b"something\n")
        terminal.expect(b"got something")
        assert terminal.wait() == 0
    assert terminal.seen.count(b"something") == 2


def test_a_password_is_not_shown(lab: Lab) -> None:
    """A command that turns the echo off has it off: neither screen nor log shows what is typed."""
    code = "import getpass; p = getpass.getpass('secret? '); print(len(p), 'characters')"
    with Terminal("run", "--name", "r", "--", sys.executable, "-c", code, cwd=lab.top) as terminal:
        terminal.expect(rb"secret\? ")
        terminal.type(b"hunter2\n")
        terminal.expect(b"7 characters")
        assert terminal.wait() == 0
    assert b"hunter2" not in terminal.seen
    assert b"hunter2" not in lab.output("r")


def test_single_keys(lab: Lab) -> None:
    """A command that reads keys as they are pressed (an editor, a pager) gets each at once, Ctrl-C as a byte too."""
    code = (
        "import os, tty\n"
        "tty.setraw(0)\n"
        "os.write(1, b'ready')\n"
        "for _ in range(3): os.write(1, b'<%d>' % os.read(0, 1)[0])\n"
    )
    with Terminal("run", "--name", "r", "--", *as_python(code), cwd=lab.top) as terminal:
        terminal.expect(b"ready")
        for key, shown in ((b"a", b"<97>"), (b"\x03", b"<3>"), (b"\x1a", b"<26>")):
            terminal.type(key)
            terminal.expect(shown)
        assert terminal.wait() == 0


def test_the_end_of_typed_input(lab: Lab) -> None:
    """Ctrl-D ends the input of a command that reads."""
    with Terminal("run", "--name", "r", "--", *as_shell("echo ready; cat; echo over"), cwd=lab.top) as terminal:
        terminal.expect(b"ready")
        terminal.type(b"line\n\x04")
        terminal.expect(b"over")
        assert terminal.wait() == 0


def test_the_terminal_is_left_as_it_was(lab: Lab) -> None:
    """Whatever the command did to its terminal and however it ended, the user's has the settings of before."""
    for number, code in enumerate(("exit 0", "stty raw -echo", "kill -9 $$", "exit 3")):
        script = 'before=$(stty -g); "$@"; test "$before" = "$(stty -g)" && echo SAME || echo DIFFERENT'
        command = ["sh", "-c", script, "sh", sys.executable, "-P", "-m", "gitxp"]
        with Terminal("run", "--name", f"r{number}", "--", *as_shell(code), cwd=lab.top, command=command) as terminal:
            terminal.wait()
        assert b"SAME" in terminal.seen


def test_only_stdout_is_piped(lab: Lab) -> None:
    """`gitxp run … | less` in a terminal: stdin and stderr stay terminals, stdout is none, and is exact."""
    code = "import os; os.write(2, repr([os.isatty(n) for n in range(3)]).encode()); os.write(1, b'a\\nb\\0')"
    with Terminal("run", "--name", "r", "--", *as_python(code), cwd=lab.top, piped=("stdout",)) as terminal:
        assert terminal.process.stdout is not None
        out = terminal.process.stdout.read()
        assert terminal.wait() == 0
    assert b"[True, False, True]" in terminal.seen
    assert out == b"a\nb\0"


def test_only_stderr_is_piped(lab: Lab) -> None:
    """`2> file` in a terminal: the other two stay terminals."""
    code = "import os; print([os.isatty(n) for n in range(3)]); os.write(2, b'a\\nb\\0')"
    with Terminal("run", "--name", "r", "--", *as_python(code), cwd=lab.top, piped=("stderr",)) as terminal:
        assert terminal.process.stderr is not None
        err = terminal.process.stderr.read()
        assert terminal.wait() == 0
    assert b"[True, True, False]" in terminal.seen
    assert b"\na\nb\0" in err


def test_only_stdin_is_piped(lab: Lab) -> None:
    """`< file` in a terminal: the outputs stay terminals, and the input ends where the file ends."""
    code = "import os, sys; print([os.isatty(n) for n in range(3)]); print(len(sys.stdin.read()))"
    with Terminal("run", "--name", "r", "--", *as_python(code), cwd=lab.top, piped=("stdin",)) as terminal:
        assert terminal.process.stdin is not None
        terminal.process.stdin.write(b"x" * 5000)
        terminal.process.stdin.close()
        assert terminal.wait() == 0
    assert b"[False, True, True]" in terminal.seen
    assert b"5000" in terminal.seen


def test_a_large_paste(lab: Lab) -> None:
    """Lines that are pasted into a terminal faster than the command reads them all arrive."""
    code = "import sys, time; print('ready', flush=True); time.sleep(.3); print('got', sum(len(sys.stdin.readline()) for _ in range(300)))"
    with Terminal("run", "--name", "r", "--", *as_python(code), cwd=lab.top) as terminal:
        terminal.expect(b"ready")
        for _ in range(300):
            terminal.type(b"x" * 19 + b"\n")
            terminal.drain()
        terminal.expect(b"got 6000")
        assert terminal.wait() == 0


def test_much_output_on_a_terminal(lab: Lab) -> None:
    """Five megabytes on a terminal arrive whole, up to the last byte before the exit."""
    code = "import os\nfor n in range(80): os.write(1, b'%02d' % n * 32768)\nos.write(1, b'END')"
    with Terminal("run", "--name", "r", "--", *as_python(code), cwd=lab.top) as terminal:
        assert terminal.wait() == 0
    shown = b"".join(b"%02d" % n * 32768 for n in range(80)) + b"END"
    assert shown + b"\r\ngitxp: r: completed" in terminal.seen
    assert lab.output("r") == shown
