"""The row about `gitxp.log`: calls a second in a training loop, each call safe against a kill before it returns.

The other side is `os.write`, once of lines that were made before, and once of lines that the loop makes itself: no
program can log without at least the second. Both write the same number of lines of the same length to the same disk, in
turns within one process, so that Python's start is in neither.
"""

from __future__ import annotations

import json
import os
import statistics
from typing import TYPE_CHECKING

from measure import check
from rows import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rows import Bench

_CALLS = 20_000
_LOOPS = """
import json, os, sys, time
import gitxp

calls, rounds = int(sys.argv[1]), int(sys.argv[2])
values = [number / 7 for number in range(calls)]
lines = [b"loss.tsv\\t%d\\t%.3f\\t%a\\n" % (number, time.time(), value) for number, value in enumerate(values)]
fd = os.open(os.path.join(os.environ["GITXP_RUN_DIR"], "other"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def ours():
    log = gitxp.log
    for value in values:
        log({"loss": value})

def written():
    write = os.write
    for line in lines:
        write(fd, line)

def made():
    write, now = os.write, time.time
    for number, value in enumerate(values):
        write(fd, b"loss.tsv\\t%d\\t%.3f\\t%a\\n" % (number, now(), value))

times = {"ours": [], "written": [], "made": []}
for turn in range(rounds + 1):
    for loop in (ours, written, made) if turn % 2 else (made, written, ours):
        start = time.perf_counter()
        loop()
        if turn:
            times[loop.__name__].append(time.perf_counter() - start)
print(json.dumps(times))
"""


def log(bench: Bench) -> Iterator[Result]:
    """`gitxp.log` of one value, against os.write of the same lines."""
    live = bench.path("live-log")
    os.makedirs(live, exist_ok=True)
    environ = {**bench.environ, "GITXP_RUN": "bench", "GITXP_RUN_DIR": live}
    python = os.path.join(os.path.dirname(bench.gitxp), "python")
    rounds = bench.settings.pairs * 4
    times = json.loads(check([python, "-P", "-c", _LOOPS, str(_CALLS), str(rounds)], bench.folder, environ))
    rate = _CALLS / statistics.median(times["ours"])
    for other, what in (("written", "os.write of lines made before"), ("made", "os.write of lines made in the loop")):
        share = statistics.median(theirs / ours for ours, theirs in zip(times["ours"], times[other], strict=True))
        theirs = _CALLS / statistics.median(times[other])
        is_budget = other == "written"
        yield Result(
            "log",
            "gitxp.log of one value",
            f"{rate:,.0f} calls/s",
            f"{theirs:,.0f} calls/s {what}",
            f"{share:.2f} x",
            "≥ 100,000 calls/s and ≥ 0.5 x" if is_budget else "≥ 100,000 calls/s",
            "met" if rate >= 100_000 and (share >= 0.5 or not is_budget) else "MISSED",
            {"ours": times["ours"], "theirs": times[other]},
        )


ROWS: dict[str, Callable[[Bench], Iterator[Result]]] = {"log": log}
