"""The rows about questions among 100,000 runs: a filter and an order, the best, groups, their memory, the first indexing."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

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
    yield from _ask(bench, "questions", trees.FEW)


def questions_many_keys(bench: Bench) -> Iterator[Result]:
    """The same of runs with 20 parameters and 10 metrics each, in place of 4 and 2."""
    yield from _ask(bench, "questions-many-keys", trees.MANY)


def _ask(bench: Bench, row: str, keys: trees.Keys) -> Iterator[Result]:
    count = bench.settings.runs
    folder = bench.fresh(row)
    trees.add_runs(folder, count, bench.environ, bench.gitxp, keys)
    trees.pack_refs(folder, bench.environ)
    runs = f"{count:,} runs, {keys.params} + {keys.metrics} keys"

    def result(work: str, samples: list[float], value: str, budget: str, *, is_met: bool) -> Result:
        verdict = "met" if is_met else "MISSED"
        return Result(row, f"{work}, {runs}", value, "", value, budget, verdict, {"ours": samples})

    listing = Work([bench.gitxp, "list"], folder)
    first, used, size = _measure(listing, bench.environ)
    value = f"{first:,.1f} s, {used:,.1f} s of a core, {size:,.0f} MB"
    is_met = first <= _FIRST and size <= _MEMORY
    yield result("gitxp list, no index", [first], value, "≤ 20 s, 150 MB", is_met=is_met)
    asked = Work([bench.gitxp, *QUESTION], folder)
    times = [seconds(asked, bench.environ) for _ in range(bench.settings.pairs)]
    middle = statistics.median(times)
    yield result(
        "gitxp list WHERE --sort, first 20", times, f"{middle * 1000:,.0f} ms", "≤ 500 ms", is_met=middle <= _MOST
    )
    size = _measure(asked, bench.environ).memory
    yield result("memory of it", [size], f"{size:,.0f} MB", "≤ 150 MB", is_met=size <= _MEMORY)
    for look in LOOKS:
        asked = Work([bench.gitxp, "list", *look], folder)
        times = [seconds(asked, bench.environ) for _ in range(bench.settings.pairs)]
        middle, size = statistics.median(times), _measure(asked, bench.environ).memory
        value = f"{middle * 1000:,.0f} ms, {size:,.0f} MB"
        is_met = middle <= _LOOK and size <= _MEMORY
        yield result(f"gitxp list {' '.join(look)}", times, value, "≤ 2 s, 150 MB", is_met=is_met)


class Measured(NamedTuple):
    """What one command took: seconds from its start to its end, seconds of processor time, MB (10^6 bytes) at the most.

    Processor time is that of gitxp and of its git processes; memory is that of the largest of them.
    """

    seconds: float
    used: float
    memory: float


def _measure(work: Work, environ: dict[str, str]) -> Measured:
    start = time.perf_counter()
    with subprocess.Popen(
        work.command, cwd=work.folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        msg = f"{' '.join(work.command)} in {work.folder}: exit status {process.returncode}"
        raise RuntimeError(msg)
    taken = time.perf_counter() - start
    return Measured(taken, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


ROWS: dict[str, Callable[[Bench], Iterator[Result]]] = {
    "questions": questions,
    "questions-many-keys": questions_many_keys,
}
