from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from gitxp.recording.journal import read_journal

if TYPE_CHECKING:
    from pathlib import Path


class Folder:
    """A live folder, as `gitxp run` gives it to its command, without a recorder: `run` is a program in that run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.env = {**os.environ, "GITXP_RUN": "calm-otter-7k3q", "GITXP_RUN_ID": "the-id", "GITXP_RUN_DIR": str(path)}

    def run(self, code: str, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Execute Python to its end."""
        command = [sys.executable, "-c", "import gitxp\n" + textwrap.dedent(code), *args]
        answer = subprocess.run(command, env=self.env, check=False, capture_output=True, text=True, timeout=120)
        assert not check or answer.returncode == 0, answer.stderr
        return answer

    def start(self, code: str) -> subprocess.Popen[bytes]:
        """Execute Python, and go on."""
        command = [sys.executable, "-c", "import gitxp\n" + textwrap.dedent(code)]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE)

    @property
    def points(self) -> dict[str, list[tuple[int, float]]]:
        """What was logged: (step, value) by metric."""
        series = read_journal(str(self.path / "journal"))
        return {name: [(step, value) for step, _, value in points] for name, points in series.items()}

    def said(self, kind: str) -> list[dict[str, Any]]:
        """The statements of a kind, in order."""
        lines = [
            line for path in sorted(self.path.glob("said/*.jsonl")) for line in path.read_text("ascii").splitlines()
        ]
        return [statement for statement in map(json.loads, lines) if statement["kind"] == kind]

    def artifact(self, path: str) -> bytes:
        """The bytes of the artifact that the last statement with this path gives."""
        sources = [statement["source"] for statement in self.said("artifact") if statement["path"] == path]
        assert sources, [statement["path"] for statement in self.said("artifact")]
        with open(sources[-1], "rb") as file:
            return file.read()


@pytest.fixture
def live(tmp_path: Path) -> Folder:
    """An empty live folder."""
    return Folder(tmp_path / "live")


def test_log_needs_no_init_in_a_run(live: Folder) -> None:
    """Under `gitxp run`, `log` works at once; steps count from 0, one for each call."""
    live.run("for i in range(3): gitxp.log({'loss': 1 / (i + 1), 'epoch': i})")
    assert live.points == {"loss": [(0, 1.0), (1, 0.5), (2, 1 / 3)], "epoch": [(0, 0.0), (1, 1.0), (2, 2.0)]}


def test_steps_are_those_of_wandb(live: Folder) -> None:
    """A step that is given holds until a call without one; `commit=False` stays at the step, `commit=True` ends it."""
    live.run(
        """
        log = gitxp.log
        log({"a": 0.0})
        log({"a": 1.0}, commit=False)
        log({"b": 1.0})
        log({"a": 2.0}, step=10)
        log({"b": 2.0})
        log({"a": 3.0})
        log({"a": 4.0}, step=20, commit=True)
        log({"a": 5.0})
        """
    )
    assert live.points["a"] == [(0, 0.0), (1, 1.0), (10, 2.0), (11, 3.0), (20, 4.0), (21, 5.0)]
    assert live.points["b"] == [(1, 1.0), (10, 2.0)]


def test_a_step_that_goes_back_is_kept(live: Folder) -> None:
    """A value at an earlier step is kept at that step, and the count goes on from where it was."""
    live.run("gitxp.log({'a': 1.0}, step=5); gitxp.log({'a': 2.0}, step=3); gitxp.log({'a': 3.0})")
    assert live.points["a"] == [(5, 1.0), (3, 2.0), (5, 3.0)]


def test_nested_dictionaries_have_dotted_names(live: Folder) -> None:
    """`{"val": {"acc": 0.9}}` logs `val.acc`, as a JSON file of metrics does."""
    live.run("gitxp.log({'val': {'acc': 0.9, 'deep': {'er': 1}}, 'train/loss': 0.5})")
    assert live.points == {"val.acc": [(0, 0.9)], "val.deep.er": [(0, 1.0)], "train/loss": [(0, 0.5)]}


def test_any_name_comes_back(live: Folder) -> None:
    """Names with tabs, newlines, dots at the beginning and letters of any script are those that were given."""
    names = ["a\tb", "two\nlines", ".hidden", "précision", "損失", "", "a//b", "x.tsv", "7"]
    live.run(f"for name in {names!r}: gitxp.log({{name: 1.0}})\ngitxp.log({{7: 2.0}})")
    assert set(live.points) == set(names)
    assert live.points["7"] == [(8, 1.0), (9, 2.0)]


def test_numbers_of_every_kind_are_taken(live: Folder) -> None:
    """Floats keep their bits; nan and infinities stay; booleans, Decimal, Fraction and huge integers are numbers."""
    live.run(
        """
        from decimal import Decimal
        from fractions import Fraction
        class Scalar:  # as numpy, torch and jax have them
            def item(self): return 0.25
        class Tensor:  # as tensorflow has them
            def numpy(self): return Scalar()
        values = [0.1, float("nan"), float("inf"), -float("inf"), True, 10 ** 400, -(10 ** 400), Decimal("0.5"),
                  Fraction(1, 4), Scalar(), Tensor(), 5e-324]
        for value in values:
            gitxp.log({"x": value})
        """
    )
    found = [value for _, value in live.points["x"]]
    inf = float("inf")
    assert found[0] == 0.1
    assert found[1] != found[1]
    assert found[2:] == [inf, -inf, 1.0, inf, -inf, 0.5, 0.25, 0.25, 0.25, 5e-324]


def test_real_numpy_scalars_are_taken(live: Folder) -> None:
    """Numpy's scalars and arrays of one element are numbers; an array of more is told of, once."""
    pytest.importorskip("numpy")
    answer = live.run(
        """
        import numpy as np
        for value in (np.float64(0.1), np.float32(0.5), np.int64(3), np.bool_(True), np.array(2.0), np.array([[4]])):
            gitxp.log({"x": value}, step=np.int32(2))
        gitxp.log({"x": np.arange(3)})
        gitxp.log({"x": np.arange(3)})
        """
    )
    assert live.points["x"] == [(2, 0.1), (2, 0.5), (2, 3.0), (2, 1.0), (2, 2.0), (2, 4.0)]
    assert answer.stderr.count("which is no number") == 1


def test_what_is_no_number_is_told_once_and_never_raised(live: Folder) -> None:
    """None and texts are told of once for each name, on stderr and in the record; the rest of the call is kept."""
    answer = live.run("for _ in range(3): gitxp.log({'a': None, 'b': 'text', 'c': 1.0, 'd': object()})")
    assert answer.stderr.count("'a' was logged as a NoneType") == 1
    assert len(answer.stderr.splitlines()) == 3
    assert len(live.said("problem")) == 3
    assert live.points == {"c": [(0, 1.0), (1, 1.0), (2, 1.0)]}


def test_misuse_is_told_at_once(live: Folder) -> None:
    """`log` of what is no dictionary and a misspelt word of `init` raise TypeError."""
    live.run(
        """
        for wrong in (lambda: gitxp.log(0.5), lambda: gitxp.init(confg={})):
            try:
                wrong()
            except TypeError:
                continue
            raise SystemExit("not raised")
        """
    )


def test_a_step_that_is_none_costs_only_itself(live: Folder) -> None:
    """A step of nonsense is told of, and the value is kept at the next one."""
    answer = live.run("gitxp.log({'a': 1.0}, step='x'); gitxp.log({'a': 2.0}, step=2**70); gitxp.log({'a': 3.0})")
    assert [value for _, value in live.points["a"]] == [1.0, 2.0, 3.0]
    assert "'x' is no step" in answer.stderr


def test_a_kill_loses_nothing_that_log_returned_from(live: Folder) -> None:
    """Kill -9 in the middle of logging: every value that was acknowledged on stdout before is in the journal."""
    process = live.start(
        """
        import os
        for i in range(10**9):
            gitxp.log({"x": float(i)})
            if not i % 100: os.write(1, b"%d\\n" % i)
        """
    )
    assert process.stdout is not None
    acknowledged = 0
    while acknowledged < 20_000:
        acknowledged = int(process.stdout.readline())
    process.kill()
    rest = process.communicate()[0].split()
    acknowledged = int(rest[-1]) if rest else acknowledged
    values = [value for _, value in live.points["x"]]
    assert len(values) > acknowledged
    assert values == [float(i) for i in range(len(values))]


def test_threads_may_log_at_once(live: Folder) -> None:
    """Eight threads that log at once lose no value and tear no line."""
    live.run(
        """
        import threading
        def work(number):
            for i in range(2000): gitxp.log({f"t{number}": float(i), "all": float(number)})
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """
    )
    points = live.points
    assert [[value for _, value in points[f"t{n}"]] for n in range(8)] == [[float(i) for i in range(2000)]] * 8
    assert len(points["all"]) == 16_000


def test_forked_children_log_into_files_of_their_own(live: Folder) -> None:
    """A child of os.fork and children of multiprocessing, forked and spawned, log into the same run; nothing is lost."""
    script = live.path.parent / "several.py"
    script.write_text(
        textwrap.dedent(
            """
            import gitxp, multiprocessing, os
            def work(number):
                for i in range(500): gitxp.log({f"w{number}": float(i)})
            if __name__ == "__main__":
                gitxp.log({"parent": 1.0})
                pid = os.fork()
                if pid == 0:
                    work(0)
                    os._exit(0)
                for number, method in enumerate(("fork", "spawn"), 1):
                    child = multiprocessing.get_context(method).Process(target=work, args=(number,))
                    child.start()
                    work(f"p{number}")
                    child.join()
                    assert child.exitcode == 0
                os.waitpid(pid, 0)
                gitxp.log({"parent": 2.0})
            """
        )
    )
    answer = subprocess.run([sys.executable, str(script)], env=live.env, check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    points = live.points
    for name in ("w0", "w1", "w2", "wp1", "wp2"):
        assert [value for _, value in points[name]] == [float(i) for i in range(500)]
    assert [value for _, value in points["parent"]] == [1.0, 2.0]
    assert len(list(live.path.glob("journal/*.tsv"))) == 4


def test_a_run_that_is_over_is_met_with_silence(live: Folder) -> None:
    """Where the live folder is gone, everything does nothing, makes no folder and prints nothing."""
    answer = live.run(
        """
        import os, shutil
        gitxp.log({"a": 1.0})
        shutil.rmtree(os.environ["GITXP_RUN_DIR"])
        gitxp.log({"a": 2.0, "b": None})
        gitxp.config.lr = 0.1
        gitxp.log_text("t", "text")
        gitxp.summary["x"] = "y"
        """
    )
    assert (answer.stdout, answer.stderr) == ("", "")
    assert not live.path.exists()
    assert (live.run("gitxp.log({'a': 1.0}); gitxp.config.x = 1").stderr, live.path.exists()) == ("", False)


def test_a_full_disk_costs_values_and_not_the_training(live: Folder) -> None:
    """Where nothing can be written any more, `log` goes on; the loss is told once, and counted at the end."""
    answer = live.run(
        """
        import os, resource, signal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        gitxp.config.lr = 0.1
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        for i in range(2000): gitxp.log({"a": float(i)})
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        gitxp.log({"b": 1.0})
        print("done")
        """
    )
    assert answer.stdout == "done\n"
    assert answer.stderr.count("could not be kept") == 1
    values = [value for _, value in live.points["a"]]
    assert 0 < len(values) == len(set(values)) < 2000
    assert "b" in live.points
    assert any(f"{2000 - len(values):,} metric values could not be kept." in p["text"] for p in live.said("problem"))


def test_config_is_said_at_once_and_by_dotted_names(live: Folder) -> None:
    """Values given by init, attribute, item and update are parameters; only what changed is said again."""
    live.run(
        """
        import argparse, dataclasses, enum, pathlib
        class Kind(enum.Enum): ADAM = 1
        @dataclasses.dataclass
        class Model: depth: int = 3; kind: Kind = Kind.ADAM
        run = gitxp.init(config=argparse.Namespace(lr=0.1, path=pathlib.Path("a/b"), model=Model()))
        gitxp.config.lr = 0.2
        gitxp.config["layers"] = [64, 32]
        gitxp.config.update({"opt": {"name": "sgd", "nesterov": True, "none": None}}, allow_val_change=True)
        gitxp.config.fn = len
        assert gitxp.config.lr == run.config["lr"] == 0.2 and "lr" in run.config
        gitxp.config["opt"]["name"] = "changed in place"
        """
    )
    said = live.said("params")
    assert {statement["source"] for statement in said} == {"api"}
    merged = {name: value for statement in said for name, value in statement["params"].items()}
    assert merged == {
        "lr": 0.2,
        "path": "a/b",
        "model.depth": 3,
        "model.kind": "ADAM",
        "layers": [64, 32],
        "opt.name": "changed in place",
        "opt.nesterov": True,
        "opt.none": "null",
        "fn": "len",
    }
    assert said[1]["params"] == {"lr": 0.2}


def test_secrets_are_not_said(live: Folder) -> None:
    """A parameter, a result and a note that hold a secret are redacted before they reach any file."""
    token = "ghp_" + "a1B2" * 9
    live.run(
        f"""
        gitxp.init(config={{"api_key": "canary-123456", "url": "https://u:canary-pw@host/x"}}, notes="uses {token}")
        gitxp.summary["token"] = "{token}"
        """
    )
    text = "".join(path.read_text() for path in live.path.glob("said/*"))
    assert "canary" not in text
    assert token not in text
    assert "<redacted>" in text


def test_long_statements_are_split(live: Folder) -> None:
    """However many parameters there are, no line is over 64 KiB and none is lost."""
    live.run("gitxp.config.update({f'name{i}': 'x' * 1000 for i in range(500)})")
    lines = [line for path in live.path.glob("said/*") for line in path.read_bytes().splitlines(keepends=True)]
    assert max(map(len, lines)) <= 64 * 1024
    assert len({name for statement in live.said("params") for name in statement["params"]}) == 500


def test_summary_knows_last_values_and_keeps_words(live: Folder) -> None:
    """`summary` reads what was logged last; a number set there is the metric's last point, a word is a result."""
    live.run(
        """
        gitxp.log({"acc": 0.5})
        gitxp.log({"acc": 0.7})
        assert gitxp.summary["acc"] == 0.7
        gitxp.summary["acc"] = 0.9
        gitxp.summary.update({"verdict": "good", "best": {"epoch": 3}})
        assert gitxp.summary.verdict == "good" and gitxp.run.summary.get("acc") == 0.9
        """
    )
    assert live.points == {"acc": [(0, 0.5), (1, 0.7), (1, 0.9)], "best.epoch": [(1, 3.0)]}
    assert [statement["values"] for statement in live.said("summary")] == [{"verdict": "good"}]


def test_init_says_tags_notes_and_group_and_renames_nothing(live: Folder) -> None:
    """In a run of `gitxp run`, init's words are said; its name is kept as a title, and that is told."""
    answer = live.run(
        """
        run = gitxp.init(project="p", entity="e", name="mine", tags=["a", "b"], notes="words", group="g", job_type="x")
        assert run.name == "calm-otter-7k3q" and run.id == "the-id" and run is gitxp.run is gitxp.init()
        """
    )
    assert "mine" in answer.stderr
    metadata = {k: v for s in live.said("metadata") for k, v in s.items()}
    assert (metadata["tags"], metadata["notes"], metadata["group"], metadata["title"]) == (
        ["a", "b"],
        "words",
        "g",
        "mine",
    )


def test_neptunes_words(live: Folder) -> None:
    """Assignment, append, extend, sets, uploads and nested fields mean what they do for Neptune's users."""
    live.run(
        """
        run = gitxp.init()
        run["parameters/lr"] = 0.1
        run["parameters"] = {"batch": 32, "opt": {"name": "sgd"}}
        run["train/loss"].append(0.5)
        run["train/loss"].append(0.4, step=7)
        run["train/loss"].log(0.3)
        run["train"]["acc"].extend([0.1, 0.2])
        run["sys/tags"].add(["good", "kept"])
        run["eval"] = {"f1": 0.75, "verdict": "fine"}
        open("weights.bin", "wb").write(b"bytes")
        run["model/weights"].upload("weights.bin")
        run.stop()
        """.replace("weights.bin", str(live.path.parent / "weights.bin"))
    )
    params = {k: v for s in live.said("params") for k, v in s["params"].items()}
    assert params == {"lr": 0.1, "batch": 32, "opt.name": "sgd"}
    assert live.points == {
        "train/loss": [(0, 0.5), (7, 0.4), (8, 0.3)],
        "train/acc": [(0, 0.1), (1, 0.2)],
        "eval/f1": [(0, 0.75)],
    }
    assert live.said("metadata")[0]["tags"] == ["good", "kept"]
    assert live.said("summary")[0]["values"] == {"eval/verdict": "fine"}
    assert live.artifact("model/weights.bin") == b"bytes"


def test_after_finish_nothing_is_logged_and_that_is_told(live: Folder) -> None:
    """A run that is finished takes nothing more; one line says so. The module's `log` joins the command's run again."""
    answer = live.run(
        "run = gitxp.init(); run.log({'a': 1.0}); run.finish(); run.log({'a': 2.0}); run.log({'a': 2.0}); gitxp.log({'b': 1.0})"
    )
    assert live.points == {"a": [(0, 1.0)], "b": [(0, 1.0)]}
    assert answer.stderr.count("finished") == 1


def test_disabled_records_nothing(live: Folder) -> None:
    """`mode="disabled"` leaves no file, whatever is said, and prints nothing."""
    answer = live.run(
        """
        with gitxp.init(mode="disabled", config={"a": 1}, tags=["t"]) as run:
            gitxp.log({"a": 1.0, "b": "x"})
            run["x"].append(1)
            gitxp.log_image("i", [[0, 1]])
            assert run.disabled and run.name is None and gitxp.config.a == 1 and gitxp.summary["a"] == 1.0
        """
    )
    assert (os.listdir(live.path), answer.stderr) == ([], "")


def test_without_run_and_init_log_says_what_to_do(tmp_path: Path) -> None:
    """Outside of any run, `log` before `init` raises, and `gitxp.run` is None."""
    code = "import gitxp; assert gitxp.run is None; gitxp.log({'a': 1})"
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert answer.returncode == 1
    assert "UsageError: There is no run that this process belongs to." in answer.stderr


def test_importing_gitxp_brings_in_nothing(tmp_path: Path) -> None:
    """`import gitxp` loads no other module of gitxp's and of no library's; logging loads neither pygit2 nor click."""
    code = (
        "import sys; before = set(sys.modules); import gitxp; print(sorted(set(sys.modules) - before - {'__future__'}))"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout == "['gitxp']\n"
    folder = Folder(tmp_path / "live")
    heavy = "{'pygit2', 'click', 'yaml', 'xxhash', 'subprocess', 'asyncio', 'numpy', 're'}"
    folder.run(
        f"import sys; before = set(sys.modules)\ngitxp.log({{'a': 1.0}})\nassert not (set(sys.modules) - before) & {heavy}"
    )


def test_every_public_name_is_there_and_others_are_not() -> None:
    """What `__all__` lists can be had; a name that is not there raises AttributeError, as everywhere."""
    import gitxp

    assert all(getattr(gitxp, name) is not None for name in gitxp.__all__)
    assert set(gitxp.__all__) <= set(dir(gitxp))
    with pytest.raises(AttributeError, match="sweep"):
        _ = gitxp.sweep  # type: ignore[attr-defined]


def test_a_signal_handler_may_log(live: Folder) -> None:
    """A signal handler that logs in the middle of `log` waits for nothing and loses nothing."""
    process = live.start(
        """
        import os, signal
        gitxp.log({"x": -1.0})
        count = 0
        def on_alarm(*_):
            global count
            count += 1
            gitxp.log({"alarm": float(count)})
        signal.signal(signal.SIGALRM, on_alarm)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.0005)
        for i in range(100_000): gitxp.log({"x": float(i)})
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(count)
        """
    )
    out, _ = process.communicate(timeout=120)
    assert [value for _, value in live.points["x"]] == [float(i) for i in range(-1, 100_000)]
    assert len(live.points.get("alarm", [])) == int(out)


def test_interrupted_by_sigterm_everything_said_is_there(live: Folder) -> None:
    """A process that SIGTERM ends has said its parameters and files, since nothing waits for its end."""
    process = live.start(
        """
        import os, time
        gitxp.init(config={"lr": 0.1}, tags=["t"])
        gitxp.log_text("note", "text")
        os.write(1, b"ready")
        time.sleep(60)
        """
    )
    assert process.stdout is not None
    assert process.stdout.read(5) == b"ready"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGTERM
    assert live.said("params")[0]["params"] == {"lr": 0.1}
    assert live.artifact("media/note/0.txt") == b"text"


def test_files_that_the_program_closed_are_opened_anew(live: Folder) -> None:
    """A program that closes all descriptors, as daemons do, goes on logging, and writes into no file of its own by it."""
    live.run(
        """
        import os
        gitxp.log({"a": 1.0})
        gitxp.config.lr = 0.1
        os.closerange(3, 1000)
        files = [open(os.path.join(os.environ["GITXP_RUN_DIR"], f"own{number}"), "w") for number in range(10)]
        gitxp.config.lr = 0.2
        gitxp.log({"a": 2.0})
        assert all(os.fstat(file.fileno()).st_size == 0 for file in files)
        """
    )
    assert sorted(value for _, value in live.points["a"]) == [1.0, 2.0]
    assert sorted(statement["params"]["lr"] for statement in live.said("params")) == [0.1, 0.2]


def test_a_script_of_wandbs_runs_as_it_is(live: Folder) -> None:
    """A script that says `wandb` everywhere runs when gitxp is imported by that name; what is not there is missing."""
    answer = live.run(
        """
        import gitxp as wandb
        wandb.login()
        run = wandb.init(project="p", entity="e", config={"lr": 0.1}, settings={}, resume="allow", save_code=True)
        wandb.watch(object(), log="all")
        run.define_metric("loss", summary="min")
        for epoch in range(2):
            wandb.log({"loss": 1.0 / (epoch + 1), "epoch": epoch, "table": wandb.Table(columns=["a"], data=[[epoch]])})
        wandb.run.summary["best"] = 0.5
        wandb.config.update({"late": True})
        wandb.alert(title="done", text="well")
        assert not hasattr(wandb, "sweep")
        wandb.finish()
        """
    )
    assert answer.stderr == "gitxp: calm-otter-7k3q: done: well\n"
    assert live.points["loss"] == [(0, 1.0), (1, 0.5)]
    assert json.loads(live.artifact("media/table/1.table.json")) == {"columns": ["a"], "data": [[1]]}
