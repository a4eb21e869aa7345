"""The rows about archives: what 100,000 runs cost a push, and a list, with a ref each and with one ref for a month.

A push waits for the refs that the remote advertises. So the remote has the runs, too: it is a bare copy on the same
disk, and what is pushed is one new commit of a branch.
"""

from __future__ import annotations

import os
import statistics
from typing import TYPE_CHECKING

import trees
from measure import Pair, Work, check, seconds, take_turns
from rows import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rows import Bench

_BUDGET = 1.1


def push_archived(bench: Bench) -> Iterator[Result]:
    """`git push` of a branch with 100,000 runs on both sides, in archives and with a ref each, against none."""
    count = bench.settings.runs
    none = _with_remote(bench, bench.fresh("push-none"))
    runs = bench.fresh("push-runs")
    trees.add_runs(runs, count, bench.environ, bench.gitxp)
    trees.pack_refs(runs, bench.environ)
    _with_remote(bench, runs)
    yield _row(bench, f"git push of a branch, {count:,} runs with a ref each", runs, none, None)
    taken = seconds(Work([bench.gitxp, "archive-refs", "--older-than", "0h"], runs), bench.environ)
    yield Result(
        "push-archived", f"gitxp archive-refs of {count:,} runs", f"{taken:,.1f} s", "", "", "", "", {"ours": [taken]}
    )
    listing = Work([bench.gitxp, "list"], runs)
    first = seconds(listing, bench.environ)
    warm = [seconds(listing, bench.environ) for _ in range(bench.settings.pairs)]
    value = f"{statistics.median(warm) * 1000:,.0f} ms"
    words = f"gitxp list, {count:,} runs in archives, index warm"
    met = "met" if statistics.median(warm) <= 0.5 else "MISSED"
    yield Result(
        "push-archived",
        words,
        value,
        f"{first:,.1f} s the first after the fold",
        value,
        "≤ 500 ms",
        met,
        {"ours": warm},
    )
    check(["git", "clone", "--quiet", "--mirror", runs, f"{runs}-archived.git"], bench.folder, bench.environ)
    bench.git(runs, "remote", "set-url", "origin", f"{runs}-archived.git")
    yield _row(bench, f"git push of a branch, {count:,} runs in archives", runs, none, _BUDGET)


def _with_remote(bench: Bench, folder: str) -> str:
    """Give a repository a bare copy of itself as its remote."""
    check(["git", "clone", "--quiet", "--mirror", folder, f"{folder}.git"], bench.folder, bench.environ)
    bench.git(folder, "remote", "add", "origin", f"{folder}.git")
    return folder


def _row(bench: Bench, work: str, ours: str, none: str, budget: float | None) -> Result:
    pair: Pair = take_turns(_push(bench, ours), _push(bench, none), bench.environ, bench.settings.pairs)
    sizes = [_advertised(bench, folder) for folder in (ours, none)]
    mine, theirs = pair.medians
    return Result(
        "push-archived",
        work,
        f"{mine * 1000:,.0f} ms, {sizes[0]:,} bytes advertised",
        f"{theirs * 1000:,.0f} ms, {sizes[1]:,} bytes with no runs",
        f"{pair.ratio:.2f} x",
        f"≤ {budget:g} x" if budget else "",
        "" if budget is None else "met" if pair.ratio <= budget else "MISSED",
        pair._asdict(),
    )


def _push(bench: Bench, folder: str) -> Work:
    def commit() -> None:
        bench.git(folder, "commit", "--quiet", "--allow-empty", "--message=more")

    return Work(["git", "push", "--quiet", "origin", "HEAD:refs/heads/pushed"], folder, commit)


def _advertised(bench: Bench, folder: str) -> int:
    """How many bytes the remote says before anything is sent."""
    remote = os.path.abspath(bench.git(folder, "remote", "get-url", "origin"))
    return len(check(["git", "receive-pack", "--http-backend-info-refs", remote], folder, bench.environ))


ROWS: dict[str, Callable[[Bench], Iterator[Result]]] = {"push-archived": push_archived}
