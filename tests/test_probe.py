"""The probe: what it says of a program, and that the program does not notice."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from probed import PROBE, Probed


@pytest.fixture
def probed(tmp_path: Path) -> Probed:
    """A working tree in which to run programs."""
    return Probed(tmp_path)


def others() -> list[str]:
    """Other Pythons of this machine that the probe is for, one of each version."""
    found = {}
    for minor in range(8, 15):
        program = shutil.which(f"python3.{minor}")
        if program and minor != sys.version_info[1]:
            answer = subprocess.run(
                [program, "-c", "import sys; print(sys.version_info[1])"], capture_output=True, check=False
            )
            if answer.stdout.strip() == str(minor).encode():  # a version manager's stand-in may lead nowhere
                found[minor] = program
    return [program for _, program in sorted(found.items())]


@pytest.mark.parametrize("path", sorted(Path(PROBE).rglob("*.py")), ids=lambda path: path.name)
def test_it_is_written_in_old_python(path: Path) -> None:
    """Every file of the probe is Python 3.8's grammar, and the first of them is grammar that any Python has."""
    ast.parse(path.read_bytes(), feature_version=(3, 8))
    if path.name == "sitecustomize.py":
        tree = ast.parse(path.read_bytes())
        new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Starred, ast.AsyncFunctionDef, ast.Nonlocal)
        assert not [node for node in ast.walk(tree) if isinstance(node, new)]
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.returns]


@pytest.mark.parametrize("python", [sys.executable, *others()])
def test_what_is_opened(probed: Probed, python: str) -> None:
    """Files read and written are known by their absolute paths, however they were named; what was written is no data."""
    for name in ("a", "b", "c", "sub/d", "e", "f", "\udcff.bin"):
        probed.write("data/placeholder", "")
        path = probed.root / "data" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    probed.run(
        """
        import os, pathlib, shutil
        open("data/a").close()
        open(b"data/b").close()
        pathlib.Path("data/../data/c").read_text()
        os.chdir("data")
        open("sub/d").close()
        os.close(os.open("./e", os.O_RDONLY))
        open(os.fsdecode(b"\\xff.bin")).close()
        os.chdir("..")
        for _ in range(1000):
            open(os.path.abspath("data/a")).close()
        with open("out.tmp", "w") as file:
            file.write("1")
        os.replace("out.tmp", "out")
        open(os.path.abspath("out")).close()
        open("log", "a").close()
        open("data/f", "r+").close()
        os.makedirs("made/inner")
        try:
            open("data/nothing")
        except OSError:
            pass
        with open(0, closefd=False):
            pass
        """,
        python=[python],
    )
    found = probed.files()
    data = {path: late for path, late in found.read.items() if path.startswith("data/")}
    assert data == {
        "data/a": False,
        "data/b": False,
        "data/c": False,
        "data/sub/d": False,
        "data/e": False,
        "data/\udcff.bin": False,
        "data/f": True,
        "data/nothing": False,  # whether it is there, the recorder looks
    }
    assert set(found.read) - set(data) <= {"main.py"}
    assert found.written == {"out.tmp", "out", "log", "data/f"}
    assert found.folders == {"made", "made/inner"}
    assert probed.said("problem") == []


def test_who_it_is(probed: Probed) -> None:
    """A process says who it is, before all else, and once."""
    probed.run("import sys", "--lr", "1")
    first, *rest = probed.statements()
    assert first.kind == "process"
    assert "process" not in {statement.kind for statement in rest}
    facts = first.facts
    assert facts["pid"] == first.pid
    assert facts["ppid"] == os.getpid()
    assert facts["main"] == str(probed.root / "main.py")
    assert facts["argv"] == ["main.py", "--lr", "1"]
    assert facts["prefix"] == sys.prefix
    assert facts["executable"] == sys.executable
    assert facts["version"] == "{}.{}.{}".format(*sys.version_info)
    assert (facts["root"], facts["cwd"]) == (str(probed.root), str(probed.root))


@pytest.mark.parametrize(
    ("words", "main", "module"),
    [
        (["-m", "pkg.train"], "pkg/train.py", "pkg.train"),
        (["-m", "pkg"], "pkg/__main__.py", "pkg.__main__"),
        (["pkg"], "pkg/__main__.py", "__main__"),
    ],
)
def test_main_programs_that_are_modules(probed: Probed, words: list[str], main: str, module: str) -> None:
    """The file of a main program is known, also where Python has to find it first."""
    probed.write("pkg/__init__.py", "")
    probed.write("pkg/train.py", "open('x', 'w')")
    probed.write("pkg/__main__.py", "open('x', 'w')")
    subprocess.run([sys.executable, *words], cwd=probed.root, env=probed.environ(), check=True)
    facts = [facts for facts in probed.said("process") if "main" in facts]
    assert [(each["main"], each["module"]) for each in facts] == [(str(probed.root / main), module)]
    assert probed.files().written == {"x"}


def test_code_from_the_command_line_and_from_a_pipe(probed: Probed) -> None:
    """A program without a file says who it is, too."""
    for words in (["-c", "open('c', 'w')"], ["-"]):
        subprocess.run(
            [sys.executable, *words], cwd=probed.root, env=probed.environ(), input=b"open('p', 'w')", check=True
        )
    assert len(probed.said("process")) == 2
    assert probed.files().written == {"c", "p"}


def test_imports(probed: Probed) -> None:
    """Packages that were imported are named, Python's own modules are not; and those that import themselves lately."""
    probed.write("mine.py", "")
    probed.write("late.py", "")
    probed.run("import json, mine, importlib; importlib.import_module('late')")
    modules = {module for facts in probed.said("imported") for module in facts.get("modules", ())}
    assert {"mine", "late"} <= modules
    assert not {"json", "os", "sys", "sitecustomize", "_gitxp_probe", "__main__"} & modules


ENDS = {
    "return": "",
    "exit": "sys.exit(3)",
    "exception": "1 / 0",
    "_exit": "os._exit(4)",
    "SIGKILL": "os.kill(os.getpid(), 9)",
    "SIGTERM": "os.kill(os.getpid(), 15)",
    "exec": "os.execv(sys.executable, [sys.executable, '-c', ''])",
}


@pytest.mark.parametrize("end", ENDS)
def test_however_it_ends(probed: Probed, end: str) -> None:
    """What was opened is known, and the end is as without the probe."""
    code = f"""
        import argparse, os, sys
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", default=1)
        parser.parse_args()
        for name in "abc":
            open(name, "w")
        {ENDS[end]}
        """
    plain = probed.run(code, probe=False, check=False)
    done = probed.run(code, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert probed.files().written == {"a", "b", "c"}
    assert probed.params("argparse") == {"lr": 1}


def test_many_files_before_a_leap(probed: Probed) -> None:
    """`os._exit` with much that was not said yet: nothing of it is lost."""
    probed.run(
        """
        import os
        for number in range(1000):
            open(f"f{number}", "w").close()
        os._exit(0)
        """
    )
    assert len(probed.files().written) == 1000


def test_many_files_before_a_kill(probed: Probed) -> None:
    """A kill may cost the last few of very many files, and never the first ones."""
    probed.run(
        """
        import os
        for number in range(1000):
            open(f"f{number}", "w").close()
        os.kill(os.getpid(), 9)
        """,
        check=False,
    )
    written = probed.files().written
    assert {f"f{number}" for number in range(700)} <= written


@pytest.mark.parametrize("count", [3, 500])
@pytest.mark.parametrize("python", [sys.executable, *others()])
def test_files_that_are_opened_when_all_is_over(probed: Probed, python: str, count: int) -> None:
    """What an object reads when Python takes it away at its end is seen, however many files were opened before."""
    for name in ("module", "cycle", "other"):
        probed.write(name, "")
    probed.write("thing.py", "class Other:\n    def __del__(self, open=open): open('other').close()\nother = Other()\n")
    code = f"""
        import builtins, thing
        for number in range({count}):
            open(f"made{{number}}", "w").close()
        class Late:
            def __init__(self, name): self.name, self.open = name, open
            def __del__(self): self.open(self.name).close()
        late = Late("module")
        cycle = Late("cycle")
        cycle.itself = cycle
        """
    done = probed.run(code, python=[python])
    assert done.stderr == ""
    assert {"module", "cycle", "other"} <= probed.files().read.keys()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_other_processes(probed: Probed, method: str) -> None:
    """The workers of multiprocessing say what they do, and whose children they are."""
    probed.run(
        f"""
        import multiprocessing, os, sys
        import warnings; warnings.simplefilter("error")

        def work(name):
            with open(name, "w") as file:
                file.write("x")

        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            open("own", "w").close()
            with context.Pool(2) as pool:
                pool.map(work, ["w1", "w2", "w3"])
            process = context.Process(target=work, args=("w4",))
            process.start()
            process.join()
            assert process.exitcode == 0
        """
    )
    assert probed.files().written == {"own", "w1", "w2", "w3", "w4"}
    pids = {facts["pid"] for facts in probed.said("process")}
    main = next(facts for facts in probed.said("process") if facts["ppid"] == os.getpid())
    assert {facts["ppid"] for facts in probed.said("process")} - {os.getpid()} <= pids
    assert main["pid"] in pids
    assert len(pids) > 2


def test_a_fork_without_more_ado(probed: Probed) -> None:
    """After `os.fork`, parent and child say what they do in files of their own, and nothing twice."""
    probed.run(
        """
        import os
        for number in range(100):
            open(f"before{number}", "w").close()
        if os.fork() == 0:
            open("child", "w").close()
            os._exit(0)
        os.wait()
        open("parent", "w").close()
        """
    )
    assert len(probed.files().written) == 102
    by_pid: dict[int, int] = {}
    for statement in probed.statements():
        if statement.kind == "files":
            by_pid[statement.pid] = by_pid.get(statement.pid, 0) + len(statement.facts.get("written", ()))
    assert sorted(by_pid.values()) == [1, 101]


def test_threads(probed: Probed) -> None:
    """Files that many threads open at once are all known."""
    probed.run(
        """
        import threading
        def work(name):
            for number in range(500):
                open(f"{name}-{number}", "w").close()
        threads = [threading.Thread(target=work, args=(name,)) for name in "abcdefgh"]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        """
    )
    assert len(probed.files().written) == 4000


def test_a_launcher_of_processes(probed: Probed) -> None:
    """Workers that a launcher starts and ends by a signal, as torchrun does, are known by what they opened."""
    probed.write(
        "worker.py",
        "import sys, time\nopen(f'w{sys.argv[1]}', 'w').close()\nprint('ready', flush=True)\ntime.sleep(60)",
    )
    probed.run(
        """
        import subprocess, sys
        workers = [subprocess.Popen([sys.executable, "worker.py", str(n)], stdout=subprocess.PIPE) for n in range(2)]
        for worker in workers:
            worker.stdout.readline()
            worker.terminate()
            worker.wait()
        """
    )
    assert probed.files().written == {"w0", "w1"}


@pytest.mark.parametrize("value", ["0", "1", ""])
def test_the_switch(probed: Probed, value: str) -> None:
    """`GITXP_PROBE=0` turns it off, and nothing else does."""
    probed.run("open('x', 'w')", env={"GITXP_PROBE": value})
    assert bool(probed.statements()) is (value != "0")


def test_without_a_run(probed: Probed) -> None:
    """Where the run is over, or there never was one, nothing is done and nothing is made."""
    shutil.rmtree(probed.live)
    probed.run("open('x', 'w')")
    probed.run("open('x', 'w')", env={"GITXP_RUN_DIR": ""})
    assert not probed.live.exists()


def test_the_run_ends_before_the_program(probed: Probed) -> None:
    """A process that outlives its run goes on, and leaves nothing behind."""
    done = probed.run(
        """
        import os, shutil
        open("a", "w")
        shutil.rmtree(os.environ["GITXP_RUN_DIR"])
        for number in range(300):
            open(f"b{number}", "w").close()
        print("done")
        """
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert not probed.live.exists()


SEEN = """
import gc, os, sys, threading
print([entry for entry in sys.path if entry.rstrip("/") == os.environ["PROBE"]])
print(sorted(name for name in sys.modules if "customize" in name), [type(finder).__name__ for finder in sys.meta_path])
print(threading.active_count(), sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else "")
print(os._exit.__name__, sys.gettrace(), sys.getprofile(), sys.excepthook is sys.__excepthook__, gc.get_threshold())
import argparse
print([type(finder).__name__ for finder in sys.meta_path], type(argparse.__spec__.loader), type(argparse.__loader__))
print(argparse.ArgumentParser.parse_known_args.__qualname__, argparse.ArgumentParser().parse_args())
"""


def test_what_the_program_can_see(probed: Probed) -> None:
    """Paths, modules, finders, threads, descriptors and hooks are as without the probe."""
    env = {"PROBE": PROBE}
    plain = probed.run(SEEN, probe=False, env=env)
    done = probed.run(SEEN, env=env)
    assert (done.stdout, done.stderr) == (plain.stdout, plain.stderr)
    assert done.stdout.startswith("[]\n")


@pytest.mark.parametrize("code", ["", "print('mine')", "1 / 0", "import not_there", "import sitecustomize"])
def test_the_users_own_sitecustomize(probed: Probed, code: str) -> None:
    """It is loaded as without us, with its name, its file and its mistakes."""
    folder = probed.root / "site"
    probed.write("site/sitecustomize.py", code)
    program = "import sys; module = sys.modules.get('sitecustomize'); print(module and module.__file__); open('x', 'w')"
    plain = probed.run(program, probe=False, env={"PYTHONPATH": str(folder)}, check=False)
    done = probed.run(program, env={"PYTHONPATH": f"{PROBE}{os.pathsep}{folder}"}, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    if done.returncode == 0:
        assert probed.files().written == {"x"}


def test_no_place_to_write(probed: Probed) -> None:
    """A live folder in which nothing can be made changes nothing for the program."""
    (probed.live / "said").write_text("a file in the way")
    done = probed.run("open('x', 'w'); print('done')")
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_a_probe_that_breaks(probed: Probed, tmp_path: Path) -> None:
    """A mistake in the probe itself is one sentence in the record, and the program runs."""
    broken = tmp_path / "broken"
    shutil.copytree(PROBE, broken, ignore=shutil.ignore_patterns("__pycache__"))
    with (broken / "_gitxp_probe" / "files.py").open("a") as file:
        file.write("\nraise ValueError('a bug')\n")
    done = probed.run("print('done')", env={"PYTHONPATH": str(broken)})
    assert (done.stdout, done.stderr) == ("done\n", "")
    version = "{}.{}".format(*sys.version_info)
    assert [facts["text"] for facts in probed.said("problem")] == [
        f"The probe could not be loaded: ValueError (Python {version})."
    ]


def test_a_hook_that_breaks(probed: Probed, tmp_path: Path) -> None:
    """A mistake while it looks is a sentence, however often it is made, and no file is kept from being opened."""
    broken = tmp_path / "broken"
    shutil.copytree(PROBE, broken, ignore=shutil.ignore_patterns("__pycache__"))
    files = broken / "_gitxp_probe" / "files.py"
    files.write_text(files.read_text().replace("batch = list(", "batch = missing("))
    done = probed.run(
        "for n in range(300):\n    open(f'x{n}', 'w').close()\nprint('done')", env={"PYTHONPATH": str(broken)}
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
    texts = [facts["text"] for facts in probed.said("problem")]
    assert "A file could not be seen: NameError." in texts
    assert len(set(texts)) == len(texts) < 5


def test_odd_arguments_of_open(probed: Probed) -> None:
    """What `open` refuses is refused as without us, and what is no path is passed over."""
    code = """
        import io, os, sys
        class Odd(str):
            def __hash__(self):
                raise RuntimeError("mine")
        for what in (None, [], 3.5, "a\\0b", "", Odd("main.py"), b"\\xff", 99999, object()):
            try:
                open(what).close()
            except Exception as error:
                print(type(error).__name__, error)
        sys.audit("open", "x", "y")
        sys.audit("open")
        sys.audit("open", [], None, None)
        sys.audit("os.rename", 1)
        """
    plain = probed.run(code, probe=False)
    done = probed.run(code)
    assert [line for line in done.stdout.splitlines() if "mine" not in line] == plain.stdout.splitlines()
    assert done.stderr == plain.stderr


def test_paths_from_another_folder(probed: Probed) -> None:
    """A relative path that is from a folder's descriptor is not taken for one from the current folder."""
    probed.write("sub/old", "")
    probed.write("old", "")
    probed.run(
        """
        import os
        fd = os.open("sub", os.O_RDONLY)
        os.mkdir("made", dir_fd=fd)
        os.rename("old", "new", src_dir_fd=fd, dst_dir_fd=fd)
        os.mkdir(os.path.abspath("sub/whole"), dir_fd=fd)
        os.mkdir("here")
        os.rename("old", "sub/later", dst_dir_fd=None)
        """
    )
    assert probed.files().folders == {"sub/whole", "here"}
    assert probed.files().written == {"sub/later"}
    assert probed.said("problem") == []


def test_signal_handlers_that_raise(probed: Probed) -> None:
    """An exception of a signal handler reaches the program, wherever it happens to come."""
    done = probed.run(
        """
        import signal, time
        class Late(Exception):
            pass
        def handler(*_):
            raise Late
        signal.signal(signal.SIGALRM, handler)
        caught = 0
        for round in range(40):
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            try:
                number = 0
                while True:
                    number += 1
                    try:
                        open(f"none/{round}-{number}")
                    except OSError:
                        pass
            except Late:
                caught += 1
        print(caught)
        """
    )
    assert done.stdout == "40\n"


def test_descriptors_that_are_closed(probed: Probed) -> None:
    """A program that closes every descriptor it can find is heard afterwards, and no file of its own is written into."""
    probed.run(
        """
        import os
        open("a", "w").close()
        os.closerange(3, 4096)
        files = [open(f"b{n}", "w") for n in range(20)]
        for file in files:
            file.close()
            assert os.path.getsize(file.name) == 0
        """
    )
    assert {"a", "b0", "b19"} <= probed.files().written


def test_a_program_that_is_interrupted(probed: Probed) -> None:
    """Ctrl-C ends it as without the probe."""
    probed.write("main.py", "import time\nopen('x', 'w').close()\nprint('ready', flush=True)\ntime.sleep(60)")
    with subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=probed.root,
        env=probed.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == -signal.SIGINT
        assert process.stderr
        assert process.stderr.read().rstrip().endswith(b"KeyboardInterrupt")
    assert probed.files().written == {"x"}


def test_no_end_of_files(probed: Probed) -> None:
    """A process that opens without end is heard up to a limit, and that is said."""
    done = probed.run(
        """
        import os, sys
        sys.modules["_gitxp_probe.files"].MAX_FILES = 1000
        for number in range(3000):
            try:
                open(f"none{number}")
            except OSError:
                pass
        open("last", "w").close()
        """
    )
    assert done.stderr == ""
    assert len(probed.files().read) < 2000
    assert [facts["text"] for facts in probed.said("problem")] == [
        "A process opened more than 1,000 files; the rest is not listed."
    ]


def test_pythons_own_files_are_no_data(probed: Probed) -> None:
    """Modules, packages and the system's files are not among what was read; other files outside of the tree are."""
    outside = probed.root.parent / "outside.csv"
    outside.write_text("1")
    probed.run(
        f"import json, email.parser\nopen('/etc/hosts').close(); open(json.__file__).close(); open({str(outside)!r}).close()"
    )
    assert set(probed.files().read) - {"main.py"} == {str(outside)}


def test_modules_are_no_data(probed: Probed, tmp_path: Path) -> None:
    """The files of imported modules outside of the tree are code, whether compiled or not; others beside them are data."""
    lib = tmp_path / "lib"
    for name in (
        "single.py",
        "pack/__init__.py",
        "pack/sub/__init__.py",
        "space/inner.py",
        "_own.py",
        "later/x/mod.py",
    ):
        (lib / name).parent.mkdir(parents=True, exist_ok=True)
        (lib / name).write_text("")
    (lib / "pack" / "words.csv").write_text("1")
    (lib / "unused.py").write_text("")
    probed.run(
        f"""
        import sys, single, pack.sub, space.inner, _own
        sys.path.insert(0, {str(lib / "later")!r})
        import x.mod
        for name in ("pack/words.csv", "unused.py"):
            open({str(lib)!r} + "/" + name).close()
        """,
        env={"PYTHONPATH": f"{PROBE}:{lib}"},
    )
    outside = {path.removeprefix(f"{lib}/") for path in probed.files().read} - {"main.py"}
    assert outside == {"pack/words.csv", "unused.py"}


def test_a_lazy_module_stays_unloaded(probed: Probed, tmp_path: Path) -> None:
    """To say where a module lies, nothing is asked of it that would load it."""
    (tmp_path / "idle.py").write_text("print('loaded')")
    done = probed.run(
        f"""
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("idle", {str(tmp_path / "idle.py")!r})
        spec.loader = importlib.util.LazyLoader(spec.loader)
        sys.modules["idle"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules["odd"] = type("Odd", (), {{"__getattr__": lambda *_: print("asked")}})()
        """
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("is_set", [True, False])
def test_caches_of_tools_are_no_data(probed: Probed, tmp_path: Path, *, is_set: bool) -> None:
    """Fonts that matplotlib found are in a cache; what a library downloaded to the cache folder is data."""
    cache = tmp_path / ("elsewhere" if is_set else "home/.cache")
    names = ("matplotlib/fontlist-v390.json", "pip/x", "huggingface/datasets/a.arrow", "torch/hub/model.pt")
    for name in (*names, "other/fontlist-v330.json"):
        (cache / name).parent.mkdir(parents=True)
        (cache / name).write_text("{}")
    env = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(cache) if is_set else ""}
    probed.run(f"import glob\nfor path in glob.glob('{cache}/**/*.*', recursive=True): open(path).close()", env=env)
    found = {path.removeprefix(f"{cache}/") for path in probed.files(env).read} - {"main.py"}
    assert found == {"huggingface/datasets/a.arrow", "torch/hub/model.pt"}


def test_an_environment_inside_of_the_tree(probed: Probed) -> None:
    """Where the environment lies in the repository, data beside it is data."""
    probed.write("data.csv", "1")
    venv = probed.root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    probed.run("open('data.csv').close()", python=[str(venv / "bin" / "python")])
    assert set(probed.files().read) - {"main.py"} == {"data.csv"}


def test_time_passes(probed: Probed) -> None:
    """Statements bear the time at which they were made."""
    before = time.time()
    probed.run("open('x', 'w')")
    times = [statement.at for statement in probed.statements()]
    assert times == sorted(times)
    assert before - 1 <= times[0] <= times[-1] <= time.time() + 1


def test_very_many_files_of_each_kind(probed: Probed) -> None:
    """Files and folders are said many at a time, whatever is done to them: the limit of statements is not met."""
    probed.run(
        """
        import os
        for number in range(12_000):
            if number % 2:
                open(f"w{number}", "w").close()
            else:
                os.mkdir(f"d{number}")
        """
    )
    found = probed.files()
    assert (len(found.written), len(found.folders)) == (6000, 6000)
    assert len(probed.statements()) < 12_500


def test_what_comes_first(probed: Probed) -> None:
    """A file that is read and then written was data; one that is written and then read was not, by whatever name."""
    for name in ("a", "b", "c", "d"):
        probed.write(name, "1")
    probed.run(
        """
        import os
        for number in range(100):
            open(f"w{number}", "w").close()
        def read(name): open(name).close()
        def write(name): open(name, "w").close()
        write("log")
        read("a"), write("a")
        read("b"), write(os.path.abspath("b2")), read("b2")
        write("c"), read("c"), read(os.path.abspath("c"))
        open("d", "r+").close()
        read(b"a"), write(b"e"), read("e")
        """
    )
    assert {path: late for path, late in probed.files().read.items() if path != "main.py"} == {
        "a": True,
        "b": False,
        "d": True,
    }


def test_what_a_tracer_sees(probed: Probed) -> None:
    """No line of the probe's counts among the program's, and its file names are no files that coverage could read."""
    probed.run(
        """
        import argparse, os, sys
        parser = argparse.ArgumentParser()
        seen = []
        sys.settrace(lambda frame, event, arg: seen.append((frame.f_code.co_filename, frame.f_globals.get("__file__"))))
        parser.parse_args([])
        os.waitpid(pid, 0) if (pid := os.fork()) else os._exit(0)
        sys.settrace(None)
        ours = [pair for pair in seen if "gitxp" in str(pair)]
        assert ("<gitxp>/with_argparse.py", None) in ours and ("<gitxp>/params.py", None) in ours, ours
        assert not [pair for pair in ours if pair != ("<gitxp>/" + pair[0].rpartition("/")[2], None)], ours
        """
    )
    assert probed.said("problem") == []


def test_gitxps_own_files_are_no_data(probed: Probed) -> None:
    """What gitxp reads of its own package in the program's process, as it does in a notebook's, is not listed."""
    own = os.path.join(os.path.dirname(os.path.dirname(PROBE)), "errors.py")
    probed.write("data.txt", "x")
    probed.run(f"open({own!r}).close(); open('data.txt').close()")
    assert own not in probed.files().read
    assert "data.txt" in probed.files().read


def test_functions_that_a_test_replaces(probed: Probed) -> None:
    """What a program puts in the place of the system's functions is called by the program alone."""
    done = probed.run(
        """
        import os, time
        from unittest import mock
        names = ["os.getcwd", "os.open", "os.write", "os.close", "os.mkdir", "os.urandom", "os.getpid", "time.time", "time.monotonic"]
        mocks = [mock.patch(name, side_effect=RuntimeError(name)) for name in names]
        started = [each.start() for each in mocks]
        for number in range(300):
            open(f"x{number}", "w").close()
        print([each.call_count for each in started])
        """
    )
    assert (done.stdout, done.stderr) == (f"{[0] * 9}\n", "")
    assert len(probed.files().written) == 300


def test_timeouts_that_are_os_errors(probed: Probed) -> None:
    """A handler may raise what a disk might: it reaches the program all the same, from a method too."""
    done = probed.run(
        """
        import argparse, functools, signal
        class Clock:
            def ring(self, *_): raise TimeoutError("mine")
        signal.signal(signal.SIGALRM, functools.partial(Clock().ring))
        parser = argparse.ArgumentParser()
        parser.set_defaults(**{f"p{n}": list(range(50)) for n in range(50)})
        rings = caught = 0
        for round in range(60):
            rings += 1
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.002)
                number = 0
                while True:
                    number += 1
                    parser.parse_args([])
                    try:
                        open(f"none/{round}-{number}").close()
                    except FileNotFoundError:
                        pass
            except TimeoutError:
                caught += 1
        print(rings - caught)
        """
    )
    assert done.stdout == "0\n"


def test_a_limit_on_the_size_of_files(probed: Probed) -> None:
    """Where a signal would end a process that writes too much, we write no more."""
    code = """
        import resource, signal, sys
        signal.signal(signal.SIGXFSZ, lambda *_: print("too much"))
        if sys.argv[1:]:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
        for number in range(600):
            try:
                open(f"none{number}")
            except OSError:
                pass
        print("done")
        """
    for words in ([], ["default"]):
        done = probed.run(code, *words)
        assert (done.stdout, done.stderr) == ("done\n", "")


@pytest.mark.parametrize(
    ("path", "is_there"),
    [("{}/", False), ("./src:{}/", True), ("{}/:./src", True), ("./src:{}", False), ("{}:./src", False)],
)
def test_the_current_folder_on_the_path(probed: Probed, path: str, is_there: bool) -> None:
    """Where PYTHONPATH was empty and somebody added to it, the empty entry that Python would see is the current folder."""
    (probed.root / "src").mkdir()
    probed.write(
        "bin/main.py",
        "import sys\nprint(sys.argv[1] in sys.path, any('capture/probe' in entry for entry in sys.path))\n",
    )
    done = subprocess.run(
        [sys.executable, "bin/main.py", str(probed.root)],
        cwd=probed.root,
        env=probed.environ({"PYTHONPATH": path.format(PROBE)}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{is_there} False\n"
    assert probed.said("process")


@pytest.mark.parametrize(("option", "is_there"), [("-S", True), ("-E", False), ("-I", False)])
def test_pythons_without_site_or_variables(probed: Probed, option: str, *, is_there: bool) -> None:
    """They run as ever and say nothing; the folder is on the path where Python takes it and imports no sitecustomize."""
    done = probed.run(f"import sys; print({PROBE!r} in sys.path)", python=[sys.executable, option])
    assert (done.stdout, done.stderr) == (f"{is_there}\n", "")
    assert probed.statements() == []


def test_a_folder_that_is_gone(probed: Probed) -> None:
    """Absolute paths are known also where there is no current folder."""
    probed.write("a", "1")
    probed.run(
        """
        import os
        path = os.path.abspath("a")
        os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")
        open(path).close()
        try:
            open("relative", "w")
        except OSError:
            pass
        """
    )
    assert "a" in probed.files().read
    assert probed.said("problem") == []
