"""The command line of scripts/bench: choose rows, measure, print the table or JSON.

Exit status 0 whether budgets are met or not: a miss is a result, and stands in the table as one. What gitxp or git
fails to do at all is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile

import archives
import calls
import plots
import points
import probe
import questions
import rows
from measure import check, sealed_environment
from rows import QUICK, THOROUGH, Bench, Result

ROWS = rows.ROWS | points.ROWS | calls.ROWS | probe.ROWS | archives.ROWS | questions.ROWS | plots.ROWS


def main() -> int:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure gitxp against git itself doing the same work, on repositories that are built for it.",
        epilog="rows: " + "; ".join(f"{name}: {(row.__doc__ or '').strip()}" for name, row in ROWS.items()),
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="measure only these (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less data, 10,000 runs in place of 100,000")
    parser.add_argument("--pairs", type=int, metavar="N", help="rounds of each row")
    parser.add_argument("--json", action="store_true", help="print JSON, with every measured time")
    parser.add_argument("--gitxp", metavar="PATH", help="the gitxp to measure (default: this checkout, installed)")
    parser.add_argument("--keep", action="store_true", help="leave what was built, and say where it is")
    options = parser.parse_args()
    if unknown := [row for row in options.rows if row not in ROWS]:
        parser.error(f"there is no row {unknown[0]!r}; choose from {', '.join(ROWS)}")
    if options.pairs is not None and options.pairs < 2:
        parser.error("--pairs takes a number from 2")
    gitxp = os.path.abspath(options.gitxp or os.path.join(os.path.dirname(sys.executable), "gitxp"))
    settings = QUICK if options.quick else THOROUGH
    if options.pairs:
        settings = settings._replace(pairs=options.pairs)
    folder = tempfile.mkdtemp(prefix="gitxp-bench-")
    try:
        environ = sealed_environment(folder)
        facts = describe(gitxp, environ)
        print(*(f"{key}: {value}" for key, value in facts.items()), sep="\n", file=sys.stderr)
        bench = Bench(folder, environ, gitxp, settings)
        results: list[Result] = []
        for name in options.rows or ROWS:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            results += ROWS[name](bench)
    finally:
        if options.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    if options.json:
        print(json.dumps({**facts, "pairs": settings.pairs, "rows": [row._asdict() for row in results]}, indent=1))
    else:
        print(table(results))
    return 0


def describe(gitxp: str, environ: dict[str, str]) -> dict[str, str]:
    """What was measured, and on what."""
    python = os.path.join(os.path.dirname(gitxp), "python")
    return {
        "gitxp": check([gitxp, "--version"], ".", environ).decode().strip(),
        "git": check(["git", "--version"], ".", environ).decode().strip(),
        "python": check([python, "--version"], ".", environ).decode().strip(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def table(results: list[Result]) -> str:
    """The results as a Markdown table whose columns line up."""
    lines = [("work", "gitxp", "against", "result", "budget", "verdict")]
    lines += [(r.work, r.ours, r.against, r.value, r.budget, r.verdict) for r in results]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    text.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in text)


if __name__ == "__main__":
    sys.exit(main())
