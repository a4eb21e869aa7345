"""Measuring: whole processes, taken in turns so that a busy machine is busy for both; memory and CPU from /proc.

A time here is from before the start of a process to after its end, the start of Python included. The two sides take
turns (AB, BA, AB, …), so that a slow minute falls on both, and the median of each is what counts.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# A variable that every process of a measured run inherits: by it they are found, whoever their parent is by then.
MARK = "GITXP_BENCH_MARK"


class Work(NamedTuple):
    """A command in a folder, and what to do before each time it runs (that is not timed)."""

    command: Sequence[str]
    folder: str
    before: Callable[[], object] = lambda: None


class Pair(NamedTuple):
    """Seconds of all runs of the two sides."""

    ours: list[float]
    theirs: list[float]

    @property
    def medians(self) -> tuple[float, float]:
        """The median of each side, in seconds."""
        return statistics.median(self.ours), statistics.median(self.theirs)

    @property
    def ratio(self) -> float:
        """How many times as long ours takes as theirs, median by median."""
        ours, theirs = self.medians
        return ours / theirs


def sealed_environment(home: str) -> dict[str, str]:
    """An environment without anybody's git configuration but a name to commit as."""
    with open(os.path.join(home, ".gitconfig"), "w") as file:
        file.write("[user]\n\tname = Bench\n\temail = bench@example.com\n[init]\n\tdefaultBranch = main\n")
        file.write("[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n")
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "TMPDIR", "LANG", "LD_LIBRARY_PATH"}}
    return {**kept, "HOME": home, "GIT_CONFIG_NOSYSTEM": "1", "TZ": "UTC"}


def check(command: Sequence[str], folder: str, environ: dict[str, str], data: bytes = b"") -> bytes:
    """The stdout of a command; `RuntimeError` with its stderr where it fails."""
    answer = subprocess.run(command, cwd=folder, env=environ, input=data, capture_output=True, check=False)
    if answer.returncode:
        msg = f"{' '.join(command)} in {folder}: exit status {answer.returncode}\n{answer.stderr.decode(errors='replace')}"
        raise RuntimeError(msg)
    return answer.stdout


def seconds(work: Work, environ: dict[str, str]) -> float:
    """How long a command takes, from before its start to after its end."""
    work.before()
    start = time.perf_counter()
    status = subprocess.call(
        work.command,
        cwd=work.folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    taken = time.perf_counter() - start
    if status:
        msg = f"{' '.join(work.command)} in {work.folder}: exit status {status}"
        raise RuntimeError(msg)
    return taken


def take_turns(ours: Work, theirs: Work, environ: dict[str, str], times: int) -> Pair:
    """Time the two in turns, after one round that does not count."""
    pair = Pair([], [])
    for turn in range(times + 1):
        sides = [(ours, pair.ours), (theirs, pair.theirs)]
        for work, results in sides if turn % 2 else reversed(sides):
            taken = seconds(work, environ)
            if turn:
                results.append(taken)
    return pair


class Footprint(NamedTuple):
    """What processes held and used: bytes of RSS and PSS summed over them, share of one core, how many they are."""

    rss: int
    pss: int
    core: float
    processes: int


def footprint(work: Work, environ: dict[str, str], *, besides: str, span: float, settle: float = 1) -> Footprint:
    """What the processes of a command take while it runs, without those whose program is `besides`.

    Memory is the most that was seen at both ends of `span` seconds, which begins `settle` seconds after the program
    `besides` is there; the core is their CPU time over the span.
    """
    mark = f"{os.getpid()}-{time.time_ns()}"
    process = subprocess.Popen(
        work.command,
        cwd=work.folder,
        env={**environ, MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while besides not in _programs(mark).values():
            if time.monotonic() > deadline or process.poll() is not None:
                msg = f"{besides} was never started by {' '.join(work.command)}"
                raise RuntimeError(msg)
            time.sleep(0.05)
        time.sleep(settle)
        pids = [pid for pid, program in _programs(mark).items() if program != besides]
        first, used = _memory(pids), _cpu(pids)
        start = time.monotonic()
        time.sleep(span)
        core = (_cpu(pids) - used) / (time.monotonic() - start)
        last = _memory(pids)
    finally:
        process.terminate()
        process.wait()
    return Footprint(max(first[0], last[0]), max(first[1], last[1]), core, len(pids))


def has_proc() -> bool:
    """Whether this system can say what a process takes."""
    return sys.platform == "linux" and os.path.exists("/proc/self/smaps_rollup")


def _programs(mark: str) -> dict[int, str]:
    """The processes that carry the mark, each with the name of its program."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                environ = file.read().split(b"\0")
            with open(f"/proc/{name}/comm") as file:
                program = file.read().strip()
        except OSError:  # it ended, or is another user's
            continue
        if f"{MARK}={mark}".encode() in environ:
            found[int(name)] = program
    return found


def _memory(pids: Sequence[int]) -> tuple[int, int]:
    """RSS and PSS in bytes, summed over the processes."""
    totals = {"Rss:": 0, "Pss:": 0}
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                words = line.split()
                if words[0] in totals:
                    totals[words[0]] += int(words[1]) * 1024
    return totals["Rss:"], totals["Pss:"]


def _cpu(pids: Sequence[int]) -> float:
    """CPU seconds of all threads of the processes so far, to the nanosecond."""
    total = 0
    for pid in pids:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
                total += int(file.read().split()[0])
    return total / 1e9
