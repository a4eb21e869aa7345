"""The row about questions among 100,000 runs: a filter and an order, the best, groups, their memory, the first indexing."""

from __future__ import annotations

import os
import statistics
import subprocess
from typing import TYPE_CHECKING

import trees
from measure import Work, seconds
from rows import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rows import Bench

# A third of a third of the runs, in an order that is another than that of the refs, the times and the condition.
QUESTION = ["list", "metrics.loss < 0.5 and params.lr == 0.01", "--sort", "metrics.accuracy"]
# What looks at a number of every run, or at two.
LOOKS = (
    ["--best", "accuracy", "--per", "params.lr"],
    ["--pareto", "accuracy,-loss"],
    ["--pareto", "accuracy,-loss,params.seed"],
    ["--group-by", "params.lr,params.batch"],
)
_MOST, _MEMORY, _FIRST = 0.5, 150, 20.0  # seconds, MB, seconds
_LOOK = 2.0  # seconds


def questions(bench: Bench) -> Iterator[Result]:
    """A filter, an order and the first 20, the best, groups, index warm; the memory of each; the index made anew."""
    count = bench.settings.runs
    folder = bench.fresh("questions")
    trees.add_runs(folder, count, bench.environ, bench.gitxp)
    trees.pack_refs(folder, bench.environ)
    first = seconds(Work([bench.gitxp, "list"], folder), bench.environ)
    yield _row(f"gitxp list, {count:,} runs, no index", [first], f"{first:,.1f} s", "≤ 20 s", is_met=first <= _FIRST)
    asked = Work([bench.gitxp, *QUESTION], folder)
    times = [seconds(asked, bench.environ) for _ in range(bench.settings.pairs)]
    middle = statistics.median(times)
    words = f"gitxp list WHERE --sort, {count:,} runs, first 20"
    yield _row(words, times, f"{middle * 1000:,.0f} ms", "≤ 500 ms", is_met=middle <= _MOST)
    size = _peak(asked, bench.environ)
    yield _row(f"memory of it, {count:,} runs", [size], f"{size:,.0f} MB", "≤ 150 MB", is_met=size <= _MEMORY)
    for look in LOOKS:
        asked = Work([bench.gitxp, "list", *look], folder)
        times = [seconds(asked, bench.environ) for _ in range(bench.settings.pairs)]
        middle, size = statistics.median(times), _peak(asked, bench.environ)
        value = f"{middle * 1000:,.0f} ms, {size:,.0f} MB"
        is_met = middle <= _LOOK and size <= _MEMORY
        yield _row(f"gitxp list {' '.join(look)}, {count:,} runs", times, value, "≤ 2 s, 150 MB", is_met=is_met)


def _row(work: str, samples: list[float], value: str, budget: str, *, is_met: bool) -> Result:
    return Result("questions", work, value, "", value, budget, "met" if is_met else "MISSED", {"ours": samples})


def _peak(work: Work, environ: dict[str, str]) -> float:
    """The most memory that a command had resident, in MB (10^6 bytes)."""
    with subprocess.Popen(
        work.command, cwd=work.folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return usage.ru_maxrss * 1024 / 1e6


ROWS: dict[str, Callable[[Bench], Iterator[Result]]] = {"questions": questions}
