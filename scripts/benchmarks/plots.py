"""The row about plots: 1,000,000 points down-sampled, in each way and with gaps, and `gitxp plot` of them, whole.

Down-sampling is timed inside of one Python, since it is a part of what a page or a plot does; each time is of a call.
"""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING

from measure import Work, check, seconds
from points import POINTS, make_journal, python_of
from rows import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rows import Bench

_MOST, _WHOLE = 0.5, 2.0  # seconds
_CODE = """
import json, math, random, sys, time
from array import array
from gitxp.query.downsampling import lttb, minmax
count, rounds = int(sys.argv[1]), int(sys.argv[2])
noise = random.Random(1)
xs, ys = array("d", range(count)), array("d", (noise.gauss(0, 1) for _ in range(count)))
gaps = array("d", (math.nan if at % 1000 == 0 else y for at, y in enumerate(ys)))
taken = {}
for name, way, values in (("minmax", minmax, ys), ("minmax, gaps", minmax, gaps), ("lttb", lttb, ys), ("lttb, gaps", lttb, gaps)):
    for _ in range(rounds):
        before = time.perf_counter()
        way(xs, values, 1000)
        taken.setdefault(name, []).append(time.perf_counter() - before)
print(json.dumps(taken))
"""


def plot(bench: Bench) -> Iterator[Result]:
    """1,000,000 points down-sampled to 1,000 columns, and `gitxp plot` of a run that has them."""
    rounds = str(bench.settings.pairs)
    answer = check([python_of(bench), "-P", "-c", _CODE, str(POINTS), rounds], bench.folder, bench.environ)
    for name, times in json.loads(answer).items():
        yield _row(f"{POINTS:,} points down-sampled, {name}", times, _MOST)
    folder, journal = bench.fresh("plot-points"), make_journal(bench, 1)
    copy = f'mkdir -p "$GITXP_RUN_DIR/journal" && cp {journal} "$GITXP_RUN_DIR/journal/1-00000000.tsv"'
    check([bench.gitxp, "run", "--name", "a", "--", "sh", "-c", copy], folder, bench.environ)
    whole = Work([bench.gitxp, "plot", "m0", "a"], folder)
    times = [seconds(whole, bench.environ) for _ in range(bench.settings.pairs)]
    yield _row(f"gitxp plot of {POINTS:,} points", times, _WHOLE)


def _row(work: str, times: list[float], most: float) -> Result:
    middle = statistics.median(times)
    value = f"{middle * 1000:,.0f} ms"
    budget, verdict = f"≤ {most * 1000:,.0f} ms", "met" if middle <= most else "MISSED"
    return Result("plot", work, value, "", value, budget, verdict, {"ours": times})


ROWS: dict[str, Callable[[Bench], Iterator[Result]]] = {"plot": plot}
