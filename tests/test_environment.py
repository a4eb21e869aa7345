from __future__ import annotations

import os
import sys
import venv
from typing import TYPE_CHECKING

import pytest

from gitxp.capture.environment.interpreter import find_interpreter
from gitxp.capture.environment.packages import find_packages
from gitxp.capture.environment.surroundings import Surroundings, environment
from gitxp.format import encode_json
from gitxp.names import normal_package

if TYPE_CHECKING:
    from pathlib import Path

VERSION = ".".join(map(str, sys.version_info[:3]))
BASE = os.path.realpath(sys.executable)


def program(path: Path, text: str) -> Path:
    """An executable script at this path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def make_venv(folder: Path) -> Path:
    """A virtual environment without pip; the path of its Python."""
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


def add_package(prefix: Path, entry: str) -> None:
    """Put a `.dist-info` folder into a virtual environment."""
    (next((prefix / "lib").glob("python*")) / "site-packages" / entry).mkdir()


def test_same_bytes(tmp_path: Path) -> None:
    """Two captures give the same bytes, so that git keeps one blob; with the cache and without it."""
    command = [BASE, "train.py"]
    captured = {
        encode_json(environment(command, Surroundings(str(tmp_path), os.environ, cache=cache)))
        for cache in (str(tmp_path / "cache"), str(tmp_path / "cache"), None)
    }
    assert len(captured) == 1


def test_what_is_there(tmp_path: Path) -> None:
    """The Python, its packages, the system and the machine are told."""
    found = environment([BASE, "train.py"], Surroundings(str(tmp_path), os.environ))
    assert found["python"]["version"] == VERSION
    assert found["python"]["implementation"] == "CPython"
    assert found["python"]["prefix"] == sys.base_prefix
    assert found["os"]["system"] == os.uname().sysname
    assert found["cpu"]["cores"] == os.cpu_count()
    assert found["memory"] > 1 << 20


def test_virtual_environment_runs_nothing(tmp_path: Path) -> None:
    """pyvenv.cfg tells all: a Python that cannot even start is described."""
    python = make_venv(tmp_path / "v")
    add_package(tmp_path / "v", "Torch_Vision-0.16.0+cu118.dist-info")
    python.unlink()
    program(python, "#!/bin/false\n")
    found = environment(["python", "t.py"], Surroundings("/", {"PATH": str(python.parent)}))
    assert found["python"] == {
        "executable": str(python),
        "version": VERSION,
        "implementation": "CPython",
        "prefix": str(tmp_path / "v"),
    }
    assert found["packages"] == {"torch-vision": "0.16.0+cu118"}
    assert found["virtual_env"] == str(tmp_path / "v")


def test_uv_and_virtualenv_configs(tmp_path: Path) -> None:
    """The `version_info` of virtualenv and uv is read as well."""
    python = program(tmp_path / "bin" / "python3", "")
    (tmp_path / "pyvenv.cfg").write_text("home = /x\nimplementation = PyPy\nversion_info = 3.10.2.final.0\n")
    found = find_interpreter([str(python)], "/", {}, None)
    assert found
    assert found.to_json()["version"] == "3.10.2"
    assert found.to_json()["implementation"] == "PyPy"


@pytest.mark.parametrize(
    "command",
    [
        ["{v}/bin/python", "t.py"],
        ["{v}/bin/tool", "--x"],
        ["./script.py"],
        ["env", "A=b", "nice", "-n", "5", "{v}/bin/python"],
        ["make", "train"],
        ["true"],
        [],
    ],
)
def test_which_python(tmp_path: Path, command: list[str]) -> None:
    """The program itself, the one in a script's first line, or else the PATH's decides."""
    python = make_venv(tmp_path / "v")
    program(tmp_path / "v" / "bin" / "tool", f"#!{python}\n")
    program(tmp_path / "script.py", "#!/usr/bin/env -S python3 -u\n")
    words = [word.format(v=tmp_path / "v") for word in command]
    found = find_interpreter(words, str(tmp_path), {"PATH": f"{python.parent}:/usr/bin:/bin"}, None)
    assert found
    assert found.prefix == str(tmp_path / "v")


def test_uv_project(tmp_path: Path) -> None:
    """`uv run` uses the project's `.venv`, from a folder below, too."""
    make_venv(tmp_path / ".venv")
    (tmp_path / "src").mkdir()
    found = find_interpreter(["uv", "run", "t.py"], str(tmp_path / "src"), {"PATH": "/usr/bin"}, None)
    assert found
    assert found.prefix == str(tmp_path / ".venv")


def test_no_python(tmp_path: Path) -> None:
    """Without a Python there is no `python` and there are no packages, and the rest is told."""
    found = environment(["train"], Surroundings(str(tmp_path), {"PATH": str(tmp_path)}))
    assert not {"python", "packages", "virtual_env"} & found.keys()
    assert found["os"]


def test_shim(tmp_path: Path) -> None:
    """A version manager's shim is followed to the Python that it starts, even into a virtual environment."""
    python = make_venv(tmp_path / "v")
    add_package(tmp_path / "v", "numpy-2.0.dist-info")
    program(tmp_path / "shims" / "python", f'#!/bin/sh\nexec {python} "$@"\n')
    found = environment(
        ["python"],
        Surroundings(str(tmp_path), {"PATH": f"{tmp_path / 'shims'}:/bin"}, cache=str(tmp_path / "cache")),
    )
    assert found["python"]["executable"] == str(python)
    assert found["packages"] == {"numpy": "2.0"}


def answers(text: str) -> str:
    """A program's text that answers as an interpreter, and counts how often it was asked."""
    return f"import sys\nopen(__file__ + '.asked', 'a').write('x')\nsys.stdout.write({text!r})\n"


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"version": 3}', "[" * 50_000, '{"version": "3"}'])
def test_nonsense_from_the_interpreter(tmp_path: Path, text: str) -> None:
    """What answers nonsense is no Python, and no error."""
    program(tmp_path / "python3", f"#!{BASE} -I\n" + answers(text))
    assert find_interpreter(["python3"], str(tmp_path), {"PATH": str(tmp_path)}, None) is None
    assert (tmp_path / "python3.asked").exists()


def test_interpreter_that_hangs(tmp_path: Path) -> None:
    """A Python that does not answer is killed with all that it started, and left out."""
    os.mkfifo(tmp_path / "alive")
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    path = program(tmp_path / "python3", f"#!/bin/sh\nexec 9>{tmp_path}/alive\necho >&9\nsleep 1000 &\nwait\n")
    assert find_interpreter([str(path)], "/", {"PATH": "/usr/bin:/bin"}, None, timeout=1) is None
    os.set_blocking(reader, True)
    assert os.read(reader, 10) == b"\n"
    assert os.read(reader, 10) == b""  # the end: nobody is left who holds it
    os.close(reader)


def test_cache(tmp_path: Path) -> None:
    """An interpreter is asked once; a damaged or unwritable cache only makes us ask again."""
    cache = tmp_path / "cache"
    first = find_interpreter([BASE], "/", os.environ, str(cache))
    assert first
    (file,) = (cache / "interpreters").iterdir()
    file.write_text(file.read_text().replace(f"\0{VERSION}\0", "\0" + "9.9.9" + "\0"))
    cached = find_interpreter([BASE], "/", os.environ, str(cache))
    assert cached
    assert cached.version == "9.9.9"
    for damage in ("", "{", "\0" * 9, f"{BASE}\0", file.read_text().replace(BASE, "/other"), "\udcff"):
        file.write_text(damage, errors="surrogateescape")
        assert find_interpreter([BASE], "/", os.environ, str(cache)) == first
    (tmp_path / "blocked").touch()
    assert find_interpreter([BASE], "/", os.environ, str(tmp_path / "blocked")) == first


def test_packages(tmp_path: Path) -> None:
    """Folders' names give names and versions; the first folder on the path wins; half-removed ones are left out."""
    for entry in ("a/X_y.Z-1.0.dist-info", "a/~umpy-1.0.dist-info", "a/odd-2-py3.11.egg-info", "a/.dist-info", "a/q"):
        (tmp_path / entry).mkdir(parents=True)
    for entry in ("b/x_y_z-0.5.dist-info", "b/new-3.dist-info"):
        (tmp_path / entry).mkdir(parents=True)
    folders = [str(tmp_path / name) for name in ("a", "b", "absent")]
    found = [(name, package.version) for name, package in find_packages(folders).items()]
    assert found == [("new", "3"), ("odd", "2"), ("x-y-z", "1.0")]
    assert normal_package("Foo._-Bar") == "foo-bar"


def test_variables_are_an_allow_list(tmp_path: Path) -> None:
    """Only variables of the list are told, and nothing else of the environment."""
    environ = {
        "PATH": str(tmp_path),
        "OMP_NUM_THREADS": "4",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "EDITOR": "/private",
    }
    found = environment(["x"], Surroundings("/", environ))
    assert found["variables"] == {"OMP_NUM_THREADS": "4"}
    assert b"hunter2" not in encode_json(found)
    assert b"private" not in encode_json(found)


def test_empty_system(tmp_path: Path) -> None:
    """Where no file tells, keys are absent and not empty."""
    found = environment(["x"], Surroundings("/", {"PATH": ""}, root=str(tmp_path)))
    assert found.keys() == {"os", "cpu", "memory"}


def test_conda(tmp_path: Path) -> None:
    """An active conda environment is told with its packages."""
    (tmp_path / "conda-meta").mkdir()
    for name in ("numpy-1.26.4-py311_0.json", "scikit-learn-1.4-0.json", "history"):
        (tmp_path / "conda-meta" / name).touch()
    found = environment(
        ["x"], Surroundings("/", {"PATH": "", "CONDA_PREFIX": str(tmp_path), "CONDA_DEFAULT_ENV": "ml"})
    )
    assert found["conda"] == {
        "name": "ml",
        "prefix": str(tmp_path),
        "packages": {"numpy": "1.26.4", "scikit-learn": "1.4"},
        "builds": {"numpy": "py311_0", "scikit-learn": "0"},
    }
