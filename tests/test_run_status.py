from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from states import Lab, as_python, as_shell, make

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A repository with one commit."""
    return make(str(tmp_path / "repo"))


@pytest.mark.parametrize(
    ("code", "status"), [(0, "completed"), (1, "failed"), (3, "failed"), (125, "failed"), (255, "failed")]
)
def test_the_exit_status_is_the_commands_own(code: int, status: str, lab: Lab) -> None:
    """Gitxp exits as the command did, and the record says the same."""
    done = lab.run("run", "--name", "r", "--", *as_shell(f"exit {code}"))
    assert done.status == code
    record = lab.record("r")
    assert record["status"] == status
    assert record["exit_code"] == code
    assert "signal" not in record
    assert f"Gitxp-Status: {status}" in lab.say("log", "-1", "--format=%B", "refs/experiments/r")
    assert lab.live() == []


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, "interrupted"),
        (signal.SIGTERM, "killed"),
        (signal.SIGKILL, "killed"),
        (signal.SIGSEGV, "killed"),
        (signal.SIGABRT, "killed"),
        (signal.SIGHUP, "killed"),
        (signal.SIGPIPE, "killed"),
        (signal.SIGUSR1, "killed"),
    ],
)
def test_death_by_a_signal_is_passed_on(number: signal.Signals, status: str, lab: Lab) -> None:
    """When a signal ended the command, the same signal ends gitxp: the shell sees what it would have seen."""
    done = lab.run("run", "--name", "r", "--", *as_shell(f"ulimit -c 0; kill -{number.value} $$"))
    assert done.status == -number
    record = lab.record("r")
    assert record["status"] == status
    assert record["signal"] == number
    assert not os.path.exists(lab.path("core")), "the wrapper leaves no core file of its own"


def test_an_exit_above_128_is_no_signal(lab: Lab) -> None:
    """A command that exits with 143 by itself did exit: nobody killed it."""
    done = lab.run("run", "--name", "r", "--", *as_shell("exit 143"))
    assert done.status == 143
    record = lab.record("r")
    assert record["status"] == "failed"
    assert record["exit_code"] == 143
    assert "signal" not in record


@pytest.mark.parametrize("command", ["no-such-command-anywhere", "./no-such-file", "/no/such/folder/x"])
def test_a_command_that_is_not_there(command: str, lab: Lab) -> None:
    """127, as a shell says it; one sentence and a hint; and no run in the list that never ran."""
    done = lab.run("run", "--name", "r", "--", command)
    assert done.status == 127
    assert re.search(rf"^Error: .*{re.escape(command)}", done.stderr, re.MULTILINE)
    assert "Hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert lab.names() == []
    assert lab.live() == []


@pytest.mark.parametrize("command", ["./README.md", "./src", "/"])
def test_a_command_that_cannot_be_executed(command: str, lab: Lab) -> None:
    """126, as a shell says it, for a file that is not executable and for a folder."""
    done = lab.run("run", "--name", "r", "--", command)
    assert done.status == 126
    assert done.stderr.startswith("Error: ")
    assert "Hint: " in done.stderr
    assert lab.names() == []
    assert lab.live() == []


def test_an_executable_with_a_broken_interpreter(lab: Lab) -> None:
    """`#!/no/such/interpreter`: exec fails late; 126 or 127 as shells do, and nothing is left half done."""
    lab.write("broken", "#!/no/such/interpreter\n", 0o755)
    done = lab.run("run", "--name", "r", "--", "./broken")
    assert done.status in {126, 127}
    assert "./broken" in done.stderr
    assert "Traceback" not in done.stderr
    assert lab.live() == []
    if lab.names():
        assert lab.record("r")["status"] == "failed"


def test_a_script_without_a_first_line(lab: Lab) -> None:
    """An executable text file without `#!` is a shell script to every shell; exec alone refuses it."""
    lab.write("plain", "echo plain\nexit 4\n", 0o755)
    done = lab.run("run", "--name", "r", "--", "./plain")
    assert (done.status, done.stdout) in {(4, b"plain\n"), (126, b"")}
    assert lab.live() == []


def test_a_name_like_a_folder_on_the_path_is_passed_over(lab: Lab) -> None:
    """A folder or a file that is not executable does not hide the command of that name further down the PATH."""
    lab.write("bin/tool/x")
    lab.write("bin2/tool", "not executable\n")
    lab.write("bin3/tool", "#!/bin/sh\necho found\n", 0o755)
    path = os.pathsep.join([lab.path("bin"), lab.path("bin2"), lab.path("bin3"), os.environ["PATH"]])
    done = lab.run("run", "--name", "r", "--", "tool", env={"PATH": path})
    assert (done.status, done.stdout) == (0, b"found\n"), done.stderr


def test_a_relative_command_is_found_where_the_user_stands(lab: Lab) -> None:
    """`./tool` in a subdirectory is that subdirectory's."""
    lab.write("src/tool", "#!/bin/sh\necho found\n", 0o755)
    done = lab.run("run", "--name", "r", "--", "./tool", cwd="src")
    assert (done.status, done.stdout) == (0, b"found\n"), done.stderr


def test_arguments_arrive_as_they_were_given(lab: Lab) -> None:
    """No argument is split, expanded or taken for gitxp's own, and the record has each, whatever its bytes."""
    words = [
        "",
        " ",
        "a b",
        "*",
        "$HOME",
        "--name",
        "x",
        "-n",
        "'",
        '"',
        "\\",
        "new\nline",
        "caf\udce9",
        "\u00fc",
        "--",
    ]
    code = "import os,sys; sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, sys.argv[1:])))"
    done = lab.run("run", "--name", "r", "--", *as_python(code), *words)
    assert done.stdout == b"\0".join(map(os.fsencode, words)), done.stderr
    assert lab.record("r")["command"] == [*as_python(code), *words]


def test_the_double_dash_may_be_left_out(lab: Lab) -> None:
    """The first word that is no option begins the command; options after it are the command's."""
    done = lab.run("run", "--name", "r", "echo", "--name", "x", "-n", "--help")
    assert (done.status, done.stdout) == (0, b"--name x -n --help\n")
    assert lab.record("r")["command"] == ["echo", "--name", "x", "-n", "--help"]


def test_a_double_dash_of_the_commands_own_is_kept(lab: Lab) -> None:
    """Only the first `--` is gitxp's."""
    done = lab.run("run", "--name", "r", "--", "echo", "--", "x")
    assert done.stdout == b"-- x\n"
    assert lab.record("r")["command"] == ["echo", "--", "x"]


def test_the_record_says_when_where_and_who(lab: Lab) -> None:
    """Times in RFC 3339 UTC with milliseconds, a duration in seconds that fits them, host, user, git, gitxp_version."""
    assert (
        lab.run("run", "--name", "r", "--note", "why", "--tag", "a", "--tag", "b", "--group", "g", "--", "true").status
        == 0
    )
    record = lab.record("r")
    for key in ("started_at", "finished_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record[key])
    assert record["started_at"] <= record["finished_at"]
    assert 0 <= record["duration"] < 60
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", record["id"])
    assert record["host"]
    assert record["user"]
    assert record["git"]["version"] in lab.say("--version")
    assert record["gitxp_version"]
    assert record["group"] == "g"
    assert None not in record.values(), "absent rather than null"
    raw = lab.blob("refs/experiments/r", ".gitxp/run.json").decode()
    assert raw.endswith("}\n")
    import json

    assert raw == json.dumps(record, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def test_the_start_says_running(lab: Lab) -> None:
    """The start commit is a whole run already: its record says `running` and has no end."""
    lab.run("run", "--name", "r", "--", "true")
    start = lab.record("r", commit=lab.commits("r")[-1])
    finish = lab.record("r")
    assert start["status"] == "running"
    assert not {"exit_code", "finished_at", "duration", "signal"} & start.keys()
    assert {key: finish[key] for key in ("id", "name", "command", "base", "started_at")} == {
        key: start[key] for key in ("id", "name", "command", "base", "started_at")
    }


def test_the_command_knows_its_run(lab: Lab) -> None:
    """GITXP_RUN is the name; GITXP_RUN_DIR is a folder that is there while the command runs, and gone afterwards."""
    code = (
        "import os; d = os.environ['GITXP_RUN_DIR']; print(os.environ['GITXP_RUN']); print(d); print(os.path.isdir(d))"
    )
    done = lab.run("run", "--name", "r", "--", *as_python(code))
    name, folder, there = done.stdout.decode().splitlines()
    assert (name, there) == ("r", "True")
    assert os.path.isabs(folder)
    assert not os.path.exists(folder)


def test_the_environment_of_the_command_is_the_users(lab: Lab) -> None:
    """Without the probe, nothing but GITXP_* is added to the command's environment, and nothing taken away or changed."""
    code = "import os; os.write(1, b'\\0'.join(k + b'=' + v for k, v in sorted(os.environb.items())))"
    env = {"GIT_AUTHOR_NAME": "Somebody", "GIT_DIR": "", "ODD": "caf\udce9\n", "PYTHONUNBUFFERED": "", "LC_ALL": "C"}
    del env["GIT_DIR"]
    done = lab.run("run", "--name", "r", "--no-probe", "--", *as_python(code), env=env)
    seen = dict(item.split(b"=", 1) for item in done.stdout.split(b"\0"))
    extra = {key: value for key, value in seen.items() if key.startswith(b"GITXP_")}
    wanted = {os.fsencode(k): os.fsencode(v) for k, v in {**os.environ, **env}.items()}
    assert {key: value for key, value in seen.items() if key not in extra} == wanted


def test_the_command_has_the_descriptors_that_it_would_have(lab: Lab) -> None:
    """No lock, pipe or file of gitxp's leaks into the command, where a grandchild could hold it for days."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("this system has no /proc/self/fd")
    code = "import os; print([f for f in os.listdir('/proc/self/fd') if int(f) > 2 and os.path.exists(f'/proc/self/fd/{f}')])"
    done = lab.run("run", "--name", "r", "--", *as_python(code))
    assert done.stdout == b"[]\n"


def test_the_command_has_no_signals_ignored_or_blocked(lab: Lab) -> None:
    """Signal masks and ignored signals are as without gitxp (Python ignores SIGPIPE: the command must not)."""
    if not os.path.exists("/proc/self/status"):
        pytest.skip("this system has no /proc/self/status")
    command = ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]
    done = lab.run("run", "--name", "r", "--", *command)
    assert done.stdout == subprocess.run(command, capture_output=True, check=True).stdout


def test_ignored_signals_stay_ignored(lab: Lab) -> None:
    """Under nohup the command ignores SIGHUP, as it would without gitxp."""
    if not os.path.exists("/proc/self/status"):
        pytest.skip("this system has no /proc/self/status")
    done = lab.run(
        *("run", "--name", "r", "--", "grep", "^SigIgn", "/proc/self/status"),
        prepare="signal.signal(signal.SIGHUP, signal.SIG_IGN)",
    )
    assert int(done.stdout.split()[1], 16) & 1 << signal.SIGHUP - 1


def test_the_umask_and_the_folder_are_the_users(lab: Lab) -> None:
    """The command runs with the user's umask, in the user's folder, with PWD as it was."""
    done = lab.run("run", "--name", "r", "--", *as_shell("umask; pwd"), prepare="os.umask(0o027)")
    assert done.stdout.decode().split() == ["0027", lab.top]


def test_the_last_line_names_the_run(lab: Lab) -> None:
    """Gitxp speaks on stderr alone, and its last line there names the run."""
    done = lab.run("run", "--name", "my-run", "--", *as_shell("echo out; echo err >&2; exit 2"))
    assert done.stdout == b"out\n"
    assert "my-run" in done.stderr.splitlines()[-1]
    assert "err" in done.stderr.splitlines()


def test_a_name_is_made_when_none_is_given(lab: Lab) -> None:
    """Two runs without `--name` have two names; stderr says which."""
    said = [lab.run("run", "true").stderr.splitlines()[-1] for _ in range(2)]
    names = lab.names()
    assert len(names) == 2
    for name in names:
        assert sum(name in line for line in said) == 1
        assert re.fullmatch(r"[a-z]+-[a-z]+-[0-9a-z]{4}", name)


@pytest.mark.parametrize("env", [{"HOME": ""}, {"USER": "", "LOGNAME": "", "HOME": "/nowhere"}])
def test_without_an_identity(env: dict[str, str], lab: Lab) -> None:
    """Git without user.name and user.email is no reason to fail."""
    done = lab.run("run", "--name", "r", "--", "true", env={**env, "GIT_CONFIG_GLOBAL": os.devnull})
    assert done.status == 0, done.stderr
    assert re.fullmatch(r".+ <.+@.+>", lab.say("log", "-1", "--format=%an <%ae>", "refs/experiments/r"))


def test_the_identity_is_gits(lab: Lab) -> None:
    """Commits of a run carry the user's configured name, odd characters and all."""
    lab.git("config", "user.name", "Zo\u00eb <O'Neil> \u5b57")
    lab.git("config", "user.email", "zoe@example.org")
    assert lab.run("run", "--name", "r", "--", "true").status == 0
    assert (
        lab.say("log", "-1", "--format=%an|%ae|%cn", "refs/experiments/r")
        == "Zo\u00eb O'Neil \u5b57|zoe@example.org|Zo\u00eb O'Neil \u5b57"
    )


def test_commits_are_not_signed(lab: Lab) -> None:
    """commit.gpgSign asks for the passphrase of a key at each commit: not in front of a training run."""
    lab.git("config", "commit.gpgSign", "true")
    lab.git("config", "gpg.program", "/bin/false")
    assert lab.run("run", "--name", "r", "--", "true").status == 0
    assert lab.record("r")["status"] == "completed"


def test_refs_have_a_reflog(lab: Lab) -> None:
    """A ref of a run is created and moved with a reflog, so that nothing is lost to a mistake."""
    lab.run("run", "--name", "r", "--", "true")
    assert len(lab.say("reflog", "refs/experiments/r").splitlines()) == len(lab.commits("r"))


def test_param_options(lab: Lab) -> None:
    """`--param K=V` is typed, stands above the command line's own, and says where it came from."""
    done = lab.run(
        *("run", "--name", "r", "--param", "lr=0.5", "--param", "name=a=b", "--param", "on=true", "--"),
        *("true", "--lr", "0.1", "--epochs=3"),
    )
    assert done.status == 0, done.stderr
    record = lab.record("r")
    assert record["params"] == {"lr": 0.5, "name": "a=b", "on": True, "epochs": 3}
    assert record["param_sources"] == {"lr": "option", "name": "option", "on": "option", "epochs": "argv"}


def test_data_and_out(lab: Lab) -> None:
    """`--data` fingerprints what was read; `--out` keeps what was made, as artifacts of the run."""
    lab.write("build/train.csv", "1,2\n")
    done = lab.run(
        *(
            "run",
            "--name",
            "r",
            "--data",
            "build/train.csv",
            "--data",
            "build/none.csv",
            "--out",
            "build/model.bin",
            "--",
        ),
        *as_shell("printf weights > build/model.bin"),
    )
    assert done.status == 0, done.stderr
    record = lab.record("r")
    about = {item["path"]: item for item in record["data"]}
    assert about["build/train.csv"]["kind"] == "file"
    assert about["build/train.csv"]["size"] == 4
    assert re.fullmatch(r"[0-9a-f]{32}", about["build/train.csv"]["xxh3_128"])
    assert about["build/none.csv"]["kind"] == "missing"
    assert record["outputs"][0]["path"] == "build/model.bin"
    assert lab.blob("refs/experiments/r", ".gitxp/artifacts/build/model.bin") == b"weights"


def test_outputs_with_equal_names(lab: Lab) -> None:
    """Files of one name from different folders, inside of the repository and outside, are all kept and told apart."""
    for number, path in enumerate(("../o/a/x", "../o/b/x", "build/x", "build/y/x")):
        lab.write(path, f"{number}\n")
    done = lab.run("run", "--name", "r", "--out", "../o", "--out", "build", "--", "true")
    assert done.status == 0, done.stderr
    stored = lab.say("ls-tree", "-r", "--name-only", "refs/experiments/r", ".gitxp/artifacts/").splitlines()
    assert sorted(lab.blob("refs/experiments/r", path) for path in stored) == [b"0\n", b"1\n", b"2\n", b"3\n"]
    outputs = lab.record("r")["outputs"]
    assert len({item["path"] for item in outputs}) == 4


def test_an_output_that_was_not_made(lab: Lab) -> None:
    """A missing `--out` does not change the status of a run that went well; it is told."""
    done = lab.run("run", "--name", "r", "--out", "nothing.bin", "--", "true")
    assert done.status == 0
    assert "nothing.bin" in done.stderr
    assert lab.record("r")["status"] == "completed"


def test_metrics_from_stdout(lab: Lab) -> None:
    """`--metrics-from stdout` reads `name: value` and `name=value` from what is printed, which passes through as it is."""
    text = "epoch=1 loss=0.5\nepoch=2 loss=0.25 acc: 0.75\n"
    done = lab.run("run", "--name", "r", "--metrics-from", "stdout", "--", *as_shell(f"printf '{text}'"))
    assert done.stdout == text.encode()
    metrics = lab.record("r")["metrics"]
    assert (metrics["loss"]["last"], metrics["loss"]["min"], metrics["loss"]["max"], metrics["loss"]["count"]) == (
        0.25,
        0.25,
        0.5,
        2,
    )
    assert metrics["acc"]["last"] == 0.75
    series = lab.blob("refs/experiments/r", ".gitxp/metrics/loss.tsv").decode()
    assert [line.split("\t")[2] for line in series.splitlines()] == ["0.5", "0.25"]


def test_no_metrics_unless_asked(lab: Lab) -> None:
    """What a command prints is not taken for metrics by itself."""
    lab.run("run", "--name", "r", "--", "echo", "loss=0.5")
    assert not lab.record("r").get("metrics")


def test_metrics_from_a_file(lab: Lab) -> None:
    """`--metrics-from metrics.json` reads the file that the command wrote; its nan is kept as such."""
    text = '{"acc": 0.9, "nested": {"f1": 1}, "bad": NaN}'
    done = lab.run(
        "run", "--name", "r", "--metrics-from", "metrics.json", "--", *as_shell(f"echo '{text}' > metrics.json")
    )
    assert done.status == 0, done.stderr
    metrics = lab.record("r")["metrics"]
    assert {name: metrics[name]["last"] for name in metrics} == {"acc": 0.9, "nested.f1": 1, "bad": "nan"}


def test_metrics_from_a_file_that_is_broken(lab: Lab) -> None:
    """A metrics file that cannot be read is told and changes no status."""
    done = lab.run("run", "--name", "r", "--metrics-from", "m.json", "--", *as_shell("echo '{' > m.json"))
    assert done.status == 0
    assert "m.json" in done.stderr
    assert lab.record("r")["status"] == "completed"


def test_a_metrics_file_from_before_is_not_this_runs(lab: Lab) -> None:
    """A file that the command did not write says nothing about this run."""
    lab.write("metrics.json", '{"acc": 0.1}')
    os.utime(lab.path("metrics.json"), (1_000_000, 1_000_000))
    lab.run("run", "--name", "r", "--metrics-from", "metrics.json", "--", "true")
    assert not lab.record("r").get("metrics")


def test_a_run_in_a_run(lab: Lab) -> None:
    """A run that a run starts is a run of its own."""
    inner = [sys.executable, "-P", "-m", "gitxp", "run", "--name", "inner", "--", "true"]
    done = lab.run("run", "--name", "outer", "--", *inner)
    assert done.status == 0, done.stderr
    assert sorted(lab.names()) == ["inner", "outer"]
    assert lab.record("inner")["status"] == lab.record("outer")["status"] == "completed"


def test_the_recorder_outlives_the_removal_of_the_working_tree(lab: Lab) -> None:
    """A command that deletes the folder it runs in is recorded to its end."""
    lab.write("src/deep/x")
    done = lab.run("run", "--name", "r", "--", *as_shell("rm -rf ../src; echo done"), cwd="src")
    assert (done.status, done.stdout) == (0, b"done\n"), done.stderr
    assert lab.record("r")["status"] == "completed"


def test_the_command_may_commit_switch_and_run_gc(lab: Lab) -> None:
    """What the command does to the repository (commit, switch, gc --prune=now) harms neither it nor the run."""
    code = "git switch -qc other && echo x > x && git add -A && git commit -qm x && git gc -q --prune=now && git reflog expire --expire=now --all"
    done = lab.run("run", "--name", "r", "--", *as_shell(code))
    assert done.status == 0, done.stderr
    assert lab.say("branch", "--show-current") == "other"
    assert lab.record("r")["branch"] == "main"
    assert lab.parents(lab.commits("r")[-1]) == [lab.say("rev-parse", "main")]


def test_outputs_that_git_refuses(lab: Lab) -> None:
    """`--out .git` costs the artifact, is told, and costs the run neither its status nor its end."""
    done = lab.run("run", "--name", "r", "--out", ".git", "--", "sh", "-c", "exit 3")
    assert done.status == 3
    assert ".git is not kept" in done.stderr
    assert lab.record("r")["status"] == "failed"
    assert lab.live() == []
