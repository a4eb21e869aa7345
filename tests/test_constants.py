"""Constants of a program, read from its text; and whose they are in a run of several programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gitxp.capture.params.constants import MAX_SOURCE, find_constants
from gitxp.git.program import Git as Program
from gitxp.recording.main_program import state_constants
from gitxp.recording.statements import Statement

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Git


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (
            "LR = 0.1\nSEED = 3\nNAME = 'x'\nAMP = True\nRESUME = None",
            {"LR": 0.1, "SEED": 3, "NAME": "x", "AMP": True, "RESUME": None},
        ),
        ("A = B = 2\nC, D = 1, 2\n[E, (F, G)] = [3, (4, 5)]", {"A": 2, "B": 2, "C": 1, "D": 2, "E": 3, "F": 4, "G": 5}),
        ("PARAMS = {'lr': -1e-3, 'layers': (1, 2), 3: {'x'}}", {"PARAMS": {"lr": -1e-3, "layers": [1, 2], "3": ["x"]}}),
        ("DEPTH: int = 3\nWIDTH: int", {"DEPTH": 3}),
        ("if __name__ == '__main__':\n    LR = 1", {"LR": 1}),
        ("LR = 1\nLR = 2", {"LR": 2}),
        ("LR = 1\nLR = compute()", {}),
        ("LR = 1\nLR += 1", {}),
        ("LR = 1\nif debug:\n    LR = 2", {}),
        ("LR = 1\nfor LR in (1, 2): pass", {}),
        ("lr = 1\nLr = 2\n_ = 3\n__ALL__ = 4\nLR_2 = 5\n_PRIVATE = 6", {"LR_2": 5, "_PRIVATE": 6}),
        ("def f():\n    LR = 1\nclass C:\n    LR = 1", {}),
        ("A = 1 + 1\nB = len('x')\nC = b'x'\nD = 1j\nE = ...\nF = f'{x}'\nG = [x]", {}),
        ("A, B = 1, 2, 3\nC, D = f()\n(E).x = 1\nF[0] = 1", {}),
        (
            "A = {'x': 1}\nB = [1]\nC = {}\nD = 1\nE = {'y': {}}\nA['x'] = 2\nB.append(3)\nE['y']['z'] = 1\ndel D",
            {"C": {}},
        ),
        ("A = 1\nB = 2\ndef f():\n    global A\n    A = 2\ndef g():\n    B = 3", {"B": 2}),
        ("A = 1\nB = 2\nC = 3\nfrom math import pi as A\ndef B(): pass\nprint(C := 4)", {}),
        ("this is no Python", {}),
        ("A = 1\n\0", {}),
        ("A = " + "[" * 5000 + "]" * 5000, {}),
        ("", {}),
    ],
)
def test_what_is_a_constant(source: str, wanted: dict[str, Any]) -> None:
    """Upper-case names that hold literals at module level, if nothing else may be in them."""
    assert find_constants(source.encode()) == wanted


def test_nothing_is_executed(tmp_path: Path) -> None:
    """A program is read, not run."""
    target = tmp_path / "made"
    assert find_constants(f"open({str(target)!r}, 'w')\nA = open({str(target)!r}, 'w')\nB = 1".encode()) == {"B": 1}
    assert not target.exists()


def test_limits() -> None:
    """A huge program has none, and of very many the first ones are taken."""
    assert find_constants(b"A = 1\n" + b"#" * MAX_SOURCE) == {}
    assert len(find_constants("".join(f"A{n} = {n}\n" for n in range(2000)).encode())) == 500


def process(pid: int, ppid: int, main: str, root: str) -> Statement:
    """What a process says of itself."""
    return Statement("process", 1.0, pid, {"pid": pid, "ppid": ppid, "main": main, "root": root})


def test_whose_constants(repo: str, git: Git) -> None:
    """Those of the program that is nearest to the command and in the snapshot, as the snapshot has it."""
    for name in ("launch.py", "train.py", "worker.py"):
        with open(f"{repo}/{name}", "w") as file:
            file.write(f"WHO = '{name}'\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Programs", cwd=repo)
    with open(f"{repo}/train.py", "w") as file:
        file.write("WHO = 'edited since'\n")
    said = [
        process(3, 2, f"{repo}/worker.py", repo),
        process(2, 1, f"{repo}/train.py", repo),
        process(1, 9, "/usr/bin/torchrun", repo),
    ]
    found = state_constants(Program(repo), "HEAD", said)
    assert [(statement.pid, statement.facts) for statement in found] == [
        (2, {"source": "constant", "params": {"WHO": "train.py"}})
    ]
    assert state_constants(Program(repo), "HEAD", said[2:]) == []
    assert state_constants(Program(repo), "HEAD", []) == []
    assert state_constants(Program(repo), "HEAD", [process(1, 9, "relative.py", repo)]) == []
