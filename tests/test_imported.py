"""Which packages a program imported, and on which Python it really ran."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from gitxp.capture.environment.imported import imported_packages
from gitxp.recording.interpreter import true_environment
from gitxp.recording.statements import Statement
from gitxp.recording.wanted import Wanted

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git, Gitxp


def install(folder: Path, info: str, *modules: str, record: str | None = None, top: str | None = None) -> None:
    """A distribution with these modules, as files or folders."""
    place = folder / info
    place.mkdir(parents=True)
    if record is not None:
        (place / "RECORD").write_text(record)
    if top is not None:
        (place / "top_level.txt").write_text(top)
    for module in modules:
        if "." in module:
            (folder / module).write_text("")
        else:
            (folder / module).mkdir()


def test_modules_and_their_distributions(tmp_path: Path) -> None:
    """By name, by top_level.txt, by RECORD, by a compiled file; what is the user's or was not imported is not there."""
    install(tmp_path, "numpy-2.0.dist-info", "numpy", record="")
    install(tmp_path, "scikit_learn-1.5.dist-info", "sklearn", top="sklearn\n")
    install(
        tmp_path, "PyYAML-6.0.dist-info", "yaml", record="yaml/__init__.py,sha256=x,1\nPyYAML-6.0.dist-info/RECORD,,\n"
    )
    install(tmp_path, "six-1.16.egg-info", "six.py")
    install(tmp_path, "cffi-1.0.dist-info", "_cffi_backend.cpython-311.so", record="_cffi_backend.cpython-311.so,,\n")
    install(tmp_path, "unused-1.0.dist-info", "unused", top="unused\n")
    install(tmp_path, "~broken-1.0.dist-info", "broken", top="broken\n")
    modules = ["numpy", "sklearn", "yaml", "six", "_cffi_backend", "broken", "mine", "../x", "json"]
    assert imported_packages(modules, [str(tmp_path), str(tmp_path / "none")]) == [
        "cffi",
        "numpy",
        "pyyaml",
        "scikit-learn",
        "six",
    ]


def wanted(tmp_path: Path) -> Wanted:
    """A command that says nothing of a Python."""
    return Wanted(["make", "train"], str(tmp_path), str(tmp_path), {"PATH": ""}, str(tmp_path / "cache"))


def test_the_python_that_ran(tmp_path: Path) -> None:
    """The process nearest to the command says which; what was known of the machine stays."""
    prefix = tmp_path / "venv"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(sys.executable)
    (prefix / "pyvenv.cfg").write_text("version = 3.9.1\n")
    site = prefix / "lib" / "python3.9" / "site-packages"
    install(site, "torch-2.4.dist-info", "torch", record="")
    said: dict[str, Any] = {"executable": str(prefix / "bin" / "python"), "prefix": str(prefix), "version": "3.9.1"}
    statements = [
        Statement("process", 1.0, 11, {**said, "prefix": "/worker", "ppid": 10}),
        Statement("process", 2.0, 10, {**said, "ppid": 1}),
        Statement("imported", 3.0, 11, {"modules": ["torch", "mine"]}),
    ]
    found = true_environment({"python": {"prefix": "/usr", "version": "3.11.2"}}, wanted(tmp_path), statements)
    assert found is not None
    assert found["python"]["version"] == "3.9.1"
    assert found["python"]["prefix"] == str(prefix)
    assert found["packages"] == {"torch": "2.4"}
    assert found["imported"] == ["torch"]
    assert true_environment(found, wanted(tmp_path), statements) is None


def test_nobody_says_which_python(tmp_path: Path) -> None:
    """Then there is nothing to change."""
    assert true_environment({"os": {}}, wanted(tmp_path), []) is None


def test_environment_of_a_run(repo: str, gitxp: Gitxp, git: Git) -> None:
    """What a process says of its Python is in the run's environment."""
    code = """
import json, os, sys
folder = os.path.join(os.environ["GITXP_RUN_DIR"], "said")
os.mkdir(folder)
said = {"kind": "process", "ppid": 1, "executable": sys.executable, "prefix": sys.prefix, "version": "3.99.0"}
with open(os.path.join(folder, f"{os.getpid()}-0.jsonl"), "w") as file:
    file.write(json.dumps(said) + "\\n" + json.dumps({"kind": "imported", "modules": ["pytest"]}) + "\\n")
"""
    gitxp("run", "--name", "r", "--no-probe", sys.executable, "-c", code, cwd=repo)
    environment = json.loads(git("show", "experiments/r:.gitxp/environment.json"))
    assert environment["python"]["version"] == "3.99.0"
    assert "pytest" in environment["imported"]
    assert environment["os"]["system"]
