"""The rows about the probe: what a Python program takes longer with it, as whole processes, in turns with the same without.

The interpreter calls a hook for each file that is opened; what it takes for a hook that does nothing stands beside.
"""

from __future__ import annotations

import os
import statistics
from typing import TYPE_CHECKING

from measure import Work, check, take_turns
from rows import MET, MISSED, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rows import Bench

_FILES = 100_000
_MAKE = """
import os, sys
for number in range(int(sys.argv[1])):
    if number % 500 == 0:
        os.makedirs(f"many/{number // 500}")
    open(f"many/{number // 500}/{number}", "w").close()
"""
_OPEN = """
import sys
for number in range(int(sys.argv[1])):
    open(f"many/{number // 500}/{number}").close()
"""
_EMPTY_HOOK = "import sys\nsys.addaudithook(lambda event, args: None)\n"
_COPY = """
import copy
thing = [{"a": [1, 2, 3, "x"], "b": {"c": (1, 2, [3])}} for _ in range(20)]
for _ in range(3000):
    copy.deepcopy(thing)
"""
# Stochastic gradient descent on a small network, in plain Python: no files, much arithmetic, many calls.
_TRAIN = """
import math, random
random.seed(0)
data = [(x / 50 - 1, math.sin(x / 8)) for x in range(100)]
w = [[random.uniform(-1, 1) for _ in range(16)] for _ in range(3)]
for epoch in range(300):
    random.shuffle(data)
    for x, y in data:
        hidden = [math.tanh(a * x + b) for a, b in zip(w[0], w[1])]
        error = sum(c * h for c, h in zip(w[2], hidden)) - y
        for i, h in enumerate(hidden):
            slope = error * w[2][i] * (1 - h * h)
            w[2][i] -= 0.05 * error * h
            w[0][i] -= 0.05 * slope * x
            w[1][i] -= 0.05 * slope
"""


def start(bench: Bench) -> Iterator[Result]:
    """The start of Python with the probe, against without."""
    pair = _pair(bench, ["-c", "pass"], bench.settings.pairs * 4)
    more = statistics.median(a - b for a, b in zip(*pair, strict=True)) * 1000
    yield _result("probe-start", "python -c pass, with the probe", pair, f"+{more:.1f} ms", "≤ 15 ms", more <= 15)


def opens(bench: Bench) -> Iterator[Result]:
    """A program that opens 100,000 files with the probe, against without; and with an empty hook."""
    check([_python(bench), "-c", _MAKE, str(_FILES)], _folder(bench), bench.environ)
    pair = _pair(bench, ["-c", _OPEN, str(_FILES)])
    yield _ratio("probe-open", f"{_FILES:,} files opened, with the probe", pair, 1.05)
    pair = _pair(bench, ["-c", _EMPTY_HOOK + _OPEN, str(_FILES)], others=["-c", _OPEN, str(_FILES)], is_probed=False)
    yield _ratio("probe-open", f"{_FILES:,} files opened, with an empty hook and no probe", pair, None)


def work(bench: Bench) -> Iterator[Result]:
    """Training in plain Python, and copying deeply, with the probe, against without."""
    yield _ratio("probe-work", "training in plain Python, with the probe", _pair(bench, ["-c", _TRAIN]), 1.02)
    yield _ratio("probe-work", "copy.deepcopy without end, with the probe", _pair(bench, ["-c", _COPY]), None)


def _pair(
    bench: Bench, words: Sequence[str], times: int = 0, *, others: Sequence[str] = (), is_probed: bool = True
) -> tuple[list[float], list[float]]:
    """Seconds with the probe (or these words), and without (or the others)."""
    folder, live = _folder(bench), bench.path("probe-live")
    os.makedirs(live, exist_ok=True)
    package = check(
        [_python(bench), "-P", "-c", "import gitxp, os; print(os.path.dirname(gitxp.__file__), end='')"],
        folder,
        bench.environ,
    )
    variables = [
        f"GITXP_RUN_DIR={live}",
        f"GITXP_ROOT={folder}",
        f"PYTHONPATH={os.path.join(os.fsdecode(package), 'capture', 'probe')}",
    ]
    ours = Work(["env", *(variables if is_probed else ()), _python(bench), *words], folder)
    theirs = Work(["env", _python(bench), *(others or words)], folder)
    pair = take_turns(ours, theirs, bench.environ, times or bench.settings.pairs)
    return pair.ours, pair.theirs


def _folder(bench: Bench) -> str:
    os.makedirs(bench.path("probe"), exist_ok=True)
    return bench.path("probe")


def _python(bench: Bench) -> str:
    return os.path.join(os.path.dirname(bench.gitxp), "python")


def _ratio(row: str, work: str, pair: tuple[list[float], list[float]], most: float | None) -> Result:
    """The median of the ratios, with their middle half; with no budget, a number to know."""
    ratios = sorted(a / b for a, b in zip(*pair, strict=True))
    ratio, quarter = statistics.median(ratios), len(ratios) // 4
    value = f"{ratio:.3f} x ({ratios[quarter]:.3f} to {ratios[-1 - quarter]:.3f})"
    return _result(
        row, work, pair, value, "" if most is None else f"≤ {most:g} x", None if most is None else ratio <= most
    )


def _result(
    row: str, work: str, pair: tuple[list[float], list[float]], value: str, budget: str, is_met: bool | None
) -> Result:
    ours, theirs = (f"{statistics.median(side) * 1000:,.0f} ms" for side in pair)
    verdict = "" if is_met is None else MET if is_met else MISSED
    return Result(row, work, ours, f"{theirs} without", value, budget, verdict, {"ours": pair[0], "theirs": pair[1]})


ROWS: dict[str, Callable[[Bench], Iterator[Result]]] = {"probe-start": start, "probe-open": opens, "probe-work": work}
