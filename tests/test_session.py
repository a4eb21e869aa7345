from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from conftest import Git, Gitxp


def start(code: str, *args: str, path: str = "prog.py") -> subprocess.Popen[str]:
    """Execute a program of this text in the current folder, and go on."""
    with open(path, "w") as file:
        file.write("import gitxp\n" + textwrap.dedent(code))
    return subprocess.Popen(
        [sys.executable, path, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(code: str, *args: str, path: str = "prog.py") -> subprocess.CompletedProcess[str]:
    """Execute a program of this text in the current folder, to its end."""
    with start(code, *args, path=path) as process:
        out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(args, process.returncode, out, err)


@pytest.fixture
def records(gitxp: Gitxp) -> Callable[[], list[dict[str, Any]]]:
    """The records of all runs, oldest first."""
    return lambda: list(reversed(json.loads(gitxp("list", "--json").stdout)))


def test_a_program_records_itself(
    repo: str,
    records: Callable[[], list[dict[str, Any]]],
    git: Git,
    untouched: Callable[..., AbstractContextManager[None]],
) -> None:
    """init, log and the program's end make a run with snapshot, command, parameters, metrics and environment."""
    with untouched(but=("prog.py", ".")):
        answer = run(
            """
            import argparse
            parser = argparse.ArgumentParser()
            parser.add_argument("--lr", type=float)
            args = parser.parse_args()
            gitxp.init(name="first", tags=["t", "u"], notes="words", group="g")
            for i in range(3):
                gitxp.log({"loss": 1 / (i + 1)})
            print("printed")
            """,
            "--lr",
            "0.1",
        )
    assert (answer.returncode, answer.stdout) == (0, "printed\n")
    assert answer.stderr.splitlines()[0] == "gitxp: first: recording"
    assert answer.stderr.splitlines()[-1].startswith("gitxp: first: completed after ")
    (record,) = records()
    assert (record["name"], record["status"], record["exit_code"]) == ("first", "completed", 0)
    assert record["command"] == [sys.executable, "prog.py", "--lr", "0.1"]
    assert record["params"] == {"lr": 0.1}
    assert record["metrics"]["loss"] == {"last": 1 / 3, "min": 1 / 3, "max": 1.0, "count": 3, "step": 2}
    assert (record["tags"], record["notes"], record["group"]) == (["t", "u"], ["words"], "g")
    assert git("show", "refs/experiments/first:prog.py").startswith("import gitxp")
    environment = json.loads(git("show", "refs/experiments/first:.gitxp/environment.json"))
    assert environment["python"]["executable"] == sys.executable
    assert git("rev-list", "--count", "refs/experiments/first", f"^{record['base']}") == "2"
    assert not os.listdir(os.path.join(repo, ".git/gitxp/live"))


@pytest.mark.parametrize(
    ("code", "status", "how"),
    [
        ("import sys; sys.exit(3)", "failed", {"exit_code": 3}),
        ("import sys; sys.exit()", "completed", {"exit_code": 0}),
        ("import sys; sys.exit('words')", "failed", {"exit_code": 1}),
        ("raise ValueError", "failed", {"exit_code": 1}),
        ("raise KeyboardInterrupt", "interrupted", {"signal": 2}),
        (
            """
            import sys
            try: sys.exit(3)
            except SystemExit: pass
            """,
            "completed",
            {"exit_code": 0},
        ),
        (
            """
            import threading
            thread = threading.Thread(target=lambda: gitxp.log({"late": 1.0}))
            thread.start()
            """,
            "completed",
            {"exit_code": 0},
        ),
        ("gitxp.finish(exit_code=5)", "failed", {"exit_code": 5}),
    ],
)
def test_the_status_is_that_of_the_program(
    repo: str, records: Callable[[], list[dict[str, Any]]], code: str, status: str, how: dict[str, int]
) -> None:
    """Exit statuses, uncaught exceptions and Ctrl-C are what the run ended with, and the program ends as without gitxp."""
    del repo
    answer = run("gitxp.init(); gitxp.log({'a': 1.0})\n" + textwrap.dedent(code))
    (record,) = records()
    assert record["status"] == status
    assert {key: record[key] for key in ("exit_code", "signal") if key in record} == how
    expected = -signal.SIGINT if "signal" in how else 0 if "finish" in code else how["exit_code"]
    assert answer.returncode == expected


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(0)"])
def test_a_program_that_vanished_is_recovered(repo: str, records: Callable[[], list[dict[str, Any]]], end: str) -> None:
    """After kill -9 and os._exit the next command finds the run, with all that was logged, as `lost`."""
    del repo
    run(f"import os\ngitxp.init(name='gone')\nfor i in range(1000): gitxp.log({{'a': float(i)}})\n{end}")
    (record,) = records()
    assert (record["name"], record["status"]) == ("gone", "lost")
    assert (record["metrics"]["a"]["count"], record["metrics"]["a"]["last"]) == (1000, 999.0)


def test_with_ends_the_run_and_tells_how(repo: str, records: Callable[[], list[dict[str, Any]]]) -> None:
    """`with gitxp.init()` ends the run at its end: completed, or failed by an exception; several runs follow each other."""
    del repo
    answer = run(
        """
        import os
        before = dict(os.environ)
        for number in range(3):
            try:
                with gitxp.init(name=f"run-{number}", config={"n": number}) as run:
                    assert os.environ["GITXP_RUN"] == run.name
                    gitxp.log({"n": number})
                    if number == 1: raise ValueError
            except ValueError:
                pass
            assert gitxp.run is None and dict(os.environ) == before
        """
    )
    assert answer.returncode == 0, answer.stderr
    assert [(r["name"], r["status"], r["metrics"]["n"]["last"]) for r in records()] == [
        ("run-0", "completed", 0),
        ("run-1", "failed", 1),
        ("run-2", "completed", 2),
    ]


def test_init_again_is_the_same_run_unless_a_new_one_is_asked_for(
    repo: str, records: Callable[[], list[dict[str, Any]]]
) -> None:
    """As with W&B: a second init gives the active run; `reinit=True` ends it and begins another."""
    del repo
    run(
        """
        first = gitxp.init()
        assert gitxp.init(tags="x") is first and first.tags == ("x",)
        second = gitxp.init(reinit=True)
        assert second is not first and first.is_finished and gitxp.run is second
        """
    )
    assert [record["status"] for record in records()] == ["completed", "completed"]


def test_names_need_not_be_legal_or_free(repo: str, records: Callable[[], list[dict[str, Any]]]) -> None:
    """A name that a ref cannot have becomes one that it can; one that is taken gets a number."""
    del repo
    for _ in range(3):
        run("gitxp.init(name='lr=0.1, try #2')")
    run("gitxp.init(name='損失')")
    names = [record["name"] for record in records()]
    assert names[:3] == ["lr-0.1-try-2", "lr-0.1-try-2-2", "lr-0.1-try-2-3"]
    assert len(names) == 4


def test_children_belong_to_the_run_and_do_not_end_it(repo: str, records: Callable[[], list[dict[str, Any]]]) -> None:
    """Forked and spawned children log into the run of the process that began it; a child's end, or its finish, is not the run's."""
    del repo
    answer = run(
        """
        import multiprocessing, os, subprocess, sys
        def work(name):
            gitxp.log({name: 1.0})
            gitxp.finish()
        if __name__ == "__main__":
            gitxp.init(name="several")
            if os.fork() == 0:
                work("forked")
                sys.exit(7)
            os.wait()
            for method in ("fork", "spawn"):
                child = multiprocessing.get_context(method).Process(target=work, args=(method,))
                child.start()
                child.join()
            code = "import gitxp; gitxp.init(config={'x': 1}); gitxp.log({'program': 1.0})"
            subprocess.run([sys.executable, "-c", code], check=True)
            gitxp.log({"parent": 1.0})
        """
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr.count("completed") == 1
    (record,) = records()
    assert set(record["metrics"]) == {"forked", "fork", "spawn", "program", "parent"}
    assert record["status"] == "completed"


def test_a_child_that_outlives_the_run_does_not_keep_it_alive(
    repo: str, records: Callable[[], list[dict[str, Any]]]
) -> None:
    """A forked child has no copy of the lock: the run of a killed parent is recovered while the child lives."""
    del repo
    with start(
        """
        import os, time
        gitxp.init(name="parent")
        gitxp.log({"a": 1.0})
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
        print(pid, flush=True)
        time.sleep(600)
        """
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        process.wait()
        try:
            (record,) = records()
        finally:
            os.kill(child, signal.SIGKILL)
        process.communicate()
    assert (record["name"], record["status"]) == ("parent", "lost")


def test_without_a_repository_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of any repository the program runs as ever, and nothing is recorded anywhere."""
    monkeypatch.chdir(tmp_path)
    answer = run("gitxp.init(config={'a': 1}); gitxp.log({'a': 1.0}); gitxp.summary['x'] = 'y'; print(gitxp.config.a)")
    assert (answer.returncode, answer.stdout) == (0, "1\n")
    assert len(answer.stderr.splitlines()) == 1
    assert answer.stderr.startswith("gitxp: nothing is recorded: There is no git repository in ")
    assert os.listdir(tmp_path) == ["prog.py"]


def test_a_git_that_fails_costs_the_record_and_not_the_program(repo: str) -> None:
    """Where the repository cannot be written to, init says so and the program goes on."""
    os.makedirs(os.path.join(repo, ".git/gitxp"))
    with open(os.path.join(repo, ".git/gitxp/live"), "w"):
        pass
    answer = run("gitxp.init(); gitxp.log({'a': 1.0}); print('done')")
    assert (answer.returncode, answer.stdout) == (0, "done\n"), answer.stderr
    assert answer.stderr.startswith("gitxp: nothing is recorded: ")


def test_under_gitxp_run_the_program_joins(
    repo: str, gitxp: Gitxp, records: Callable[[], list[dict[str, Any]]]
) -> None:
    """Under `gitxp run`, init begins no second run, and finish does not end the one there is."""
    with open(os.path.join(repo, "prog.py"), "w") as file:
        file.write(
            "import gitxp\ngitxp.init()\ngitxp.log({'a': 1.0})\ngitxp.finish()\ngitxp.log({'a': 2.0})\nraise SystemExit(4)\n"
        )
    gitxp("run", "--name", "outer", sys.executable, "prog.py", check=False)
    (record,) = records()
    assert (record["name"], record["status"], record["exit_code"]) == ("outer", "failed", 4)
    assert record["metrics"]["a"]["count"] == 2


def test_hooks_of_others_are_called(repo: str) -> None:
    """A hook for uncaught exceptions that was there before is called, and the traceback is Python's own."""
    del repo
    code = """
    import sys
    sys.excepthook = lambda *args: (print("mine", args[0].__name__), sys.__excepthook__(*args))
    gitxp.init()
    raise ValueError("words")
    """
    answer = run(code)
    assert answer.stdout == "mine ValueError\n"
    assert "ValueError: words" in answer.stderr
    assert "exits.py" not in answer.stderr


def test_secrets_of_the_command_are_not_recorded(repo: str, git: Git) -> None:
    """A secret among the program's arguments, its tags and its notes is in no object of the repository."""
    del repo
    token = "ghp_" + "a1B2" * 9
    answer = run(
        f"gitxp.init(tags=['{token[:4]}' + '{token[4:]}'], notes='x ' + '{token[:4]}' + '{token[4:]}')",
        "--api-key",
        "canary-4242",
    )
    assert answer.returncode == 0, answer.stderr
    everything = git.raw("cat-file", "--batch-all-objects", "--batch")
    assert b"canary-4242" not in everything
    assert token.encode() not in everything


def test_an_interpreter_that_starts_no_more_threads_still_ends_the_run(
    repo: str, records: Callable[[], list[dict[str, Any]]]
) -> None:
    """Python 3.12 starts no thread while it ends; the files that the run produced are kept all the same."""
    with open(os.path.join(repo, "gitxp.yaml"), "w") as file:
        file.write("outputs: [out]\n")
    answer = run(
        """
        import atexit, os, threading
        gitxp.init()
        os.mkdir("out")
        for number in range(100):
            with open(f"out/{number}", "wb") as file:
                file.write(os.urandom(300_000))
        def refuse(self):
            raise RuntimeError("can't create new thread at interpreter shutdown")
        atexit.register(lambda: setattr(threading.Thread, "start", refuse))
        """
    )
    assert "Traceback" not in answer.stderr
    (record,) = records()
    assert (record["status"], len(record["outputs"])) == ("completed", 100)


def test_a_status_that_is_raised_is_known_or_said_to_be_unknown(
    repo: str, records: Callable[[], list[dict[str, Any]]]
) -> None:
    """`raise SystemExit(3)` is seen from Python 3.12 on; before, the record says that it is a guess."""
    del repo
    assert run("gitxp.init()\nraise SystemExit(3)").returncode == 3
    (record,) = records()
    if sys.version_info >= (3, 12):
        assert (record["status"], record["exit_code"]) == ("failed", 3)
    else:
        assert record["status"] == "completed"
        assert any("SystemExit" in problem for problem in record["problems"])


def test_closed_streams_and_metrics_from_stdout_are_no_trouble(
    repo: str, records: Callable[[], list[dict[str, Any]]]
) -> None:
    """A daemon without standard streams records itself; a configuration that looks at stdout is not complained about."""
    with open(os.path.join(repo, "gitxp.yaml"), "w") as file:
        file.write("metrics_from: [stdout]\n")
    run("import os; [os.close(fd) for fd in range(3)]; gitxp.init(); gitxp.log({'a': 1.0})")
    (record,) = records()
    assert (record["status"], record["metrics"]["a"]["count"]) == ("completed", 1)
    assert "problems" not in record


def test_a_broken_configuration_is_told_by_init(repo: str) -> None:
    """What whoever wrote the program must mend is raised at once: a gitxp.yaml that has no meaning."""
    with open(os.path.join(repo, "gitxp.yaml"), "w") as file:
        file.write("no_such_key: 1\n")
    answer = run("gitxp.init()")
    assert answer.returncode == 1
    assert "ConfigError: gitxp.yaml has an unknown key: no_such_key." in answer.stderr


def test_a_mistake_of_ours_stops_nobody(repo: str, records: Callable[[], list[dict[str, Any]]]) -> None:
    """An exception that nobody expected, at the beginning or at the end of a run, is a line, and the program goes on."""
    answer = run(
        """
        from gitxp.recording import session
        begin, session.begin = session.begin, lambda *_: 1 / 0
        assert gitxp.init().disabled
        session.begin = begin
        run = gitxp.init(reinit=True)
        session.conclude = lambda *_: 1 / 0
        run.finish()
        print("done")
        """
    )
    assert (answer.returncode, answer.stdout) == (0, "done\n"), answer.stderr
    assert answer.stderr.count("ZeroDivisionError") == 2
    assert [record["status"] for record in records()] == ["lost"]
    del repo


def test_what_was_said_is_in_the_record(repo: str, records: Callable[[], list[dict[str, Any]]], git: Git) -> None:
    """Parameters, results, tags and files that a program gives are in its run, one that was killed after it, too."""
    del repo
    for end in ("", "import os; os.kill(os.getpid(), 9)"):
        run(
            f"""
            run = gitxp.init(config={{"lr": 0.1, "model": {{"depth": 3}}}})
            gitxp.log({{"image": gitxp.Image([[0, 255]])}}, step=2)
            gitxp.log_text("note", "first", step=7)
            gitxp.log_text("note", "second", step=7)
            run["sys/tags"].add("good")
            gitxp.summary["verdict"] = "fine"
            gitxp.log({{"x": None}})
            {end}
            """
        )
    for record, status in zip(records(), ("completed", "lost"), strict=True):
        assert record["status"] == status
        assert record["params"] == {"lr": 0.1, "model.depth": 3}
        assert set(record["param_sources"].values()) == {"api"}
        assert record["tags"] == ["good"]
        assert record["summary"] == {"verdict": "fine"}
        assert any("'x' was logged as a NoneType" in problem for problem in record["problems"])
        tree = f"refs/experiments/{record['name']}:.gitxp/artifacts"
        assert git("show", f"{tree}/media/note/7.txt") == "second"
        assert git.raw("show", f"{tree}/media/image/2.png").startswith(b"\x89PNG")
        outputs = {entry["artifact"] if "artifact" in entry else entry["path"]: entry for entry in record["outputs"]}
        assert any(entry.get("type") == "image" and entry.get("step") == 2 for entry in outputs.values())


@pytest.mark.parametrize("is_own", [True, False])
@pytest.mark.usefixtures("repo")
def test_what_was_told_is_not_told_again(
    records: Callable[[], list[dict[str, Any]]], gitxp: Gitxp, *, is_own: bool
) -> None:
    """What `log` complained of when it was called is in the record, and not told a second time at the run's end."""
    if is_own:
        stderr = run("gitxp.init()\ngitxp.log({'s': 'text'})").stderr
    else:
        with open("prog.py", "w") as file:
            file.write("import gitxp\ngitxp.log({'s': 'text'})\n")
        stderr = gitxp("run", sys.executable, "prog.py").stderr
    assert stderr.count("'s' was logged as a str") == 1
    (record,) = records()
    assert record["problems"] == ["'s' was logged as a str, which is no number: it is not kept."]
