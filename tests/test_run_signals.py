from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from states import GITXP, Lab, Popen, as_python, as_shell, kill_each, kill_group, make
from terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

# Counts what it gets: it waits for the first signal, and a moment longer for others.
COUNTING = """
import os, signal, sys, time
seen = []
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, lambda number, _: seen.append(number))
os.write(1, b'ready\\n')
end = time.monotonic() + 20
while not seen and time.monotonic() < end: time.sleep(.01)
time.sleep(.4)
os.write(1, ('seen %s\\n' % [int(n) for n in seen]).encode())
os._exit(7)
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit."""
    return make(str(tmp_path / "repo"))


def _until_ready(process: Popen) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"


def _send(process: Popen, whom: str, number: int) -> None:
    match whom:
        case "each":
            kill_each(process, number)
        case "group":
            kill_group(process, number)
        case _:
            process.send_signal(number)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"])
@pytest.mark.parametrize("whom", ["process", "group", "each"])
def test_the_command_gets_a_signal_once(name: str, whom: str, lab: Lab) -> None:
    """Sent to gitxp alone, to the whole group or to each process, the command gets it once; its own exit status is the run's."""
    number = signal.Signals[name]
    process = lab.start("run", "--name", "r", "--", *as_python(COUNTING))
    _until_ready(process)
    _send(process, whom, number)
    out, err = process.communicate(timeout=60)
    assert out == f"seen [{int(number)}]\n".encode(), err
    assert process.returncode == 7
    record = lab.record("r")
    assert (record["status"], record["exit_code"]) == ("failed", 7)


@pytest.mark.parametrize(("name", "status"), [("SIGINT", "interrupted"), ("SIGTERM", "killed"), ("SIGHUP", "killed")])
@pytest.mark.parametrize("whom", ["process", "group", "each"])
def test_a_signal_that_ends_the_command_ends_gitxp(name: str, status: str, whom: str, lab: Lab) -> None:
    """A command that dies of the signal makes gitxp die of the same one, after it recorded the run."""
    number = signal.Signals[name]
    process = lab.start("run", "--name", "r", "--", *as_shell("echo ready; exec sleep 60"))
    _until_ready(process)
    _send(process, whom, number)
    process.communicate(timeout=60)
    assert process.returncode == -number
    record = lab.record("r")
    assert (record["status"], record["signal"]) == (status, number)
    assert "problems" not in record
    assert lab.output("r") == b"ready\n"
    assert lab.live() == []


def test_two_signals_are_two(lab: Lab) -> None:
    """An impatient second Ctrl-C is passed on as well."""
    code = COUNTING.replace("time.sleep(.4)", "os.write(1, b'first\\n')\nwhile len(seen) < 2: time.sleep(.01)")
    process = lab.start("run", "--name", "r", "--", *as_python(code))
    _until_ready(process)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == b"first\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert out == b"seen [2, 2]\n"
    assert process.returncode == 7


@pytest.mark.parametrize("whom", ["process", "each"])
def test_a_signal_while_the_run_is_committed(whom: str, lab: Lab) -> None:
    """A signal to every process, git among them, does not keep a run whose command has ended from being committed."""
    git = shutil.which("git")
    assert git is not None
    mark = lab.path("../slow/begun")
    code = f"import os, sys, time\nif 'fast-import' in sys.argv: open({mark!r}, 'w'); time.sleep(1)\n"
    lab.write("../slow/git", f"#!{sys.executable} -S\n{code}os.execv({git!r}, sys.argv)\n", 0o755)
    env = {"PATH": os.pathsep.join([lab.path("../slow"), os.environ["PATH"]])}
    process = lab.start("run", "--name", "r", "--", *as_shell(f"sleep 1.5; rm {mark}; exit 3"), env=env)
    for is_there in (True, False, True):  # of the start, removed by the command, of the end
        while os.path.exists(mark) != is_there:
            time.sleep(0.01)
    _send(process, whom, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 3
    assert lab.record("r")["exit_code"] == 3
    assert lab.live() == []


def test_a_signal_that_the_command_ignores_ends_nothing(lab: Lab) -> None:
    """Gitxp does not die of what its command survives."""
    process = lab.start("run", "--name", "r", "--", *as_shell("trap '' TERM; echo ready; sleep .5; echo on"))
    _until_ready(process)
    process.terminate()
    out, _ = process.communicate(timeout=60)
    assert out == b"on\n"
    assert process.returncode == 0
    assert lab.record("r")["status"] == "completed"


def test_stop_and_continue(lab: Lab) -> None:
    """SIGTSTP to gitxp's group stops the command, SIGCONT lets it go on, and the run ends as if nothing had been."""
    code = "import os, time; os.write(1, b'ready\\n'); time.sleep(.3); os.write(1, b'on\\n')"
    process = lab.start("run", "--name", "r", "--", *as_python(code))
    _until_ready(process)
    kill_group(process, signal.SIGSTOP)
    time.sleep(0.1)
    kill_group(process, signal.SIGCONT)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b"on\n")
    assert lab.record("r")["status"] == "completed"


def test_kill_nine_of_the_command(lab: Lab) -> None:
    """The out-of-memory killer takes the command: the run says so, and gitxp ends in the same way."""
    process = lab.start("run", "--name", "r", "--", *as_shell("echo $$; exec sleep 60"))
    assert process.stdout is not None
    os.kill(int(process.stdout.readline()), signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert lab.record("r")["signal"] == signal.SIGKILL
    assert lab.live() == []


def test_a_signal_at_any_moment(lab: Lab) -> None:
    """TERM before, at or after the command's start and end: never a traceback, a half-made run or a wrong status."""
    chance = random.Random(20261123)  # noqa: S311  (moments, not keys)
    begin = time.monotonic()
    lab.run("run", "--name", "measure", "--", *as_shell("exit 0"))
    whole = time.monotonic() - begin
    for number in range(14):
        name = f"r{number}"
        process = lab.start("run", "--name", name, "--", *as_shell("sleep .05; exit 0"))
        time.sleep(chance.uniform(0, 1.3 * whole))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert b"Traceback" not in err, err
        if name in lab.names():
            record = lab.record(name)
            if process.returncode == -signal.SIGTERM and record["status"] != "killed":
                assert record["status"] in {"completed", "lost"}, (
                    record
                )  # it ended before the signal came, or never began
            assert process.returncode in {0, -signal.SIGTERM}
        else:
            assert process.returncode in {-signal.SIGTERM, 128 + signal.SIGTERM, 125}
        assert lab.run("list", "--json").status == 0
        assert lab.live() == []
        assert all(lab.record(run)["status"] != "running" for run in lab.names())


# On a terminal


@pytest.mark.parametrize(("key", "name"), [(b"\x03", "SIGINT"), (b"\x1c", "SIGQUIT")])
def test_a_key_is_one_signal(key: bytes, name: str, lab: Lab) -> None:
    """Ctrl-C gives the command exactly one SIGINT, and the other key one SIGQUIT."""
    with Terminal("run", "--name", "r", "--", *as_python(COUNTING), cwd=lab.top) as terminal:
        terminal.expect(b"ready")
        terminal.type(key)
        terminal.expect(rb"seen \[%d\]" % signal.Signals[name])
        assert terminal.wait() == 7
    assert lab.record("r")["exit_code"] == 7


@pytest.mark.parametrize("piped", [("stdout",), ("stdout", "stderr"), ("stdin",)])
def test_a_key_is_one_signal_with_pipes_about(piped: tuple[str, ...], lab: Lab) -> None:
    """With some streams piped the terminal may signal the command itself: still exactly one SIGINT."""
    with Terminal("run", "--name", "r", "--", *as_python(COUNTING), cwd=lab.top, piped=piped) as terminal:
        out = terminal.process.stdout
        if out is None:
            terminal.expect(b"ready")
        else:
            assert out.readline() == b"ready\n"
        terminal.type(b"\x03")
        if out is None:
            terminal.expect(rb"seen \[2\]")
        else:
            assert out.readline() == b"seen [2]\n"
        if terminal.process.stderr is not None:
            terminal.process.stderr.read()
        assert terminal.wait() == 7


def test_ctrl_c_ends_a_run(lab: Lab) -> None:
    """A command that dies of Ctrl-C is an interrupted run, and the shell sees death by SIGINT."""
    with Terminal("run", "--name", "r", "--", *as_shell("echo ready; exec sleep 60"), cwd=lab.top) as terminal:
        terminal.expect(b"ready")
        terminal.type(b"\x03")
        assert terminal.wait() == -signal.SIGINT
    record = lab.record("r")
    assert (record["status"], record["signal"]) == ("interrupted", signal.SIGINT)
    assert lab.live() == []


def test_a_terminal_that_is_closed(lab: Lab) -> None:
    """When the window is closed the command is hung up, as without gitxp, and the run is recorded."""
    with Terminal("run", "--name", "r", "--", *as_shell("echo ready; exec sleep 60"), cwd=lab.top) as terminal:
        terminal.expect(b"ready")
        terminal.hang_up()
        assert terminal.process.wait(30) == -signal.SIGHUP
    record = lab.record("r")
    assert (record["status"], record["signal"]) == ("killed", signal.SIGHUP)
    assert lab.live() == []


def test_a_terminal_that_is_closed_on_a_command_that_minds_not(lab: Lab) -> None:
    """A command that ignores SIGHUP runs on to its own end without the terminal, and its run is completed."""
    code = "trap '' HUP; echo ready; sleep 1; echo on; echo done > ../proof; exit 0"
    with Terminal("run", "--name", "r", "--", *as_shell(code), cwd=lab.top) as terminal:
        terminal.expect(b"ready")
        terminal.hang_up()
        terminal.process.wait(30)
    assert lab.live() == []
    assert lab.record("r")["status"] in {"completed", "failed"}  # `echo on` may fail where there is no terminal
    assert os.path.exists(lab.path("../proof"))


def _bash(lab: Lab) -> Terminal:
    if not shutil.which("bash"):
        pytest.skip("there is no bash, whose job control this test needs")
    terminal = Terminal("--norc", "--noprofile", "-i", cwd=lab.top, command=["bash"], env={"PS1": "$ "})
    terminal.type(b"PS1='prompt> '\n")
    terminal.expect(rb"\nprompt> |\rprompt> |prompt> $")
    return terminal


def test_job_control(lab: Lab) -> None:
    """Ctrl-Z stops the run and gives the shell back; fg goes on where it was; the run ends as it would have."""
    run = " ".join([*GITXP, "run", "--name", "r", "--"])
    code = "echo re''ady; read x; echo got $x"
    with _bash(lab) as terminal:
        terminal.type(f"{run} sh -c '{code}'\n".replace("re''ady", 're""ady').encode())
        terminal.expect(rb"\nready")
        terminal.type(b"\x1a")
        terminal.expect(rb"Stopped")
        terminal.type(b"echo shell is $((40 + 2))\n")
        terminal.expect(rb"shell is 42")
        terminal.type(b"fg\n")
        terminal.expect(rb"fg\r\n.*\n")
        terminal.type(b"something\n")
        terminal.expect(rb"got something(.|\n)*prompt> $")
        terminal.type(b"echo status $?\n")
        terminal.expect(rb"status 0")
        terminal.type(b"exit\n")
        terminal.wait()
    assert lab.record("r")["status"] == "completed"


def test_a_run_in_the_background_of_a_terminal(lab: Lab) -> None:
    """`gitxp run … &` in an interactive shell runs to its end: it is not stopped for touching the terminal."""
    run = " ".join([*GITXP, "run", "--name", "r", "--"])
    with _bash(lab) as terminal:
        terminal.type(f"{run} sh -c 'sleep .3; exit 3' & wait $!; echo status $?\n".encode())
        terminal.expect(rb"\nstatus 3")
        terminal.type(b"exit\n")
        terminal.wait()
    assert lab.record("r")["exit_code"] == 3


def test_a_pipeline_in_a_terminal_can_be_interrupted(lab: Lab) -> None:
    """In `gitxp run … | cat`, Ctrl-C reaches the command once, and the prompt is back."""
    run = " ".join([*GITXP, "run", "--name", "r", "--"])
    lab.write("../counting.py", COUNTING)
    with _bash(lab) as terminal:
        terminal.type(f"{run} {sys.executable} ../counting.py | (trap '' INT; cat)\n".encode())
        terminal.expect(rb"\nready")
        terminal.type(b"\x03")
        terminal.expect(rb"seen \[2\](.|\n)*prompt> $")
        terminal.type(b"echo back $((40 + 2))\n")
        terminal.expect(rb"back 42")
        terminal.type(b"exit\n")
        terminal.wait()
    assert lab.record("r")["exit_code"] == 7


def test_a_pipeline_in_a_terminal_shares_it(lab: Lab) -> None:
    """In `gitxp run … | cat` the terminal is not ours alone: the lines that cat writes begin at the left edge."""
    run = " ".join([*GITXP, "run", "--name", "r", "--"])
    with _bash(lab) as terminal:
        terminal.type(f"{run} sh -c 'echo one; echo two; sleep .3' | cat\n".encode())
        terminal.expect(rb"completed(.|\n)*prompt> $")
        assert b"one\r\ntwo\r\n" in terminal.seen
        terminal.type(b"exit\n")
        terminal.wait()


def test_a_background_run_that_is_brought_to_the_foreground(lab: Lab) -> None:
    """After `gitxp run cat &`, `fg`, the keyboard is the command's, and a line is a line."""
    run = " ".join([*GITXP, "run", "--name", "r", "--"])
    with _bash(lab) as terminal:
        terminal.type(f"{run} cat &\n".encode())
        terminal.expect(rb"snapshot of")
        terminal.type(b"fg\n")
        terminal.expect(rb"fg\r\n.*\n")
        terminal.type(b"hello\n")
        terminal.expect(rb"hello\r\nhello\r\n")
        terminal.type(b"\x04")
        terminal.expect(rb"r: completed(.|\n)*prompt> $")
        terminal.type(b"exit\n")
        terminal.wait()
    assert lab.output("r") == b"hello\nhello\n"


def test_ctrl_z_in_an_inner_shell(lab: Lab) -> None:
    """In `gitxp run bash`, Ctrl-Z stops the inner shell's job and not the run."""
    if not shutil.which("bash"):
        pytest.skip("there is no bash, whose job control this test needs")
    command = ["bash", "--norc", "--noprofile", "-i"]
    with Terminal("run", "--name", "r", "--", *command, cwd=lab.top, env={"PS1": "$ "}) as terminal:
        terminal.expect(rb"snapshot of")
        terminal.type(b"PS1='inner> '\n")
        terminal.expect(rb"inner> $")
        terminal.type(b"sh -c 'echo up; exec sleep 60'\n")
        terminal.expect(rb"\nup\r\n")
        terminal.type(b"\x1a")
        terminal.expect(rb"Stopped(.|\n)*inner> $")
        terminal.type(b"kill -9 %1; sleep .3; echo $((40 + 2))\n")
        terminal.expect(rb"\n42(.|\n)*inner> $")
        terminal.type(b"exit 4\n")
        assert terminal.wait() == 4
    assert lab.record("r")["exit_code"] == 4
