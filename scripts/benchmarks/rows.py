"""The rows of the table: each a piece of work, done by gitxp and by git itself (or cat, or find), and its budget.

A row is a function of the `Bench` that gives one `Result` or several; `ROWS` lists them under the names that the
command takes. What a row needs is built the first time that a row asks for it.
"""

from __future__ import annotations

import functools
import itertools
import os
import shutil
import statistics
from typing import TYPE_CHECKING, NamedTuple

import trees
from measure import Work, check, footprint, has_proc, seconds, take_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from measure import Footprint, Pair

MET, MISSED, SKIPPED = "met", "MISSED", "skipped"


class Result(NamedTuple):
    """One line of the table. `samples` holds each measured value of both sides, in the row's unit."""

    row: str
    work: str
    ours: str
    against: str
    value: str
    budget: str
    verdict: str
    samples: dict[str, list[float]]


class Settings(NamedTuple):
    """How thoroughly to measure: pairs of runs, bytes of data, runs in a repository, seconds of idling."""

    pairs: int
    data: int
    runs: int
    span: float


THOROUGH = Settings(pairs=15, data=1 << 30, runs=100_000, span=20)
QUICK = Settings(pairs=5, data=1 << 28, runs=10_000, span=5)

# What a run is for git: the tree of everything in the folder, a commit of it on a ref; the command; a commit of its
# end on the same ref. As durable as gitxp's.
SIX_COMMANDS = """\
#!/bin/sh
set -e
git() { command git -c core.fsync=loose-object,pack,reference -c core.fsyncMethod=batch "$@"; }
ref=refs/experiments/git-$$
cp -p .git/index .git/bench-index
GIT_INDEX_FILE=.git/bench-index git add -A
tree=$(GIT_INDEX_FILE=.git/bench-index git write-tree)
start=$(git commit-tree "$tree" -p HEAD -m start)
git update-ref "$ref" "$start" ''
%(true)s
finish=$(git commit-tree "$tree" -p "$start" -m finish)
git update-ref "$ref" "$finish" "$start"
rm .git/bench-index
"""


class Bench:
    """The folder that everything is built in, the gitxp under test, and what was built so far."""

    def __init__(self, folder: str, environ: dict[str, str], gitxp: str, settings: Settings) -> None:
        self.folder, self.environ, self.gitxp, self.settings = folder, environ, gitxp, settings
        self.true = shutil.which("true") or "/bin/true"
        self.script = self.path("six-commands")
        with open(self.script, "w") as file:
            file.write(SIX_COMMANDS % {"true": self.true})
        os.chmod(self.script, 0o700)
        self.stamp = itertools.count()

    def path(self, name: str) -> str:
        """A place of that name in the bench's folder."""
        return os.path.join(self.folder, name)

    def git(self, folder: str, *args: str, data: bytes = b"") -> str:
        """The output of git, which must not fail."""
        return check(["git", *args], folder, self.environ, data).decode().strip()

    @functools.cached_property
    def small(self) -> str:
        """A repository of 4,800 files without runs; copy it before you write to it."""
        trees.build(self.path("small"), trees.SMALL, self.environ)
        return self.path("small")

    @functools.cached_property
    def large(self) -> str:
        """A repository of 100,000 files."""
        trees.build(self.path("large"), trees.LARGE, self.environ)
        return self.path("large")

    def fresh(self, name: str) -> str:
        """A copy of the repository of 4,800 files."""
        trees.copy(self.small, self.path(name), self.environ)
        return self.path(name)

    @functools.cached_property
    def loose_runs(self) -> str:
        """A repository of 4,800 files and 10,000 runs, each ref a file."""
        folder = self.fresh("runs-loose")
        trees.add_runs(folder, 10_000, self.environ, self.gitxp)
        return folder

    @functools.cached_property
    def packed_runs(self) -> str:
        """The same with all refs in one file, as git gc leaves them."""
        trees.copy(self.loose_runs, self.path("runs-packed"), self.environ)
        trees.pack_refs(self.path("runs-packed"), self.environ)
        return self.path("runs-packed")

    def edit(self, folder: str) -> None:
        """Change one tracked file and write an untracked one, as never before."""
        number = next(self.stamp)
        with open(os.path.join(folder, self.first_file(folder)), "a") as file:
            file.write(f"# edit {number}\n")
        with open(os.path.join(folder, "untracked.py"), "w") as file:
            file.write(f"edit = {number}\n" * 100)

    @functools.cache  # noqa: B019  (there is one Bench in a process)
    def first_file(self, folder: str) -> str:
        """A tracked file of a repository."""
        return self.git(folder, "ls-files", "*.py").split("\n")[0]

    def run_true(self, folder: str, before: Callable[[], object] = lambda: None) -> Work:
        """`gitxp run true` in a folder."""
        return Work([self.gitxp, "run", "--", self.true], folder, before)


def snapshot(bench: Bench) -> Iterator[Result]:
    """`gitxp run true` in 4,800 files, against the six git commands."""
    yield from _against_six_commands(bench, "snapshot", bench.fresh("snapshot"), "4,800 files", 2.0)


def snapshot_large(bench: Bench) -> Iterator[Result]:
    """The same in 100,000 files."""
    yield from _against_six_commands(bench, "snapshot-large", bench.large, "100,000 files", 1.3)


def _against_six_commands(bench: Bench, row: str, folder: str, size: str, budget: float) -> Iterator[Result]:
    for state, before in (("clean", lambda: None), ("1 modified, 1 untracked", lambda: bench.edit(folder))):
        theirs = Work([bench.script], folder, before)
        pair = take_turns(bench.run_true(folder, before), theirs, bench.environ, bench.settings.pairs)
        yield _ratio(row, f"gitxp run true, {size}, {state}", "six git commands", pair, budget)


def many_runs(bench: Bench) -> Iterator[Result]:
    """`gitxp run true` with 100,000 runs in the repository, loose and packed refs, against none."""
    count = bench.settings.runs
    with_none, with_many = bench.fresh("no-runs"), bench.fresh("many-runs")
    trees.add_runs(with_many, count, bench.environ, bench.gitxp)
    for refs in ("loose", "packed"):
        if refs == "packed":
            trees.pack_refs(with_many, bench.environ)
        pair = take_turns(bench.run_true(with_many), bench.run_true(with_none), bench.environ, bench.settings.pairs)
        yield _ratio("many-runs", f"gitxp run true, {count:,} runs there, {refs}", "its own time with none", pair, 1.1)
    shutil.rmtree(with_many)


def list_warm(bench: Bench) -> Iterator[Result]:
    """`gitxp list` of 10,000 runs, the index warm; git's own listing of the refs beside it."""
    yield from _list(bench, "warm", 0.25)


def list_cold(bench: Bench) -> Iterator[Result]:
    """`gitxp list` of 10,000 runs without an index."""
    yield from _list(bench, "cold", 2.0)


def _list(bench: Bench, index: str, budget: float) -> Iterator[Result]:
    listing = ["git", "for-each-ref", "--sort=-committerdate", "--count=20", "refs/experiments/"]
    for refs, folder in (("loose", bench.loose_runs), ("packed", bench.packed_runs)):
        before = functools.partial(_forget_index, folder) if index == "cold" else lambda: None
        ours = Work([bench.gitxp, "list"], folder, before)
        pair = take_turns(ours, Work(listing, folder), bench.environ, bench.settings.pairs)
        taken, git = pair.medians
        yield Result(
            f"list-{index}",
            f"gitxp list, 10,000 runs, index {index}, refs {refs}",
            _ms(taken),
            f"{_ms(git)} git for-each-ref",
            _ms(taken),
            f"≤ {_ms(budget)}",
            _verdict(taken <= budget),
            pair._asdict(),
        )


def _forget_index(folder: str) -> None:
    """Remove gitxp's index of a repository, as a user may at any time."""
    ours = os.path.join(folder, ".git", "gitxp")
    for name in os.listdir(ours):
        if name.startswith("index.sqlite"):
            os.unlink(os.path.join(ours, name))


def diff(bench: Bench) -> Iterator[Result]:
    """`gitxp diff A B --code`, against `git diff A B` of the same commits."""
    folder = bench.fresh("diff")
    for name in ("a", "b"):
        bench.edit(folder)
        check([bench.gitxp, "run", "--name", name, "--", bench.true], folder, bench.environ)
    theirs = ["git", "--no-pager", "diff", "refs/experiments/a", "refs/experiments/b"]
    pair = take_turns(
        Work([bench.gitxp, "diff", "a", "b", "--code"], folder),
        Work(theirs, folder),
        bench.environ,
        bench.settings.pairs,
    )
    ours, git = pair.medians
    yield Result(
        "diff",
        "gitxp diff A B --code, 4,800 files",
        _ms(ours),
        f"{_ms(git)} git diff A B",
        f"+{_ms(ours - git)}",
        "≤ git + 150 ms",
        _verdict(ours - git <= 0.150),
        pair._asdict(),
    )


def fingerprint(bench: Bench) -> Iterator[Result]:
    """A run's `--data` of one big file and of a folder, each new to it, against `cat` of the same bytes."""
    size = bench.settings.data
    file = os.path.join(trees.write_data(bench.path("data-file"), 1, size), "0000", "000000.bin")
    folder = trees.write_data(bench.path("data-folder"), 1_000, size // 1_000)
    for what, path in (("one file", file), ("1,000 files", folder)):
        theirs = Work(["sh", "-c", f"find '{path}' -type f -exec cat {{}} + >/dev/null"], bench.folder)
        ours = _fingerprint(bench, path, remember=False)
        pair = take_turns(ours, theirs, bench.environ, bench.settings.pairs)
        speed = 1 / pair.ratio
        yield Result(
            "fingerprint",
            f"fingerprint of {size >> 20:,} MiB, {what}",
            _ms(pair.medians[0]),
            f"{_ms(pair.medians[1])} cat",
            f"{speed:.2f} x its speed",
            "≥ 0.8 x",
            _verdict(speed >= 0.8),
            pair._asdict(),
        )
        shutil.rmtree(os.path.dirname(os.path.dirname(path)) if path == file else path)


def unchanged(bench: Bench) -> Iterator[Result]:
    """The fingerprint of a folder of 100,000 files that did not change, against `find`."""
    folder = trees.write_data(bench.path("data-many"), 100_000, 1_000)
    ours = _fingerprint(bench, folder, remember=True)
    seconds(ours, bench.environ)
    theirs = Work(["find", folder, "-type", "f", "-printf", "%s %T@ %C@ %i\n"], bench.folder)
    pair = take_turns(ours, theirs, bench.environ, bench.settings.pairs)
    yield _ratio("unchanged", "fingerprint of an unchanged folder, 100,000 files", "find", pair, 2.0)
    shutil.rmtree(folder)


def _fingerprint(bench: Bench, path: str, *, remember: bool) -> Work:
    """A process of the Python that gitxp runs with, which does what `gitxp run --data` does while the command runs."""
    cache = bench.path("fingerprint-cache")
    code = (
        "import sys; from gitxp.capture.data.fingerprints import fingerprint; fingerprint([sys.argv[1]], *sys.argv[2:])"
    )
    python = os.path.join(os.path.dirname(bench.gitxp), "python")

    def forget() -> None:
        if not remember:
            shutil.rmtree(cache, ignore_errors=True)

    return Work([python, "-P", "-c", code, path, bench.folder, cache], bench.folder, forget)


def storage(bench: Bench) -> Iterator[Result]:
    """Runs that each changed one file, after git gc; against git commits of the same trees and records."""
    for count, what in ((1, "a run that changed one file"), (20, "the same, mean of 20 runs")):
        ours, theirs = bench.fresh(f"storage-gitxp-{count}"), bench.fresh(f"storage-git-{count}")
        before = _objects(bench, ours), _objects(bench, theirs)
        for number in range(count):
            _store_by_both(bench, ours, theirs, number)
        by_gitxp, by_git = _objects(bench, ours) - before[0], _objects(bench, theirs) - before[1]
        ratio = by_gitxp / by_git
        yield Result(
            "storage",
            f"{what}, after git gc",
            f"{by_gitxp / count:,.0f} bytes",
            f"{by_git / count:,.0f} bytes git commit",
            f"{ratio:.2f} x",
            "≤ 1.5 x",
            _verdict(ratio <= 1.5),
            {"ours": [by_gitxp], "theirs": [by_git]},
        )


def _store_by_both(bench: Bench, ours: str, theirs: str, number: int) -> None:
    """Change one file; store that by a run in `ours`, and by one git commit, with the run's record, in `theirs`."""
    path, name = bench.first_file(ours), f"run-{number}"
    ref = f"refs/experiments/{name}"
    with open(os.path.join(ours, path), "a") as file:
        file.write(f"# storage {number}\n")
    check([bench.gitxp, "run", "--name", name, "--", bench.true], ours, bench.environ)
    shutil.copy(os.path.join(ours, path), os.path.join(theirs, path))
    for entry in bench.git(ours, "ls-tree", "-r", "--name-only", ref, ".gitxp/").split("\n"):
        os.makedirs(os.path.dirname(os.path.join(theirs, entry)), exist_ok=True)
        with open(os.path.join(theirs, entry), "wb") as blob:
            blob.write(check(["git", "cat-file", "blob", f"{ref}:{entry}"], ours, bench.environ))
    index = os.path.join(theirs, ".git", "bench-index")
    shutil.copy2(os.path.join(theirs, ".git", "index"), index)
    environ = {**bench.environ, "GIT_INDEX_FILE": index}
    check(["git", "add", "--all", "--force"], theirs, environ)
    tree = check(["git", "write-tree"], theirs, environ).decode().strip()
    commit = bench.git(theirs, "commit-tree", tree, "-p", "HEAD", "-m", f"{name}: {bench.true}")
    bench.git(theirs, "update-ref", ref, commit)


def _objects(bench: Bench, folder: str) -> int:
    """Bytes of the object database of a repository, after git gc."""
    bench.git(folder, "gc", "--quiet", "--prune=now")
    top = os.path.join(folder, ".git", "objects")
    return sum(os.path.getsize(os.path.join(place, name)) for place, _, names in os.walk(top) for name in names)


def wrapper(bench: Bench) -> Iterator[Result]:
    """Memory and CPU of gitxp's own processes while the command sleeps."""
    if not has_proc():
        yield Result("wrapper", "gitxp while the command sleeps", "", "", "", "", f"{SKIPPED}: needs Linux's /proc", {})
        return
    folder = bench.fresh("wrapper")
    for option, words, settle in (
        ("--no-system-metrics", "while the command sleeps", 1.0),
        ("--system-metrics", "the same with system metrics, every 10 s", 15.0),  # the first look is after 10 s
    ):
        span = bench.settings.span
        sleeping = Work([bench.gitxp, "run", option, "--", "sleep", str(span + 60)], folder)
        yield from _footprint(
            footprint(sleeping, bench.environ, besides="sleep", span=span, settle=settle), words, span
        )


def _footprint(seen: Footprint, words: str, span: float) -> Iterator[Result]:
    megabytes = seen.rss / 1e6
    yield Result(
        "wrapper",
        f"memory of gitxp's {seen.processes} process(es), {words}",
        f"{megabytes:.1f} MB RSS",
        f"{seen.pss / 1e6:.1f} MB PSS",
        f"{megabytes:.1f} MB",
        "≤ 40 MB",
        _verdict(megabytes <= 40),
        {"rss": [seen.rss], "pss": [seen.pss]},
    )
    yield Result(
        "wrapper",
        f"CPU of them, {words}, over {span:g} s",
        f"{seen.core * 100:.3f} %",
        "of one core",
        f"{seen.core * 100:.3f} %",
        "< 0.5 %",
        _verdict(seen.core < 0.005),
        {"core": [seen.core]},
    )


def _ratio(row: str, work: str, against: str, pair: Pair, budget: float) -> Result:
    ours, theirs = pair.medians
    low, high = _middle_half([a / b for a, b in zip(*pair, strict=True)])
    return Result(
        row,
        work,
        _ms(ours),
        f"{_ms(theirs)} {against}",
        f"{pair.ratio:.2f} x ({low:.2f} to {high:.2f})",
        f"≤ {budget:g} x",
        _verdict(pair.ratio <= budget),
        pair._asdict(),
    )


def _middle_half(values: list[float]) -> tuple[float, float]:
    """The first and the third quartile."""
    low, _, high = statistics.quantiles(values, n=4)
    return low, high


def _verdict(kept: bool) -> str:
    return MET if kept else MISSED


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


ROWS: dict[str, Callable[[Bench], Iterator[Result]]] = {
    "snapshot": snapshot,
    "snapshot-large": snapshot_large,
    "many-runs": many_runs,
    "list-warm": list_warm,
    "list-cold": list_cold,
    "diff": diff,
    "fingerprint": fingerprint,
    "unchanged": unchanged,
    "storage": storage,
    "wrapper": wrapper,
}
